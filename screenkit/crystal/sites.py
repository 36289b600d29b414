"""The atom sites of a CIF: columns of text -> elements, coordinates, charges.

Works column by column, on the text itself; only what the fast way refuses is looked at value by
value.

Not covered: Cartesian coordinates, displacement parameters, bonds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.crystal.elements import SYMBOLS, atomic_number
from screenkit.crystal.kernel import kernel
from screenkit.crystal.number import read_number, read_numbers
from screenkit.crystal.words import Words, number_table
from screenkit.errors import CrystalError

MAX_COORDINATE = 1e4
"""Fractional coordinates beyond this have lost the digits that matter."""
OCCUPANCY_TOLERANCE = 1e-3
"""An occupancy this close to 1 is 1."""

SITE_TAGS = (
    "label",
    "type_symbol",
    "fract_x",
    "fract_y",
    "fract_z",
    "occupancy",
    "calc_flag",
    "disorder_group",
    "disorder_assembly",
    "attached_hydrogens",
    "charge",
    "partial_charge",
)
"""What is read of the atom site loop; each stands after `_atom_site_`."""

Columns = dict[str, Words]
"""Tag of the atom site loop, without `_atom_site_` and in lower case -> its values."""

_CHARGE_TAGS = ("charge", "partial_charge", "_atom_type_partial_charge")
_NEAR_THIRD = 1.1e-4  # of three times a coordinate
_DUMMIES = {"X", "DU", "DUM", "DUMMY", "Q"}
_NOTHING = {"?", "."}


@dataclass(frozen=True, eq=False)
class Sites:
    """The listed sites of one structure, before symmetry."""

    numbers: np.ndarray
    """(n,) int16. Atomic numbers."""
    fractional: np.ndarray
    """(n, 3) float64, as listed: may lie in another cell."""
    charges: np.ndarray | None
    """(n,) float64, e; None where the file has none, or nothing but zeros."""


def read_sites(columns: Columns, warn: Callable[[str], None]) -> Sites:
    """Return the sites of a structure that is ordered and complete.

    Args:
        columns: all of one length.
        warn: takes the code of what is odd but accepted.

    Raises:
        CrystalError: no_structure, no_fract_coords, missing_coords, bad_number,
            coord_out_of_range, disorder, partial_occupancy, bad_occupancy, unknown_element,
            ambiguous_element or dummy_atom.
    """
    if not all(axis in columns for axis in ("fract_x", "fract_y", "fract_z")):
        raise CrystalError("no_fract_coords", "atom sites without three fractional coordinates")
    columns = _without_dummy_flags(columns, warn)
    _refuse_disorder(columns, warn)
    columns = _full_occupancy(columns, warn)
    if not len(columns["fract_x"]):
        raise CrystalError("no_structure", "no atom sites are left in the structure")
    fractional = _coordinates(columns)
    numbers = _elements(columns, warn)
    for value in _distinct(columns, "attached_hydrogens") - _NOTHING:
        if read_number(value, "_atom_site_attached_hydrogens") > 0:
            warn("missing_hydrogens")
    return Sites(numbers, fractional, _charges(columns, warn))


def _keep(columns: Columns, rows: Sequence[int]) -> Columns:
    places = np.array(rows, np.intp)
    return {tag: words.at(places) for tag, words in columns.items()}


def _distinct(columns: Columns, tag: str) -> set[str]:
    return columns[tag].distinct() if tag in columns else set()


def _without_dummy_flags(columns: Columns, warn: Callable[[str], None]) -> Columns:
    if "dum" not in map(str.lower, _distinct(columns, "calc_flag")):
        return columns
    warn("dummy_dropped")
    flags = columns["calc_flag"].texts()
    return _keep(columns, [row for row, flag in enumerate(flags) if flag.lower() != "dum"])


def _refuse_disorder(columns: Columns, warn: Callable[[str], None]) -> None:
    if _distinct(columns, "disorder_group") - _NOTHING - {"0"}:
        raise CrystalError("disorder", "atom sites belong to disorder groups")
    if _distinct(columns, "disorder_assembly") - _NOTHING - {"0"}:
        warn("disorder_suspected")
    if "label" not in columns:
        return
    # Nearly every file has neither sign in any label.
    if columns["label"].hold("*?") and any(
        len(label) > 1 and label[-1] in "*?" for label in columns["label"].texts()
    ):
        warn("disorder_suspected")


def _full_occupancy(columns: Columns, warn: Callable[[str], None]) -> Columns:
    distinct = sorted(_distinct(columns, "occupancy"))
    if "?" in distinct:
        warn("occupancy_unknown")
    # All numbers first: words here mean shifted columns, and no occupancy can be believed.
    values = {t: read_number(t, "_atom_site_occupancy") for t in distinct if t not in _NOTHING}
    empty = set()
    for text, value in values.items():
        if not -OCCUPANCY_TOLERANCE <= value <= 1.0 + OCCUPANCY_TOLERANCE:
            raise CrystalError("bad_occupancy", "an occupancy is not between 0 and 1")
        if value <= OCCUPANCY_TOLERANCE:
            empty.add(text)
        elif value < 1.0 - OCCUPANCY_TOLERANCE:
            partial = columns["occupancy"].texts().count(text)
            raise CrystalError(
                "partial_occupancy", f"{partial} atom site(s) with occupancy {value:.3f}"
            )
    if not empty:
        return columns
    warn("zero_occupancy_dropped")
    texts = columns["occupancy"].texts()
    return _keep(columns, [row for row, text in enumerate(texts) if text not in empty])


def _coordinates(columns: Columns) -> np.ndarray:
    """Return (n, 3) fractional coordinates."""
    axes = [columns["fract_x"], columns["fract_y"], columns["fract_z"]]
    fractional = number_table(axes)
    if fractional is None:
        fractional = _odd_coordinates(axes)
    is_small, thirds = _look_over(fractional)
    if not is_small:
        raise CrystalError(
            "coord_out_of_range", f"a fractional coordinate is beyond {MAX_COORDINATE:g}"
        )
    _restore_thirds(fractional.reshape(-1), thirds)
    return fractional


def _odd_coordinates(axes: Sequence[Words]) -> np.ndarray:
    try:
        columns = [
            read_numbers(values, f"_atom_site_fract_{axis}")
            for axis, values in zip("xyz", axes, strict=True)
        ]
    except CrystalError:
        listed = zip(*(values.texts() for values in axes), strict=True)
        unknown = sum(not _NOTHING.isdisjoint(site) for site in listed)
        if not unknown:
            raise
        raise CrystalError(
            "missing_coords", f"{unknown} atom site(s) without coordinates"
        ) from None
    return np.stack(columns, axis=1)


@kernel
def _look_over(fractional):
    """Return whether all coordinates are small, and which are near one or two thirds."""
    is_small, count = True, 0
    values = fractional.reshape(-1)
    near = np.empty(len(values), np.int64)
    for i in range(len(values)):
        # Not `> limit`: a NaN or an overflow must not pass.
        is_small &= abs(values[i]) <= MAX_COORDINATE
        triple = 3.0 * values[i]
        third = math.floor(triple + 0.5)
        if abs(triple - third) < _NEAR_THIRD and third % 3 != 0:
            near[count] = i
            count += 1
    return is_small, near[:count]


def _restore_thirds(coordinates: np.ndarray, near: np.ndarray) -> None:
    """Make 0.3333 a third, in place: no decimal says it, and a site must not miss its axis.

    A third is what is one to the last of four or more decimals, as in pymatgen; it moves by less
    than the file's own rounding. Any other coordinate stays as written.
    """
    for place in near.tolist():
        value = float(coordinates[place])
        third = round(3.0 * value) / 3.0
        if any(value == round(third, decimals) for decimals in range(4, 16)):
            coordinates[place] = third


def _charges(columns: Columns, warn: Callable[[str], None]) -> np.ndarray | None:
    for tag in _CHARGE_TAGS:
        if tag in columns:
            try:
                charges = read_numbers(columns[tag], "the charge")
            except CrystalError:
                warn("charges_unreadable")
                return None
            if not np.abs(charges).max() <= 100.0:
                warn("charges_unreadable")
                return None
            # Nothing but zeros is how builders say "not computed" (PORMAKE does).
            return charges if charges.any() else None
    return None


# ---------------------------------------------------------------- elements


def _elements(columns: Columns, warn: Callable[[str], None]) -> np.ndarray:
    types, labels = columns.get("type_symbol"), columns.get("label")
    if types is None:
        if labels is None:
            raise CrystalError("unknown_element", "atom sites without type symbol and label")
        return np.array([_from_label(label, warn) for label in labels.texts()], dtype=np.int16)
    numbers = types.elements()
    if numbers is None:
        numbers = _odd_elements(types.texts(), None if labels is None else labels.texts(), warn)
    # One pass clears nearly every file: "Zn12" begins with "Zn".
    if labels is not None and not labels.begin_with(types):
        _compare_labels(labels.texts(), numbers, warn)
    return numbers


def _odd_elements(
    types: list[str], labels: list[str] | None, warn: Callable[[str], None]
) -> np.ndarray:
    numbers = np.empty(len(types), dtype=np.int16)
    known: dict[str, int] = {}
    for row, text in enumerate(types):
        if text in _NOTHING and labels is not None:
            numbers[row] = _from_label(labels[row], warn)
            continue
        if text not in known:
            known[text] = _from_type(text, warn)
        numbers[row] = known[text]
    return numbers


def _from_type(text: str, warn: Callable[[str], None]) -> int:
    """Return the element of a type symbol: Zn, ZN, Zn2+, Zn+2, O2-, C_R."""
    match = re.fullmatch(r"([A-Za-z]{1,5})(?:[0-9+\-_.(].*)?", text)
    symbol = match.group(1) if match else ""
    number = atomic_number(symbol)
    if number is not None:
        return number
    if symbol.upper() == "D":
        warn("isotope_mapped")
        return 1
    raise _no_element(symbol)


def _from_label(label: str, warn: Callable[[str], None]) -> int:
    """Return the element that a label begins with, where only one reading makes sense."""
    letters = re.match(r"[A-Za-z]*", label).group()  # type: ignore[union-attr]
    one, two = letters[:1], letters[:2]
    if len(two) == 2 and atomic_number(two) is not None:
        if two[1].isupper() and atomic_number(one) is not None:
            raise CrystalError(
                "ambiguous_element",
                "a label in capitals reads as two elements, and there is no type symbol",
            )
        return atomic_number(two) or 0
    number = atomic_number(one)
    if letters.upper() == "D":
        warn("isotope_mapped")
        return 1
    if number is None or letters.upper() in _DUMMIES:
        raise _no_element(letters)
    if len(letters) > 1:
        warn("element_guessed")
    return number


def _no_element(symbol: str) -> CrystalError:
    if symbol.upper() in _DUMMIES:
        return CrystalError("dummy_atom", "a dummy site (X, Du or Q) stands among the atoms")
    return CrystalError("unknown_element", "an atom site names no element")


def _compare_labels(labels: list[str], numbers: np.ndarray, warn: Callable[[str], None]) -> None:
    """Warn where a label plainly begins with another element than the type symbol."""
    stems = {
        (label.rstrip("0123456789")[:3], int(number))
        for label, number in zip(labels, numbers, strict=True)
    }
    for stem, number in stems:
        letters = re.match(r"[A-Za-z]*", stem).group()  # type: ignore[union-attr]
        if letters.upper().startswith(SYMBOLS[number].upper()) or letters[:1].upper() == "D":
            continue
        if "~" in stem:  # a letter that is not ASCII, see syntax.py
            continue
        if atomic_number(letters[:1]) or atomic_number(letters[:2]):
            warn("label_type_mismatch")
            return
