"""Target: one property that a network predicts, and what it learns in its place."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import numpy as np

from screenkit.settings import Settings, worded

_UNIT_SUFFIXES = {
    "_mol_kg_Pa": "mol/(kg Pa)",
    "_mol_kg": "mol/kg",
    "_mmol_g": "mmol/g",
    "_cm3STP_g": "cm3(STP)/g",
    "_cm3STP_cm3": "cm3(STP)/cm3",
    "_g_cm3": "g/cm3",
    "_kJ_mol": "kJ/mol",
    "_eV_atom": "eV/atom",
    "_eV": "eV",
}


CONDITION = r"(<=|>=|<|>) ?-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""What makes a value a class."""


class Target(Settings):
    """One property that a network predicts."""

    name: Annotated[
        str, worded(r"[A-Za-z_][A-Za-z0-9_.+-]{0,99}", "up to 100 letters, digits and _.+-")
    ]
    """Column of the ranking, such as `co2_uptake_0.15bar_298K`."""
    unit: str = ""
    """Unit of the column; empty where it has none."""
    column: str = ""
    """Column of the label table it was learned from; empty: the same as `name`."""
    transform: Literal["identity", "log10"] = "identity"
    """What the network learns instead of the value."""
    better: Literal["max", "min"] = "max"
    """Which end of the ranking is the good one."""
    class_if: Annotated[
        str, worded(f"({CONDITION})?", "<, <=, > or >= and a number, such as >2.5")
    ] = ""
    """Makes the target a class: a structure belongs to it if its label is so, such as `>2.5` or
    `<=0`. The network then predicts the probability of belonging; the unit is that of the label."""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target of `COLUMN[>NUMBER][:min|max]`; a known unit at the end moves to unit.

        `co2_uptake_16bar_298K_mol_kg` becomes `co2_uptake_16bar_298K` in mol/kg; with `>5` behind
        it, it becomes the class of those with more than 5 mol/kg. What cannot stand in a name
        becomes `_`: `Uptake [mol/kg]` is learned as `Uptake_mol_kg`.

        Raises:
            ValidationError: what stands behind the column is no condition, or neither end.
        """
        label, _, better = text.partition(":")
        column = re.split(r"[<>]", label, maxsplit=1)[0]
        name, unit = column, ""
        for suffix, known in _UNIT_SUFFIXES.items():
            if column.endswith(suffix):
                name, unit = column.removesuffix(suffix), known
                break
        return cls.model_validate(
            {
                "name": _name(name),
                "unit": unit,
                "column": column,
                "better": better or "max",
                "class_if": label.removeprefix(column),
            }
        )

    @property
    def is_class(self) -> bool:
        """Whether the prediction is a probability."""
        return bool(self.class_if)

    def learn(self, values: np.ndarray) -> np.ndarray:
        """Return what the network learns: `values` (any shape, in `unit`), transformed.

        For a class: 1 inside, 0 outside. Values outside the transform's domain become NaN.
        """
        if self.is_class:
            return self._members(values)
        if self.transform == "identity":
            return values
        return np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return predictions: in `unit`, the inverse of `learn`; for a class, its probability."""
        if self.is_class:
            return np.exp(-np.logaddexp(0.0, -values))
        return values if self.transform == "identity" else 10.0**values

    def _members(self, values: np.ndarray) -> np.ndarray:
        sign = self.class_if.rstrip("0123456789.eE+- ")
        bound = float(self.class_if.removeprefix(sign))
        inside = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[sign]
        return np.where(np.isfinite(values), inside(values, bound).astype(np.float64), np.nan)


def _name(column: str) -> str:
    """Return the nearest text to a column's heading that can be a target's name."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", column).strip("_")[:99]
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"
