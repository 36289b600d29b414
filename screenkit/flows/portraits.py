"""Portraits: what the structures of a run look like, drawn small.

From an explanation in the run's folder, where there is one, with weights as colours; else read
again from the sources.

Not covered: structures whose sources are gone; whoever asks is told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.library import Library
from screenkit.errors import CrystalError
from screenkit.report.miniature import MOST_ATOMS, draw_miniature
from screenkit.report.shortlist_table import Portrait
from screenkit.store.atoms_file import ATOMS_FILE, Weighed, read_atoms

EXPLANATION = "explain"
"""Folder in that of a run where `screenkit explain RUN` writes."""
_TOGETHER = 64  # structures in memory


def portraits(
    library: Library, names: Sequence[str], draw: int, weighed: Iterable[Weighed] = ()
) -> dict[str, Portrait]:
    """Return what some structures look like, by name.

    Args:
        library: holds them.
        names: the best first; one that is not there, or cannot be read, is left out.
        draw: how many of the first are drawn.
        weighed: atoms with weights, which colour the drawing.

    Raises:
        SourceError: the library cannot be read.
    """
    first = set(names[:draw])
    found = {
        one.name: _portrait(one.crystal, one.name in first, one.weights, one.signed)
        for one in weighed
    }
    missing = set(names) - set(found)
    if missing:
        for crystal in _read(library.keep(missing)):
            found[crystal.name] = _portrait(crystal, crystal.name in first)
    return {name: found[name] for name in names if name in found}


def weighed_of(run: Path, names: Sequence[str], target: str) -> list[Weighed]:
    """Return the atoms of those structures that an explanation in a run's folder has weighed.

    Raises:
        StorageError: its file is damaged.
    """
    path = run / EXPLANATION / ATOMS_FILE
    return list(read_atoms(path, set(names), target)) if path.is_file() else []


def _read(library: Library) -> Iterator[Crystal]:
    spans = [(i, min(i + _TOGETHER, len(library))) for i in range(0, len(library), _TOGETHER)]
    for documents in library.deliver(spans):
        for document in documents:
            try:
                yield read_cif(document.read(), document.name)
            except CrystalError:
                continue  # it was readable when it was ranked; its row has no picture


def _portrait(
    crystal: Crystal, draw: bool, weights: np.ndarray | None = None, signed: bool = False
) -> Portrait:
    counts = crystal.formula()
    first = ("C", "H") if "C" in counts else ()
    order = sorted(counts, key=lambda symbol: (-(symbol in first), symbol))
    formula = " ".join(f"{s}{counts[s] if counts[s] > 1 else ''}" for s in order)
    drawing = ""
    if draw and len(crystal) <= MOST_ATOMS:
        drawing = draw_miniature(crystal, weights, signed)
    return Portrait(formula, tuple(order), drawing, bool(drawing) and weights is not None)
