"""Force field: what Lennard-Jones parameters the atoms of a framework and the sites of a gas have.

`find_force_field` knows those of the package (`tables/`) and reads the user's own.

Not covered: bonds, angles and torsions (frameworks and gases are rigid), polarisation, more than
one set of numbers for an element.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from screenkit.adsorption.force_field_file import ForceFieldSettings, Known, Mixing
from screenkit.crystal.elements import SYMBOLS
from screenkit.errors import CrystalError, RecipeError
from screenkit.settings import did_you_mean

KELVIN_PER_KCAL_MOL = 503.22
"""K; 1 kcal/mol over the molar gas constant, as force fields are commonly converted (4184 J)."""

_TABLES = Path(__file__).parent / "tables"
_SOURCES = {
    "uff": "Rappe et al. 1992, J. Am. Chem. Soc. 114, 10024, Table I",
    "dreiding": "Mayo, Olafson and Goddard 1990, J. Phys. Chem. 94, 8897, Table II",
    "dreiding-uff": "Mayo et al. 1990, Table II, and for other elements Rappe et al. 1992, Table I",
}


@dataclass(frozen=True, slots=True)
class Site:
    """One interaction site of a gas molecule."""

    place: float
    """Å, along the axis of the molecule, from the point that it turns about."""
    sigma: float
    """Å."""
    epsilon: float
    """K, epsilon over the Boltzmann constant."""
    charge: float = 0.0
    """e."""


@dataclass(frozen=True, slots=True)
class Gas:
    """A rigid linear molecule, or a single sphere."""

    name: str
    """As in `--gas`, such as `H2`."""
    sites: tuple[Site, ...]
    source: str
    """Where its parameters are from."""

    @property
    def is_sphere(self) -> bool:
        """Whether it has one site, at its centre, without a charge."""
        return len(self.sites) == 1 and not self.is_charged

    @property
    def is_charged(self) -> bool:
        """Whether any of its sites has a charge."""
        return any(site.charge for site in self.sites)


@dataclass(frozen=True, slots=True, eq=False)
class ForceField:
    """Lennard-Jones parameters of framework atoms by element, and the gases it knows."""

    name: str
    sigma: np.ndarray
    """(119,) float64, Å, by atomic number; NaN where there are none."""
    epsilon: np.ndarray
    """(119,) float64, K; NaN where there are none."""
    gases: tuple[Gas, ...]
    mixing: Mixing
    source: str

    def __post_init__(self) -> None:
        for array in (self.sigma, self.epsilon):
            array.setflags(write=False)

    @property
    def digest(self) -> str:
        """SHA-256 of what decides an energy: mixing, parameters, gases. Not of names of files."""
        gases = [[gas.name, [list(astuple(site)) for site in gas.sites]] for gas in self.gases]
        said = [self.mixing, self.sigma.tolist(), self.epsilon.tolist(), gases]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def gas(self, name: str) -> Gas:
        """Return a gas by its name, in capitals or not.

        Raises:
            RecipeError: this force field knows no such gas. Names those it knows.
        """
        for gas in self.gases:
            if gas.name.casefold() == name.casefold():
                return gas
        names = [gas.name for gas in self.gases]
        raise RecipeError(f"{self.name} knows no gas {name!r}", hint=_there_are(names, name))

    def pairs(self, site: Site) -> tuple[np.ndarray, np.ndarray]:
        """Return sigma (119,), Å, and epsilon (119,), K, between a gas site and each element."""
        if self.mixing == "geometric":
            sigma = np.sqrt(self.sigma * site.sigma)
        else:
            sigma = (self.sigma + site.sigma) / 2.0
        return sigma, np.sqrt(self.epsilon * site.epsilon)

    def refuse_strangers(self, numbers: np.ndarray) -> None:
        """Raise where an element of a crystal has no parameters.

        Raises:
            CrystalError: `element_without_parameters`; names the elements.
        """
        strange = [int(z) for z in np.unique(numbers) if np.isnan(self.sigma[z])]
        if strange:
            names = ", ".join(SYMBOLS[number] for number in strange)
            raise CrystalError(
                "element_without_parameters", f"{self.name} has no parameters for {names}"
            )


def find_force_field(name_or_path: str) -> ForceField:
    """Return a force field of the package by its name, or the one that a YAML file holds.

    Raises:
        RecipeError: there is no such force field, or the file is at fault; names file, line, key.
    """
    name, path = name_or_path.casefold(), Path(name_or_path)
    if name in get_args(Known):
        return _of_the_package(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return _of_the_user(path)
    raise RecipeError(
        f"there is no force field {name_or_path!r}",
        hint=f"{_there_are(get_args(Known), name)}; or give the path of a .yaml file",
    )


@functools.cache
def _of_the_package(name: str) -> ForceField:
    """Return `uff`, `dreiding`, or `dreiding-uff`: one table, or the first laid over the second."""
    sigma, epsilon = _no_parameters()
    for table in reversed(name.split("-")):
        for row in _rows(_TABLES / f"{table}.csv"):
            number = SYMBOLS.index(row["element"])
            # Rounded, so that the digest does not depend on a machine's last digit.
            sigma[number] = round(float(row["distance_A"]) / 2 ** (1 / 6), 9)
            epsilon[number] = round(float(row["depth_kcal_mol"]) * KELVIN_PER_KCAL_MOL, 9)
    return ForceField(name, sigma, epsilon, _gases(), "lorentz-berthelot", _SOURCES[name])


def _of_the_user(path: Path) -> ForceField:
    """Return the force field of a file, laid over what it extends."""
    said = ForceFieldSettings.load(path)
    sigma, epsilon = _no_parameters()
    source = said.source or path.name
    if said.extends:
        below = _of_the_package(said.extends)
        sigma, epsilon = below.sigma.copy(), below.epsilon.copy()
        source = f"{source}; otherwise {below.source}"
    for symbol, element in said.elements.items():
        number = SYMBOLS.index(symbol)
        sigma[number], epsilon[number] = element.sigma, element.epsilon
    gases = {gas.name.casefold(): gas for gas in (*_gases(), *_gases_of(said))}
    return ForceField(path.name, sigma, epsilon, tuple(gases.values()), said.mixing, source)


@functools.cache
def _gases() -> tuple[Gas, ...]:
    """Return the gases of the package."""
    return _gases_of(ForceFieldSettings.load(_TABLES / "gases.yaml"))


def _gases_of(said: ForceFieldSettings) -> tuple[Gas, ...]:
    return tuple(
        Gas(name, tuple(Site(**site.model_dump()) for site in gas.sites), gas.source)
        for name, gas in said.gases.items()
    )


def _no_parameters() -> tuple[np.ndarray, np.ndarray]:
    """Return a sigma and an epsilon that no element has."""
    return np.full(len(SYMBOLS), np.nan), np.full(len(SYMBOLS), np.nan)


def _rows(table: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table of the package, without its comments."""
    with table.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def _there_are(names: Sequence[str], name: str) -> str:
    """Return a hint for a name that is not there: the nearest, and all."""
    return " ".join(filter(None, (did_you_mean(name, names), f"there are {', '.join(names)}")))
