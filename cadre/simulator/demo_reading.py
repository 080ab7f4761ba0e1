"""What the demo's agents take from what they read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cadre.simulator.conversation import Conversation, Exchange
from cadre.simulator.repair import Defect, find_defect, sources
from cadre.simulator.sample import SAMPLE_CHECK

MAX_FILES = 8
_WORKSPACE = re.compile(r"Your workspace is the directory (\S+?)[.,]?\s")
_PATH = re.compile(r"[\w./-]+\.py\b")
_STATUS = re.compile(r"exit code:? (\d+)\W*\Z", re.IGNORECASE)
_ENGINE_CHECK = re.compile(r"run this check on your result: `([^`]+)`")
_ENGINE_RESULT = re.compile(r"`([^`]+)` (passes|exits|was stopped)")
_README_CHECK = re.compile(r"`(python3? -m \w[^`]*)`")


def paths_in(conversation: Conversation, text: str) -> list[str]:
    """The Python files that a tool's output names, relative to the workspace, each once."""
    found = _WORKSPACE.search(conversation.system)
    workspace = found[1] if found else "/workspace"
    names = (path.removeprefix(f"{workspace}/").removeprefix("./") for path in _PATH.findall(text))
    return list(dict.fromkeys(name for name in names if not name.startswith("/")))


def is_test(path: str) -> bool:
    """Whether a path is a test's, by the usual names."""
    *folders, name = path.split("/")
    return name.startswith("test") or name.endswith("_test.py") or "tests" in folders


def passed(run: Exchange) -> bool:
    """Whether a command that was run by Bash ended well: what its result ends with says so."""
    status = _STATUS.search(run.result)
    return not run.is_error and (status is None or status[1] == "0")


def tail(text: str, lines: int = 3) -> str:
    """The end of a command's output, in one line."""
    kept = [line.strip() for line in _STATUS.sub("", text).splitlines() if line.strip(" -=[]")]
    return " / ".join(kept[-lines:])[:400]


def failing_tests(output: str) -> list[str]:
    """The tests that unittest or pytest names as failed."""
    named = re.findall(r"^(?:(?:ERROR|FAIL): |FAILED (?=\S+::))(\S+)", output, re.MULTILINE)
    return list(dict.fromkeys(named))


def check_command(conversation: Conversation) -> str:
    """The check as the engine names it, else as the README does, else the sample's."""
    for pattern in (_ENGINE_CHECK, _ENGINE_RESULT):
        if match := pattern.search(conversation.task):
            return match[1]
    for read in conversation.results_of("Read"):
        if match := _README_CHECK.search(read.result):
            return match[1]
    return SAMPLE_CHECK


def engine_passes(conversation: Conversation) -> bool | None:
    """Whether the engine says that its checks pass; None where it says nothing."""
    verdicts = _ENGINE_RESULT.findall(conversation.task)
    return all(verdict == "passes" for _, verdict in verdicts) if verdicts else None


def defects(reads: Iterable[Exchange]) -> list[tuple[str, Defect]]:
    """The defects in files as they were read last, with their paths."""
    latest = {str(read.input.get("file_path", "")): read for read in reads if not read.is_error}
    found = ((path, find_defect(sources(read.result))) for path, read in latest.items())
    return [(path, defect) for path, defect in found if defect is not None]
