"""What a rule on shell commands matches: strictly where it allows, suspiciously where it denies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from cadre.domain.commands import ASSIGNMENT, take_apart

# A blank inside a word: no rule holds it, so `'npm test'` is not the program npm.
INNER_BLANK = "\ufffc"
# Programs that run what their arguments say.
# fmt: off
RUNNERS = frozenset({
    ".", "bash", "busybox", "builtin", "chroot", "command", "dash", "doas", "env", "eval", "exec",
    "find", "flock", "ionice", "ksh", "nice", "nohup", "parallel", "script", "setsid", "sh",
    "source", "ssh", "stdbuf", "strace", "su", "sudo", "time", "timeout", "trap", "unshare",
    "watch", "xargs", "zsh",
})
# fmt: on
_SEPARATORS = re.compile(r"[;&|\n(){}<>`$]+")
_QUOTES = re.compile(r"[\"'\\]")
_DIRECTORIES = re.compile(r"(?<!\S)\S*/(?=\S)")


class CommandPattern(NamedTuple):
    """`npm run build` exactly; `npm run:*` or `npm run *`, with or without more words; or with
    stars elsewhere, each for any text."""

    pieces: tuple[str, ...]
    prefix: bool = False

    @classmethod
    @lru_cache(maxsize=1024)
    def of(cls, text: str) -> CommandPattern:
        """The pattern that a rule's specifier is."""
        text = " ".join(text.split())
        if text.endswith(":*"):
            text = f"{text[:-2]} *"
        if text.endswith(" *") and text.count("*") == 1:
            return cls((text[:-2],), prefix=True)
        return cls(tuple(text.split("*")))

    def matches(self, command: str) -> bool:
        """Whether it matches a simple command as a whole."""
        first = self.pieces[0]
        if self.prefix:
            return command == first or command.startswith(f"{first} ")
        if len(self.pieces) == 1:
            return command == first
        return command.startswith(first) and self._rest_matches(command, len(first))

    def found_in(self, fragment: str) -> bool:
        """Whether it matches what begins at any word of `fragment`.

        The leftmost beginning leaves most room for what follows a star, so no other is tried.
        """
        first, spaced = self.pieces[0], f" {fragment} "
        if self.prefix:
            return f" {first} " in spaced
        if len(self.pieces) == 1:
            return spaced.endswith(f" {first} ")
        at = spaced.find(f" {first}")
        return at >= 0 and self._rest_matches(fragment, at + len(first))

    def _rest_matches(self, command: str, at: int) -> bool:
        for piece in self.pieces[1:-1]:
            found = command.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        last = self.pieces[-1]
        return len(command) - len(last) >= at and command.endswith(last)


def allows(specifiers: Iterable[str], command: str) -> bool:
    """Whether rules together allow a command line: word for word, or each simple command of it."""
    given = list(specifiers)
    if command.strip() in given:
        return True
    parts = take_apart(command)
    patterns = [CommandPattern.of(text) for text in given]
    return (
        parts.certain
        and bool(parts.commands)
        and all(any(p.matches(_plain(words)) for p in patterns) for words in parts.commands)
    )


def denies(specifier: str, command: str) -> bool:
    """Whether a rule matches any part of a command line, whatever could be made of it."""
    if command.strip() == specifier:
        return True
    pattern = CommandPattern.of(specifier)
    return any(
        pattern.matches(text) or (anywhere and pattern.found_in(text))
        for text, anywhere in _suspects(command)
    )


def _plain(words: list[str]) -> str:
    """A simple command as rules that allow are compared with it."""
    return " ".join(re.sub(r"[ \t\n]", INNER_BLANK, word) for word in words)


@lru_cache(maxsize=8)  # each rule asks again
def _suspects(text: str) -> tuple[tuple[str, bool], ...]:
    return tuple(_found(text))


def _found(text: str) -> Iterator[tuple[str, bool]]:
    """What `text` may run: each a command, and whether one may begin at any of its words."""
    parts = take_apart(text)
    programs = [stripped for words in parts.commands if (stripped := _without_variables(words))]
    if parts.opaque or any(_base(words[0]) in RUNNERS for words in programs):
        for form in (_QUOTES.sub("", text), _QUOTES.sub(" ", text)):
            for fragment in _SEPARATORS.split(form):
                spaced = " ".join(fragment.split())
                yield spaced, True
                yield _DIRECTORIES.sub("", spaced), True
        return
    for words in programs:
        for program in (words[0], _base(words[0])):
            yield " ".join(" ".join([program, *words[1:]]).split()), False


def _without_variables(words: list[str]) -> list[str]:
    """A simple command without the variables that are set before its program's name."""
    first = next((n for n, word in enumerate(words) if not ASSIGNMENT.match(word)), len(words))
    return words[first:]


def _base(program: str) -> str:
    return program.rstrip("/").rpartition("/")[2]
