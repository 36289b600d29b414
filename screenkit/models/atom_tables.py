"""The first numbers of an atom, by its element: the two tables of CGCNN (Xie and Grossman 2018),
and one of plain numbers.

The former two are blocks of zeros with a single one, from `tables/cgcnn_elements.csv`, which names
its sources. A value that is not known leaves its block empty. The third, `property_table`, has
every element.

Not covered: elements beyond fermium (100) in the former two; they are refused by name.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from screenkit.adsorption.force_field import find_force_field
from screenkit.crystal.elements import (
    ATOMIC_MASSES,
    COVALENT_RADII,
    ELECTRONEGATIVITIES,
    GROUPS,
    IONIC_RADII,
    IS_METAL,
    PERIODS,
    SYMBOLS,
    VAN_DER_WAALS_RADII,
)
from screenkit.errors import DataError

_FILE = Path(__file__).parent / "tables" / "cgcnn_elements.csv"

_PUBLISHED = {
    "group": (0, 19),
    "period": (1, 7),
    "electronegativity_class": (1, 10),
    "radius_class": (1, 10),
    "valence_electrons": (1, 12),
    "ionization_class": (1, 10),
    "affinity_class": (1, 10),
    "block": (0, 4),
    "volume_class": (1, 10),
}
"""Blocks of the published table, in order: where the count begins, and the number of columns."""

_RANGES = {
    "electronegativity": (0.5, 4.0, False),
    "radius_pm": (25.0, 250.0, False),
    "ionization_energy_eV": (1.3, 3.3, True),
    "electron_affinity_eV": (-3.0, 3.7, False),
    "molar_volume_cm3_mol": (1.5, 4.3, True),
}
"""Continuous properties of table II of the supplement, ten classes each: range, and whether it is
that of the natural logarithm."""
_CLASSES = 10
_LISTED = ("ionization_energy_eV", "electron_affinity_eV", "valence_electrons")


def bin_of(value: float, low: float, high: float, classes: int) -> int:
    """Return the class, 0 to `classes` - 1, of a value; one outside the range goes to the end."""
    place = math.floor((value - low) / (high - low) * classes + 1e-9)
    return min(max(place, 0), classes - 1)


@functools.cache
def _rows() -> dict[int, dict[str, str]]:
    with _FILE.open(newline="", encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("#")]
    return {int(row["number"]): row for row in csv.DictReader(lines)}


def published_table() -> np.ndarray:
    """Return (119, 92) float32: the features that CGCNN's published weights were trained on.

    Row = atomic number; rows without a one are elements that the table does not know.
    """
    table = np.zeros((len(SYMBOLS), sum(width for _, width in _PUBLISHED.values())), np.float32)
    for z, row in _rows().items():
        start = 0
        for name, (first, width) in _PUBLISHED.items():
            text = row[name]
            if text:
                place = "spdf".index(text) if name == "block" else int(text) - first
                table[z, start + place] = 1.0
            start += width
    return table


def supplement_table() -> np.ndarray:
    """Return (119, 93) float32: the features of table II of the supplement.

    18 groups, 9 periods (lanthanides are period 8, actinides 9, both without a group), then
    electronegativity, covalent radius (Cordero), valence electrons, ionization energy, electron
    affinity, block, molar volume.
    """
    table = np.zeros((len(SYMBOLS), 93), np.float32)
    for z, row in _rows().items():
        group, period = int(row["group"]), int(row["period"])
        period = period if group else period + 2
        values: Mapping[str, str] = row | {
            "radius_pm": str(100.0 * COVALENT_RADII[z]),
            "electronegativity": str(ELECTRONEGATIVITIES[z] or ""),
        }

        def one(name: str, start: int, z: int = z, values: Mapping[str, str] = values) -> None:
            low, high, logarithmic = _RANGES[name]
            if values[name]:
                value = float(values[name])
                value = math.log(value) if logarithmic else value
                table[z, start + bin_of(value, low, high, _CLASSES)] = 1.0

        if group:
            table[z, group - 1] = 1.0
        table[z, 18 + period - 1] = 1.0
        one("electronegativity", 27)
        one("radius_pm", 37)
        table[z, 47 + int(row["valence_electrons"]) - 1] = 1.0
        one("ionization_energy_eV", 59)
        one("electron_affinity_eV", 69)
        table[z, 79 + "spdf".index(row["block"])] = 1.0
        one("molar_volume_cm3_mol", 83)
    return table


def property_table() -> np.ndarray:
    """Return (119, 36) float32: what tables say of each element, so that rare ones are like others.

    A one for the group (18) and for the period (7), a one for a metal, and ten numbers, each less
    its mean over the elements, over its deviation: electronegativity, radii (covalent, ionic, van
    der Waals), logarithms of the mass, of UFF's sigma and epsilon and of the ionization energy,
    electron affinity, valence electrons. A number that is not known is 0, the mean.
    """
    field = find_force_field("uff")
    listed = {name: np.full(len(SYMBOLS), np.nan) for name in _LISTED}
    for z, row in _rows().items():
        for name, column in listed.items():
            column[z] = float(row[name] or "nan")
    known = np.where(ELECTRONEGATIVITIES > 0, ELECTRONEGATIVITIES, np.nan)
    masses = np.append(np.nan, ATOMIC_MASSES[1:])
    logarithms = [masses, field.sigma, field.epsilon, listed["ionization_energy_eV"]]
    numbers = np.stack(
        [
            *(known, COVALENT_RADII, IONIC_RADII, VAN_DER_WAALS_RADII),
            *(np.log(column) for column in logarithms),
            *(listed["electron_affinity_eV"], listed["valence_electrons"]),
        ],
        axis=1,
    )[1:]
    numbers = (numbers - np.nanmean(numbers, axis=0)) / np.nanstd(numbers, axis=0)
    groups, periods = np.eye(18)[GROUPS[1:] - 1], np.eye(7)[PERIODS[1:] - 1]
    rows = np.hstack([groups, periods, IS_METAL[1:, None], np.nan_to_num(numbers)])
    return np.vstack([np.zeros(rows.shape[1]), rows]).astype(np.float32)


class AtomTable(nn.Module):
    """A fixed row of numbers for each element; elements without one are refused."""

    table: torch.Tensor
    """(119, D) float32. Row = atomic number; a row of zeros is an element without features."""

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(table))

    @property
    def width(self) -> int:
        """D, numbers per atom."""
        return self.table.shape[1]

    @property
    def elements(self) -> frozenset[int]:
        """The atomic numbers it has a row for."""
        return frozenset(self.table.any(dim=1).nonzero().flatten().tolist())

    def forward(self, species: torch.Tensor) -> torch.Tensor:
        """Return (N, D) float32 from atomic numbers (N,).

        Raises:
            DataError: an element has no row.
        """
        rows = nn.functional.embedding(species, self.table)
        if not bool(rows.any(dim=1).all()):
            strange = sorted(set(species[~rows.any(dim=1)].tolist()))
            names = ", ".join(SYMBOLS[z] for z in strange)
            raise DataError(
                f"the table of atom features has no row for {names}",
                hint="leave such structures out, or take a network that learns its elements",
            )
        return rows
