"""Decks for RASPA2, and what its `simulate` prints.

`simulation.input`, `force_field_mixing_rules.def`, `force_field.def`, `pseudo_atoms.def`, the
molecule and the structure stand in one folder, in which `simulate` looks first (`Local`).

The decks were run by RASPA 2.0.4 of PyPI (it calls itself 2.0.42), and its output is read as that
program writes it; `docs/gcmc.md` has what came out.

Not covered: what is between the blocks of an output: drift is told from their means.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import ATOMIC_MASSES, SYMBOLS
from screenkit.gcmc.conditions import MOVES
from screenkit.gcmc.deck import FRAMEWORK, Deck
from screenkit.gcmc.fugacity import critical
from screenkit.gcmc.outcome import Found, ResultError
from screenkit.gcmc.raspa3 import MIXING, elements_of, framework_cif, site_kinds, site_name

_NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_MOLECULES = re.compile(
    rf"Number of molecules:\s*=+\s*Component 0 .*?((?:\s+Block\[ *\d+\] \S+ +\[-\])+).*?"
    rf"Average loading absolute\s+{_NUMBER}\s+\+/-\s+{_NUMBER}\s+\[-\]",
    re.DOTALL,
)
_BLOCK = re.compile(rf"Block\[ *\d+\] {_NUMBER}")
_HEAT = re.compile(
    rf"Enthalpy of adsorption:\s*=+.*?{_NUMBER}\s+\+/-\s+{_NUMBER}\s+\[KJ/MOL\]", re.S
)
_CYCLES = re.compile(r"^Number of cycles: (\d+)", re.MULTILINE)
_SECONDS = re.compile(rf"total time:\s+{_NUMBER} \[s\]")
_SAID = {
    "temperature": re.compile(rf"External temperature: {_NUMBER}"),
    "pressure": re.compile(rf"External Pressure: {_NUMBER}"),
}


def deck_files(crystal: Crystal, gas: Gas, field: ForceField, deck: Deck) -> dict[str, str]:
    """Return the texts of a deck by the names of their files."""
    return {
        "simulation.input": _input(gas, deck),
        "force_field_mixing_rules.def": mixing_rules(crystal, gas, field, deck),
        "force_field.def": _NOTHING_OVERWRITTEN,
        "pseudo_atoms.def": pseudo_atoms(crystal, gas, deck),
        f"{gas.name}.def": molecule(gas),
        FRAMEWORK: framework_cif(crystal, deck),
    }


def read_output(folder: Path, deck: Deck) -> Found | None:
    """Return what `simulate` printed in a folder; None where it has printed nothing.

    Raises:
        ResultError: `cycles_short` where it did not end; `result_of_another_deck` where it says
            another state point; `another_version` where RASPA 2 did not write it;
            `result_unreadable`.
    """
    outputs = sorted((folder / "Output" / "System_0").glob("*.data"))
    if not outputs:
        return None
    name, text = outputs[-1].name, outputs[-1].read_text("utf-8", "replace")
    version = re.search(r"^RASPA (\d+(?:\.\d+)*)", text, re.MULTILINE)
    if version is None or not version[1].startswith("2."):
        who = f"RASPA {version[1]}" if version else "a program that does not say its name"
        raise ResultError("another_version", f"{name} is by {who}, and the deck is for RASPA 2")
    for quantity, pattern in _SAID.items():
        said = pattern.search(text)
        if said and abs(float(said[1]) / getattr(deck, quantity) - 1.0) > 1e-4:
            raise ResultError(
                "result_of_another_deck",
                f"{name} is at {quantity} {said[1]}, the deck at {getattr(deck, quantity):g}",
            )
    if "Simulation finished" not in text:
        raise ResultError("cycles_short", f"{name} has no end")
    return _found(name, text, version[1])


def _found(name: str, text: str, version: str) -> Found:
    molecules, cycles = _MOLECULES.search(text), _CYCLES.search(text)
    if molecules is None or cycles is None:
        raise ResultError("result_unreadable", f"{name} has no number of molecules or of cycles")
    heat, seconds = _HEAT.search(text), _SECONDS.search(text)
    return Found(
        engine="raspa2",
        version=version,
        cycles=int(cycles[1]),
        molecules=float(molecules[2]),
        molecules_error=float(molecules[3]),
        halves=_halves([float(mean) for mean in _BLOCK.findall(molecules[1])]),
        heat=-float(heat[1]) if heat else None,
        heat_error=float(heat[2]) if heat else None,
        seconds=float(seconds[1]) if seconds else None,
    )


def _halves(blocks: list[float]) -> tuple[float, float]:
    """Return the means of both halves of a production; a block in the middle belongs to both."""
    many = (len(blocks) + 1) // 2
    weights = np.ones(many)
    weights[-1] -= 0.5 * (len(blocks) % 2)
    first, second = blocks[:many], blocks[::-1][:many]
    return (
        float(np.average(first, weights=weights)),
        float(np.average(second, weights=weights)),
    )


def _input(gas: Gas, deck: Deck) -> str:
    moves = [f"            {name.title()}Probability {value}" for name, value in MOVES.items()]
    cells = " ".join(map(str, deck.repeats))
    lines = [
        "SimulationType                MonteCarlo",
        f"NumberOfCycles                {deck.cycles}",
        f"NumberOfInitializationCycles  {deck.initialization}",
        f"PrintEvery                    {max(1, deck.cycles // 10)}",
        f"NumberOfBlocks                {deck.blocks}",
        f"RandomSeed                    {deck.seed}",
        "RestartFile                   no",
        "ContinueAfterCrash            no",
        "",
        "Forcefield                    Local",
        f"CutOffVDW                     {deck.cutoff:g}",
        f"CutOffChargeCharge            {deck.cutoff:g}",
        f"ChargeMethod                  {'Ewald' if deck.charged else 'None'}",
        "EwaldPrecision                1e-6",
        f"UseChargesFromCIFFile         {'yes' if deck.charged else 'no'}",
        "",
        "Framework 0",
        f"FrameworkName                 {FRAMEWORK.removesuffix('.cif')}",
        f"UnitCells                     {cells}",
        f"ExternalTemperature           {deck.temperature:.12g}",
        f"ExternalPressure              {deck.pressure:.12g}",
        "",
        f"Component 0 MoleculeName        {gas.name}",
        "            MoleculeDefinition  Local",
        f"            FugacityCoefficient {deck.fugacity_coefficient:.9g}",
        *[move for move in moves if len(gas.sites) > 1 or "Rotation" not in move],
        "            CreateNumberOfMolecules 0",
    ]
    return "\n".join(lines) + "\n"


def mixing_rules(crystal: Crystal, gas: Gas, field: ForceField, deck: Deck) -> str:
    """Return `force_field_mixing_rules.def`; gRASPA reads the same."""
    lines = [
        "# general rule for shifted vs truncated",
        "shifted" if deck.truncation == "shifted" else "truncated",
        "# general rule tailcorrections",
        "yes" if deck.truncation == "tail" else "no",
        "# number of defined interactions",
        str(len(elements_of(crystal)) + len(site_kinds(gas))),
        "# type interaction, parameters: epsilon / K, sigma / A",
    ]
    lines += [
        f"{SYMBOLS[z]:<16} lennard-jones {field.epsilon[z]:.9g} {field.sigma[z]:.9g}"
        for z in elements_of(crystal)
    ]
    lines += [
        f"{name:<16} lennard-jones {site.epsilon:.9g} {site.sigma or 1.0:.9g}"
        for name, site in site_kinds(gas).items()
    ]
    return "\n".join([*lines, "# general mixing rule", MIXING[field.mixing], ""])


def pseudo_atoms(crystal: Crystal, gas: Gas, deck: Deck) -> str:
    """Return `pseudo_atoms.def`; gRASPA reads the same."""
    head = "#type print as chem oxidation mass charge polarization B-factor radii connectivity "
    rows = [
        f"{SYMBOLS[z]} yes {SYMBOLS[z]} {SYMBOLS[z]} 0 {ATOMIC_MASSES[z]:.6g} 0.0 0.0 1.0 1.0 0 0 "
        "relative 0"
        for z in elements_of(crystal)
    ]
    rows += [
        f"{name} yes C C 0 12.0 {site.charge if deck.charged else 0.0:.9g} 0.0 1.0 1.0 0 0 "
        "relative 0"
        for name, site in site_kinds(gas).items()
    ]
    head += "anisotropic anisotropic-type tinker-type"
    return "\n".join(["#number of pseudo atoms", str(len(rows)), head, *rows]) + "\n"


def molecule(gas: Gas) -> str:
    """Return the definition of a rigid linear molecule; gRASPA reads the same."""
    t_c, p_c, omega = critical(gas.name) or (0.0, 0.0, 0.0)
    n = len(gas.sites)
    bonds = [f"{i} {i + 1} RIGID_BOND" for i in range(n - 1)]
    lines = [
        "# critical constants: Temperature [K], Pressure [Pa], and Acentric factor [-]",
        *(f"{value:.9g}" for value in (t_c, p_c, omega)),
        "# Number Of Atoms",
        str(n),
        "# Number of groups",
        "1",
        "# group",
        "rigid",
        "# number of atoms",
        str(n),
        "# atomic positions",
        *(f"{i} {site_name(gas, i)} 0.0 0.0 {site.place:.9g}" for i, site in enumerate(gas.sites)),
        "# Chiral centers Bond BondDipoles Bend UrayBradley InvBend Torsion Imp. Torsion "
        "Bond/Bond Stretch/Bend Bend/Bend Stretch/Torsion Bend/Torsion IntraVDW IntraCoulomb",
        f"0 {n - 1} 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
        *(["# Bond stretch: atom n1-n2, type, parameters", *bonds] if bonds else []),
        "# Number of config moves",
        "0",
    ]
    return "\n".join(lines) + "\n"


_NOTHING_OVERWRITTEN = """\
# rules to overwrite
0
# number of defined interactions
0
# mixing rules to overwrite
0
"""
