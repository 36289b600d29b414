"""Settings from a strict YAML: the values of a document become a settings class, or one clear line.

The line names the file, its line, the key, what was wanted, and for an unknown key the nearest one.

Not covered: what stands behind the keys (the settings classes), the YAML itself (`recipe_yaml.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from screenkit.errors import RecipeError
from screenkit.recipe_yaml import Document, Key, dotted, shown
from screenkit.settings import Settings, did_you_mean

S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S], document: Document) -> S:
    """Return the settings that a document holds.

    Raises:
        RecipeError: an unknown key, or a value out of range.
    """
    _refuse_booleans(kind, document)
    try:
        return kind.model_validate(document.values)
    except ValidationError as error:
        raise _explained(error, kind, document) from None


def wanted(problem: Mapping[str, Any]) -> str:
    """Return what was wanted and what was found, of one of pydantic's complaints."""
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] in ("model_type", "dict_type"):
        message = "should be a section"
    # What our own validators say of a list is complete; a list may be long.
    if isinstance(problem["input"], Mapping) or (
        problem["type"] == "value_error" and isinstance(problem["input"], list)
    ):
        return message
    return f"{message}, found {shown(problem['input'])}"


def nearest(kind: type[Settings], key: Key) -> str:
    """Return a hint for an unknown key: the nearest in its section, or where it belongs."""
    known = list(dict.fromkeys(_keys(kind)))
    name, section = str(key[-1]), _section(kind, key[:-1])
    here = [path.rpartition(".")[2] for path in known if path.rpartition(".")[0] == section]
    elsewhere = [path for path in known if path.rpartition(".")[2] == name]
    if elsewhere:
        homes = [path.rpartition(".")[0] or "the top of the file" for path in elsewhere]
        return f"it belongs to {' or '.join(homes)}"
    return did_you_mean(name, here) or f"there are {', '.join(here)}"


def _explained(error: ValidationError, kind: type[Settings], document: Document) -> RecipeError:
    """Return one of pydantic's complaints, in our form."""
    problems = error.errors(include_url=False)
    # An unknown key first: it is often the reason why another one is missing.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    key = tuple(part for part in problem["loc"] if part != "[key]")  # a name, not what it holds
    where = document.where(key)
    if problem["type"] == "extra_forbidden":
        section = f" in {dotted(key[:-1])}" if key[:-1] else ""
        return RecipeError(f"{where}: no key {key[-1]!r}{section}", hint=nearest(kind, key))
    path = f"{dotted(key)}: " if key else ""
    return RecipeError(f"{where}: {path}{wanted(problem)}")


def _refuse_booleans(kind: type[Settings], document: Document) -> None:
    """Raise for `epochs: true`, which pydantic would read as 1."""
    for key, annotation, value in _leaves(kind, document.values):
        if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
            raise RecipeError(
                f"{document.where(key)}: {dotted(key)} cannot be {shown(value)}",
                hint="a text that looks like another kind of value stands in quotes",
            )


def _leaves(annotation: Any, value: Any, key: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    """Yield (key, type, value) of each value that a field of these settings takes."""
    kinds = get_args(annotation)
    if _is_settings(annotation):
        if isinstance(value, Mapping):
            hints = get_type_hints(annotation)
            for name in [name for name in annotation.model_fields if name in value]:
                yield from _leaves(hints[name], value[name], (*key, name))
    elif get_origin(annotation) is dict and isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(kinds[1], item, (*key, name))
    elif get_origin(annotation) is tuple and isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(kinds[0], item, (*key, place))
    elif annotation is not Any:
        yield key, annotation, value


def _section(kind: type[Settings], key: Key) -> str:
    """Return the section of a key: without places in a list, and names that the user chose."""
    path: list[str] = []
    chosen = False
    for part in key:
        if chosen or isinstance(part, int):
            chosen = False
            continue
        path.append(part)
        annotation = get_type_hints(kind)[part]
        chosen = get_origin(annotation) is dict
        kind = next(_settings_within(annotation), kind)
    return ".".join(path)


def _keys(kind: type[Settings], prefix: str = "") -> Iterator[str]:
    """Yield every key that a file may hold, dotted, by sections."""
    hints = get_type_hints(kind)
    for name in kind.model_fields:
        yield prefix + name
        for inner in _settings_within(hints[name]):
            yield from _keys(inner, f"{prefix}{name}.")


def _settings_within(annotation: Any) -> Iterator[type[Settings]]:
    """Yield the settings classes of `dict[str, Spec]`, `tuple[Spec, ...] | None` and their like."""
    if _is_settings(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from _settings_within(inner)


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Settings)
