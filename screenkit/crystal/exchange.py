"""Crystal <-> pymatgen's Structure: the only door for pymatgen, off the road of a screening.

Not covered: disordered sites, isotopes, magnetic moments, velocities, and site properties other
than charges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS
from screenkit.errors import CrystalError


def to_pymatgen(crystal: Crystal) -> Any:
    """Return the same crystal as a `pymatgen.core.Structure`, atoms in the same order.

    Charges become the site property `charge`, e. The name and the warnings go to `properties`.
    """
    from pymatgen.core import Lattice, Structure

    site_properties = None if crystal.charges is None else {"charge": crystal.charges.tolist()}
    return Structure(
        Lattice(crystal.lattice),
        [SYMBOLS[number] for number in crystal.numbers],
        crystal.positions,
        coords_are_cartesian=True,
        site_properties=site_properties,
        properties={"name": crystal.name, "warnings": list(crystal.warnings)},
    )


def from_pymatgen(structure: Any, name: str = "") -> Crystal:
    """Return a Crystal from an ordered `pymatgen.core.Structure`, atoms in the same order.

    Oxidation states are left out. The site property `charge` is kept where every site has one.
    Atoms are wrapped into the cell. Without `name`, the name that `to_pymatgen` left is taken.

    Raises:
        CrystalError: no_structure (no sites), partial_occupancy (a disordered site), dummy_atom
            (a species that is no element), bad_cell (the lattice has no volume).
    """
    if not len(structure):
        raise CrystalError("no_structure", "the structure has no sites")
    disordered = sum(not site.is_ordered for site in structure)
    if disordered:
        raise CrystalError("partial_occupancy", f"{disordered} site(s) are disordered")
    lattice = np.array(structure.lattice.matrix, dtype=np.float64)
    fractional = np.array(structure.frac_coords, dtype=np.float64)
    if not (np.isfinite(fractional).all() and np.isfinite(lattice).all()):
        raise CrystalError("bad_number", "a coordinate or cell vector is not finite")
    if abs(np.linalg.det(lattice)) < 1e-6:
        raise CrystalError("bad_cell", "the lattice has no volume")
    fractional -= np.floor(fractional)
    fractional[fractional >= 1.0] = 0.0
    return Crystal(
        name=name or str((getattr(structure, "properties", None) or {}).get("name", "")),
        numbers=np.array([_number(site.specie) for site in structure], dtype=np.int16),
        positions=fractional @ lattice,
        lattice=lattice,
        charges=_charges(structure),
    )


def _number(species: Any) -> int:
    from pymatgen.core import DummySpecies

    if isinstance(species, DummySpecies) or not 1 <= int(species.Z) < len(SYMBOLS):
        raise CrystalError("dummy_atom", "a site holds no element")
    return int(species.Z)


def _charges(structure: Any) -> np.ndarray | None:
    values = structure.site_properties.get("charge")
    if values is None or any(value is None for value in values):
        return None
    return np.array(values, dtype=np.float64)
