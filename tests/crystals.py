"""Small crystals made by hand, for tests all over the house."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS


def crystal(numbers, fractional, lattice, name="test") -> Crystal:
    lattice = np.asarray(lattice, dtype=float)
    if lattice.ndim == 1:
        lattice = np.diag(lattice)
    fractional = np.asarray(fractional, dtype=float)
    fractional = fractional - np.floor(fractional)
    return Crystal(
        name=name,
        numbers=np.asarray(numbers, dtype=np.int16),
        positions=fractional @ lattice,
        lattice=lattice,
    )


def rock_salt(a: float = 5.64) -> Crystal:
    """NaCl, 8 atoms: 6 unlike neighbours at a/2, then 12 like ones at a/sqrt(2)."""
    na = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    cl = [[0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    return crystal([11] * 4 + [17] * 4, na + cl, [a, a, a], name="NaCl")


def write_salts(folder: Path) -> int:
    """Write a library to label: five wide salts, one with an overlap, one that is no CIF."""
    folder.mkdir()
    for edge in (8.0, 8.5, 9.0, 9.5, 10.0, 1.2):
        write_cif(rock_salt(edge), folder / f"salt-{edge:g}.cif")
    (folder / "broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    return 7


def random_crystal(seed: int = 0, atoms: int = 20, edge: float = 9.0) -> Crystal:
    """A triclinic crystal without symmetry, atoms at least 1 Å apart: no two distances tie."""
    rng = np.random.default_rng(seed)
    lattice = np.array([[edge, 0, 0], [1.3, edge + 0.7, 0], [-0.9, 1.1, edge - 0.8]])
    images = np.array([[a, b, c] for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)])
    placed: list[np.ndarray] = []
    while len(placed) < atoms:
        point = rng.random(3)
        near = [np.linalg.norm((p - point + images) @ lattice, axis=1).min() for p in placed]
        if not near or min(near) > 1.0:
            placed.append(point)
    return crystal(rng.choice([1, 6, 7, 8, 30], atoms), placed, lattice, name=f"random-{seed}")


def permuted(given: Crystal, order: np.ndarray) -> Crystal:
    return Crystal(given.name, given.numbers[order], given.positions[order], given.lattice)


def rotated(given: Crystal, seed: int = 1) -> Crystal:
    """The same crystal and cell, turned as a whole."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.linalg.det(q)
    return Crystal(given.name, given.numbers, given.positions @ q, given.lattice @ q)


def translated(given: Crystal, shift: tuple[float, float, float]) -> Crystal:
    """The same crystal with its origin moved by `shift` (fractional)."""
    return crystal(given.numbers, given.fractional + np.array(shift), given.lattice, given.name)


def supercell(given: Crystal, repeats: tuple[int, int, int]) -> Crystal:
    cells = np.array([[a, b, c] for a in range(repeats[0]) for b in range(repeats[1])
                      for c in range(repeats[2])])  # fmt: skip
    fractional = (given.fractional[None] + cells[:, None]).reshape(-1, 3) / np.array(repeats)
    return crystal(
        np.tile(given.numbers, len(cells)),
        fractional,
        given.lattice * np.array(repeats)[:, None],
        given.name,
    )


def mirrored(given: Crystal) -> Crystal:
    mirror = np.diag([-1.0, 1.0, 1.0])
    return Crystal(given.name, given.numbers, given.positions @ mirror, given.lattice @ mirror)


def write_cif(given: Crystal, path: Path) -> None:
    """Write a crystal in P1, with six decimals."""
    lengths = np.linalg.norm(given.lattice, axis=1)
    a, b, c = given.lattice / lengths[:, None]
    angles = np.degrees(np.arccos([b @ c, a @ c, a @ b]))
    cell = zip(("length_a", "length_b", "length_c"), lengths, strict=True)
    turns = zip(("angle_alpha", "angle_beta", "angle_gamma"), angles, strict=True)
    lines = [f"data_{path.stem}", "_symmetry_space_group_name_H-M 'P 1'"]
    lines += [f"_cell_{key} {value:.6f}" for key, value in (*cell, *turns)]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    for i, (z, place) in enumerate(zip(given.numbers, given.fractional, strict=True)):
        symbol = SYMBOLS[z]
        lines.append(f"{symbol}{i} {symbol} " + " ".join(f"{x:.6f}" for x in place))
    path.write_text("\n".join(lines) + "\n")
