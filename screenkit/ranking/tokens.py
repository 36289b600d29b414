"""The words and signs of a `--where` or a `--derive`, and the error that shows where one is wrong.

Not covered: what they mean together (`where.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from screenkit.errors import UsageError

_MAX_LENGTH = 10_000  # characters
_MAX_TOKENS = 500  # so that neither reading nor computing comes near Python's recursion limit

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d][\w.]*)
    | `(?P<quoted>[^`]*)`
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<sign><=|>=|==|!=|[-+*/()<>,])
    )""",
    re.VERBOSE,
)
_ODD_SIGN = re.compile(r"[=&|!<>]{1,2}|.", re.DOTALL)
_INSTEAD = {"=": "==", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "<>": "!="}
_PLAIN_WORD = re.compile(r"[^\W\d][\w.]*")
_CODE = "columns, numbers, texts in quotes and a few functions are read here; nothing runs as code"


@dataclass(frozen=True)
class Token:
    """One word, sign or value."""

    kind: str
    """number, word, quoted, text, sign or end."""
    text: str
    """As written; a quoted column without its back quotes, a text with its quotes."""
    place: int
    """Offset in the text."""


def read_tokens(text: str, option: str = "--where") -> list[Token]:
    """Return the tokens of a condition or a formula; the last one has the kind `end`.

    Args:
        text: as the user wrote it.
        option: that it was written behind, for messages.

    Raises:
        UsageError: it is too long, or holds what is neither a word, a sign nor a value.
    """
    if len(text) > _MAX_LENGTH:
        raise UsageError(f"{option} has {len(text)} characters, at most {_MAX_LENGTH} are allowed")
    tokens: list[Token] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unreadable(text, len(text) - len(text[place:].lstrip()), option)
        kind = str(match.lastgroup)
        token = Token(kind, match[kind], match.start(kind))
        if kind == "number" and text[match.end() : match.end() + 1].isalnum():
            raise trouble(
                text,
                token.place,
                "a number and a letter have run together",
                "a column whose name begins with a digit stands in back quotes: `2d_ratio`",
                option,
            )
        if len(tokens) >= _MAX_TOKENS:
            message = f"more than {_MAX_TOKENS} words and signs"
            raise trouble(text, token.place, message, option=option)
        tokens.append(token)
        place = match.end()
    return [*tokens, Token("end", "", len(text.rstrip()))]


def trouble(
    text: str, place: int, message: str, hint: str = "", option: str = "--where"
) -> UsageError:
    """Return an error that shows the text behind `option` with a caret under the place."""
    # One line of the condition, one column per character, and no longer than a terminal.
    start = max(0, place - 50)
    shown = "".join(c if c.isprintable() else " " for c in text[start : place + 40])
    return UsageError(f"{option}: {message}\n    {shown}\n    {' ' * (place - start)}^", hint)


def as_written(column: str) -> str:
    """Return a column's name as a condition or a formula must write it."""
    return column if _PLAIN_WORD.fullmatch(column) else f"`{column}`"


def _unreadable(text: str, place: int, option: str) -> UsageError:
    found = _ODD_SIGN.match(text, place)
    sign = found[0] if found else ""
    if sign in "\"'`":
        return trouble(text, place, "this quote is never closed", option=option)
    hint = f"write {_INSTEAD[sign]}" if sign in _INSTEAD else _CODE
    return trouble(text, place, f"unexpected {sign!r}", hint, option)
