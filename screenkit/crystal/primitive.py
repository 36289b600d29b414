"""The smallest cell of a crystal, as it stands: not turned, not idealised.

Not covered: where the atoms are in it.
"""

from __future__ import annotations

import numpy as np

from screenkit.crystal.crystal import Crystal

_PRECISION = 1e-2  # Å within which an atom must meet its image; CIF rounding is 50 times less


def primitive_lattice(crystal: Crystal) -> np.ndarray:
    """Return (3, 3) float64, Å: rows span the primitive cell, Niggli-reduced.

    The rows turn with the crystal and do not depend on which cell the file chose. Where lengths or
    angles of the reduced cell are equal by symmetry, their order is that of the given cell.
    The cell of the file, reduced, is returned where no symmetry can be found.

    Source: Grosse-Kunstleve, Sauter and Adams 2004 (the reduction), by spglib.
    """
    import spglib  # slow to import, and few models ask

    cell = (crystal.lattice.tolist(), crystal.fractional.tolist(), crystal.numbers.tolist())
    found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=_PRECISION)
    lattice = crystal.lattice if found is None else np.asarray(found[0])
    reduced = spglib.niggli_reduce(lattice)
    return np.asarray(lattice if reduced is None else reduced, dtype=np.float64)
