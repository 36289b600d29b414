"""Loadings of CRAFTED (CO2 and N2, 298 K, UFF, DDEC charges) simulated again with `screenkit gcmc`.

    python -m benchmarks.crafted DATA DIR [--structures 10] [--cycles 10000] [--workers 1]

DATA is a folder with `crafted/crafted.tar.xz` and `crafted/labels.csv`. Which structures: those
whose authors do not flag them, that take up 1 to 6 mol/kg of CO2 at 1 bar and have all labels asked
for; of these the ones with the fewest framework atoms in the box, then by name, and of names that
begin with the same three letters (mostly one family) the first alone. Lennard-Jones is shifted at
12.8 Å, as the labels of N2 at 1 kPa tell: `--truncation-of 25` compares them with Henry
coefficients for each truncation. `--charges-of 40` compares CO2's Henry coefficients with EQeq
charges, and without any, with those of DDEC charges.

Safe to kill and to repeat: DIR keeps the decks and what is simulated.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.record import keep
from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.eqeq import equilibrate
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.henry import measure_henry, mol_per_kg_pa
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.library import Library
from screenkit.flows.gcmc_collect import collect
from screenkit.flows.gcmc_prepare import prepare
from screenkit.flows.gcmc_run import run
from screenkit.gcmc.deck import repeats_of
from screenkit.learn.metrics import rank_correlations
from screenkit.recipe import Recipe

CUTOFF, KELVIN = 12.8, 298.0
PRESSURES = {"0.1bar": 10_000, "1bar": 100_000}
CHOSEN_BY = "CO2_UFF_DDEC_298K_100000Pa_mmol_g"
TRUNCATIONS = ("shifted", "truncated", "tail")


def label(row: dict[str, str], gas: str, pascal: int) -> float:
    """Return what CRAFTED says, mol/kg; NaN where it says nothing."""
    return float(row[f"{gas}_UFF_DDEC_298K_{pascal}Pa_mmol_g"] or "nan")


def labels(data: Path) -> dict[str, dict[str, str]]:
    with (data / "crafted" / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["structurally_inconsistent"] == "False"]
    return {row["name"]: row for row in rows if 1.0 <= float(row[CHOSEN_BY] or 0) <= 6.0}


def crystals(library: Library) -> Iterator[Crystal]:
    for documents in library.deliver((i, i + 1) for i in range(len(library))):
        yield read_cif(documents[0].data, documents[0].name)


def choose(data: Path, rows: dict[str, dict[str, str]], many: int) -> list[str]:
    """Return the names of the structures with the smallest boxes."""
    whole = [
        name
        for name, row in rows.items()
        if all(math.isfinite(label(row, g, p)) for g in ("CO2", "N2") for p in PRESSURES.values())
    ]
    library = Library.open(data / "crafted" / "crafted.tar.xz").keep(set(whole))
    sizes = [(len(c) * math.prod(repeats_of(c.lattice, CUTOFF)), c.name) for c in crystals(library)]
    families: dict[str, str] = {}
    for _, name in sorted(sizes):
        families.setdefault(name[:3], name)
    return list(families.values())[:many]


def simulate(data: Path, folder: Path, names: list[str], cycles: int, workers: int) -> list[dict]:
    """Return a row per simulation, beside its label."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = folder / "names.txt"
    ids.write_text("\n".join(names) + "\n", encoding="utf-8")
    rows, out = labels(data), []
    for gas in ("CO2", "N2"):
        recipe = Recipe().override(
            "gcmc",
            gases=[gas],
            temperatures=[KELVIN],
            pressures=list(PRESSURES),
            cutoff=CUTOFF,
            truncation="shifted",
            cycles=cycles,
            initialization=cycles // 2,
        )
        prepare([data / "crafted" / "crafted.tar.xz"], recipe, folder / gas, ids=ids)
        run(folder / gas, workers)
        for one in collect(folder / gas).simulations:
            theirs = label(rows[one.deck.name], gas, round(one.deck.pressure))
            out.append(
                {
                    "name": one.deck.name,
                    "gas": gas,
                    "pressure_Pa": one.deck.pressure,
                    "ours": one.loading,
                    "bar": one.loading_error,
                    "crafted": theirs,
                    "seconds": one.found.seconds if one.found else math.nan,
                }
            )
    return out


def show(rows: list[dict]) -> None:
    """Print the table of docs/gcmc.md."""
    print("| structure | gas | pressure, bar | here, mol/kg | CRAFTED, mol/kg | deviation |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        off = (row["ours"] - row["crafted"]) / row["crafted"]
        ours = f"{row['ours']:.4g} ± {row['bar']:.2g}"
        cells = (row["name"], row["gas"], f"{row['pressure_Pa'] / 1e5:g}", ours)
        print(f"| {' | '.join(cells)} | {row['crafted']:.4g} | {100 * off:+.1f}% |")
    off = np.array([row["ours"] - row["crafted"] for row in rows])
    theirs = np.array([row["crafted"] for row in rows])
    bars = np.array([row["bar"] for row in rows])
    keep(
        "crafted",
        {
            "simulations": len(rows),
            "mean_absolute_deviation_mol_kg": round(float(np.abs(off).mean()), 5),
            "median_absolute_deviation_percent": round(
                100 * float(np.median(np.abs(off / theirs))), 2
            ),
            "mean_deviation_percent": round(100 * float((off / theirs).mean()), 2),
            "within_our_95_percent_bar": int((np.abs(off) <= bars).sum()),
            "core_seconds": round(sum(row["seconds"] for row in rows), 1),
        },
    )


def some(data: Path, many: int) -> Iterator[Crystal]:
    """Yield so many structures, spread over the names."""
    names = sorted(labels(data))
    library = Library.open(data / "crafted" / "crafted.tar.xz")
    return crystals(library.keep(set(names[:: max(1, len(names) // many)][:many])))


def henry_of(crystal: Crystal, name: str, truncation: str, charges: bool = True) -> float:
    """Return the Henry coefficient of a gas, mol/(kg Pa)."""
    field = find_force_field("uff")
    gas = field.gas(name)
    if not charges:
        gas = replace(gas, sites=tuple(replace(site, charge=0.0) for site in gas.sites))
    settings = AdsorptionSettings(cutoff=CUTOFF, truncation=truncation, tolerance=0.02)
    henry = measure_henry(crystal, [gas], [KELVIN], field, settings).coefficient
    return float(mol_per_kg_pa(henry, np.array([KELVIN]), crystal.density)[0, 0])


def truncation_of(data: Path, many: int) -> None:
    """Print labels of N2 at 1 kPa over Henry coefficients, for each truncation."""
    rows = labels(data)
    ratios: dict[str, list[float]] = {name: [] for name in TRUNCATIONS}
    for crystal in some(data, many):
        theirs = label(rows[crystal.name], "N2", 1_000)
        for truncation, found in ratios.items():
            found.append(henry_of(crystal, "N2", truncation) * 1_000 / theirs)
    for truncation, found in ratios.items():
        print(f"{truncation}: median {np.median(found):.3f} of {len(found)}")


def charges_of(data: Path, many: int) -> None:
    """Print what EQeq charges, or none, do to the Henry coefficient of CO2 beside DDEC charges."""
    found, apart = [], []
    for crystal in some(data, many):
        eqeq = equilibrate(crystal)
        apart.append(float(np.abs(eqeq - crystal.charges).mean()))
        found.append(
            [
                henry_of(crystal, "CO2", "shifted"),
                henry_of(replace(crystal, charges=eqeq), "CO2", "shifted"),
                henry_of(crystal, "CO2", "shifted", charges=False),
            ]
        )
        print(crystal.name, len(crystal), *(f"{value:.4g}" for value in found[-1]), flush=True)
    ddec, *others = np.array(found).T
    result: dict[str, object] = {"structures": len(found)}
    result["mean_absolute_difference_of_charges_e"] = round(float(np.mean(apart)), 3)
    for name, values in zip(("eqeq", "none"), others, strict=True):
        low, middle, high = np.percentile(values / ddec, (10, 50, 90))
        result[name] = {
            "ratio_10_50_90": [round(float(x), 3) for x in (low, middle, high)],
            "spearman": round(rank_correlations(ddec, values)["spearman"], 3),
        }
    keep("charges", result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--structures", type=int, default=10)
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--truncation-of", type=int, metavar="N")
    parser.add_argument("--charges-of", type=int, metavar="N")
    said = parser.parse_args()
    if said.truncation_of:
        truncation_of(said.data, said.truncation_of)
        return
    if said.charges_of:
        charges_of(said.data, said.charges_of)
        return
    names = choose(said.data, labels(said.data), said.structures)
    show(simulate(said.data, said.folder, names, said.cycles, said.workers))


if __name__ == "__main__":
    main()
