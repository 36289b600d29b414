"""What a force-field file may say: the YAML of `--force-field`, and of the gases that come along.

A file names elements and gases; whatever it does not name comes from the force field that it
extends, or for a gas from the package. All lengths are Å, all energies K (over k_B), all charges e.

Not covered: what becomes of it (`force_field.py`), atom types (an element has one set of numbers).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from screenkit.crystal.elements import SYMBOLS
from screenkit.recipe_yaml import Document, read_text
from screenkit.settings import Settings, one_of, worded
from screenkit.settings_yaml import read_settings

Mixing = Literal["lorentz-berthelot", "geometric"]
"""Of two sigmas the arithmetic mean, or the geometric one; of two epsilons the geometric one."""

Known = Literal["uff", "dreiding", "dreiding-uff"]
"""The force fields that come with screenkit."""

_Symbol = Annotated[str, one_of(SYMBOLS[1:], "the symbol of an element")]
_Name = Annotated[
    str, worded("[A-Za-z0-9][A-Za-z0-9_+-]{0,31}", "a name of letters, digits, `-`, `+` and `_`")
]
_CHARGE_SLIP = 1e-6  # e; how far from neutral a gas may be by the rounding of its charges


class ElementSettings(Settings):
    """Parameters between two atoms of one element."""

    sigma: float = Field(gt=0, le=10)
    """Å."""
    epsilon: float = Field(ge=0, le=10_000)
    """K."""


class SiteSettings(Settings):
    """One interaction site of a gas; without sigma and epsilon it is a bare charge."""

    place: float = Field(default=0.0, ge=-20, le=20)
    """Å, along the axis of the molecule."""
    sigma: float = Field(default=0.0, ge=0, le=10)
    """Å."""
    epsilon: float = Field(default=0.0, ge=0, le=10_000)
    """K."""
    charge: float = Field(default=0.0, ge=-10, le=10)
    """e."""

    @model_validator(mode="after")
    def _acts(self) -> SiteSettings:
        if (self.sigma > 0) != (self.epsilon > 0):
            raise ValueError("sigma and epsilon of a site are both above 0, or both left out")
        if not (self.epsilon or self.charge):
            raise ValueError("a site has sigma and epsilon, or a charge, or all three")
        return self


class GasSettings(Settings):
    """A rigid linear molecule, or a single sphere."""

    sites: tuple[SiteSettings, ...]
    """Its sites, along one axis."""
    source: str = ""
    """Where its parameters are from."""

    @field_validator("sites")
    @classmethod
    def _neutral(cls, sites: tuple[SiteSettings, ...]) -> tuple[SiteSettings, ...]:
        if not any(site.epsilon for site in sites):
            raise ValueError("a gas has at least one site with sigma and epsilon")
        charge = sum(site.charge for site in sites)
        if abs(charge) > _CHARGE_SLIP:
            raise ValueError(f"the charges of a gas sum to 0 e, these to {charge:+.6g} e")
        return sites


class ForceFieldSettings(Settings):
    """A force field, as one file says it."""

    extends: Known | None = None
    """Where the elements come from that the file does not name; None: it has no others."""
    mixing: Mixing = "lorentz-berthelot"
    """How parameters of unlike atoms come about."""
    elements: dict[_Symbol, ElementSettings] = Field(default_factory=dict)
    """Parameters by element."""
    gases: dict[_Name, GasSettings] = Field(default_factory=dict)
    """Further gases, or others of the same name as one of the package."""
    source: str = ""
    """Where the parameters are from."""

    @classmethod
    def load(cls, path: Path) -> ForceFieldSettings:
        """Read a force-field file.

        Raises:
            RecipeError: it cannot be read, is not strict YAML, holds an unknown key or a value
                out of range. Names the file, the line and the key.
        """
        return read_settings(cls, Document.parse(read_text(path), str(path)))

    @field_validator("extends", mode="before")
    @classmethod
    def _in_small_letters(cls, name: object) -> object:
        return name.casefold() if isinstance(name, str) else name

    @field_validator("gases")
    @classmethod
    def _told_apart(cls, gases: dict[str, GasSettings]) -> dict[str, GasSettings]:
        if len({name.casefold() for name in gases}) < len(gases):
            raise ValueError("two gases whose names differ in capitals only")
        return gases
