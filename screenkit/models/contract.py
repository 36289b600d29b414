"""What every model promises, and what a target is."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.settings import Settings

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


class Target(Settings):
    """One property that a network predicts."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.+-]{0,99}$")
    """Column of the ranking, such as `co2_uptake_0.15bar_298K`."""
    unit: str = ""
    """Unit of the column; empty where it has none."""
    column: str = ""
    """Column of the label table it was learned from; empty: the same as `name`."""
    transform: Literal["identity", "log10"] = "identity"
    """What the network learns instead of the value."""
    better: Literal["max", "min"] = "max"
    """Which end of the ranking is the good one."""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target of `COLUMN[:min|max]`; a known unit at the column's end moves to unit.

        `co2_uptake_16bar_298K_mol_kg` becomes `co2_uptake_16bar_298K` in mol/kg.

        Raises:
            ValidationError: the column cannot be a target's name, or the end is neither of the two.
        """
        column, _, better = text.partition(":")
        name, unit = column, ""
        for suffix, known in _UNIT_SUFFIXES.items():
            if column.endswith(suffix):
                name, unit = column.removesuffix(suffix), known
                break
        return cls.model_validate(
            {"name": name, "unit": unit, "column": column, "better": better or "max"}
        )

    def learn(self, values: np.ndarray) -> np.ndarray:
        """Return what the network learns: `values` (any shape, in `unit`), transformed.

        Values outside the transform's domain become NaN.
        """
        if self.transform == "identity":
            return values
        return np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return predictions in `unit`: the inverse of `learn`."""
        return values if self.transform == "identity" else 10.0**values


class Model(torch.nn.Module):
    """A network over graphs: `forward(batch)` gives (B, targets), standardised.

    A model is made from its settings and the number of targets alone, so that a checkpoint can
    make it again.
    """

    settings_class: ClassVar[type[Settings]]
    """The class of its settings."""

    def __init__(self, settings: Settings, targets: int) -> None:
        super().__init__()
        self.settings = settings
        self.targets = targets

    @classmethod
    def graph_settings(cls, settings: Settings) -> GraphSettings:
        """Return the graphs that a model with these settings must be given."""
        raise NotImplementedError

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        """Return (B, targets) float32: transformed labels, standardised by the training set."""
        raise NotImplementedError
