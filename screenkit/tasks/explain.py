"""Explain the predictions of one shard: which atoms each of them rests on, and what they are.

The way of `tasks/predict.py`, with the weights of the atoms kept beside the rows. Coordination
environments are those of the crystal, not of the model's graph, whose k may cut a shell.

Not covered: weights of pairs of atoms; models that see no atoms (`trees`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.environments import MOST_BONDS, environments, perovskite_sites
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError, Outcome
from screenkit.executors.executor import ShardReport
from screenkit.graph.batch import Cargo, GraphBatch
from screenkit.graph.graph import Graph
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.contract import AtomWeights, Model
from screenkit.models.target import Target
from screenkit.plan import Shard
from screenkit.store.row import Row
from screenkit.store.shard_file import ShardFile, write_shard
from screenkit.tasks.featurize import WARM_UP, report
from screenkit.tasks.predict import PredictTask, as_memory_allows, finish, with_gauge


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """One structure of n atoms and what of T predictions rests on each."""

    crystal: Crystal
    """Without charges and warnings."""
    environments: list[str]
    """Element and what is bonded to it, of each atom."""
    sites: list[str]
    """`A`, `B` or `X` of each atom in a perovskite; else empty."""
    prediction: np.ndarray
    """(T,) float64, in the targets' units."""
    weights: np.ndarray
    """(n, T) float64; what they are and their unit, `weight_unit` and `meaning` say."""


def weight_unit(target: Target, kind: AtomWeights) -> str:
    """Return the unit of a target's weights: that of what the network learns; none for shares."""
    if kind == "attention":
        return ""
    if target.is_class:
        return "logit"
    if target.transform == "log10":
        return f"log10({target.unit})" if target.unit else "log10"
    return target.unit


def meaning(target: Target, kind: AtomWeights) -> str:
    """Return what a target's weights are, in a sentence."""
    learned = target.name
    if target.is_class:
        learned = f"the logit of the probability that {target.name} is {target.class_if}"
    elif target.transform == "log10":
        learned = f"log10 of {target.name}"
    return {
        "site": f"contribution of the atom; the mean over the atoms is {learned}",
        "attention": "share of the atom in the pooled vector; the shares of a structure sum to 1",
        "gradient": f"gradient of {learned} with respect to the atom's input vector, times that "
        "vector; first order, so they need not sum to the prediction",
    }[kind]


def in_units(weights: np.ndarray, kind: AtomWeights, checkpoint: Checkpoint) -> np.ndarray:
    """Return weights (n, T) of the network's outputs in the units of `weight_unit`.

    Contributions keep their promise, that their mean is the prediction: each is scaled and
    shifted as the prediction is.
    """
    weights = weights.astype(np.float64)
    if kind == "attention":
        return weights
    scaled = weights * checkpoint.deviations
    return scaled + checkpoint.means if kind == "site" else scaled


def weigh(
    network: Model, graphs: Sequence[Graph], cargo: Cargo | None = None
) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """Return outputs (T,) and weights (n, T), float32, of each graph; None without memory."""

    def work(batch: GraphBatch) -> list[tuple[np.ndarray, np.ndarray]]:
        outputs = network(batch).detach().float().cpu().numpy()
        weights = network.atom_weights(batch).detach().float().cpu().numpy()
        stops = np.cumsum(batch.counts.cpu().numpy())[:-1]
        return list(zip(outputs, np.split(weights, stops), strict=True))

    return as_memory_allows(work, graphs, next(network.parameters()).device, cargo)


@dataclass(frozen=True)
class ExplainTask:
    """Predict one shard, weigh the atoms, and publish both."""

    predict: PredictTask
    """Reads, checks and predicts; its folder and stamp are those of this task."""

    def __call__(
        self, shard: Shard, documents: Sequence[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        started = time.monotonic()
        rows, found = self._explain(documents, lost)
        checkpoint, _ = self.predict.network()
        targets = [target.name for target in checkpoint.targets]
        arrays = pack_explained(found) if found else {}
        write_shard(self.predict.folder, shard, rows, targets, self.predict.stamp, arrays)
        return with_gauge(report(shard, rows, time.monotonic() - started))

    def warm_up(self, note: Callable[[str], None]) -> None:
        """Compile what the work needs, but for the network."""
        self.predict.warm_up(note)
        _surroundings(WARM_UP)

    def attempt(self, documents: Sequence[Document]) -> None:
        """Do the same work and keep nothing; for finding out which document kills a worker."""
        self._explain(documents, {})

    def _explain(
        self, documents: Sequence[Document], lost: Mapping[str, str]
    ) -> tuple[list[Row], list[Explained]]:
        checkpoint, network = self.predict.network()
        rows: list[Row] = []
        found: list[Explained] = []
        for place, graph, result in self.predict.walk(documents, lost, rows, weigh):
            output, weights = result if result is not None else (None, None)
            rows[place] = finish(rows[place], graph, output, checkpoint)
            if output is None or weights is None or rows[place].outcome is not Outcome.OK:
                continue
            try:
                prediction = checkpoint.restore(output[None])[0]
                scaled = in_units(weights, network.atom_weights_are, checkpoint)
                found.append(_explained(documents[place], prediction, scaled))
            except CrystalError as error:
                rows[place] = rows[place].stopped(error.code, error.message, error.outcome)
        return rows, found


def _explained(document: Document, prediction: np.ndarray, weights: np.ndarray) -> Explained:
    if not np.isfinite(weights).all():
        raise CrystalError("weights_not_finite", "the weight of an atom is not a finite number")
    return Explained(*_surroundings(document), prediction, weights)


def _surroundings(document: Document) -> tuple[Crystal, list[str], list[str]]:
    """Return a crystal, and the environment and the perovskite site of each atom."""
    crystal = read_cif(document.read(), document.name)
    neighbors = find_neighbors(crystal, MOST_BONDS, "index")
    return crystal, environments(crystal, neighbors), perovskite_sites(crystal)


def pack_explained(found: Sequence[Explained]) -> dict[str, np.ndarray]:
    """Return structures side by side, as the arrays of a shard file."""
    texts = [np.array([text.encode() for text in one.environments]) for one in found]
    sites = [np.array([text.encode() for text in one.sites], "S1") for one in found]
    return {
        "number": np.concatenate([one.crystal.numbers for one in found]),
        "fractional": np.concatenate([one.crystal.fractional for one in found]),
        "environment": np.concatenate(texts),
        "site": np.concatenate(sites),
        "weights": np.concatenate([one.weights for one in found]),
        "lattice": np.stack([one.crystal.lattice for one in found]),
        "prediction": np.stack([one.prediction for one in found]),
    }


def unpack_explained(shard: ShardFile) -> Iterator[Explained]:
    """Yield the structures of a shard that are `ok`, in library order."""
    arrays, start = shard.arrays, 0
    ok = [row for row in shard.rows() if row.outcome is Outcome.OK]
    for i, row in enumerate(ok):
        atoms = slice(start, start + row.n_atoms)
        start = atoms.stop
        lattice = arrays["lattice"][i]
        crystal = Crystal(
            name=row.name,
            numbers=arrays["number"][atoms],
            positions=arrays["fractional"][atoms] @ lattice,
            lattice=lattice,
        )
        yield Explained(
            crystal=crystal,
            environments=[text.decode() for text in arrays["environment"][atoms].tolist()],
            sites=[text.decode() for text in arrays["site"][atoms].tolist()],
            prediction=arrays["prediction"][i],
            weights=arrays["weights"][atoms],
        )
