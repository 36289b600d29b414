"""Account: what became of a run over a library; the parts of its story that all such runs share."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import screenkit
from screenkit.crystal.library import Library
from screenkit.executors.hire import count_cores
from screenkit.flows.again import keep_command
from screenkit.flows.run_log import run_log
from screenkit.flows.stage import agree_on_plan
from screenkit.flows.versions import versions
from screenkit.plan import Plan, usual_shard_size
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from screenkit.store.publish import replace_text
from screenkit.store.store import Store
from screenkit.track import Relay, Track


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What came of a run, structure by structure, and how long it took."""

    output: Path
    store: Store
    computed: int
    """How many structures this run worked on itself; the others were there."""
    seconds: float
    """Wall time of this run."""
    working_seconds: float
    """Of which spent on structures."""
    library_digest: str
    """`Library.digest` of the sources."""

    @property
    def structures(self) -> int:
        """How many there are, whatever became of them."""
        return len(self.store)

    @property
    def counts(self) -> Mapping[str, int]:
        """Structures by outcome; every outcome is there."""
        return self.store.outcomes

    @property
    def codes(self) -> Mapping[str, int]:
        """Structures by reason, those that are not `ok`."""
        return self.store.codes

    @property
    def structures_per_second(self) -> float:
        """Of what this run worked on itself; NaN where there was nothing to do."""
        return self.computed / self.working_seconds if self.computed else math.nan

    def summary(self, sources: Sequence[Path], own: Mapping[str, Any]) -> dict[str, Any]:
        """Return what stands in `summary.json`; its keys are explained in `docs/formats.md`.

        Args:
            sources: as the user gave them.
            own: what this kind of run has to say beside that.
        """
        rate = self.structures_per_second
        return {
            "structures": self.structures,
            **self.counts,
            "codes": dict(self.codes),
            "seconds": round(self.seconds, 3),
            "structures_per_second": round(rate, 2) if math.isfinite(rate) else None,
            "computed": self.computed,
            "cores": count_cores(),
            **own,
            "sources": [str(source.absolute()) for source in sources],
            "library_sha256": self.library_digest,
            "versions": versions(),
        }


class Counter(Relay):
    """Counts what this run does itself, and passes on all it is told."""

    structures = 0

    def advance(self, structures: int, failed: int = 0) -> None:
        self.structures += structures
        super().advance(structures, failed)


def make_plan(library: Library, recipe: Recipe, settings: Mapping[str, Any]) -> Plan:
    """Return the plan: structures, shards, and whatever may change a row beyond rounding.

    Args:
        settings: what may, beside the version of screenkit and the checks.
    """
    return Plan(
        structures=len(library),
        digest=library.digest,
        shard_size=recipe.run.shard_size or usual_shard_size(len(library)),
        settings={
            "screenkit": screenkit.__version__,
            "checks": recipe.checks.model_dump(mode="json"),
            **settings,
        },
    )


@contextmanager
def open_run(
    output: Path, library: Library, plan: Plan, recipe: Recipe, again: str, track: Track | None
) -> Iterator[Counter]:
    """Hold the folder of a run, with its log, plan and recipe; yields who is to be told.

    Args:
        again: `command_again`; stands above the recipe.

    Raises:
        MismatchError: the folder belongs to another plan.
        OutputError: it cannot be written, or another run holds it.
    """
    with RunLock(output), run_log(output, track) as told:
        told.note(f"{len(library)} structures")
        if library.ignored:
            told.note(f"files left out, as they do not end in .cif: {library.ignored}")
        del library  # its names may be many, and whoever has opened the run may need no more of it
        agree_on_plan(output, plan)
        replace_text(output / "recipe.yaml", recipe.to_yaml(again))
        keep_command(output)
        yield Counter(told)


def command_again(name: str, sources: Sequence[Path], ids: Path | None, output: Path) -> str:
    """Return a command that does a run again from its own recipe."""
    words = ["screenkit", name, *map(str, sources), "--recipe", str(output / "recipe.yaml")]
    words += ["--ids", str(ids)] if ids else []
    return shlex.join([*words, "-o", str(output)])
