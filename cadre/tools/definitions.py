"""What a run can choose its agents from: the built-in definitions and the repository's own.

The repository is read at one commit, as objects: never its working tree, never by the git
command, and with no configuration but its own. So nothing in it runs, and files that are not
committed do not count.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

import pygit2

from cadre.domain.agent_file import parse_agent_file
from cadre.domain.agents import TOOL_NAMES, AgentDefinition, Role
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.frontmatter import MAX_BYTES, malformed, shown
from cadre.tools.committed import lookup, markdown, read_file
from cadre.tools.project_settings import SETTINGS, ProjectSettings, parse_settings
from cadre.tools.workspace.objects import isolate_libgit2
from cadre.tools.workspace.origin import Origin

BUILT_IN = "built-in"
AGENTS_DIRECTORY = ".claude/agents"
CONVENTIONS = ("CLAUDE.md", ".claude/CLAUDE.md")
MAX_AGENT_FILES = 50
MAX_CONVENTIONS_BYTES = 24 * 1024
# A larger file is no text for an agent, and would only fill the worker's memory.
MAX_READ_BYTES = 4 * 1024 * 1024
CUT = "\n\n[The rest was cut off.]\n"


@dataclass
class RepositoryFiles:
    """What a repository says about agents: definitions by name, its conventions and settings.

    `malformed` holds the refusal of each file that cannot be read, by the name of the agent that
    it seems to define (its file's name without `.md`).
    """

    definitions: dict[str, AgentDefinition] = field(default_factory=dict)
    malformed: dict[str, CadreError] = field(default_factory=dict)
    conventions: str = ""
    conventions_from: tuple[str, ...] = ()
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    notes: list[str] = field(default_factory=list)


def built_in_definitions() -> dict[str, AgentDefinition]:
    """The definitions that Cadre ships, by name."""
    directory = importlib.resources.files("cadre") / "agents"
    return {
        definition.name: definition.model_copy(update={"source": BUILT_IN})
        for definition in read_definitions(directory, "cadre/agents")
    }


def read_definitions(
    directory: Traversable, name: str, tools: Sequence[str] = TOOL_NAMES
) -> list[AgentDefinition]:
    """The agent files in a directory of a package, which messages call `name`.

    `tools` are all that there are. Raises CadreError(WRONG_INPUT) for a malformed one.
    """
    return [
        parse_agent_file(file.read_bytes(), f"{name}/{file.name}", tools)
        for file in sorted(directory.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".md")
    ]


def read_repository(repo: str, base: str, tools: Sequence[str] = TOOL_NAMES) -> RepositoryFiles:
    """Read the agent files, conventions and settings of `repo` at the revision `base`; `tools`
    are all that there are.

    Raises CadreError(WRONG_INPUT) where there is no repository or no such commit, or where it
    would narrow what agents may do in words that cannot be understood.
    """
    isolate_libgit2()
    origin = Origin(repo)
    tree = origin.repository[origin.resolve(base)].peel(pygit2.Tree)
    files = RepositoryFiles()
    _read_agents(origin.repository, tree, files, tools)
    _read_conventions(origin.repository, tree, files)
    if (entry := lookup(tree, SETTINGS)) is not None:
        data = read_file(origin.repository, entry, SETTINGS, MAX_BYTES, files.notes)
        if data is None:
            raise malformed(SETTINGS, 1, "it is no file whose content the repository has")
        files.settings = parse_settings(data, tools)
    return files


def choose(
    role: Role,
    name: str,
    files: RepositoryFiles,
    known: Mapping[str, AgentDefinition],
    *,
    trust_repo: bool = False,
) -> AgentDefinition:
    """The definition `name` for `role`: the repository's own where it may, else the `known` one.

    A locked role is filled by the repository's own only where the user trusts it. Raises
    CadreError(WRONG_INPUT) for an unknown name, or where the repository's file is malformed.
    """
    own = files.definitions.get(name) or files.malformed.get(name)
    if own is not None and (trust_repo or not role.locked):
        if isinstance(own, CadreError):
            raise own
        return own
    if name in known:
        return known[name]
    there = {*known, *(() if own is not None else files.definitions)}
    why = f"unknown agent {shown(name)!r} for the role {role.name}"
    if own is not None:
        why = (
            f"the repository's own agent {shown(name)!r} may not fill the locked role "
            f"{role.name} (--trust-repo lets it in)"
        )
    choice = shown(", ".join(sorted(there)), 1000)
    raise CadreError(ErrorKind.WRONG_INPUT, f"{why}: there are {choice}")


def _read_agents(
    opened: pygit2.Repository, tree: pygit2.Tree, files: RepositoryFiles, tools: Sequence[str]
) -> None:
    directory = lookup(tree, AGENTS_DIRECTORY)
    if not isinstance(directory, pygit2.Tree):
        return
    for number, (path, entry) in enumerate(markdown(directory, PurePosixPath(AGENTS_DIRECTORY))):
        if number == MAX_AGENT_FILES:
            files.notes.append(f"{AGENTS_DIRECTORY}: only the first {number} files are read")
            return
        source = shown(str(path), 200)
        try:
            data = read_file(opened, entry, source, MAX_BYTES, files.notes)
            if data is None:
                continue
            definition = parse_agent_file(data, source, tools)
        except CadreError as error:
            files.malformed[path.stem] = error
            continue
        first = files.definitions.setdefault(definition.name, definition)
        if first is not definition:
            files.notes.append(f"{source} is left out: {first.source} has the same name")


def _read_conventions(opened: pygit2.Repository, tree: pygit2.Tree, files: RepositoryFiles) -> None:
    texts: dict[str, str] = {}
    for path in CONVENTIONS:
        entry = lookup(tree, path)
        if entry is None:
            continue
        try:
            data = read_file(opened, entry, path, MAX_READ_BYTES, files.notes)
        except CadreError as error:
            files.notes.append(f"{error.message} (left out)")
            continue
        text = (data or b"").decode("utf-8", "replace").replace("\0", "").strip()
        if text:
            texts[path] = text
    whole = "\n\n".join(f"# {p}\n\n{t}" if texts.keys() - {p} else t for p, t in texts.items())
    data = whole.encode()
    if len(data) > MAX_CONVENTIONS_BYTES:
        names = " and ".join(texts)
        files.notes.append(f"{names}: cut after {MAX_CONVENTIONS_BYTES} of {len(data)} bytes")
        whole = data[:MAX_CONVENTIONS_BYTES].decode("utf-8", "ignore") + CUT
    files.conventions, files.conventions_from = whole, tuple(texts)
