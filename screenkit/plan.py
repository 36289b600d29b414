"""Plan: which structures go together, and everything that must be equal for a resume.

A plan is written to `plan.json` before the first structure is read. A later run of the same
command makes its own plan; the two are the same, or the run is refused. The stamp of the plan
stands in every shard file, so that a shard of another study is never merged.

Not covered: who does the work (`executors/`) and where it stands (`flows/stage.py`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from screenkit.errors import StorageError

PLAN_VERSION = 1

_USUAL = 256  # structures a shard
_MANY_SHARDS = 1000

_WRITE_ANEW = "delete {} and run the same command again, which keeps what is finished"


@dataclass(frozen=True, slots=True)
class Shard:
    """Structures [start, stop) of a library, in library order."""

    index: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def usual_shard_size(structures: int) -> int:
    """Return how many structures a shard has where nobody says: few are lost, and few are files."""
    return max(_USUAL, math.ceil(structures / _MANY_SHARDS))


@dataclass(frozen=True)
class Plan:
    """The structures of one study, and who takes which."""

    structures: int
    """How many there are."""
    digest: str
    """`Library.digest`: names, order and archive content."""
    shard_size: int
    """Structures a shard; the last one may have fewer."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able: what must be equal for a resume, such as the model's hash and check settings."""

    def __post_init__(self) -> None:
        if self.structures < 1 or self.shard_size < 1:
            raise ValueError(
                f"a plan needs structures and a shard size, got {self.structures} "
                f"and {self.shard_size}"
            )
        # What JSON would change (tuples, integer keys) would differ from the file for ever.
        object.__setattr__(self, "settings", json.loads(_canonical(dict(self.settings))))

    @property
    def shards(self) -> list[Shard]:
        """Every shard, in order; together they hold each structure once."""
        starts = range(0, self.structures, self.shard_size)
        return [
            Shard(index, start, min(start + self.shard_size, self.structures))
            for index, start in enumerate(starts)
        ]

    @property
    def stamp(self) -> str:
        """64 hex digits that differ for plans that differ."""
        return hashlib.sha256(_canonical(self._facts()).encode()).hexdigest()

    def differences(self, other: Plan) -> list[str]:
        """Return what `other` has changed, such as `predict.model: was 'a', now 'b'`."""
        before, after = dict(_flatten(self._facts())), dict(_flatten(other._facts()))
        keys = [*before, *(key for key in after if key not in before)]
        return [
            f"{key.removeprefix('settings.')}: was {_show(before, key)}, now {_show(after, key)}"
            for key in keys
            if before.get(key, _ABSENT) != after.get(key, _ABSENT)
        ]

    def to_json(self) -> str:
        """Return the text of `plan.json`."""
        text = json.dumps(self._facts() | {"stamp": self.stamp}, indent=2, ensure_ascii=False)
        return text + "\n"

    @classmethod
    def from_json(cls, text: str, place: str = "plan.json") -> Plan:
        """Return the plan of a `plan.json`.

        Args:
            place: where it is, for messages.

        Raises:
            StorageError: the text is damaged, or another version of screenkit wrote it.
        """
        try:
            facts = json.loads(text)
            version, stamp = facts.pop("plan_version"), facts.pop("stamp")
            if version != PLAN_VERSION:
                raise StorageError(
                    f"{place} has version {version}, this screenkit reads {PLAN_VERSION}",
                    hint="give another --output",
                )
            plan = cls(**facts)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StorageError(
                f"{place} is damaged: {type(error).__name__}", hint=_WRITE_ANEW.format(place)
            ) from None
        if plan.stamp != stamp:
            raise StorageError(
                f"{place} was changed after it was written", hint=_WRITE_ANEW.format(place)
            )
        return plan

    def _facts(self) -> dict[str, Any]:
        return {"plan_version": PLAN_VERSION} | asdict(self)


_ABSENT = object()


def _show(facts: dict[str, Any], key: str) -> str:
    return repr(facts[key]) if key in facts else "absent"


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested dicts under dotted keys; a list is a leaf."""
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
