"""What a run can choose its agents from: the built-in definitions and the repository's own.

The repository is read at one commit, as objects: never its working tree, never by the git
command, and with no configuration but its own. So nothing in it runs, and files that are not
committed do not count.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pygit2
from pygit2.enums import FileMode

from cadre.domain.agent_file import parse_agent_file
from cadre.domain.agents import AgentDefinition, Role
from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.frontmatter import MAX_BYTES, malformed, shown
from cadre.tools.workspace.objects import isolate_libgit2
from cadre.tools.workspace.origin import Origin

BUILT_IN = "built-in"
AGENTS_DIRECTORY = ".claude/agents"
CONVENTIONS = ("CLAUDE.md", ".claude/CLAUDE.md")
MAX_AGENT_FILES = 50
MAX_DIRECTORY_DEPTH = 4
MAX_CONVENTIONS_BYTES = 24 * 1024
# A larger file is no text for an agent, and would only fill the worker's memory.
MAX_READ_BYTES = 4 * 1024 * 1024
CUT = "\n\n[The rest was cut off.]\n"


@dataclass
class RepositoryFiles:
    """What a repository says about agents: definitions by name, and its conventions.

    `malformed` holds the refusal of each file that cannot be read, by the name of the agent that
    it seems to define (its file's name without `.md`).
    """

    definitions: dict[str, AgentDefinition] = field(default_factory=dict)
    malformed: dict[str, CadreError] = field(default_factory=dict)
    conventions: str = ""
    conventions_from: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def built_in_definitions() -> dict[str, AgentDefinition]:
    """The definitions that Cadre ships, by name."""
    found: dict[str, AgentDefinition] = {}
    for file in (importlib.resources.files("cadre") / "agents").iterdir():
        if file.name.endswith(".md"):
            definition = parse_agent_file(file.read_bytes(), f"cadre/agents/{file.name}")
            found[definition.name] = definition.model_copy(update={"source": BUILT_IN})
    return found


def read_repository(repo: str, base: str) -> RepositoryFiles:
    """Read the agent files and conventions of `repo` at the revision `base`.

    Raises CadreError(WRONG_INPUT) where there is no repository or no such commit.
    """
    isolate_libgit2()
    origin = Origin(repo)
    tree = origin.repository[origin.resolve(base)].peel(pygit2.Tree)
    files = RepositoryFiles()
    _read_agents(origin.repository, tree, files)
    _read_conventions(origin.repository, tree, files)
    return files


def choose(
    role: Role, name: str, files: RepositoryFiles, *, trust_repo: bool = False
) -> AgentDefinition:
    """The definition `name` for `role`: the repository's own where it may, else the built-in one.

    A locked role is filled by the repository's own only where the user trusts it. Raises
    CadreError(WRONG_INPUT) for an unknown name, or where the repository's file is malformed.
    """
    own = files.definitions.get(name) or files.malformed.get(name)
    if own is not None and (trust_repo or not role.locked):
        if isinstance(own, CadreError):
            raise own
        return own
    built_in = built_in_definitions()
    if name in built_in:
        return built_in[name]
    there = {*built_in, *(() if own is not None else files.definitions)}
    why = f"unknown agent {shown(name)!r} for the role {role.name}"
    if own is not None:
        why = (
            f"the repository's own agent {shown(name)!r} may not fill the locked role "
            f"{role.name} (--trust-repo lets it in)"
        )
    choice = shown(", ".join(sorted(there)), 1000)
    raise CadreError(ErrorKind.WRONG_INPUT, f"{why}: there are {choice}")


def _read_agents(opened: pygit2.Repository, tree: pygit2.Tree, files: RepositoryFiles) -> None:
    directory = _lookup(tree, AGENTS_DIRECTORY)
    if not isinstance(directory, pygit2.Tree):
        return
    for number, (path, entry) in enumerate(_markdown(directory, PurePosixPath(AGENTS_DIRECTORY))):
        if number == MAX_AGENT_FILES:
            files.notes.append(f"{AGENTS_DIRECTORY}: only the first {number} files are read")
            return
        source = shown(str(path), 200)
        try:
            data = _read(opened, entry, source, MAX_BYTES, files.notes)
            if data is None:
                continue
            definition = parse_agent_file(data, source)
        except CadreError as error:
            files.malformed[path.stem] = error
            continue
        first = files.definitions.setdefault(definition.name, definition)
        if first is not definition:
            files.notes.append(f"{source} is left out: {first.source} has the same name")


def _read_conventions(opened: pygit2.Repository, tree: pygit2.Tree, files: RepositoryFiles) -> None:
    texts: dict[str, str] = {}
    for path in CONVENTIONS:
        entry = _lookup(tree, path)
        if entry is None:
            continue
        try:
            data = _read(opened, entry, path, MAX_READ_BYTES, files.notes)
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


def _markdown(
    tree: pygit2.Tree, path: PurePosixPath, depth: int = 0
) -> Iterator[tuple[PurePosixPath, pygit2.Object]]:
    """The Markdown files under a tree, in git's order, subdirectories included."""
    for entry in tree:
        name = path / (entry.raw_name or b"").decode("utf-8", "replace")
        if isinstance(entry, pygit2.Tree):
            if depth < MAX_DIRECTORY_DEPTH:
                yield from _markdown(entry, name, depth + 1)
        elif name.suffix == ".md":
            yield name, entry


def _lookup(tree: pygit2.Tree, path: str) -> pygit2.Object | None:
    try:
        return tree[path]
    except KeyError:
        return None


def _read(
    opened: pygit2.Repository, entry: pygit2.Object, source: str, limit: int, notes: list[str]
) -> bytes | None:
    """A regular file's bytes; None, with a note, for anything else. Too large is an error."""
    if entry.filemode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
        notes.append(f"{source} is left out: it is not a regular file")
        return None
    try:
        _, size = opened.odb.read_header(entry.id)
        data = opened.odb.read(entry.id)[1] if size <= limit else None
    except KeyError:
        notes.append(f"{source} is left out: its content is not in the repository")
        return None
    if data is None:
        raise malformed(source, 1, f"{size} bytes are more than the {limit} allowed")
    return data
