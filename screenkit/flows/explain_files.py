"""What an explanation leaves behind: CIFs with weights, `atoms.h5`, tables, pictures, the page.

Shards are gone through one by one; of all structures, only those that are drawn are kept in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.crystal.cif_out import cif_text
from screenkit.crystal.elements import SYMBOLS, atomic_number
from screenkit.flows.versions import versions
from screenkit.learn.atom_statistics import AtomTally, GroupStatistics
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.contract import AtomWeights
from screenkit.plan import Plan
from screenkit.ranking.ranking import Ranking, write_failures
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.recipe import Recipe
from screenkit.report.elements_map import ElementsMap, draw_elements_map
from screenkit.report.structure import Picture, draw_structure
from screenkit.store.atoms_file import ATOMS_FILE, write_atoms
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_bytes, replace_text, storage_error
from screenkit.store.shard_file import read_shards
from screenkit.store.store import Store
from screenkit.tasks.explain import Explained, meaning, unpack_explained, weight_unit
from screenkit.track import Track

_FEW = 5  # structures; what is said of an element in fewer may be an accident
_LONGEST_NAME = 180  # bytes of a file's name, before its suffix
KINDS = {"element": "elements", "environment": "environments", "site": "sites"}
"""Groups of atoms, and the stem of the table of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What came of an explanation."""

    output: Path
    title: str
    store: Store
    """One row per structure, whatever became of it."""
    ranking: Ranking
    """Those that are `ok`, the best first."""
    checkpoint: Checkpoint
    kind: AtomWeights
    seconds: float

    @property
    def counts(self) -> Mapping[str, int]:
        """Structures by outcome; every outcome is there."""
        return self.store.outcomes

    @property
    def codes(self) -> Mapping[str, int]:
        """Structures by reason, those that are not `ok`."""
        return self.store.codes

    @property
    def targets(self) -> list[dict[str, str]]:
        """`name`, `unit`, `kind` and `meaning` of each target's weights."""
        return [
            {
                "name": target.name,
                "unit": weight_unit(target, self.kind),
                "kind": self.kind,
                "meaning": meaning(target, self.kind),
            }
            for target in self.checkpoint.targets
        ]


def write_files(told: Explanation, plan: Plan, recipe: Recipe, track: Track) -> None:
    """Write all files of an explanation whose shards are complete."""
    output, targets = told.output, told.targets
    write_failures(told.store, output / "failures.csv")
    write_atoms(output / ATOMS_FILE, plan, output / SHARDS, targets)
    draw = set(told.ranking.texts("name", 0, recipe.explain.draw))
    tallies = {kind: AtomTally(len(targets)) for kind in KINDS}
    drawn: dict[str, Explained] = {}
    _make_folder(output / "cif")
    for shard in read_shards(output / SHARDS, plan):
        for one in unpack_explained(shard):
            _write_cif(output / "cif", one, targets)
            _tally(tallies, one)
            if one.crystal.name in draw:
                drawn[one.crystal.name] = one
    groups = {kind: tally.groups() for kind, tally in tallies.items()}
    for kind, file in KINDS.items():
        if groups[kind] or kind != "site":
            _write_table(output / f"{file}.csv", kind, groups[kind], targets)
    _make_folder(output / "maps")
    for t, target in enumerate(targets):
        _maps(output / "maps", groups, t, target)
    _make_folder(output / "pictures")
    track.note(f"drawing {len(drawn)} structures")
    for name in told.ranking.texts("name", 0, recipe.explain.draw):
        _picture(output / "pictures", drawn[name], told)
    text = json.dumps(_summary(told, groups["element"]), indent=2, ensure_ascii=False)
    replace_text(output / "summary.json", text + "\n")


def file_name(name: str) -> str:
    """Return the name of a structure as that of a file: no folder, not hidden, not too long."""
    text = name.replace("/", "%2F")
    if text.startswith("."):
        text = "%2E" + text[1:]
    data = text.encode()
    if len(data) <= _LONGEST_NAME:
        return text
    head = data[: _LONGEST_NAME - 17].decode("utf-8", "ignore")
    return f"{head}-{hashlib.sha256(data).hexdigest()[:16]}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _write_cif(folder: Path, one: Explained, targets: Sequence[Mapping[str, str]]) -> None:
    columns, comments = {}, [f"{one.crystal.name}: weights of atoms by screenkit"]
    for t, target in enumerate(targets):
        tag = f"_atom_site_screenkit_weight_{target['name']}"
        columns[tag] = one.weights[:, t]
        unit = f" ({target['unit']})" if target["unit"] else ""
        comments.append(f"{tag}{unit}: {target['kind']}; {target['meaning']}")
        comments.append(f"predicted {target['name']}: {one.prediction[t]:.9g}")
    replace_text(
        folder / f"{file_name(one.crystal.name)}.cif", cif_text(one.crystal, columns, comments)
    )


def _tally(tallies: Mapping[str, AtomTally], one: Explained) -> None:
    symbols = [SYMBOLS[number] for number in one.crystal.numbers]
    tallies["element"].add(symbols, one.weights)
    tallies["environment"].add(one.environments, one.weights)
    if any(one.sites):
        pairs = [f"{site} {symbol}" for site, symbol in zip(one.sites, symbols, strict=True)]
        tallies["site"].add(pairs, one.weights)


def _write_table(
    path: Path, kind: str, groups: Sequence[GroupStatistics], targets: Sequence[Mapping[str, str]]
) -> None:
    """Write the groups of atoms, target by target; columns are in `docs/formats.md`."""
    heads = ["site", "element"] if kind == "site" else [kind]
    facts = ["atoms", "structures", "mean", "std", "weight_share", "atom_share", "enrichment"]
    pieces = [",".join(["target", *heads, *facts, "unit"]) + "\n"]
    names = [group.group.split(" ") for group in groups]
    for t, target in enumerate(targets):
        n = len(groups)
        numbers = [
            [group.atoms for group in groups],
            [group.structures for group in groups],
            [group.mean[t] for group in groups],
            [group.std[t] for group in groups],
            [group.weight_share[t] for group in groups],
            [group.atom_share for group in groups],
            [group.enrichment[t] for group in groups],
        ]
        pieces.append(
            lines(
                [
                    text_cells([target["name"]] * n),
                    *(text_cells([name[i] for name in names]) for i in range(len(heads))),
                    *(number_cells(np.array(column)) for column in numbers),
                    text_cells([target["unit"]] * n),
                ]
            )
        )
    replace_text(path, pieces)


def _maps(
    folder: Path, groups: Mapping[str, Sequence[GroupStatistics]], t: int, target: Mapping[str, str]
) -> None:
    """Draw the periodic table of a target, and one per site of perovskites."""
    if groups["element"]:
        _map(folder, groups["element"], t, target, "")
    for site in ("A", "B", "X"):
        here = [group for group in groups["site"] if group.group.startswith(f"{site} ")]
        if here:
            _map(folder, here, t, target, site)


def _map(
    folder: Path,
    groups: Sequence[GroupStatistics],
    t: int,
    target: Mapping[str, str],
    site: str,
) -> None:
    ratio = target["kind"] == "attention"
    quantity = "share of attention over share of atoms" if ratio else f"mean {_quantity(target)}"
    symbols = [group.group.split(" ")[-1] for group in groups]
    values = [group.enrichment[t] if ratio else group.mean[t] for group in groups]
    where = f" on the {site} site of perovskites" if site else ""
    told = ElementsMap(
        title=f"{target['name']}: elements{where}",
        quantity=quantity,
        unit=target["unit"],
        values=dict(zip(symbols, map(float, values), strict=True)),
        atoms={symbol: group.atoms for symbol, group in zip(symbols, groups, strict=True)},
        ratio=ratio,
        signed=target["kind"] == "gradient",
    )
    stem = f"elements{f'-{site}-site' if site else ''}.{target['name']}"
    for form in ("png", "svg"):
        replace_bytes(folder / f"{stem}.{form}", draw_elements_map(told, form))


def _quantity(target: Mapping[str, str]) -> str:
    words = {"site": "contribution of an atom", "gradient": "gradient × input of an atom"}
    return words.get(target["kind"], "share of attention")


def _picture(folder: Path, one: Explained, told: Explanation) -> None:
    """Draw one structure, coloured by the weights of the target that ranks."""
    t = told.ranking.target_names.index(told.ranking.target)
    target = told.targets[t]
    picture = Picture(
        crystal=one.crystal,
        weights=one.weights[:, t],
        title=one.crystal.name,
        quantity=f"{target['name']}: {_quantity(target)}",
        unit=target["unit"],
        signed=told.kind == "gradient",
    )
    stem = file_name(one.crystal.name)
    for form in ("png", "svg"):
        replace_bytes(folder / f"{stem}.{form}", draw_structure(picture, form))


def _summary(told: Explanation, elements: Sequence[GroupStatistics]) -> dict[str, Any]:
    """Return what stands in `summary.json`; its keys are explained in `docs/formats.md`."""
    return {
        "structures": len(told.store),
        **told.counts,
        "codes": dict(told.codes),
        "title": told.title,
        "weights": told.kind,
        "target": told.ranking.target,
        "better": told.ranking.better,
        "atoms": sum(group.atoms for group in elements),
        "checkpoint_sha256": told.checkpoint.digest,
        "provenance": {"trained on": str(told.checkpoint.record.get("data", ""))},
        "remarks": _remarks(elements),
        "versions": versions(),
    }


def _remarks(elements: Sequence[GroupStatistics]) -> list[str]:
    rare = sorted(
        (group.group for group in elements if group.structures < _FEW),
        key=lambda symbol: atomic_number(symbol) or 0,
    )
    if not rare:
        return []
    return [
        f"Fewer than {_FEW} structures have {', '.join(rare)}: what is said of them is "
        "said of those structures."
    ]
