"""Shell commands taken apart, as far as that can be done with certainty.

Bash is a language that its text alone does not decide. So a reading says whether it is sure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# fmt: off
RESERVED = frozenset({
    "!", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for",
    "function", "if", "in", "select", "then", "time", "until", "while",
})
# fmt: on
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^\]]*\])?\+?=")
_OPERATOR = re.compile(r"&&|\|\||\|&|;;|[;&|\n]")
_REDIRECTION = re.compile(r"&>>?|>>|>\||>&|<&|<>|[<>]")
# Redirections that neither read nor write a file.
_HARMLESS = re.compile(r"(?:(?:&>>?|>>?|<)[ \t]*/dev/null|>&[12-])(?=[ \t\n;&|]|$)")


@dataclass
class Parts:
    """What a command line runs. `commands` are its simple commands as their words, quotes removed.

    `certain`: these run and nothing else does, no file is redirected and no variable set.
    `opaque`: something in it (a substitution, a here-document, a group) was not taken apart.
    """

    commands: list[list[str]] = field(default_factory=list)
    certain: bool = True
    opaque: bool = False


def take_apart(text: str) -> Parts:
    """The simple commands of `text`; total, and linear in its length."""
    return _Scanner(text).parts()


class _Scanner:
    """One pass over a command line, quote by quote and word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found = Parts()
        self._words: list[str] = []
        self._word: list[str] = []
        self._in_word = self._quoted = self._to_file = False

    def parts(self) -> Parts:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t":
                self._end_word()
                self._at += 1
            elif char in "<>" or self._text.startswith("&>", self._at):
                self._redirection()
            elif char in "\n;&|":
                self._operator()
            elif char in "'\"\\":
                self._quote(char)
            else:
                self._plain(char)
        self._end_command()
        return self._found

    def _plain(self, char: str) -> None:
        comment = char == "#" and not self._in_word
        if comment or char in "`(){}" or (char == "$" and self._expands(self._at + 1)):
            self._not_understood()
        self._add(char)

    def _expands(self, at: int) -> bool:
        """Whether what follows a dollar sign is more than a variable's name."""
        return self._text[at : at + 1] in ("(", "{", "[", "'", '"')

    def _quote(self, char: str) -> None:
        self._quoted = True
        if char == "\\":
            escaped = self._text[self._at + 1 : self._at + 2]
            if escaped in ("", "\n"):
                self._not_understood()
            self._add(escaped, 2)
        elif char == "'":
            end = self._text.find("'", self._at + 1)
            if end < 0:
                self._not_understood()
                end = len(self._text)
            self._add(self._text[self._at + 1 : end], end + 1 - self._at)
        else:
            self._double()

    def _double(self) -> None:
        self._add("")
        while self._at < len(self._text):
            char = self._text[self._at]
            following = self._text[self._at + 1 : self._at + 2]
            if char == '"':
                self._at += 1
                return
            if char == "\\" and following in ("$", "`", '"', "\\"):
                self._add(following, 2)
                continue
            if char == "`" or (char == "$" and following in ("(", "{", "[")):
                self._not_understood()
            if char == "\\" and following == "\n":
                self._not_understood()
            self._add(char)
        self._not_understood()  # it has no end

    def _operator(self) -> None:
        found = _OPERATOR.match(self._text, self._at)
        operator = found[0] if found else self._text[self._at]
        if operator == ";;":
            self._not_understood()
        self._end_command()
        self._at += len(operator)

    def _redirection(self) -> None:
        if self._in_word and not self._quoted and "".join(self._word).isdigit():
            self._word, self._in_word = [], False  # the number of a descriptor
        self._end_word()
        if harmless := _HARMLESS.match(self._text, self._at):
            self._at = harmless.end()
            return
        found = _REDIRECTION.match(self._text, self._at)
        self._at += len(found[0]) if found else 1
        self._found.certain = False
        if self._text[self._at : self._at + 1] in ("<", "("):
            self._not_understood()
        self._to_file = True

    def _add(self, text: str, length: int = 1) -> None:
        self._word.append(text)
        self._in_word = True
        self._at += length

    def _end_word(self) -> None:
        if self._in_word and self._to_file:
            self._to_file = False  # the file's name is no part of the command
        elif self._in_word:
            word = "".join(self._word)
            if not self._words and not self._quoted and word in RESERVED:
                self._not_understood()
            self._words.append(word)
        self._word, self._in_word, self._quoted = [], False, False

    def _end_command(self) -> None:
        self._end_word()
        self._to_file = False
        if self._words:
            if ASSIGNMENT.match(self._words[0]):
                self._found.certain = False
            self._found.commands.append(self._words)
        self._words = []

    def _not_understood(self) -> None:
        self._found.certain, self._found.opaque = False, True
