"""Label the structures of one shard: what physics says of each of them, without any model.

`Physics` is what is asked, and knows the columns that answer it; `LabelTask` asks it of a shard.

Not covered: adsorption at pressures where molecules meet each other.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import ForceField, Gas, find_force_field
from screenkit.adsorption.helium import helium_void_fraction
from screenkit.adsorption.henry import Henry, measure_henry, misses, mol_per_kg_pa
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.neighbors import Neighbors
from screenkit.crystal.pores import MEANINGS, PoreSettings, measure_pores
from screenkit.crystal.topology import (
    PROPERTIES,
    PropertyName,
    TopologySettings,
    measure_topology,
)
from screenkit.errors import UsageError
from screenkit.store.layout import LABELS
from screenkit.store.row import Row
from screenkit.tasks.admit import admit
from screenkit.tasks.rows import RowsTask

LabelProperty = Literal["pores", "min-bond-length", "percolation-radius", "largest-li-site"]
"""What can be asked beside Henry coefficients: `pores`, and those of `crystal/topology.py`."""

_NEIGHBORS = 12  # of each atom, among which overlaps are looked for

_HENRY = {
    "henry": ("", "concentration in the cell over that of the gas, at infinite dilution"),
    "log_henry": ("", "log10 of henry"),
    "log1p_henry": ("", "log10 of 1 + henry"),
    "kh": (
        "mol/(kg Pa)",
        "amount adsorbed over mass of framework and pressure, at infinite dilution",
    ),
    "log_kh": ("log10(mol/(kg Pa))", "log10 of kh"),
    "heat": ("kJ/mol", "isosteric heat of adsorption at infinite dilution"),
    "error": ("", "relative error of henry, as the refinement of the grid shows it"),
}
"""Unit and meaning of what stands before `_H2_77K` in the name of a column."""

_PORES = MEANINGS | {
    "helium_void_fraction": ("", "Henry coefficient of He at 298.15 K, in UFF"),
}
"""Labels of pores, their units and meanings."""


def henry_column(kind: str, gas: str, temperature: float) -> str:
    """Return the name of a column, such as `log_henry_H2_298.15K`."""
    return f"{kind}_{gas}_{temperature:.10g}K"


@dataclass(frozen=True, eq=False)
class Physics:
    """What is asked of each structure, and with which parameters."""

    adsorption: AdsorptionSettings
    field: ForceField | None
    """None where no gas is asked for."""
    gases: tuple[Gas, ...]
    """Those of `adsorption.gases`."""
    properties: tuple[LabelProperty, ...]
    pores: PoreSettings
    topology: TopologySettings

    @classmethod
    def choose(
        cls,
        adsorption: AdsorptionSettings,
        properties: Sequence[LabelProperty],
        pores: PoreSettings,
        topology: TopologySettings,
    ) -> Physics:
        """Return what some settings ask for.

        Raises:
            UsageError: they ask for nothing, or twice for the same; or for a gas at no temperature.
            RecipeError: there is no such force field or gas.
        """
        names, temperatures = adsorption.gases, adsorption.temperatures
        if not names and not temperatures and not properties:
            raise UsageError(
                "nothing to compute: neither --gas nor --property is given",
                hint="such as --gas H2 --temperature 77, or --property pores",
            )
        if names and not temperatures:
            raise UsageError(
                f"--gas {names[0]} needs --temperature, which has no default: between 77 and 298 K "
                "a Henry coefficient changes by orders of magnitude",
                hint=f"such as --gas {names[0]} --temperature 298.15",
            )
        if temperatures and not names:
            raise UsageError(
                f"--temperature {temperatures[0]:g} needs --gas", hint="such as --gas H2"
            )
        field = find_force_field(adsorption.force_field) if names else None
        gases = tuple(field.gas(name) for name in names) if field else ()
        _refuse_twice("--gas", [gas.name for gas in gases])
        _refuse_twice("--temperature", [f"{temperature:.10g}" for temperature in temperatures])
        _refuse_twice("--property", properties)
        if adsorption.device != "cpu":
            from screenkit.tasks.predict import resolve_device  # torch wakes here

            resolve_device(adsorption.device)
        return cls(adsorption, field, gases, tuple(properties), pores, topology)

    @property
    def targets(self) -> list[dict[str, str]]:
        """`name`, `unit` and `meaning` of each label, in the order of `measure`."""
        found = [
            _target(henry_column(kind, gas.name, temperature), unit, meaning)
            for gas in self.gases
            for temperature in self.adsorption.temperatures
            for kind, (unit, meaning) in _HENRY.items()
        ]
        return found + self.other_targets

    @property
    def other_targets(self) -> list[dict[str, str]]:
        """Those that are of no gas."""
        pores = _PORES.items() if "pores" in self.properties else ()
        found = [_target(name, unit, meaning) for name, (unit, meaning) in pores]
        for name in self._topological:
            known = PROPERTIES[name]
            found.append(_target(name.replace("-", "_"), known.unit, known.meaning))
        return found

    def measure(self, crystal: Crystal) -> tuple[np.ndarray, list[str]]:
        """Return (targets,) float64, NaN where there is no such label, and warnings that say why.

        Raises:
            CrystalError: the structure cannot be measured, such as `element_without_parameters`.
        """
        parts, warnings = [], []
        if self.field:
            temperatures = self.adsorption.temperatures
            henry = measure_henry(crystal, self.gases, temperatures, self.field, self.adsorption)
            parts.append(_henry_values(henry, crystal.density, np.array(temperatures)))
            if misses(henry.log10_coefficient, henry.error, self.adsorption.tolerance).any():
                warnings.append("tolerance_not_reached")
        if "pores" in self.properties:
            pores = dataclasses.asdict(measure_pores(crystal, self.pores))
            pores["helium_void_fraction"] = helium_void_fraction(crystal)
            parts.append(np.array([pores[name] for name in _PORES]))
        values, missing = measure_topology(crystal, self._topological, self.topology)
        values = np.concatenate([*parts, values])
        if np.isinf(values).any():
            values = np.where(np.isinf(values), np.nan, values)
            warnings.append("label_out_of_range")
        return values, [*warnings, *missing]

    def count_devices(self) -> int:
        """Return among how many CUDA devices the work may be divided."""
        if not self.field or self.adsorption.device == "cpu":
            return 0
        from screenkit.tasks.predict import count_devices  # torch wakes here

        return count_devices(self.adsorption.device)

    def said(self) -> dict[str, Any]:
        """Return all that may change a number, for a plan."""
        apart = {"force_field", "gases", "device"}
        adsorption = self.adsorption.model_dump(mode="json", exclude=apart)
        return {
            "adsorption": adsorption if self.field else None,
            "force_field": self.field.digest if self.field else None,
            "gases": [gas.name for gas in self.gases],
            "properties": list(self.properties),
            "pores": self.pores.model_dump(mode="json") if "pores" in self.properties else None,
            "topology": self.topology.model_dump(mode="json") if self._topological else None,
        }

    @property
    def _topological(self) -> list[PropertyName]:
        return [name for name in self.properties if name != "pores"]


def _refuse_twice(option: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"{option} {value} is given twice", hint="leave one of them out")


def _target(name: str, unit: str, meaning: str) -> dict[str, str]:
    return {"name": name, "unit": unit, "meaning": meaning}


def _henry_values(henry: Henry, density: float, temperatures: np.ndarray) -> np.ndarray:
    """Return (G * T * kinds,) float64: for each gas and temperature what `_HENRY` names.

    What is a logarithm comes from logarithms: there, nothing underflows.
    """
    log = henry.log10_coefficient
    per_unit = mol_per_kg_pa(np.ones(len(temperatures)), temperatures, density)
    columns = {
        "henry": henry.coefficient,
        "log_henry": log,
        "log1p_henry": np.logaddexp(0.0, log * math.log(10)) / math.log(10),
        "kh": henry.coefficient * per_unit,
        "log_kh": log + np.log10(per_unit),
        "heat": henry.heat,
        "error": henry.error,
    }
    return np.stack([columns[kind] for kind in _HENRY], axis=-1).ravel()


@dataclass(frozen=True)
class LabelTask(RowsTask):
    """Label the structures of one shard."""

    product = LABELS

    checks: CheckSettings
    physics: Physics

    @property
    def targets(self) -> Sequence[Mapping[str, str]]:
        return self.physics.targets

    def rows(self, documents: Sequence[Document], lost: Mapping[str, str]) -> list[Row]:
        def label(crystal: Crystal, neighbors: Neighbors) -> tuple[np.ndarray, list[str]]:
            check(crystal, neighbors, self.checks)
            return self.physics.measure(crystal)

        rows = []
        for row, found in admit(documents, lost, label, _NEIGHBORS):
            if found is not None:
                values, warnings = found
                told = " ".join([*row.warnings.split(), *warnings])
                row = dataclasses.replace(row, values=tuple(values.tolist()), warnings=told)
            rows.append(row)
        return rows
