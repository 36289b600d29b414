"""Parts: several trainings over one library, each in a folder of its own, done by an executor.

A part that is done is not done again; one that was stopped goes on from its last epoch.

Not covered: what the parts are (`flows/folds.py`, `flows/search.py`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screenkit.crystal.document import Document
from screenkit.crystal.library import Library
from screenkit.errors import UsageError
from screenkit.executors.executor import ShardReport, Work
from screenkit.executors.hire import hire
from screenkit.flows.kept import Kept, agree_on_graphs
from screenkit.flows.lesson import Lesson, examine, figures, learn
from screenkit.flows.material import Material, gather, read_material
from screenkit.flows.run_log import run_log
from screenkit.flows.score import plain
from screenkit.learn.labels import Labels, read_labels
from screenkit.learn.split import Split
from screenkit.plan import Shard
from screenkit.recipe import Recipe
from screenkit.store.publish import replace_text
from screenkit.tasks.predict import count_devices
from screenkit.track import Track

GRAPHS = "graphs"
"""Name of the folder of graphs in the run's folder."""
_ALONE = threading.Lock()  # seeds belong to a process, so it does one training at a time
RESULT = "result.json"
"""Name of what a finished part leaves in its folder."""


@dataclass(frozen=True, slots=True)
class Structures:
    """Where the structures of a training come from, as the user gave it."""

    sources: tuple[Path, ...] = ()
    ids: Path | None = None
    graphs: Path | None = None
    """A folder of `screenkit featurize`, in the place of sources."""

    def __post_init__(self) -> None:
        if bool(self.sources) == bool(self.graphs):
            what = "both SOURCE and --graphs" if self.sources else "no structures"
            raise UsageError(what, hint="give SOURCE, or the folder of its graphs by --graphs")
        if self.graphs and self.ids:
            raise UsageError(
                "--ids goes with SOURCE, not with --graphs",
                hint="leave the others out of LABELS.csv",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all trainings of a run stand on."""

    library: Library | None
    """Where graphs are built from; None where they are kept in a folder."""
    table: Labels
    output: Path
    """Folder of the run."""
    track: Track
    kept: Kept | None = None
    """The graphs of `screenkit featurize`, in the place of a library."""

    @classmethod
    def lay(
        cls, labels: Path, structures: Structures, recipe: Recipe, output: Path, track: Track
    ) -> Ground:
        """Open labels and structures, those without a label left out where the recipe says so.

        Raises:
            MismatchError: the folder learns from other graphs.
            ScreenkitError: labels or structures cannot be read.
        """
        table = read_labels(labels, recipe.labels.targets, recipe.labels)
        kept = Kept.open(structures.graphs) if structures.graphs else None
        agree_on_graphs(output, kept)
        if kept is not None:
            track.note(f"graphs of {kept.folder}, SHA-256 {kept.digest}")
            return cls(None, table, output, track, kept)
        library = Library.open(structures.sources, structures.ids)
        return cls(
            library.keep(set(table.names)) if recipe.labels.only else library, table, output, track
        )

    def gather(self, recipe: Recipe, name: str = GRAPHS) -> tuple[Material, str]:
        """Return what the recipe's network learns from, and where its graphs are: `Part.graphs`.

        Args:
            name: of the folder in that of the run where graphs are built that are not kept.
        """
        if self.library is not None:
            folder = self.output / name
            return gather(self.library, self.table, recipe, folder, self.track), name
        assert self.kept is not None
        return self.kept.material(self.table, recipe, self.output), str(self.kept.folder)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One training among several."""

    name: str
    """Its folder in that of the run."""
    split: Split
    recipe: Recipe
    stamp: str
    """Differs for parts that differ."""
    graphs: str = GRAPHS
    """The folder of its graphs, from that of the run."""
    tested: bool = True
    """Whether the test set may be looked at."""

    @classmethod
    def of(cls, lesson: Lesson, name: str, graphs: str = GRAPHS, tested: bool = True) -> Part:
        """Return the part that learns a lesson."""
        stamp = f"{lesson.stamp}-{lesson.recipe.fit.epochs}"
        return cls(name, lesson.split, lesson.recipe, stamp, graphs, tested)

    @property
    def number(self) -> int:
        """The number at the end of its name."""
        return int(self.name.rpartition("-")[2])

    def result(self, output: Path) -> dict[str, Any] | None:
        """Return the figures that it left in the run's folder, None where it is not done."""
        try:
            found = json.loads((output / self.name / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        known = isinstance(found, dict) and found.pop("stamp", None) == self.stamp
        return found if known else None


@dataclass(frozen=True)
class FitTask:
    """Train the part that has the index of the shard; the documents are none."""

    output: Path
    """Folder of the run."""
    table: Labels
    parts: tuple[Part, ...]

    def __call__(
        self, shard: Shard, documents: Sequence[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        started = time.monotonic()
        part = self.parts[shard.index]
        folder = self.output / part.name
        folder.mkdir(parents=True, exist_ok=True)
        with _ALONE, run_log(folder, None) as track:
            material = read_material(self.output / part.graphs, self.table, part.recipe)
            lesson = Lesson(material, part.split, part.recipe)
            learned = learn(lesson, folder, track)
            found = examine(learned, lesson, folder) if part.tested else figures(learned)
        found.pop("history", None)
        text = json.dumps(plain({"stamp": part.stamp} | found), indent=2)
        replace_text(folder / RESULT, text + "\n")
        return ShardReport(shard.index, 1, 1, 0, 0, seconds=time.monotonic() - started)

    def attempt(self, documents: Sequence[Document]) -> None:
        """Do nothing: there are no documents that could be the culprit."""


def train_parts(
    parts: Sequence[Part], ground: Ground, recipe: Recipe, kind: str
) -> list[dict[str, Any]]:
    """Train what is not trained yet, over the recipe's executor; return the figures of each part.

    Args:
        kind: what a part is called, such as `fold`.

    Raises:
        ScreenkitError: what a training raised.
    """
    todo = [i for i, part in enumerate(parts) if part.result(ground.output) is None]
    task = FitTask(ground.output, ground.table, tuple(parts))
    work = Work(tuple(Shard(i, i, i + 1) for i in todo), None)
    devices = count_devices(recipe.predict.device)
    ground.track.start(f"Training {kind}s", len(parts), len(parts) - len(todo))
    try:
        if todo:
            with (
                hire(recipe.run, ground.output, devices, most=len(todo)) as executor,
                closing(executor.run(task, work)) as reports,
            ):
                for report in reports:
                    part = parts[report.shard]
                    error = (part.result(ground.output) or {}).get("valid_error")
                    told = {kind: part.number, "seconds": report.seconds}
                    ground.track.epoch(told | ({} if error is None else {"valid_error": error}))
    finally:
        ground.track.finish()
    results = [part.result(ground.output) for part in parts]
    return [result for result in results if result is not None]
