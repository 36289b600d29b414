"""Crystal -> CIF text in P1, with numbers of ours beside the atoms.

Whatever reads CIF reads it: columns that a program does not know, it skips.

Not covered: symmetry, and what the file that the crystal came from said beyond its atoms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from screenkit.crystal.cell import ANGLE_TAGS, LENGTH_TAGS, lattice_parameters
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS


def cif_text(
    crystal: Crystal,
    columns: Mapping[str, np.ndarray],
    comments: Sequence[str] = (),
    plain_labels: bool = False,
) -> str:
    """Return a CIF of the crystal; atoms in the same order, lattice in the standard orientation.

    Args:
        columns: (n,) numbers by data name, such as `_atom_site_charge`; nine digits are written.
        comments: lines to stand above all.
        plain_labels: let the label of an atom be its element, as simulation programs want it that
            find the parameters of an atom by its label; else labels are numbered, and unique.
    """
    lengths, angles = lattice_parameters(crystal.lattice)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", crystal.name)[:80] or "crystal"
    lines = [f"# {_ascii(comment)}" for comment in comments]
    lines += [f"data_{name}", "_symmetry_space_group_name_H-M 'P 1'", "_space_group_IT_number 1"]
    lines += [f"{tag} {value:.6f}" for tag, value in zip(LENGTH_TAGS, lengths, strict=True)]
    lines += [f"{tag} {value:.6f}" for tag, value in zip(ANGLE_TAGS, angles, strict=True)]
    lines += ["loop_", "_symmetry_equiv_pos_as_xyz", "'x, y, z'"]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    lines += list(columns)
    for i, (z, place) in enumerate(zip(crystal.numbers, crystal.fractional, strict=True)):
        cells = [f"{x:.8f}" for x in place] + [f"{column[i]:.9g}" for column in columns.values()]
        label = SYMBOLS[z] if plain_labels else f"{SYMBOLS[z]}{i + 1}"
        lines.append(f"{label} {SYMBOLS[z]} {' '.join(cells)}")
    return "\n".join(lines) + "\n"


def _ascii(text: str) -> str:
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in text)
