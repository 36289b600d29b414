"""What all pages tell of a run besides its own: counts, cost and provenance, from its folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from screenkit.errors import SourceError
from screenkit.flows.again import Command
from screenkit.flows.runs import RECIPE
from screenkit.recipe import Recipe
from screenkit.report.funnel import Step
from screenkit.report.page import About
from screenkit.report.words import duration, number
from screenkit.store.store import Store

SUMMARY = "summary.json"
_LIBRARY = 100_000  # structures, to say what a larger one would cost


@dataclass(frozen=True, eq=False)
class Folder:
    """The folder of a run that is told of."""

    path: Path
    recipe: Recipe
    summary: Mapping[str, Any]
    """Empty where there is none."""

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Read recipe and summary; what is missing is empty.

        Raises:
            RecipeError: the recipe is there and cannot be read.
        """
        recipe = Recipe.load(path / RECIPE) if (path / RECIPE).is_file() else Recipe()
        summary = read_json(path / SUMMARY)
        return cls(path, recipe, summary if isinstance(summary, dict) else {})

    def json(self, name: str) -> Any:
        """Return what a JSON file in the folder holds; None where it is not there or damaged."""
        return read_json(self.path / name)

    @cached_property
    def recipe_text(self) -> str:
        """The recipe as used, in YAML; empty where there is none."""
        try:
            return (self.path / RECIPE).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    @property
    def title(self) -> str:
        """Sources and model, or the name of the folder."""
        sources = [Path(str(source)).name for source in self.summary.get("sources", [])]
        model = Path(str(self.summary.get("model", ""))).name
        words = ", ".join(sources) or self.path.resolve().name
        return f"{words}: {model}" if model else words

    @property
    def rules(self) -> Sequence[str]:
        """What chose the shortlist, in words."""
        said = self.summary.get("rules")
        if said is not None:
            return [str(rule) for rule in said]
        own = self.recipe.rank
        return [*([f"where {own.where}"] if own.where else []), f"top {own.top}"]

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader must know first."""
        return [str(remark) for remark in self.summary.get("remarks", ())]

    def about(
        self,
        provenance: Mapping[str, str] = MappingProxyType({}),
        cost: Mapping[str, str] = MappingProxyType({}),
        title: str = "",
    ) -> About:
        """Return what every page says of its run.

        Args:
            provenance: what comes beside that of the folder.
            cost: likewise.
            title: where it is not the folder's.
        """
        return About(
            title=title or self.title,
            recipe=self.recipe_text,
            provenance={**self.provenance, **provenance},
            remarks=self.remarks,
            cost={**_cost_of(self), **cost},
            seconds=self.seconds,
            rate=self.rate,
        )

    @property
    def seconds(self) -> float:
        """Wall time of the last run; NaN where it is not known."""
        return _number(self.summary.get("seconds"))

    @property
    def rate(self) -> float:
        """Structures per second of the last run; NaN where it did nothing itself."""
        return _number(self.summary.get("structures_per_second"))

    @property
    def provenance(self) -> dict[str, str]:
        """What one needs to do it again, in the order shown."""
        try:
            command = str(Command.of(self.path))
        except SourceError:
            command = ""
        said = self.summary
        return {
            "command": command,
            "sources": ", ".join(map(str, said.get("sources", ()))),
            "library sha256": str(said.get("library_sha256", "")),
            "checkpoint sha256": str(said.get("checkpoint_sha256", "")),
            **{str(key): str(value) for key, value in said.get("provenance", {}).items()},
            "device": str(said.get("device", "")),
            "versions": ", ".join(f"{k} {v}" for k, v in said.get("versions", {}).items()),
        }


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; None where it is not there or damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def library_steps(store: Store) -> list[Step]:
    """Return the steps from the library to the structures that are `ok`."""
    counts = store.outcomes
    failed, filtered = counts["failed"], counts["filtered"]
    steps = [Step("in the library", len(store))]
    lost = f"{number(failed)} could not be read or computed" if failed else "none failed"
    steps.append(Step("read and computed", len(store) - failed, lost))
    left = f"a rule leaves out {number(filtered)}" if filtered else "no rule leaves out any"
    return [*steps, Step("pass the checks", counts["ok"], left)]


def _cost_of(folder: Folder) -> dict[str, str]:
    """Return what a run has cost, and what a larger library would."""
    computed, cores = folder.summary.get("computed"), folder.summary.get("cores")
    told = {
        "wall time": duration(folder.seconds) if math.isfinite(folder.seconds) else "",
        "structures computed": "" if computed is None else number(computed),
    }
    if computed and math.isfinite(folder.rate):
        told["rate"] = f"{folder.rate:.3g} structures/s"
        working = computed / folder.rate
        if cores:
            hours = working * cores / 3600
            told["core-hours"] = f"{hours:.3g}, {cores} cores for {duration(working)}"
        told[f"{number(_LIBRARY)} such structures"] = duration(_LIBRARY / folder.rate)
    elif computed == 0:
        told["rate"] = "all was there from an earlier run"
    return told


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
