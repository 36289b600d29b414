"""One GCMC simulation by raspalib (RASPA3), in a process of its own.

    python -m screenkit.gcmc.raspalib_child FOLDER

Reads the deck in FOLDER as `raspa3.py` wrote it; the last line on stdout is what it found, as JSON
(`outcome.py`: Found). raspalib keeps global state, and its nanobind clashes with that of gemmi
(segmentation fault): nothing of the package but this file may be imported beside it.

What raspalib 3.1.0 wants: angles of the cell in radians (its stubs say degrees), framework atoms
fractional with Hall number 1, atoms of a molecule Cartesian.

Not covered: taking up a simulation that was stopped within; it begins anew.
"""

from __future__ import annotations

import ctypes
import json
import math
import signal
import sys
import time
from pathlib import Path
from typing import Any

_KJ_MOL = 8.31446261815324e-3  # of one K
_PR_SET_PDEATHSIG = 1  # prctl(2)
_CARRIER = 6  # an atomic number, which no energy depends on


def simulate(folder: Path) -> dict[str, Any]:
    """Run the deck in a folder, and return what it found."""
    import raspalib

    said = _load(folder / "simulation.json")
    of_field = _load(folder / "force_field.json")
    (system_said,), (gas_said,) = said["Systems"], said["Components"]
    names = [atom["name"] for atom in of_field["PseudoAtoms"]]
    field = _field(raspalib, of_field, system_said["ChargeMethod"] == "Ewald")
    blocks = said["NumberOfBlocks"]
    gas = _gas(raspalib, field, names, of_field, gas_said, folder, blocks)
    system = raspalib.System(
        field,
        external_temperature=system_said["ExternalTemperature"],
        external_pressure=system_said["ExternalPressure"],
        framework_components=_framework(raspalib, field, names, folder, system_said),
        components=[gas],
        initial_number_of_molecules=[0],
        number_of_blocks=blocks,
    )
    cycles, before = said["NumberOfCycles"], said["NumberOfInitializationCycles"]
    system.set_property_number_of_molecules_evolution(
        raspalib.PropertyNumberOfMoleculesEvolution(before + cycles, 1, 1, None)
    )
    sampling = raspalib.MonteCarlo(
        cycles,
        before,
        0,
        systems=[system],
        random_seed=said["RandomSeed"],
        number_of_blocks=blocks,
    )
    started = time.process_time()
    sampling.run()
    found = _found(sampling.systems[0], cycles)
    return {
        **found,
        "engine": "raspa3",
        "version": raspalib.__version__,
        "seconds": round(time.process_time() - started, 3),
    }


def _found(system: Any, cycles: int) -> dict[str, Any]:
    """Return molecules in the box, heat and how the number of molecules went."""
    (molecules,), (error,) = (part.number_of_molecules for part in system.average_loadings.result())
    ((enthalpy, enthalpy_error),) = system.average_enthalpies_of_adsorption.result()
    counts = [int(n) for n in system.property_number_of_molecules_evolution.result[0]][-cycles:]
    half = max(1, len(counts) // 2)
    return {
        "cycles": len(counts),
        "molecules": molecules,
        "molecules_error": error,
        "halves": [sum(part) / len(part) for part in (counts[:half], counts[-half:])],
        "heat": _finite(-enthalpy * _KJ_MOL),
        "heat_error": _finite(enthalpy_error * _KJ_MOL),
    }


def _field(raspalib: Any, said: dict[str, Any], charged: bool) -> Any:
    rules = {
        "Lorentz-Berthelot": raspalib.ForceField.MixingRule.LORENTZ_BERTHELOT,
        "Jorgensen": getattr(raspalib.ForceField.MixingRule, "JORGENSEN", None),
    }
    rule = rules[said["MixingRule"]]
    if rule is None:
        raise ValueError(f"raspalib knows no mixing rule {said['MixingRule']}")
    return raspalib.ForceField(
        [
            raspalib.PseudoAtom(a["name"], a["framework"], a["mass"], a["charge"], 0.0, _CARRIER)
            for a in said["PseudoAtoms"]
        ],
        [raspalib.VDWParameters(*pair["parameters"]) for pair in said["SelfInteractions"]],
        rule,
        said["CutOffVDW"],
        said["CutOffVDW"],
        said["CutOffCoulomb"],
        shifted=said["TruncationMethod"] == "shifted",
        tail_corrections=said["TailCorrections"],
        use_charge=charged,
    )


def _framework(
    raspalib: Any, field: Any, names: list[str], folder: Path, said: dict[str, Any]
) -> Any:
    """Return the framework of a CIF of ours: tags, then one loop of seven-column rows."""
    tags, atoms = {}, []
    for line in (folder / f"{said['Name']}.cif").read_text("ascii").splitlines():
        words = line.split()
        if len(words) == 2 and words[0].startswith("_cell_"):
            tags[words[0]] = float(words[1])
        elif len(words) == 6 and words[0] in names:
            x, y, z, charge = map(float, words[2:])
            atoms.append(raspalib.Atom([x, y, z], charge, 1.0, 0, names.index(words[0])))
    lengths = [tags[f"_cell_length_{axis}"] for axis in "abc"]
    angles = [math.radians(tags[f"_cell_angle_{axis}"]) for axis in ("alpha", "beta", "gamma")]
    box = raspalib.SimulationBox(*lengths, *angles)
    return raspalib.Framework(field, said["Name"], box, 1, atoms, said["NumberOfUnitCells"])


def _gas(
    raspalib: Any,
    field: Any,
    names: list[str],
    of_field: dict[str, Any],
    said: dict[str, Any],
    folder: Path,
    blocks: int,
) -> Any:
    molecule = _load(folder / f"{said['Name']}.json")
    atoms = []
    for name, place in molecule["pseudoAtoms"]:
        kind = names.index(name)
        charge = of_field["PseudoAtoms"][kind]["charge"]
        atoms.append(raspalib.Atom(place, charge, 1.0, 0, kind))
    return raspalib.Component(
        field,
        said["Name"],
        molecule["CriticalTemperature"],
        molecule["CriticalPressure"],
        molecule["AcentricFactor"],
        atoms,
        number_of_blocks=blocks,
        fugacity_coefficient=said["FugacityCoefficient"],
        particle_probabilities=raspalib.MCMoveProbabilities(
            translation_probability=said["TranslationProbability"],
            rotation_probability=said.get("RotationProbability", 0.0),
            reinsertion_cbmc_probability=said["ReinsertionProbability"],
            swap_cbmc_probability=said["SwapProbability"],
        ),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def _end_with_the_parent() -> None:
    """Ask Linux to end this process when the one that started it dies, however that is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    _end_with_the_parent()
    print(json.dumps(simulate(Path(sys.argv[1]))))  # noqa: T201
