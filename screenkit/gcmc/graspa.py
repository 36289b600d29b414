"""Decks for gRASPA: RASPA2's force field and molecule, and an input of its own.

Held against its examples and its reader of input (github.com/snurr-group/gRASPA, `read_data.cpp`):
it mixes by Lorentz and Berthelot whatever the file says, refuses tail corrections there, and wants
atoms in one order in both force field files.

Not covered: running it, for want of a device with its compiler; reading what it prints.
"""

from __future__ import annotations

from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.crystal.crystal import Crystal
from screenkit.errors import UsageError
from screenkit.gcmc.conditions import MOVES
from screenkit.gcmc.deck import FRAMEWORK, Deck
from screenkit.gcmc.raspa2 import mixing_rules, molecule, pseudo_atoms
from screenkit.gcmc.raspa3 import framework_cif


def deck_files(crystal: Crystal, gas: Gas, field: ForceField, deck: Deck) -> dict[str, str]:
    """Return the texts of a deck by the names of their files.

    Raises:
        UsageError: gRASPA would simulate another force field than the one asked for.
    """
    if field.mixing != "lorentz-berthelot" or deck.truncation == "tail":
        raise UsageError(
            "gRASPA knows Lorentz-Berthelot mixing alone, and no tail corrections",
            hint="take --engine raspa3 or raspa2, or another force field or --truncation",
        )
    return {
        "simulation.input": _input(gas, deck),
        "force_field_mixing_rules.def": mixing_rules(crystal, gas, field, deck),
        "pseudo_atoms.def": pseudo_atoms(crystal, gas, deck),
        f"{gas.name}.def": molecule(gas),
        FRAMEWORK: framework_cif(crystal, deck),
    }


def _input(gas: Gas, deck: Deck) -> str:
    moves = [f"            {name.title()}Probability {value}" for name, value in MOVES.items()]
    lines = [
        f"NumberOfInitializationCycles {deck.initialization}",
        "NumberOfEquilibrationCycles  0",
        f"NumberOfProductionCycles     {deck.cycles}",
        "",
        f"UseChargesFromCIFFile {'yes' if deck.charged else 'no'}",
        "RestartFile no",
        f"RandomSeed  {deck.seed}",
        "",
        "NumberOfTrialPositions 10",
        "NumberOfTrialOrientations 10",
        f"NumberOfBlocks {deck.blocks}",
        "AdsorbateAllocateSpace 10240",
        "NumberOfSimulations 1",
        "SingleSimulation yes",
        "",
        "InputFileType cif",
        f"FrameworkName {FRAMEWORK.removesuffix('.cif')}",
        f"UnitCells 0 {' '.join(map(str, deck.repeats))}",
        "",
        f"ChargeMethod {'Ewald' if deck.charged else 'None'}",
        f"Temperature {deck.temperature:.12g}",
        f"Pressure    {deck.pressure:.12g}",
        "",
        "OverlapCriteria 1e5",
        f"CutOffVDW {deck.cutoff:g}",
        f"CutOffCoulomb {deck.cutoff:g}",
        "EwaldPrecision 1e-6",
        "",
        f"Component 0 MoleculeName              {gas.name}",
        "            IdealGasRosenbluthWeight  1.0",
        f"            FugacityCoefficient       {deck.fugacity_coefficient:.9g}",
        *[move for move in moves if len(gas.sites) > 1 or "Rotation" not in move],
        "            CreateNumberOfMolecules   0",
    ]
    return "\n".join(lines) + "\n"
