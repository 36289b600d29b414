"""Documents -> rows and graphs: the part of the way that all that learns and predicts shares."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.kernel import is_kept
from screenkit.crystal.nearest import nearest
from screenkit.crystal.neighbors import Neighbors
from screenkit.errors import CrystalError, Outcome
from screenkit.executors.executor import ShardReport
from screenkit.executors.readers import Parcel, readers
from screenkit.graph.build import build_graph
from screenkit.graph.graph import Graph, GraphSettings, stack, unstack
from screenkit.models.memory import keep_freed_memory
from screenkit.plan import Shard
from screenkit.store.layout import GRAPHS
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard
from screenkit.tasks.admit import admit

_WARM_UP_CIF = b"""data_warm_up
_cell_length_a 4
_cell_length_b 5
_cell_length_c 6
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_symmetry_equiv_pos_as_xyz
'x,y,z'
'-x,-y,-z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Zn1 Zn 0 0 0 1
O1 O 0.3 0.3 0.3 1
"""
WARM_UP = Document("warm-up", "warm-up", data=_WARM_UP_CIF)
"""A small crystal, to compile kernels with."""


def featurize(
    documents: Sequence[Document],
    checks: CheckSettings,
    graph: GraphSettings,
    lost: Mapping[str, str],
    known: frozenset[int] | None,
) -> Iterator[tuple[Row, Graph | None]]:
    """Yield each document's row, and its graph where the outcome is `ok`.

    Args:
        lost: names that killed their worker, and how; they are not tried again.
        known: `Model.elements`; a structure with another element fails.
    """

    def build(crystal: Crystal, neighbors: Neighbors) -> Graph:
        if known is not None and (fault := stranger(crystal.numbers, known)):
            raise CrystalError(STRANGE, fault)
        check(crystal, neighbors, checks)
        return build_graph(crystal, neighbors, graph)

    for row, built in admit(documents, lost, build, graph.k, graph.ties):
        if built is not None:
            row = dataclasses.replace(row, frame_ambiguous_fraction=built.frame_ambiguous_fraction)
        yield row, built


_PORTION = 16  # structures that a reader takes at once


def featurize_ahead(
    documents: Sequence[Document],
    checks: CheckSettings,
    graph: GraphSettings,
    lost: Mapping[str, str],
    known: frozenset[int] | None,
    half: bool = False,
) -> Iterator[tuple[Row, Graph | None]]:
    """Do as `featurize`, by the readers of this process where it has some; in the same order.

    Args:
        half: whether vectors are rounded to half precision.

    Raises:
        ReaderLostError: a structure has killed a reader.
    """
    crew = readers()
    if crew is None:
        for row, built in featurize(documents, checks, graph, lost, known):
            yield row, built.halved() if half and built is not None else built
        return
    build = functools.partial(_pack, checks=checks, graph=graph, lost=lost, known=known, half=half)
    portions = (documents[i : i + _PORTION] for i in range(0, len(documents), _PORTION))
    for parcel in crew.each(build, portions):
        rows: list[Row] = parcel.head
        graphs = iter(graphs_of(rows, parcel.arrays))
        for row in rows:
            yield row, next(graphs) if row.outcome is Outcome.OK else None


def _pack(
    documents: Sequence[Document],
    checks: CheckSettings,
    graph: GraphSettings,
    lost: Mapping[str, str],
    known: frozenset[int] | None,
    half: bool,
) -> Parcel:
    """Return rows, and the graphs of those that are `ok` side by side: few arrays travel light."""
    keep_freed_memory()
    results = list(featurize(documents, checks, graph, lost, known))
    graphs = [built.halved() if half else built for _, built in results if built is not None]
    return Parcel([row for row, _ in results], stack(graphs) if graphs else {})


def graphs_of(rows: Sequence[Row], arrays: Mapping[str, np.ndarray]) -> list[Graph]:
    """Return the graphs of the rows that are `ok`, from `stack`'s arrays."""
    ok = [row for row in rows if row.outcome is Outcome.OK]
    if not ok:
        return []
    names, counts = [row.name for row in ok], [row.n_atoms for row in ok]
    return unstack(arrays, names, counts, [row.frame_ambiguous_fraction for row in ok])


STRANGE = "element_unknown_to_model"
"""Code of a structure with an element that the model does not know."""


def stranger(species: np.ndarray, known: frozenset[int]) -> str:
    """Return what is wrong with the elements of a structure, in a sentence; empty where nothing is.

    Args:
        species: (n,) atomic numbers.
        known: `Model.elements`.
    """
    strange = set(np.unique(species).tolist()) - known
    names = ", ".join(SYMBOLS[number] for number in sorted(strange))
    return f"the model has no atom features for {names}" if strange else ""


def warm_up(settings: GraphSettings, note: Callable[[str], None]) -> None:
    """Compile the kernels where this machine has not done so, before workers do it side by side.

    Half a minute or so the first time after an installation, which `note` is told; then they are
    read from numba's cache.
    """
    tell_of_compiling(note)
    for row, _ in featurize([WARM_UP], CheckSettings(), settings, {}, None):
        if row.outcome is not Outcome.OK:
            raise RuntimeError(f"the crystal to warm up with: {row.message}")


def tell_of_compiling(note: Callable[[str], None]) -> None:
    """Say so where kernels must be compiled first."""
    if not is_kept(nearest):
        note("compiling, once per installation and kind of processor; half a minute or so")


def report(shard: Shard, rows: Sequence[Row], seconds: float) -> ShardReport:
    """Return what became of a shard's structures, counted."""
    outcomes = [row.outcome for row in rows]
    codes, counts = np.unique([row.code for row in rows if row.code], return_counts=True)
    return ShardReport(
        shard=shard.index,
        structures=len(rows),
        ok=outcomes.count(Outcome.OK),
        filtered=outcomes.count(Outcome.FILTERED),
        failed=outcomes.count(Outcome.FAILED),
        codes=dict(zip(codes.tolist(), counts.tolist(), strict=True)),
        seconds=seconds,
    )


@dataclass(frozen=True)
class FeaturizeTask:
    """Read, check and build the graphs of one shard; keep rows and graphs in one file."""

    folder: Path
    """Where the shard files go."""
    stamp: str
    """Hash of the plan that the shard belongs to."""
    checks: CheckSettings
    graph: GraphSettings
    known: frozenset[int] | None = None
    """Atomic numbers that the model knows; None: all."""

    def __call__(
        self, shard: Shard, documents: Sequence[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        keep_freed_memory()
        started = time.monotonic()
        results = list(featurize_ahead(documents, self.checks, self.graph, lost, self.known))
        rows = [row for row, _ in results]
        graphs = [graph for _, graph in results if graph is not None]
        arrays = stack(graphs) if graphs else {}
        write_shard(self.folder, shard, rows, (), self.stamp, arrays, GRAPHS)
        return report(shard, rows, time.monotonic() - started)

    def warm_up(self, note: Callable[[str], None]) -> None:
        """Compile what the work needs."""
        warm_up(self.graph, note)

    def attempt(self, documents: Sequence[Document]) -> None:
        """Do the same work and keep nothing; for finding out which document kills a worker."""
        for _ in featurize(documents, self.checks, self.graph, {}, self.known):
            pass
