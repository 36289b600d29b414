"""One lesson: train on these structures, keep what the network then says of those.

A lesson that is done is not done again: its answers lie in a folder, as `KEY.npz`, and KEY hangs on
all that decides them: labels, graphs, sides, settings, the shapes of the weights. One that was
stopped goes on from its last epoch. What KEY does not see is a change of the code that leaves the
weights their shapes: after one, take another folder.

Not covered: graphs, which `screenkit featurize` leaves.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.flows.kept import Kept
from screenkit.flows.material import Material, graph_settings, network_settings, read_material
from screenkit.graph.derive import misfit
from screenkit.learn.labels import Labels, read_labels
from screenkit.learn.split import Split
from screenkit.models.catalog import model_class
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from screenkit.store.publish import replace_bytes
from screenkit.track import Track


@dataclass(frozen=True, slots=True)
class Stock:
    """Labelled structures whose graphs are kept."""

    graphs: Path
    """A folder of `screenkit featurize`."""
    labels: Path
    """A table in CSV."""
    atoms_at_most: int | None = None
    structures: int | None = None
    """So many of them, drawn with seed 0; None: all."""

    def material(self, recipe: Recipe) -> Material:
        """Return what a recipe's network learns from."""
        network = network_settings(recipe).model_dump()  # those of its start, where it has one
        asked = Recipe(model=recipe.model, network=network, labels=recipe.labels)
        return _material(self, asked.to_yaml())

    def misfit(self, recipe: Recipe) -> str:
        """Return why the graphs are not those of a recipe's network; empty where they are."""
        return misfit(Kept.open(self.graphs).graph, graph_settings(recipe))

    def refuse(self, recipe: Recipe) -> None:
        """Raise MismatchError where a recipe would not build these graphs."""
        Kept.open(self.graphs).refuse(recipe)


@functools.lru_cache(maxsize=4)
def _material(stock: Stock, recipe_text: str) -> Material:
    recipe = Recipe.parse(recipe_text)
    table = read_labels(stock.labels, recipe.labels.targets, recipe.labels)
    material = read_material(stock.graphs, table, recipe)
    rows = np.arange(len(material.graphs))
    if stock.atoms_at_most is not None:
        rows = rows[material.graphs.spots[:, 2] <= stock.atoms_at_most]
    if stock.structures is not None and stock.structures < len(rows):
        rows = np.sort(np.random.default_rng(0).permutation(rows)[: stock.structures])
    return narrow(material, rows)


def narrow(material: Material, rows: np.ndarray) -> Material:
    """Return some of a material, (m,) int64."""
    graphs, names = material.graphs.take(rows), [material.labels.names[row] for row in rows]
    digest = hashlib.sha256(json.dumps([material.digest, names]).encode()).hexdigest()
    labels: Labels = material.labels.take(names)
    density = material.density[rows]
    return replace(material, graphs=graphs, labels=labels, density=density, digest=digest)


@dataclass(frozen=True, slots=True)
class Sides:
    """Who trains, who chooses the epoch, and who is asked at the end, by name."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    asked: tuple[str, ...]
    """For trials, which never see the test side, the same as `valid`."""

    @classmethod
    def of(cls, material: Material, split: Split, tested: bool = True) -> Sides:
        """Return the sides of a split; without `tested` the validation side is asked."""
        names = material.graphs.names
        train, valid, test = (tuple(names[s]) for s in (split.train, split.valid, split.test))
        return cls(train, valid, test if tested else valid)


@dataclass(frozen=True, slots=True)
class Task:
    """One training, and whom it is asked about."""

    name: str
    """For people."""
    stock: Stock
    recipe: Recipe
    """`fit.seed` draws first weights and order."""
    sides: Sides
    distances: bool = False
    """Whether it says how far everybody asked is from the training set."""

    def lesson(self) -> Any:
        """Return the Lesson; structures that its graphs do not hold are left out."""
        from screenkit.flows.lesson import Lesson

        material = self.stock.material(self.recipe)
        place = {name: row for row, name in enumerate(material.graphs.names.tolist())}
        sides = self.sides
        rows = (
            np.array(sorted(place[name] for name in side if name in place), dtype=np.int64)
            for side in (sides.train, sides.valid, sides.asked)
        )
        return Lesson(material, Split(*rows), self.recipe)

    def path(self, keep: Path) -> Path:
        """Return the file of its answers."""
        recipe = self.recipe
        network = model_class(recipe.model)(network_settings(recipe), len(recipe.labels.targets))
        shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
        graphs = Kept.open(self.stock.graphs).digest
        parts = [self.lesson().stamp, recipe.fit.epochs, graphs, shapes, self.distances]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
        return keep / f"{key}.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a network says of everybody asked, m structures and T targets."""

    names: np.ndarray
    """(m,) str."""
    said: np.ndarray
    """(m, T) float64, in the targets' units."""
    deviations: np.ndarray
    """(T,) float64. Of the training labels, as they are learned."""
    distance: np.ndarray
    """(m,) float64. From the training set, see `models.domain`; NaN where nobody wanted it."""
    seconds: float
    """Of the training, wall time; of one that went on, of its last part."""
    best_epoch: int
    trained: int
    """Structures."""
    valid_error: float
    """Of the best epoch; see `learn.fit.valid_error`."""


def teach(task: Task, keep: Path) -> Answers:
    """Do a lesson, unless it is done; return its answers."""
    path = task.path(keep)
    if not path.exists():
        folder = path.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        with RunLock(folder):
            replace_bytes(path, _bytes(_learn(task, folder)))
        shutil.rmtree(folder)
    with np.load(path) as found:
        arrays = {name: found[name] for name in found.files}
    return Answers(**{k: v if v.ndim else v.item() for k, v in arrays.items()})


def _learn(task: Task, folder: Path) -> Answers:
    import torch

    from screenkit.flows.calibrated import calibrated, watch
    from screenkit.flows.lesson import learn
    from screenkit.models.domain import Scope

    started = time.monotonic()
    lesson = task.lesson()
    learned = learn(lesson, folder, Track())
    seconds = time.monotonic() - started
    checkpoint, asked = learned.checkpoint, lesson.split.test
    distance = np.full(len(asked), np.nan)
    outputs, seen = watch(checkpoint, lesson.material, asked, task.recipe)
    if task.distances:
        domain = calibrated(checkpoint, lesson.material, lesson.split, task.recipe).domain
        if domain is not None:
            distance = Scope(domain)(torch.from_numpy(seen))[1].numpy()
    return Answers(
        names=lesson.material.graphs.names[asked].astype(str),
        said=checkpoint.judge(outputs)[0],
        deviations=checkpoint.deviations,
        distance=distance,
        seconds=seconds,
        best_epoch=learned.state.best_epoch,
        trained=len(lesson.split.train),
        valid_error=learned.valid_error,
    )


def _bytes(answers: Answers) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{name: getattr(answers, name) for name in Answers.__slots__})
    return file.getvalue()


def teach_all(tasks: Sequence[Task], keep: Path, jobs: int = 1) -> list[Answers]:
    """Do lessons, so many at once, each on one thread; return their answers, in order.

    Raises:
        Exception: what a lesson raised, when all others are done.
    """
    keep.mkdir(parents=True, exist_ok=True)
    different = {task.path(keep): task for task in tasks}
    todo = [task for path, task in different.items() if not path.exists()]
    if jobs > 1 and len(todo) > 1:
        context = multiprocessing.get_context("spawn")
        faults: list[BaseException] = []
        count = 0
        with ProcessPoolExecutor(jobs, context, _begin, (os.getpid(),)) as pool:
            going = {pool.submit(teach, task, keep): task for task in todo}
            for done in as_completed(going):
                if fault := done.exception():
                    faults.append(fault)
                else:
                    count += 1
                    _tell(going[done], done.result(), f"{count} of {len(todo)}")
        if faults:
            raise faults[0]
    else:
        one_thread()
        for count, task in enumerate(todo, 1):
            _tell(task, teach(task, keep), f"{count} of {len(todo)}")
    return [teach(task, keep) for task in tasks]


def one_thread() -> None:
    """Let torch, and what is started from here, use one thread."""
    import torch

    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def _begin(parent: int) -> None:
    """Begin a process that does lessons; it ends with its parent, even one that was killed."""
    one_thread()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _tell(task: Task, answers: Answers, place: str) -> None:
    print(
        f"{place}, {task.name}: {answers.seconds:.0f} s, best epoch {answers.best_epoch}, "
        f"validation error {answers.valid_error:.4f}",
        file=sys.stderr,
        flush=True,
    )


def truth_of(material: Material, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (m, T) and density (m,) of some structures of a material."""
    place = {name: row for row, name in enumerate(material.labels.names)}
    rows = np.array([place[name] for name in names.tolist()], dtype=np.int64)
    return material.labels.values[rows], material.density[rows]


def features_of(recipe: Recipe) -> tuple[str, ...]:
    """Return which numbers of the whole crystal a recipe's network is given."""
    return model_class(recipe.model).graph_settings(network_settings(recipe)).features


def trees_beside(recipe: Recipe, features: Sequence[str]) -> Recipe:
    """Return the recipe of trees that learn the same from features alone."""
    network = {"features": list(features)}
    fit = recipe.fit.model_copy(update={"start": None})
    return recipe.model_copy(update={"model": "trees", "network": network, "fit": fit})
