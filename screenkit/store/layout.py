"""The columns of the files of a run: name on disk, type, unit, meaning.

A shard file and `predictions.h5` hold one dataset per column, of equal length, in library order,
and a group with one dataset per target, as the `Product` of the run says; `atoms.h5` has two groups
of columns. Texts are UTF-8 of a fixed number of bytes. All begin with the seal of `store/seal.py`,
which HDF5 takes for a user block: `h5py.File(path)` opens them.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1
"""Raised when a column changes its name, type or meaning."""

MESSAGE_LIMIT = 500
"""Bytes of `message`; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class Column:
    """One dataset."""

    name: str
    """On disk."""
    field: str
    """Of `Row`; in `atoms.h5` the array of a shard, empty where it is counted there."""
    dtype: str
    """numpy type; `text` for UTF-8."""
    unit: str
    doc: str
    shape: tuple[int, ...] = ()
    """Of one entry."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a run makes of its structures, beside the columns that all runs share."""

    name: str
    """Group of the targets, and stem of the merged file."""
    dtype: str
    """Of each target."""
    command: str
    """Of screenkit, which makes it."""

    @property
    def file(self) -> str:
        """Name of the merged file in the run's folder."""
        return f"{self.name}.h5"


PREDICTIONS = Product("predictions", "float32", "rank")
"""Targets have the attributes `unit` and `better`."""
LABELS = Product("labels", "float64", "label")
"""Targets have the attributes `unit` and `meaning`."""
CLEAN = Product("clean", "float64", "clean")
"""Likewise; of a row that is not `ok`, too, where they were measured."""
GRAPHS = Product("graphs", "float32", "featurize")
"""No targets: the graphs themselves stand in the shards."""

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

SPREAD, LOW, HIGH = "_std", "_low", "_high"
"""What the columns end in that say how sure a prediction is: spread over members, interval."""
OOD_DISTANCE, OOD = "ood_distance", "ood"
"""Distance from the training set, 1 at the threshold; and whether it is above 1."""
CALIBRATION = "calibration.json"
"""What a run knows of structures that the model has not learned from."""
EMBEDDING = "embedding"
"""The dataset (structures, E) float16 of `predictions.h5`: structures as a network sees them."""

RESERVED = frozenset({c.name for c in COLUMNS} | {c.field for c in COLUMNS})
"""What a target cannot be called, because a column already is."""

STRUCTURES, ATOMS = "structures", "atoms"
"""Groups of `atoms.h5`."""

ATOMS_COLUMNS = {
    STRUCTURES: (
        Column("name", "", "text", "", "path below the source, without .cif"),
        Column("n_atoms", "", "int32", "", "atoms in the cell"),
        Column("first_atom", "", "int64", "", "row of its first atom in the group atoms"),
        Column(
            "lattice",
            "lattice",
            "float64",
            "Å",
            "rows are the cell vectors a, b, c, Cartesian",
            (3, 3),
        ),
    ),
    ATOMS: (
        Column("number", "number", "int16", "", "atomic number"),
        Column(
            "fractional", "fractional", "float64", "", "fractional coordinates along a, b, c", (3,)
        ),
        Column(
            "environment",
            "environment",
            "text",
            "",
            "element and what is bonded to it, such as Zn-O4",
        ),
        Column("site", "site", "text", "", "A, B or X in a perovskite ABX3; empty in all else"),
    ),
}
"""Columns of each group of `atoms.h5`, beside `structures/predictions` and `atoms/weights`."""
