"""Text from outside, as it may be printed: never markup, no control characters."""

from __future__ import annotations

import re

from rich.text import Text

from screenkit.report.words import NARROW_SPACE


def plain(text: str) -> Text:
    """Return a text from outside as it may be printed."""
    shown = (c if c.isprintable() or c == NARROW_SPACE else _escaped(c) for c in text)
    return Text("".join(shown))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def fold(name: str, width: int) -> str:
    """Return a name broken after `_`, `-` and `(` into lines of at most `width`, if it can be."""
    lines = [""]
    for part in re.split("(?<=[_(-])", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def plain_lines(text: str) -> Text:
    """Return `plain` of each line."""
    return Text("\n").join(plain(line) for line in text.split("\n"))
