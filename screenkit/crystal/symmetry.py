"""Space groups: what a CIF says about its symmetry -> operators.

Listed operators win; without them Hall symbol, Hermann-Mauguin name and number are looked up in
gemmi's tables. A name that is not in the tables is an error: the asymmetric unit alone is never
taken for the crystal.

Not covered: magnetic groups, modulated structures, finding the symmetry of a P1 cell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import gemmi
import numpy as np

from screenkit.errors import CrystalError

MAX_OPERATORS = 1000
"""Operators that are read of one file; the largest space group has 192."""

_GRID = 720  # translations are compared in steps of 1/720: halves to ninths, but for sevenths
_TERM = re.compile(r"([+-]?)(?:([xyz])|(\d{1,4})/(\d{1,4})|(\d{1,4}\.\d{0,12}|\.\d{1,12}|\d{1,4}))")
_MAX_OPERATOR_LENGTH = 200


@dataclass(frozen=True)
class Symmetry:
    """What one CIF says about its symmetry, as text; empty where it says nothing."""

    operators: tuple[str, ...] = ()
    hall: str = ""
    hermann_mauguin: str = ""
    number: str = ""


@dataclass(frozen=True, eq=False)
class Operators:
    """The operators of one space group, identity first."""

    rotations: np.ndarray
    """(m, 3, 3) float64, whole numbers; for fractional column vectors."""
    translations: np.ndarray
    """(m, 3) float64, fractions of the cell."""
    warnings: tuple[str, ...] = ()
    """Codes, see `docs/outcomes.md`."""

    def __len__(self) -> int:
        return len(self.rotations)


def find_operators(symmetry: Symmetry, rhombohedral: bool) -> Operators:
    """Return the operators that a CIF means.

    Args:
        symmetry: what the file says.
        rhombohedral: the cell has a = b = c and three equal angles that are not 90 or 120 degrees.
            Decides the axes of an R group given by name without suffix; nothing else.

    Raises:
        CrystalError: too_many_symops, bad_symop, symops_not_group, unknown_space_group or
            symmetry_ambiguous (the names contradict each other and no operators decide).
    """
    if len(symmetry.operators) > MAX_OPERATORS:
        raise CrystalError(
            "too_many_symops",
            f"{len(symmetry.operators)} symmetry operators, at most {MAX_OPERATORS} are read",
        )
    return _find_operators(symmetry, rhombohedral and not symmetry.operators)


@lru_cache(maxsize=256)
def _find_operators(symmetry: Symmetry, rhombohedral: bool) -> Operators:
    if symmetry.operators:
        return _listed_operators(symmetry)
    if not (symmetry.hall or symmetry.hermann_mauguin or symmetry.number):
        return _operators([_IDENTITY], ["symmetry_missing"])
    return _tabulated_operators(symmetry, rhombohedral)


_Key = tuple[tuple[int, ...], tuple[int, ...]]  # rotation (9), translation (3, in 1/720)
_IDENTITY: _Key = ((1, 0, 0, 0, 1, 0, 0, 0, 1), (0, 0, 0))


def _operators(keys: Sequence[_Key], warnings: Sequence[str]) -> Operators:
    rotations = np.array([rotation for rotation, _ in keys], dtype=float).reshape(-1, 3, 3)
    translations = np.array([shift for _, shift in keys], dtype=float) / _GRID
    return Operators(rotations, translations, tuple(warnings))


# ---------------------------------------------------------------- listed operators


def _listed_operators(symmetry: Symmetry) -> Operators:
    parsed = [_parse_operator(text, row) for row, text in enumerate(symmetry.operators, start=1)]
    unique = dict.fromkeys(parsed)
    warnings = ["symops_duplicate"] if len(unique) < len(parsed) else []
    if _IDENTITY not in unique:
        raise CrystalError(
            "symops_not_group", f"the identity is not among the {len(unique)} operators"
        )
    keys = [_IDENTITY, *(key for key in unique if key != _IDENTITY)]
    _require_closure(keys)
    if not _names_agree(symmetry, keys):
        warnings.append("symmetry_conflict")
    return _operators(keys, warnings)


@lru_cache(maxsize=4096)
def _parse_operator(text: str, row: int) -> _Key:
    """Return rotation (9 integers) and translation (3, in 1/720) of a triplet: -x,y+1/2,z."""
    complaint = CrystalError(
        "bad_symop", f"symmetry operator {row} is not a triplet like -x,y+1/2,z"
    )
    if len(text) > _MAX_OPERATOR_LENGTH:
        raise complaint
    parts = re.sub(r"[ \t\r\n]", "", text).lower().split(",")
    if len(parts) != 3:
        raise complaint
    rows, shifts = [], []
    for part in parts:
        terms = list(_TERM.finditer(part))
        if not terms or "".join(term.group() for term in terms) != part:
            raise complaint
        if any(not term.group(1) for term in terms[1:]):
            raise complaint
        axes, shift = _add_terms(terms, complaint)
        rows.extend(axes)
        shifts.append(round(shift * _GRID) % _GRID)
    if round(abs(np.linalg.det(np.reshape(rows, (3, 3))))) != 1 or max(map(abs, rows)) > 1:
        raise complaint
    return tuple(rows), tuple(shifts)


def _add_terms(terms: Sequence[re.Match[str]], complaint: CrystalError) -> tuple[list[int], float]:
    axes, shift = [0, 0, 0], Fraction(0)
    for term in terms:
        sign = -1 if term.group(1) == "-" else 1
        if term.group(2):
            axes["xyz".index(term.group(2))] += sign
        elif term.group(3):
            if int(term.group(4)) == 0:
                raise complaint
            shift += sign * Fraction(int(term.group(3)), int(term.group(4)))
        else:
            # 0.33 and 0.6667 are thirds: anything within 0.004 of a 24th is that 24th.
            decimal = Fraction(term.group(5))
            near = Fraction(round(decimal * 24), 24)
            shift += sign * (near if abs(near - decimal) < Fraction(4, 1000) else decimal)
    return axes, float(shift)


def _require_closure(keys: list[_Key]) -> None:
    """Raise unless every product of two operators is one of them again."""
    rotations = np.array([key[0] for key in keys], dtype=np.int64).reshape(-1, 3, 3)
    shifts = np.array([key[1] for key in keys], dtype=np.int64)
    weights = 3 ** np.arange(9)

    def encode(rotation: np.ndarray, shift: np.ndarray) -> np.ndarray:
        codes = (rotation.reshape(-1, 9) + 1) @ weights
        steps = shift % _GRID
        return ((codes * _GRID + steps[:, 0]) * _GRID + steps[:, 1]) * _GRID + steps[:, 2]

    known = np.sort(encode(rotations, shifts))
    for rotation, shift in zip(rotations, shifts, strict=True):
        product = rotation @ rotations
        if np.abs(product).max() <= 1:
            codes = encode(product, shifts @ rotation.T + shift)
            place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
            if (known[place] == codes).all():
                continue
        raise CrystalError(
            "symops_not_group", f"the {len(keys)} operators are not closed: some product is missing"
        )


def _point_group(keys: Sequence[_Key]) -> tuple[tuple[tuple[int, int], int], ...]:
    """Return how often each kind of rotation (determinant, trace) is there, per centring vector."""
    lattice_points = sum(key[0] == _IDENTITY[0] for key in keys)
    kinds: Counter[tuple[int, int]] = Counter()
    for rotation, _ in keys:
        matrix = np.reshape(rotation, (3, 3))
        kinds[round(float(np.linalg.det(matrix))), int(np.trace(matrix))] += 1
    return tuple(sorted((kind, count // lattice_points) for kind, count in kinds.items()))


def _names_agree(symmetry: Symmetry, keys: list[_Key]) -> bool:
    """Tell whether each name in the file has the point group of the operators.

    The point group does not depend on the setting or origin, which a file may choose freely.
    """
    mine = _point_group(keys)
    for find, name in (
        (_group_of_hall, symmetry.hall),
        (_group_of_name, symmetry.hermann_mauguin),
        (_group_of_number, symmetry.number),
    ):
        if name:
            group = find(name)
            if group is None or _point_group(_keys_of(group)) != mine:
                return False
    return True


# ---------------------------------------------------------------- names and numbers


def _tabulated_operators(symmetry: Symmetry, rhombohedral: bool) -> Operators:
    by_hall = _group_of_hall(symmetry.hall) if symmetry.hall else None
    by_name = (
        _group_of_name(symmetry.hermann_mauguin, rhombohedral) if symmetry.hermann_mauguin else None
    )
    by_number = _group_of_number(symmetry.number, rhombohedral) if symmetry.number else None
    if symmetry.hermann_mauguin and by_name is None and by_hall is None:
        raise CrystalError(
            "unknown_space_group",
            "the space group name is in no table, and no operators are listed",
        )
    found = [group for group in (by_hall, by_name, by_number) if group is not None]
    if not found:
        raise CrystalError(
            "unknown_space_group", "the space group is in no table, and no operators are listed"
        )
    named = {group.hm for group in (by_hall, by_name) if group is not None}
    if len({group.number for group in found}) > 1 or len(named) > 1:
        raise CrystalError(
            "symmetry_ambiguous",
            "space group names and number contradict each other, and no operators are listed",
        )
    chosen = found[0]
    warnings = []
    names = (symmetry.hall, symmetry.hermann_mauguin, symmetry.number)
    if len(found) < sum(map(bool, names)):
        warnings.append("symmetry_conflict")
    if by_hall is None and _origin_is_open(chosen, symmetry.hermann_mauguin):
        warnings.append("origin_ambiguous")
    keys = _keys_of(chosen)
    return _operators(keys, warnings)


def _group_of_hall(hall: str) -> gemmi.SpaceGroup | None:
    wanted = " ".join(hall.replace("_", " ").split()).lower()
    for group in gemmi.spacegroup_table():
        if group.hall.lower() == wanted:
            return group
    return None


@lru_cache(maxsize=1024)
def _group_of_name(name: str, rhombohedral: bool = False) -> gemmi.SpaceGroup | None:
    """Return the tabulated group of a Hermann-Mauguin name; origin 2 where that is open."""
    if len(name) > 80:
        return None
    name = " ".join(name.replace("_", " ").split())
    # ICSD writes the origin as S (1) or Z (2) and the axes as H or R after the name.
    name = re.sub(r"\s*:?\s+([SZ])$", lambda m: ":1" if m[1] == "S" else ":2", name)
    name = re.sub(r"\s*:\s*([12HR])$", r":\1", name, flags=re.IGNORECASE)
    angle = 60.0 if rhombohedral else 90.0
    gamma = 60.0 if rhombohedral else 120.0
    return gemmi.find_spacegroup_by_name(name, angle, gamma, "2")


def _group_of_number(number: str, rhombohedral: bool = False) -> gemmi.SpaceGroup | None:
    """Return the standard setting of a space group number; origin 2 where there are two."""
    if not re.fullmatch(r"\d{1,3}", number) or not 1 <= int(number) <= 230:
        return None
    standard = gemmi.get_spacegroup_reference_setting(int(number))
    return _group_of_name(standard.hm, rhombohedral) or standard


def _origin_is_open(group: gemmi.SpaceGroup, name: str) -> bool:
    """Tell whether the group has two origins and the name does not say which."""
    return group.ext in ("1", "2") and not re.search(r":\s*[12]$|\s[SZ]$", name.strip())


def _keys_of(group: gemmi.SpaceGroup) -> list[_Key]:
    keys = []
    for operator in group.operations():
        rotation = tuple(value // operator.DEN for row in operator.rot for value in row)
        shift = tuple(value * _GRID // operator.DEN % _GRID for value in operator.tran)
        keys.append((rotation, shift))
    keys.sort(key=lambda key: key != _IDENTITY)
    return keys
