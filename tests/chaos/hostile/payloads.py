"""What git might run, as files of a repository. Whoever runs it outside the sandbox leaves a mark
where anyone may write, and is found out."""

from __future__ import annotations

PAYLOAD = "touch @outside@/@marker@"
HOOKS = (
    "post-checkout post-commit pre-commit post-merge post-index-change reference-transaction "
    "update post-receive fsmonitor-watchman"
)
# Everything that makes git run a program, as the lines of a configuration.
CONFIGURATION = f"""[core]
 fsmonitor = {PAYLOAD}
 hooksPath = hooks
 pager = {PAYLOAD}
 sshCommand = {PAYLOAD}
 editor = {PAYLOAD}
 attributesFile = attributes
 worktree = @outside@
[gpg]
 program = {PAYLOAD}
[commit]
 gpgSign = true
[filter \\"evil\\"]
 clean = {PAYLOAD}
 smudge = {PAYLOAD}
 process = {PAYLOAD}
 required = true
[diff]
 external = {PAYLOAD}
[diff \\"evil\\"]
 textconv = {PAYLOAD}
[merge \\"evil\\"]
 driver = {PAYLOAD}
[credential]
 helper = !{PAYLOAD}
[include]
 path = @home@/.gitconfig
[extensions]
 worktreeConfig = true
"""
ATTRIBUTES = "* filter=evil diff=evil merge=evil -text export-subst ident"


def repository(at: str) -> tuple[str, ...]:
    """Commands that make a repository full of payloads in a directory."""
    return (
        f"rm -rf {at} || true",
        f"mkdir -p {at}/hooks {at}/objects {at}/refs/heads",
        f"echo 'ref: refs/heads/main' > {at}/HEAD",
        f'echo "{CONFIGURATION}" | tee {at}/config > {at}/config.worktree',
        f"echo '{ATTRIBUTES}' > {at}/attributes",
        f"for h in {HOOKS}; do printf '#!/bin/sh\\n{PAYLOAD}\\n' > {at}/hooks/$h; done",
        f"chmod +x {at}/hooks/*",
    )
