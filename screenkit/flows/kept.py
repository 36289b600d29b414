"""Kept graphs: what `screenkit featurize` left in a folder, for trainings that read no CIF.

One folder serves every network that wants the neighbours in it; what a network does not ask for
is left out, so that it learns to the last bit what it would have learned from the CIFs.

Not covered: building them (`flows/featurize.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import screenkit
from screenkit.errors import MismatchError, Outcome, SourceError, StorageError
from screenkit.flows.material import Material, graph_settings, known_elements, read_material
from screenkit.flows.stage import PLAN
from screenkit.graph.derive import misfit
from screenkit.graph.graph import GraphSettings
from screenkit.learn.labels import Labels
from screenkit.plan import Plan
from screenkit.ranking.ranking import FAILURE_COLUMNS, write_failure_rows
from screenkit.recipe import Recipe
from screenkit.store.layout import GRAPHS
from screenkit.store.merge import SHARDS
from screenkit.store.publish import publish
from screenkit.store.seal import read_digest
from screenkit.store.shard_file import KIND, shard_path
from screenkit.store.store import Store
from screenkit.tasks.featurize import STRANGE

AGREED = "graphs.json"
"""Name of the file in a training's folder that says which graphs it learns from."""

_OF_FEATURES = ("element_without_parameters", "internal_error", "out_of_memory")
"""Codes of what may have come of features."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A folder of `screenkit featurize`, complete."""

    folder: Path
    plan: Plan
    store: Store
    """A row per structure."""
    digest: str
    """Hex SHA-256 of the plan and of what the shards hold, as their seals say."""

    @classmethod
    def open(cls, folder: Path) -> Kept:
        """Look at a folder; no graph is read.

        Raises:
            SourceError: it is none of `screenkit featurize`, or not complete.
            StorageError: a file of it is damaged or missing.
            MismatchError: another version of screenkit made it.
        """
        path = folder / PLAN
        if not path.is_file() or not (folder / GRAPHS.file).is_file():
            what = "is not complete" if path.is_file() else "holds no graphs"
            raise SourceError(
                f"{folder} {what}",
                hint=f"make them, or go on: screenkit featurize SOURCE -o {folder}",
            )
        plan = Plan.from_json(path.read_bytes().decode("utf-8", "replace"), str(path))
        if (made := plan.settings.get("screenkit")) != screenkit.__version__:
            raise MismatchError(
                f"screenkit {made} made {folder}, and this is {screenkit.__version__}",
                hint="graphs may differ between versions: featurize again into another folder",
            )
        store = Store.open(folder, GRAPHS)
        if store.stamp != plan.stamp:
            raise StorageError(
                f"{store.path} belongs to another plan", hint=f"screenkit verify {folder} --repair"
            )
        content = hashlib.sha256(plan.stamp.encode())
        for shard in plan.shards:
            place = shard_path(folder / SHARDS, shard)
            try:
                content.update(read_digest(KIND, place).encode())
            except FileNotFoundError:
                raise StorageError(
                    f"{place} is missing", hint=f"screenkit verify {folder} --repair"
                ) from None
        return cls(folder.resolve(), plan, store, content.hexdigest())

    @property
    def graph(self) -> GraphSettings:
        """What its graphs hold."""
        return GraphSettings.model_validate(self.plan.settings["graph"])

    def refuse(self, recipe: Recipe) -> None:
        """Raise where these are not the graphs that the recipe would build.

        Raises:
            MismatchError: they are others; the message says in what.
        """
        want = graph_settings(recipe)
        fault = misfit(self.graph, want)
        if fault:
            raise MismatchError(
                f"{self.folder} does not hold the graphs that {recipe.model} wants: {fault}",
                hint=f"make a folder for it: screenkit featurize SOURCE --model {recipe.model}"
                + (f" --k {want.k}" if "k" in recipe.network else ""),
            )
        there, wanted = self.plan.settings["checks"], recipe.checks.model_dump(mode="json")
        if other := [key for key in wanted if wanted[key] != there.get(key)]:
            raise MismatchError(
                f"{self.folder} was checked with {other[0]} {there.get(other[0])}, and the recipe "
                f"says {wanted[other[0]]}",
                hint="train with the same checks, or featurize with these",
            )
        elements, known = self.plan.settings["elements"], known_elements(recipe)
        if elements is not None and elements != (known and sorted(known)):
            raise MismatchError(
                f"{self.folder} was built for a network that knows {len(elements)} elements",
                hint="make a folder for any: screenkit featurize SOURCE",
            )
        spare = sorted(set(self.graph.features) - set(want.features))
        lost = {code: n for code in _OF_FEATURES if (n := self.store.codes.get(code, 0))}
        if spare and lost:
            raise MismatchError(
                f"{sum(lost.values())} structures in {self.folder} failed ({', '.join(lost)}), "
                f"maybe for the features {', '.join(spare)}, which {recipe.model} does not want",
                hint=f"make a folder for it: screenkit featurize SOURCE --model {recipe.model}",
            )

    def material(self, table: Labels, recipe: Recipe, output: Path) -> Material:
        """Return what the recipe's network learns from; write `failures.csv` into `output`.

        Raises:
            MismatchError: the graphs are not those that the recipe would build.
            ScreenkitError: whatever `read_material` raises.
        """
        self.refuse(recipe)
        material = read_material(self.folder, table, recipe)
        only = np.array(table.names, dtype=object) if recipe.labels.only else None
        write_failure_rows(_failures(self.store, material.strange, only), output / "failures.csv")
        return material


def agree_on_graphs(output: Path, kept: Kept | None) -> None:
    """Write which graphs a training learns from, or compare with what is written.

    Args:
        kept: None where it builds them itself.

    Raises:
        MismatchError: the training in `output` learned from others.
        StorageError: the file cannot be written, or is damaged.
    """
    path = output / AGREED
    built = any(output.glob(f"graphs*/{PLAN}"))
    if kept is None:
        if path.is_file():
            raise MismatchError(
                f"{output} learns from the graphs of a folder ({AGREED})",
                hint="give --graphs in the place of SOURCE, or another --output",
            )
        return
    if built:
        raise MismatchError(
            f"{output} learns from graphs that it has built itself",
            hint="give SOURCE in the place of --graphs, or another --output",
        )
    facts = {"folder": str(kept.folder), "sha256": kept.digest}
    if publish(path, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()):
        return
    try:
        before = str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise StorageError(f"{path} is damaged", hint="delete it and train again") from None
    if before != kept.digest:
        raise MismatchError(
            f"{kept.folder} holds other graphs than those that {output} learns from "
            f"(SHA-256 {before[:12]}, now {kept.digest[:12]})",
            hint="give another --output",
        )


def _failures(
    store: Store, strange: Mapping[str, str], only: np.ndarray | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows in pieces, with those that the network cannot be given as failures."""
    for part in store.chunks(FAILURE_COLUMNS):
        for row, name in enumerate(part["name"].tolist()):
            if name in strange:
                told = (Outcome.FAILED.value, STRANGE, strange[name])
                part["outcome"][row], part["code"][row], part["message"][row] = told
        here = slice(None) if only is None else np.isin(part["name"], only)
        yield {column: values[here] for column, values in part.items()}
