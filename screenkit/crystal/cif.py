"""CIF bytes -> Crystal, or the reason why not.

`syntax.py` splits the text into tags and values; everything else is decided here and in the rooms
beside (`sites.py`, `symmetry.py`, `expand.py`), because no CIF library says no to a negative cell,
a dummy atom or half an atom. What is accepted with a doubt carries a warning code.
All codes are explained in `docs/outcomes.md`.

Not covered: disorder, Cartesian coordinates, mmCIF, CIF2, magnetic structures, several structures
in one file. Overlapping atoms are found later, by `checks.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from screenkit.crystal.blocks import Block
from screenkit.crystal.cell import ANGLE_TAGS, LENGTH_TAGS, is_rhombohedral, read_lattice
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import atomic_number
from screenkit.crystal.expand import expand_sites, find_coincident, too_many_atoms, wrapped
from screenkit.crystal.number import read_number
from screenkit.crystal.sites import SITE_TAGS, Columns, Sites, read_sites
from screenkit.crystal.symmetry import Symmetry, find_operators
from screenkit.crystal.syntax import read_document
from screenkit.errors import CrystalError, Outcome

MAX_ATOMS = 20_000
"""Atoms in one cell, counted before they are made."""
MIN_DENSITY = 1e-3
"""g/cm^3. Below is thinner than air: the cell is probably in pm, or is a box for a molecule."""

_VOLUME_TOLERANCE = 0.01  # relative, against _cell_volume
_METRIC_TOLERANCE = 0.02  # relative, of the metric tensor under the operators

_OPERATORS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
_HERMANN_MAUGUIN = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group_name_H-M_full",
    "_space_group_name_H-M",
)
_NUMBER = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_COORDINATES = tuple(
    f"_atom_site_{kind}_{axis}" for kind in ("fract", "cartn") for axis in ("x", "y", "z")
)
_SITE_TAGS = {
    "_atom_type_partial_charge": "_atom_type_partial_charge",  # PORMAKE, fapswitch
    **{f"_atom_site_{tag}": tag for tag in SITE_TAGS},
}


class _Warnings(dict[str, None]):
    """Codes in the order they came up, each once."""

    def __call__(self, code: str) -> None:
        self[code] = None


def read_cif(data: bytes, name: str) -> Crystal:
    """Return the one structure in a CIF, with all atoms of its cell.

    Listed symmetry operators are applied, or those of the named space group; a structure without
    either counts as P1 and says so. Charges in the file are kept. Isotopes become their element.

    Args:
        data: the file, not compressed.
        name: becomes `Crystal.name`.

    Raises:
        CrystalError: whatever is wrong with the file, as a code of `docs/outcomes.md`. Its message
            never holds text of the file.
    """
    warn = _Warnings()
    block = _structure_block(read_document(data, warn), warn)
    lattice = _read_lattice(block, warn)
    sites = _distinct(read_sites(_site_columns(block), warn), lattice, warn)
    sites = _all_atoms(sites, block, lattice, warn)
    _compare_volume(block, lattice, warn)
    _compare_formula(block, sites.numbers, warn)
    crystal = Crystal(
        name=name,
        numbers=sites.numbers,
        positions=sites.fractional @ lattice,
        lattice=lattice,
        charges=sites.charges,
        warnings=tuple(warn),
        coordinates=sites.fractional,
    )
    if crystal.density >= MIN_DENSITY:
        return crystal
    warn("low_density")
    return replace(crystal, warnings=tuple(warn))


# ---------------------------------------------------------------- blocks and tags


def _structure_block(blocks: Sequence[Block], warn: _Warnings) -> Block:
    found = [block for block in blocks if not block.places.keys().isdisjoint(_COORDINATES)]
    if len(found) > 1:
        raise CrystalError("multiple_structures", f"{len(found)} structures in one file; split it")
    if not found:
        raise _why_no_structure(blocks)
    block = found[0]
    if not block.name.strip():
        warn("empty_block_name")
    if block.has_empty_loop:
        warn("empty_loop")
    return block


def _why_no_structure(blocks: Sequence[Block]) -> CrystalError:
    for block in blocks:
        if any(f"_atom_site.{tag}" in block.places for tag in ("id", "label", "fract_x")):
            return CrystalError("unsupported_dialect", "this is mmCIF (names with a dot)")
        if "_atom_site_label" in block.places:
            return CrystalError("no_fract_coords", "atom sites without fractional coordinates")
    return CrystalError("no_structure", f"no atom sites in {len(blocks)} data block(s)")


def _site_columns(block: Block) -> Columns:
    """Return the columns of the loop that has the coordinates; of one atom they may be pairs."""
    first = next(tag for tag in _COORDINATES if tag in block.places)
    places = block.beside(first)
    if len(places) == 1:
        places = block.pairs()
    if len(block.words[places[first]]) > MAX_ATOMS:
        raise too_many_atoms(MAX_ATOMS)
    return {key: block.words[places[tag]] for tag, key in _SITE_TAGS.items() if tag in places}


def _read_lattice(block: Block, warn: _Warnings) -> np.ndarray:
    lengths = [block.value(tag) for tag in LENGTH_TAGS]
    angles = [block.value(tag) for tag in ANGLE_TAGS]
    return read_lattice(lengths, angles, warn)


# ---------------------------------------------------------------- atoms


def _distinct(sites: Sites, lattice: np.ndarray, warn: _Warnings) -> Sites:
    """Return the sites without those listed twice."""
    leaders, others = find_coincident(wrapped(sites.fractional), sites.numbers, lattice)
    if not others:
        return sites
    most = int(np.bincount(leaders).max())
    if most > 2:
        # A rounded copy is listed twice; more on one point is a broken file.
        raise CrystalError("overlap", f"{most} listed atoms on one point", Outcome.FILTERED)
    warn("duplicate_sites_merged")
    return _chosen(sites, leaders == np.arange(len(leaders)))


def _chosen(sites: Sites, keep: np.ndarray) -> Sites:
    charges = None if sites.charges is None else sites.charges[keep]
    return Sites(sites.numbers[keep], sites.fractional[keep], charges)


def _all_atoms(sites: Sites, block: Block, lattice: np.ndarray, warn: _Warnings) -> Sites:
    symmetry = _read_symmetry(block)
    rhombohedral = not symmetry.operators and is_rhombohedral(lattice)
    operators = find_operators(symmetry, rhombohedral)
    for code in operators.warnings:
        warn(code)
    if len(operators) == 1:
        return Sites(sites.numbers, wrapped(sites.fractional), sites.charges)
    metric = lattice @ lattice.T
    turned = operators.rotations.transpose(0, 2, 1) @ metric @ operators.rotations
    if np.abs(turned - metric).max() > _METRIC_TOLERANCE * metric.max():
        warn("cell_symmetry_mismatch")
    fractional, owners = expand_sites(sites.fractional, operators, lattice, MAX_ATOMS)
    charges = None if sites.charges is None else sites.charges[owners]
    atoms = Sites(sites.numbers[owners], fractional, charges)
    leaders, others = find_coincident(fractional, atoms.numbers, lattice)
    if not others:
        return atoms
    warn("duplicate_sites_merged")
    return _chosen(atoms, leaders == np.arange(len(leaders)))


def _read_symmetry(block: Block) -> Symmetry:
    operators: tuple[str, ...] = ()
    for tag in _OPERATORS:
        operators = tuple(block.texts(tag))
        if operators:
            break
    return Symmetry(
        operators=operators,
        hall=block.value(*_HALL),
        hermann_mauguin=block.value(*_HERMANN_MAUGUIN),
        number=block.value(*_NUMBER),
    )


# ---------------------------------------------------------------- what the file says about itself


def _compare_volume(block: Block, lattice: np.ndarray, warn: _Warnings) -> None:
    text = block.value("_cell_volume")
    if not text:
        return
    volume = float(np.prod(np.diag(lattice)))  # the lattice is triangular
    try:
        stated = read_number(text, "_cell_volume")
    except CrystalError:
        stated = math.nan
    if not abs(stated - volume) <= _VOLUME_TOLERANCE * volume:
        warn("volume_mismatch")


def _compare_formula(block: Block, numbers: np.ndarray, warn: _Warnings) -> None:
    """Warn where `_chemical_formula_sum` has other elements or proportions than the cell."""
    text = block.value("_chemical_formula_sum")
    stated: dict[int, float] = {}
    for token in text.replace(",", " ").split():
        match = re.fullmatch(r"([A-Z][a-z]?)(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})?", token, re.ASCII)
        number = match and (1 if match[1] == "D" else atomic_number(match[1]))
        if not match or not number:
            return  # not a formula: nothing to compare with
        stated[number] = stated.get(number, 0.0) + float(match[2] or 1)
    if not stated:
        return
    counts = np.bincount(numbers, minlength=119).astype(float)
    formula = np.zeros(119)
    formula[list(stated)] = list(stated.values())
    scale = counts.sum() / max(formula.sum(), 1e-9)
    if np.abs(formula * scale - counts).max() > 0.01 * max(1.0, counts.max() * 0.01):
        warn("formula_mismatch")
