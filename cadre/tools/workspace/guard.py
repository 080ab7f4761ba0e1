"""Which files of the base decide about a check, so that a change to them is seen.

Tests by the names that the common tools find them by, their configuration, what the command
names, and what its tool reads. Explicit lists: a file that decides and is not in them is not
guarded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from cadre.tools.workspace.objects import Entry

TEST_DIRECTORIES = frozenset(
    {"test", "tests", "testing", "spec", "specs", "__tests__", "__mocks__", "__snapshots__", "e2e"}
)
TEST_FILES = (
    "test_*", "*_test.*", "*_tests.*", "*.test.*", "*.tests.*", "*.spec.*", "*_spec.*",
    "*Test.java", "*Tests.java", "*Test.kt", "*Tests.cs", "tests.py",
)  # fmt: skip
TEST_CONFIGURATION = (
    "conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini", "noxfile.py",
    ".coveragerc", "sitecustomize.py", "usercustomize.py", "jest.config.*", "vitest.config.*",
    "vitest.workspace.*", "karma.conf.*", ".mocharc*", "playwright.config.*", "cypress.config.*",
    "ava.config.*", "phpunit.xml*", ".rspec", "jasmine.json",
)  # fmt: skip
# What a tool reads about what to run, where the command names the tool.
TOOL_FILES = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "just": ("justfile", "Justfile", ".justfile"),
    "task": ("Taskfile.yml", "Taskfile.yaml"),
    "npm": ("package.json", ".npmrc"),
    "pnpm": ("package.json", ".npmrc"),
    "yarn": ("package.json", ".yarnrc.yml"),
    "bun": ("package.json", "bunfig.toml"),
    "jest": ("package.json",),
    "mocha": ("package.json",),
    "pytest": ("pyproject.toml", "setup.cfg"),
    "tox": ("pyproject.toml", "setup.cfg"),
    "nox": ("pyproject.toml",),
    "cargo": ("Cargo.toml", ".cargo/config.toml"),
    "rake": ("Rakefile",),
    "gradle": ("build.gradle", "build.gradle.kts"),
    "mvn": ("pom.xml",),
    "composer": ("composer.json",),
    "mix": ("mix.exs",),
    "ctest": ("CMakeLists.txt",),
}


def is_configuration(path: str) -> bool:
    """Whether the file configures tests, by its name."""
    name = path.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) for pattern in TEST_CONFIGURATION)


def decides(path: str, command: str) -> bool:
    """Whether the file at `path` decides about what `command` finds."""
    *directories, name = path.split("/")
    if TEST_DIRECTORIES.intersection(directories) or is_configuration(path):
        return True
    if any(fnmatchcase(name, pattern) for pattern in TEST_FILES):
        return True
    words = {word.removeprefix("./") for word in re.split(r"[\s;&|()<>='\"`]+", command)}
    tools = {word.rpartition("/")[2] for word in words}
    named = any(path == word or path.startswith(f"{word.rstrip('/')}/") for word in words if word)
    return named or any(path in TOOL_FILES[tool] for tool in tools & TOOL_FILES.keys())


def bent_files(
    changes: Iterable[tuple[bytes, Entry | None, Entry | None]], command: str
) -> tuple[dict[bytes, Entry | None], list[bytes]]:
    """What puts the deciding files back as the base had them, and the paths that make it needed.

    `changes` are paths with the entry at the base and now. New tests alone change nothing of
    what the base's tests say; new configuration may.
    """
    back: dict[bytes, Entry | None] = {}
    bent: list[bytes] = []
    for path, old, new in changes:
        text = path.decode(errors="surrogateescape")
        if not decides(text, command):
            continue
        back[path] = old
        if old is not None or (new is not None and is_configuration(text)):
            bent.append(path)
    return (back if bent else {}), bent
