"""Documents -> rows: read each, find its neighbours, and do with it what a task does.

Whatever happens to one structure ends in its row; nothing that it does stops the others.

Not covered: rows of several structures at once (`tasks/predict.py` batches them).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.neighbors import Neighbors, Ties, find_neighbors
from screenkit.errors import CrystalError
from screenkit.store.row import Row

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def admit(
    documents: Sequence[Document],
    lost: Mapping[str, str],
    work: Callable[[Crystal, Neighbors], _Result],
    k: int,
    ties: Ties = "environment",
) -> Iterator[tuple[Row, _Result | None]]:
    """Yield each document's row, and what `work` made of it where the outcome is `ok`.

    Args:
        lost: names that killed their worker, and how; they are not tried again.
        work: raises CrystalError where a structure goes no further.
        k: nearest neighbours of each atom that `work` is given.
        ties: as in `find_neighbors`.
    """
    for document in documents:
        if document.name in lost:
            yield Row(document.name).stopped("worker_lost", lost[document.name]), None
        else:
            yield _admit_one(document, work, k, ties)


def _admit_one(
    document: Document, work: Callable[[Crystal, Neighbors], _Result], k: int, ties: Ties
) -> tuple[Row, _Result | None]:
    known: dict[str, Any] = {}
    try:
        crystal = read_cif(document.read(), document.name)
        known = {
            "warnings": " ".join(crystal.warnings),
            "n_atoms": len(crystal),
            "volume": crystal.volume,
            "density": crystal.density,
        }
        neighbors = find_neighbors(crystal, k, ties)
        known["minimum_distance"] = float(neighbors.distances.min())
        return Row(document.name, **known), work(crystal, neighbors)
    except CrystalError as error:
        row = Row(document.name, **known)
        return row.stopped(error.code, error.message, error.outcome), None
    except MemoryError:
        message = f"{document.place} needs more memory than this worker has"
        return Row(document.name, **known).stopped("out_of_memory", message), None
    except Exception as error:  # noqa: BLE001  our fault, but no reason to lose the other rows
        _log.exception("unexpected error in %s", document.place)
        message = f"a fault of screenkit, please report it with the file: {type(error).__name__}"
        return Row(document.name, **known).stopped("internal_error", message), None
