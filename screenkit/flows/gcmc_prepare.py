"""Prepare: which structures deserve a simulation, and a folder for each with all that one needs.

    RUN or SOURCE -> the structures asked for -> read, checked, gates -> decks/, decks.json,
                     prepare.csv

Safe to repeat: the same command writes the same files, and results stay.

Not covered: charges better than those of EQeq, where a CIF has none (`docs/gcmc.md`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import screenkit
from screenkit.adsorption.eqeq import equilibrate
from screenkit.adsorption.force_field import ForceField, Gas, find_force_field
from screenkit.adsorption.henry import measure_henry, mol_per_kg_pa
from screenkit.crystal.checks import check
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.library import Library, read_ids
from screenkit.crystal.neighbors import Neighbors
from screenkit.crystal.pores import measure_pores
from screenkit.errors import CrystalError, MismatchError, Outcome, SourceError, UsageError
from screenkit.flows.again import keep_command
from screenkit.flows.explain import recipe_of
from screenkit.flows.run_log import run_log
from screenkit.flows.run_sources import library_of
from screenkit.flows.runs import is_screening
from screenkit.gcmc.conditions import pascals
from screenkit.gcmc.deck import (
    DECKS,
    Deck,
    Decks,
    box_mass,
    folder_of,
    lint,
    repeats_of,
    seed_of,
)
from screenkit.gcmc.engines import ENGINES
from screenkit.gcmc.fugacity import fugacity_coefficient
from screenkit.ranking.ranking import rank, shortlist
from screenkit.ranking.table import text_cell
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from screenkit.store.publish import replace_text
from screenkit.store.row import Row
from screenkit.store.store import Store
from screenkit.tasks.admit import admit
from screenkit.track import Track

PREPARED = "prepare.csv"
"""Name of the table of what became of each structure."""
_OF_A_RUN = 10  # structures, where no number is given
_NEIGHBORS = 12  # enough for `check` to see overlaps


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What came of a preparation."""

    output: Path
    decks: Decks
    rows: tuple[Row, ...]
    """One per structure, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What every structure is prepared by."""

    recipe: Recipe
    gas: Gas
    field: ForceField
    states: tuple[tuple[float, float, float], ...]
    """Temperature (K), pressure (Pa) and fugacity coefficient."""
    output: Path

    def charges_of(self, crystal: Crystal) -> str:
        """Return where the charges of a structure are to be from, as in `Deck.charges`."""
        said = self.recipe.gcmc.charges
        if not self.gas.is_charged:
            return "none"
        if said == "cif-or-eqeq":
            own = crystal.charges is not None and crystal.charges.any()
            return "cif" if own else "eqeq"
        return said


def prepare(
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Prepared:
    """Write decks for some structures.

    Args:
        sources: a library; or the folder of a run, and behind it the library that it was made of,
            where that is no longer where it was.
        ids: of these structures alone, in place of the shortlist of a run.

    Raises:
        UsageError: the settings name no gas, temperature or pressure, or one that cannot be.
        MismatchError: the folder has decks of other settings or structures.
        ScreenkitError: sources or output are not usable.
    """
    RunLock(output).refuse()
    plan = _plan(recipe, output)
    library = _choose(sources, recipe, ids)
    settings = _settings(plan, library)
    _own(output, settings)
    with RunLock(output), run_log(output, track) as told:
        keep_command(output)
        replace_text(output / "recipe.yaml", recipe.to_yaml("screenkit gcmc prepare"))
        told.start("Preparing", len(library))
        rows, decks = [], []
        for place, (row, made) in enumerate(_walk(plan, library), 1):
            rows.append(row)
            for deck, texts in made:
                folder = output / deck.folder
                folder.mkdir(parents=True, exist_ok=True)
                for name, text in texts.items():
                    replace_text(folder / name, text)
                decks.append(deck)
            told.advance(1, row.outcome != Outcome.OK)
            told.note(f"{place} of {len(library)}: {row.name}: {row.code or f'{len(made)} decks'}")
        program = ENGINES[recipe.gcmc.engine]
        run = str(sources[0].absolute()) if is_screening(sources[0]) else ""
        found = Decks(settings, program.version(), run, tuple(decks))
        replace_text(output / PREPARED, _table(rows, decks))
        replace_text(output / DECKS, found.to_json())
        told.finish()
    return Prepared(output, found, tuple(rows))


def _plan(recipe: Recipe, output: Path) -> _Plan:
    """Look at the settings; make and write nothing."""
    conditions, own = recipe.adsorption, recipe.gcmc
    for option, said in (
        ("--gas", conditions.gases),
        ("--temperature", conditions.temperatures),
        ("--pressure", own.pressures),
    ):
        if not said:
            raise UsageError(
                f"{option} is missing",
                hint="such as --gas CO2 --temperature 298 --pressure 0.15bar --pressure 16bar",
            )
    if len(conditions.gases) > 1:
        raise UsageError(
            f"one gas at a time, and here are {', '.join(conditions.gases)}",
            hint="prepare each in a folder of its own; mixtures are not covered",
        )
    field = find_force_field(conditions.force_field)
    gas = field.gas(conditions.gases[0])
    states = []
    for temperature in dict.fromkeys(conditions.temperatures):
        for pressure in dict.fromkeys(map(pascals, own.pressures)):
            ideal = own.fugacity == "ideal"
            share = 1.0 if ideal else fugacity_coefficient(gas.name, temperature, pressure)
            states.append((temperature, pressure, round(share, 9)))
    return _Plan(recipe, gas, field, tuple(states), output)


def _choose(sources: Sequence[Path], recipe: Recipe, ids: Path | None) -> Library:
    """Return the structures that are asked for."""
    top = recipe.gcmc.top
    if not is_screening(sources[0]):
        if top is not None:
            raise UsageError(
                "--top takes the best of a run, and this is a library without predictions",
                hint="run screenkit rank first, or name structures with --ids",
            )
        return Library.open(sources, ids)
    run, own = sources[0], recipe_of(sources)
    store = Store.open(run)
    library = library_of(run, store, sources[1:], "gcmc prepare")
    if ids is not None:
        if top is not None:
            raise UsageError("both --ids and --top say what to prepare", hint="give one")
        return library.keep(read_ids(ids, set(library.names)))
    best = shortlist(rank(store, own.rank), own.rank)
    names = best.texts("name", 0, top or _OF_A_RUN)
    if not names:
        raise UsageError(f"the shortlist of {run} is empty", hint="name structures with --ids")
    return library.keep(set(names))


def _walk(plan: _Plan, library: Library) -> Iterator[tuple[Row, list[tuple[Deck, dict[str, str]]]]]:
    """Yield each structure's row and its decks, none where it goes no further."""
    spans = ((i, i + 1) for i in range(len(library)))
    for place, documents in enumerate(library.deliver(spans), 1):

        def work(
            crystal: Crystal, neighbors: Neighbors, place: int = place
        ) -> list[tuple[Deck, dict[str, str]]]:
            check(crystal, neighbors, plan.recipe.checks)
            return _make(plan, crystal, place)

        for row, made in admit(documents, {}, work, _NEIGHBORS):
            yield row, made or []


def _make(plan: _Plan, crystal: Crystal, place: int) -> list[tuple[Deck, dict[str, str]]]:
    """Return the decks of one structure and their files.

    Raises:
        CrystalError: why it is not simulated.
    """
    conditions, own = plan.recipe.adsorption, plan.recipe.gcmc
    repeats, charges = repeats_of(crystal.lattice, conditions.cutoff), plan.charges_of(crystal)
    if charges == "eqeq":
        crystal = replace(crystal, charges=None)
    most = own.max_atoms // math.prod(repeats)
    lint(crystal, plan.gas, plan.field, charges == "cif", most)
    if charges == "eqeq":
        crystal = replace(crystal, charges=equilibrate(crystal))
    _gate(plan, crystal)
    made = []
    for temperature, pressure, share in plan.states:
        deck = Deck(
            name=crystal.name,
            folder="",
            engine=own.engine,
            gas=plan.gas.name,
            temperature=temperature,
            pressure=pressure,
            fugacity_coefficient=share,
            repeats=repeats,
            atoms=len(crystal) * math.prod(repeats),
            mass=round(box_mass(crystal, repeats), 6),
            charges=charges,
            cutoff=conditions.cutoff,
            truncation=conditions.truncation,
            cycles=own.cycles,
            initialization=own.initialization,
            blocks=own.blocks,
            seed=0,
            files={},
        )
        folder = f"{folder_of(place, crystal.name)}/{deck.state}"
        deck = replace(deck, folder=folder, seed=seed_of(own.seed, crystal.name, deck.state))
        texts = ENGINES[own.engine].write(crystal, plan.gas, plan.field, deck)
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
        made.append((replace(deck, files=hashes), texts))
    return made


def _gate(plan: _Plan, crystal: Crystal) -> None:
    """Raise where a structure has no room for the gas, or does not want it."""
    own, conditions = plan.recipe.gcmc, plan.recipe.adsorption
    if own.min_free_sphere is not None:
        widest = measure_pores(crystal, plan.recipe.pores).largest_free_sphere
        if widest < own.min_free_sphere:
            raise CrystalError(
                "pore_too_small",
                f"the largest sphere that passes has {widest:.2f} Å, wanted "
                f"{own.min_free_sphere:g}",
                Outcome.FILTERED,
            )
    if own.min_henry is not None:
        gas = plan.gas
        if own.charges == "none":
            gas = replace(gas, sites=_uncharged(gas))
        coldest = [min(conditions.temperatures)]
        henry = measure_henry(crystal, [gas], coldest, plan.field, conditions)
        found = float(mol_per_kg_pa(henry.coefficient, np.array(coldest), crystal.density)[0, 0])
        if not found >= own.min_henry:
            raise CrystalError(
                "henry_too_small",
                f"takes up {found:.3g} mol/(kg Pa) of {gas.name} at {coldest[0]:g} K, wanted "
                f"{own.min_henry:g}",
                Outcome.FILTERED,
            )


def _uncharged(gas: Gas) -> tuple[Any, ...]:
    return tuple(replace(site, charge=0.0) for site in gas.sites if site.epsilon)


def _settings(plan: _Plan, library: Library) -> dict[str, Any]:
    """Return what must be equal for decks to be the same."""
    recipe = plan.recipe
    judged = {"max_error", "max_drift", "negligible"}
    return {
        "screenkit": screenkit.__version__,
        "library": library.digest,
        "force_field": plan.field.digest,
        "adsorption": recipe.adsorption.model_dump(mode="json"),
        "gcmc": recipe.gcmc.model_dump(mode="json", exclude=judged),
        "checks": recipe.checks.model_dump(mode="json"),
        "gas": asdict(plan.gas),
    }


def _own(output: Path, settings: dict[str, Any]) -> None:
    """Raise where a folder has decks of other settings or structures."""
    try:
        there = Decks.load(output)
    except SourceError:
        return
    new = Decks(settings, "", "", ()).settings_digest
    if there.settings_digest != new:
        raise MismatchError(
            f"{output} has decks of other structures or settings",
            hint=f"give --output a folder of its own, such as {output}-2",
        )


def _table(rows: Sequence[Row], decks: Sequence[Deck]) -> str:
    facts = ("name", "outcome", "code", "message", "warnings", "n_atoms")
    heads = (*facts, "decks", "repeats", "charges")
    lines = [",".join(heads)]
    made: dict[str, list[Deck]] = {}
    for deck in decks:
        made.setdefault(deck.name, []).append(deck)
    for row in rows:
        own = made.get(row.name, [])
        repeats = "x".join(map(str, own[0].repeats)) if own else ""
        charges = own[0].charges if own else ""
        texts = (row.name, row.outcome, row.code, row.message, row.warnings)
        numbers = (str(row.n_atoms), str(len(own)), repeats, charges)
        lines.append(",".join([*map(text_cell, texts), *numbers]))
    return "\n".join(lines) + "\n"
