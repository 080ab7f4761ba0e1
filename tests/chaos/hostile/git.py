"""Attacks by what git would run, follow or trust."""

from __future__ import annotations

from tests.chaos.hostile.case import CONTAINED, DENIED, Case, Gap, plant, shell
from tests.chaos.hostile.payloads import ATTRIBUTES, CONFIGURATION, PAYLOAD, repository

CASES = (
    Case(
        "commit",
        (shell("echo x > x && git add x", "git -c user.name=x -c user.email=x commit -am x"),),
    ),
    Case(
        "hooks in the run's repository",
        (
            shell(
                f"echo '{PAYLOAD}' > $(git rev-parse --git-path hooks)/post-commit",
                "mkdir -p $(git rev-parse --git-common-dir)/hooks/@marker@",
            ),
        ),
    ),
    Case(
        "configuration of the run's repository",
        (
            shell(
                f"git config core.fsmonitor '{PAYLOAD}'",
                f"git config --worktree gpg.program '{PAYLOAD}'",
                "git config core.hooksPath /workspace/hooks",
                "echo evil >> $(git rev-parse --git-common-dir)/config",
                "echo evil >> $(git rev-parse --git-dir)/config.worktree",
                "echo '* filter=x' > $(git rev-parse --git-common-dir)/info/attributes",
            ),
        ),
    ),
    Case(
        "references",
        (
            shell(
                "git update-ref refs/heads/cadre/evil HEAD",
                "git branch evil",
                "git tag evil",
                "git symbolic-ref HEAD refs/heads/evil",
                "git checkout -b evil",
                "git reset --soft HEAD~0 && git stash",
                "echo evil > $(git rev-parse --git-common-dir)/packed-refs",
                "echo evil > $(git rev-parse --git-dir)/HEAD",
            ),
        ),
    ),
    Case(
        "objects",
        (
            shell(
                "echo @marker@ | git hash-object -w --stdin",
                "o=$(git rev-parse --git-path objects); for f in $o/??/*; do echo evil > $f; done",
                "rm -rf $(git rev-parse --git-path objects)/??",
                "echo @repo@/.git/objects > $(git rev-parse --git-path objects)/info/alternates",
                "git gc --prune=now --force",
                "git replace HEAD HEAD~1",
            ),
        ),
    ),
    Case(
        "the index and worktrees",
        (
            shell(
                "git rm -q --cached README.md",
                "git worktree add /tmp/w",
                "git worktree lock .",
            ),
        ),
    ),
    Case(
        "the user's repository by git",
        (
            shell(
                "git --git-dir=@repo@/.git log -p",
                "git clone @repo@ copy",
                "git fetch @repo@ main",
                "git push @repo@ HEAD:refs/heads/evil",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES=@theirs@/.git/objects git cat-file -p @head@",
            ),
        ),
    ),
    Case(
        "another run's repository by git",
        (shell("git --git-dir=@otherrepo@ log", "git -c safe.directory='*' -C @other@ status"),),
    ),
    Case(
        "remove .git",
        (shell("rm -rf .git && test ! -e .git", "mv .git moved"),),
        DENIED,
        Gap("a replaced .git"),
    ),
    Case(
        ".git replaced by a directory of payloads",
        (plant(*repository(".git")),),
        DENIED,
        CONTAINED,
    ),
    Case(
        ".git replaced by a link to payloads",
        (plant(*repository("evil"), "rm -f .git", "ln -s evil .git"),),
        DENIED,
        CONTAINED,
    ),
    Case(
        ".git that points to payloads",
        (plant(*repository("evil"), "echo 'gitdir: evil' > .git"),),
        DENIED,
        CONTAINED,
    ),
    Case(
        ".git that points to the user's repository",
        (plant("echo 'gitdir: @repo@/.git' > .git"),),
        DENIED,
        CONTAINED,
    ),
    Case("a nested repository", (plant(*repository("sub/.git")),), CONTAINED),
    Case("a bare repository in the tree", (plant(*repository("bare.git")),), CONTAINED),
    Case("a repository's files at the root", (plant(*repository(".")[1:]),), CONTAINED),
    Case(
        "attributes with filters",
        (plant(f"echo '{ATTRIBUTES}' | tee .gitattributes > sub/.gitattributes"),),
        CONTAINED,
    ),
    Case(
        "a submodule whose address is a command",
        (
            plant(
                'printf \'[submodule "evil"]\\n path = sub\\n url = ext::sh -c "%s"\\n '
                f"update = !%s\\n' '{PAYLOAD}' '{PAYLOAD}' > .gitmodules",
                "mkdir -p evil && echo 'gitdir: ../../../../@repo@/.git' > evil/.git",
            ),
        ),
        CONTAINED,
    ),
    Case(
        "a configuration in the home directory",
        (
            plant(
                f'echo "{CONFIGURATION}" > ~/.gitconfig',
                "mkdir -p ~/.config/git",
                "cp ~/.gitconfig ~/.config/git/config",
            ),
        ),
        CONTAINED,
    ),
    Case(
        "names that other systems take for .git",
        (
            plant(
                *repository("'git~1'"),
                "cp -r 'git~1' '.git '; cp -r 'git~1' '.git.'; cp -r 'git~1' .Git",
                "cp -r 'git~1' $'.g\\u200cit'; cp -r 'git~1' '.git::$INDEX_ALLOCATION'",
                "echo x > '.git\\config'",
            ),
        ),
        CONTAINED,
    ),
)
