"""The YAML of a recipe, or of a force field: a text becomes values that know their line, and back.

It is the YAML of the 1.2 core schema: `no` and `12:30:45` are texts, `1e3` is a number. A key that
stands twice, an alias or anchor, a tag, a second document, a file above 1 MiB and nesting deeper
than 20 are errors. The parser's events are read directly, so no constructor of PyYAML ever runs.

Not covered: what the values mean (`settings_yaml.py`), comments (they are not kept).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from screenkit.errors import RecipeError

Key = tuple[str | int, ...]
"""Where a value stands: the keys and list positions that lead to it."""

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 20


def read_text(path: Path) -> str:
    """Return the text of a YAML file, UTF-8, a BOM dropped. Never waits on a pipe.

    Raises:
        RecipeError: it cannot be read, is larger than 1 MiB, or is not UTF-8.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            data = file.read(_MAX_BYTES + 1) or b""
    except OSError as error:
        raise RecipeError(
            f"cannot read {path}: {error.strerror}", hint="give the path of a YAML file"
        ) from None
    if len(data) > _MAX_BYTES:
        raise RecipeError(f"{path} is larger than 1 MiB, which is no text written by hand")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}, line {line}: not UTF-8 text") from None


@dataclass(frozen=True)
class Document:
    """A YAML document as plain values, and the line of each."""

    place: str
    values: dict[str, Any]
    lines: dict[Key, int]

    @classmethod
    def parse(cls, text: str, place: str) -> Document:
        lines: dict[Key, int] = {}
        try:
            events = yaml.parse(text, Loader=yaml.SafeLoader)
            values = _document(_checked(events, place), place, lines)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f", line {mark.line + 1}" if mark else ""
            raise RecipeError(
                f"{place}{line}: not YAML: {error.problem or error.context}"
            ) from None
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise RecipeError(f"{place}: not YAML: {str(error).splitlines()[0]}") from None
        return cls(place, values, lines)

    def where(self, key: Key) -> str:
        """Return `file, line 7` for a key, or for the nearest section that has a line."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.lines:
                return f"{self.place}, line {self.lines[key[:end]]}"
        return self.place


def _checked(events: Iterator[Any], place: str) -> Iterator[Any]:
    """Pass on the events of a YAML document; stop at what a recipe has no use for."""
    depth = documents = 0
    for event in events:
        found = ""
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            found = "a second document" if documents > 1 else ""
        elif isinstance(event, yaml.AliasEvent):
            found = f"an alias, *{event.anchor}"
        elif isinstance(event, yaml.NodeEvent):
            if event.anchor is not None:
                found = f"an anchor, &{event.anchor}"
            elif (tag := getattr(event, "tag", None)) is not None:
                found = f"a tag, {tag}"
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            found = found or (f"nesting deeper than {_MAX_DEPTH}" if depth > _MAX_DEPTH else "")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if found:
            line = _line(event)
            raise RecipeError(f"{place}, line {line}: {found}: not allowed here")
        yield event


def _line(event: Any) -> int:
    """Return the line of an event, the first being 1; the parser knows it of every event."""
    return event.start_mark.line + 1


def _document(events: Iterator[Any], place: str, lines: dict[Key, int]) -> dict[str, Any]:
    """Return the mapping that a document holds; an empty document is an empty recipe."""
    value: Any = None
    line = 1
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            line = _line(event)
            value = _node(event, events, (), place, lines)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecipeError(
            f"{place}, line {line}: wanted a list of `key: value`, found {shown(value)}"
        )
    return value


def _node(
    event: Any,
    events: Iterator[Any],
    key: Key,
    place: str,
    lines: dict[Key, int],
) -> Any:
    """Return the value that begins with this event."""
    lines.setdefault(key, _line(event))
    if isinstance(event, yaml.ScalarEvent):
        return event.value if event.style else _plain(event.value)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_node(item, events, (*key, len(items)), place, lines))
        return items
    mapping: dict[str, Any] = {}
    while not isinstance(name := next(events), yaml.MappingEndEvent):
        line = _line(name)
        if not isinstance(name, yaml.ScalarEvent):
            raise RecipeError(f"{place}, line {line}: a key must be a word")
        inner = (*key, name.value)
        if name.value in mapping:
            raise RecipeError(
                f"{place}, line {line}: {dotted(inner)} stands twice, first in line {lines[inner]}"
            )
        lines[inner] = line
        mapping[name.value] = _node(next(events), events, inner, place, lines)
    return mapping


_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAX_DIGITS = 300  # far above any setting, far below where Python refuses to convert


def _plain(text: str) -> Any:
    """Return the value of a scalar without quotes, by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _MAX_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def dotted(key: Key) -> str:
    return ".".join(str(part) for part in key)


def shown(value: Any) -> str:
    """Return a value for a message: short, on one line."""
    if isinstance(value, dict):
        return "a section"
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


_SAFE_WORD = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./%-]*")


def one_line(text: str) -> str:
    """Return a text that may stand in a comment: whatever cannot be printed is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def dump_lines(values: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield the lines of a YAML text that `Document.parse` reads as these values."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from dump_lines(value, indent + "  ")
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    """Return a value in YAML: JSON, but for words that need no quotes."""
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    if not isinstance(value, str):
        return json.dumps(value)
    if _SAFE_WORD.fullmatch(value) and _plain(value) == value:
        return value
    # JSON leaves DEL, the C1 controls and lone surrogates as they are; YAML wants them escaped.
    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", _escape, quoted)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
