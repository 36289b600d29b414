"""Dimensionless Henry coefficients by RASPA3's Widom insertion, as an oracle for ours.

    python -m benchmarks.widom DATA OUT.csv [--bar 0.01] [--seconds 15]
    python -m benchmarks.widom DATA OUT.csv --table       ours beside them, in Markdown

DATA is a folder with `raspa2/raspa2.tar.xz` and `core2019/core2019.tar.xz`. Force field, gases and
charges are those of screenkit; truncated at 12.9 Å, neither shifted nor with a tail but where the
table says so; Ewald at raspalib's precision of 1e-6. A row that OUT.csv has is not done again.

Each row is sampled until half the 95% interval is --bar of the weight (for CO2 3 times that), or
the seconds are over (for CO2 5 times). To sample a row longer, take it out of OUT.csv and start
again.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import raspa
from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import ForceField, Gas, find_force_field
from screenkit.adsorption.henry import measure_henry
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.library import Library

CUTOFF = 12.9
ROOM, COLD = 298.15, 77.0

STRUCTURES = {
    "raspa2": (
        "COF-1", "COF-108", "COF-300", "COF-5", "Cd3BTB2", "Cu-BTC", "IRMOF-1", "MIL-140C-DFT",
        "MIL-47", "MOF-177", "MOF-70", "ZIF-8", "Zn-DOBDC", "ZnBDC",
    ),
    "core2019": (
        "BEWVOQ_clean", "CUNQOT_clean", "DIPMAS_clean", "FISGOF_clean", "KOVGOT_clean",
        "NAVJAW01_clean", "PEWFII01_clean", "POFSIN02_clean", "RURPEA_clean", "VETTOE_clean",
        "XOTGUI_clean", "ZAVMIU_clean",
    ),
}  # fmt: skip
"""Dense (RURPEA, 20 atoms) to open (COF-108), cubic to triclinic, 3.4 to 32 Å thin, Zn to U."""

COLD_ONES = {
    "COF-1", "IRMOF-1", "MIL-47", "MOF-70", "ZIF-8", "ZnBDC", "BEWVOQ_clean", "DIPMAS_clean",
    "PEWFII01_clean", "POFSIN02_clean", "RURPEA_clean", "XOTGUI_clean",
}  # fmt: skip
"""Those that have H2 at 77 K as well."""

CHARGED = {"Cu-BTC", "MIL-47", "Zn-DOBDC", "Co-DOBDC", "Ni-DOBDC", "MOF-177"}
"""Those that have CO2 as well; their CIFs have charges."""

SHIFTED_AND_TAIL = {"IRMOF-1", "COF-5", "POFSIN02_clean"}
"""Those that have CH4 with the other two truncations as well."""

COLUMNS = (
    "name", "library", "gas", "temperature_K", "truncation", "weight", "bar", "insertions",
    "seconds", "raspalib",
)  # fmt: skip

HEAD = f"""\
# Mean Rosenbluth weight (dimensionless Henry coefficient) by RASPA3's Widom insertion (raspalib),
# made by benchmarks/widom.py. UFF, Lorentz-Berthelot, cutoff {CUTOFF} A; CO2 with the charges of
# the CIF and Ewald (1e-6). `bar` is half the 95% interval: Student's t times the standard error of
# {raspa.BLOCKS} block means. An insertion tries ten places of the molecule's first site.
# `seconds`: of one core, the sampling alone.
"""


def cases(name: str) -> Iterator[tuple[str, float, str]]:
    """Yield gas, temperature and truncation of each row of a structure."""
    if any(name in names for names in STRUCTURES.values()):
        for gas in ("H2", "CH4", "Kr"):
            yield gas, ROOM, "truncated"
    if name in COLD_ONES:
        yield "H2", COLD, "truncated"
    if name in SHIFTED_AND_TAIL:
        yield "CH4", ROOM, "shifted"
        yield "CH4", ROOM, "tail"
    if name in CHARGED:
        yield "CO2", ROOM, "truncated"


def crystals(data: Path) -> Iterator[tuple[str, Crystal]]:
    """Yield library and Crystal of each structure, in the order of the archives."""
    for folder, names in STRUCTURES.items():
        wanted = {*names, *(CHARGED if folder == "raspa2" else ())}
        library = Library.open(data / folder / f"{folder}.tar.xz").keep(wanted)
        for (document,) in library.deliver((i, i + 1) for i in range(len(library))):
            yield folder, read_cif(document.read(), document.name)


def job(crystal: Crystal, gas: Gas, temperature: float, field: ForceField, truncation: str) -> dict:
    """Return what raspalib is to do, with the numbers of a force field of ours."""
    elements = np.unique(crystal.numbers)
    return raspa.job(
        crystal.fractional,
        crystal.lattice,
        [(int(z), float(field.sigma[z]), float(field.epsilon[z])) for z in elements],
        np.searchsorted(elements, crystal.numbers),
        [(site.place, site.sigma, site.epsilon, site.charge) for site in gas.sites],
        temperature,
        crystal.charges if gas.is_charged else None,
        CUTOFF,
        truncation,
    )


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table; begin it where there is none."""
    if not path.exists():
        path.write_text(HEAD + ",".join(COLUMNS) + "\n")
    lines = path.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def sample(arguments: argparse.Namespace, field: ForceField) -> None:
    """Append the rows that are missing."""
    done = {
        (row["name"], row["gas"], float(row["temperature_K"]), row["truncation"])
        for row in read(arguments.out)
    }
    for library, crystal in crystals(arguments.data):
        for case in cases(crystal.name):
            if (crystal.name, *case) in done:
                continue
            name, temperature, truncation = case
            given = job(crystal, field.gas(name), temperature, field, truncation)
            # Of CO2, 5% are asked, and it takes long.
            bar, seconds = arguments.bar, arguments.seconds
            bar, seconds = (3 * bar, 5 * seconds) if name == "CO2" else (bar, seconds)
            seed = zlib.crc32(repr((crystal.name, *case, bar)).encode()) % 2**31
            found = raspa.insert_until(given, bar, seconds, seed)
            row = (
                crystal.name, library, *case, f"{found.weight:.6g}", f"{found.bar:.2g}",
                found.insertions, f"{found.seconds:.1f}", found.version,
            )  # fmt: skip
            print(*row, f"{found.bar / found.weight:.2%}", flush=True)
            with arguments.out.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)


def tabulate(arguments: argparse.Namespace, field: ForceField) -> None:
    """Print ours, how far it is from raspalib's and half the 95% interval of that."""
    rows = read(arguments.out)
    kinds = [("H2", ROOM), ("CH4", ROOM), ("Kr", ROOM), ("H2", COLD), ("CO2", ROOM)]
    print("| structure | atoms |", " | ".join(f"{gas}, {t:g} K" for gas, t in kinds), "|")
    print("|" + "---|" * (2 + len(kinds)))
    deviations = []
    for _, crystal in crystals(arguments.data):
        cells = []
        for gas, temperature in kinds:
            settings = AdsorptionSettings(tolerance=0.01 if gas == "CO2" else 0.002)
            for row in rows:
                key = (row["name"], row["gas"], float(row["temperature_K"]), row["truncation"])
                if key == (crystal.name, gas, temperature, "truncated"):
                    found = measure_henry(
                        crystal, [field.gas(gas)], [temperature], field, settings
                    ).coefficient[0, 0]
                    weight, bar = float(row["weight"]), float(row["bar"])
                    deviations.append((found - weight) / bar)
                    cells.append(f"{found:.4g}: {found / weight - 1:+.1%} ± {bar / weight:.1%}")
                    break
            else:
                cells.append("")
        if any(cells):
            print("|", crystal.name, "|", len(crystal), "|", " | ".join(cells), "|", flush=True)
    inside = np.abs(deviations) <= 1.0
    print(f"{len(deviations)} rows, {inside.mean():.0%} of them within the 95% interval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bar", type=float, default=0.01)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    (tabulate if arguments.table else sample)(arguments, find_force_field("uff"))


if __name__ == "__main__":
    main()
