"""The columns of a shard file and of `predictions.h5`: name on disk, type, unit, meaning.

Both kinds of file hold one dataset per column, of equal length, in library order, and a group
`predictions` with one float32 dataset per target. Texts are UTF-8 of a fixed number of bytes.
Both begin with the seal of `store/seal.py`, which HDF5 takes for a user block: `h5py.File(path)`
opens them.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1
"""Raised when a column changes its name, type or meaning."""

PREDICTIONS = "predictions"
"""Group of the targets; each has the attributes `unit` and `better`."""

MESSAGE_LIMIT = 500
"""Bytes of `message`; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class Column:
    """One dataset."""

    name: str
    """On disk."""
    field: str
    """Of `Row`."""
    dtype: str
    """numpy type; `text` for UTF-8."""
    unit: str
    doc: str


COLUMNS = (
    Column("name", "name", "text", "", "path below the source, without .cif"),
    Column("outcome", "outcome", "text", "", "ok, filtered or failed"),
    Column("code", "code", "text", "", "why it is not ok, in one word; empty where it is"),
    Column("message", "message", "text", "", "why it is not ok, in a sentence"),
    Column("warnings", "warnings", "text", "", "codes of what was odd but accepted"),
    Column("n_atoms", "n_atoms", "int32", "", "atoms in the cell; 0 where not known"),
    Column("volume_A3", "volume", "float64", "Å^3", "cell volume; NaN where not known"),
    Column("density_g_cm3", "density", "float64", "g/cm^3", "crystal density"),
    Column("minimum_distance_A", "minimum_distance", "float64", "Å", "shortest distance"),
    Column(
        "frame_ambiguous_fraction",
        "frame_ambiguous_fraction",
        "float32",
        "",
        "share of atoms whose local frame hangs on a tie",
    ),
)

RESERVED = frozenset({c.name for c in COLUMNS} | {c.field for c in COLUMNS})
"""What a target cannot be called, because a column already is."""
