"""Six numbers -> lattice vectors, or why they make no cell; and back.

Not covered: reduction to a standard cell, cell transformations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from screenkit.crystal.number import read_number
from screenkit.errors import CrystalError

LENGTH_RANGE = (0.1, 1e5)
"""Å. Cell edges outside are no crystal."""
ANGLE_RANGE = (5.0, 175.0)
"""Degrees. Cell angles outside are a needle or a mistaken unit."""
LENGTH_TAGS = ("_cell_length_a", "_cell_length_b", "_cell_length_c")
ANGLE_TAGS = ("_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")

_FLAT = 0.01  # V / (a b c) of a cell without volume


def read_lattice(
    lengths: Sequence[str], angles: Sequence[str], warn: Callable[[str], None]
) -> np.ndarray:
    """Return (3, 3) float64, Å: rows a, b, c with a along x and b in the xy plane.

    Args:
        lengths: three texts, Å; empty where the file has none.
        angles: three texts, degrees; empty is 90, as the CIF dictionary has it.
        warn: takes the code of what is odd but accepted.

    Raises:
        CrystalError: no_cell, bad_number, bad_cell_length, bad_cell_angle, cell_not_closed or
            zero_volume.
    """
    if not all(lengths):
        raise CrystalError("no_cell", "a cell length is missing")
    if not all(angles):
        warn("angle_default_90")
    edges = [read_number(text, tag) for text, tag in zip(lengths, LENGTH_TAGS, strict=True)]
    degrees = [read_number(text or "90", tag) for text, tag in zip(angles, ANGLE_TAGS, strict=True)]
    for tag, value in zip(LENGTH_TAGS, edges, strict=True):
        if not LENGTH_RANGE[0] <= value <= LENGTH_RANGE[1]:
            raise CrystalError("bad_cell_length", f"{tag} is {value:g} Å")
    for tag, value in zip(ANGLE_TAGS, degrees, strict=True):
        if not ANGLE_RANGE[0] <= value <= ANGLE_RANGE[1]:
            raise CrystalError("bad_cell_angle", f"{tag} is {value:g} degrees")
    return _lattice(edges, degrees)


def _lattice(edges: Sequence[float], degrees: Sequence[float]) -> np.ndarray:
    a, b, c = edges
    if sum(degrees) > 360.0 or 2.0 * max(degrees) > sum(degrees):
        raise CrystalError("cell_not_closed", f"{_stated(degrees)} close no cell")
    # Exactly 0 for 90: the cosine of pi/2 is not.
    cosine = [0.0 if angle == 90.0 else math.cos(math.radians(angle)) for angle in degrees]
    sine = 1.0 if degrees[2] == 90.0 else math.sin(math.radians(degrees[2]))
    along = (cosine[0] - cosine[1] * cosine[2]) / sine
    square = 1.0 - cosine[1] ** 2 - along**2
    if square <= 0.0 or math.sqrt(square) * sine < _FLAT:
        raise CrystalError("zero_volume", f"{_stated(degrees)} make a flat cell")
    return np.array(
        [
            [a, 0.0, 0.0],
            [b * cosine[2], b * sine, 0.0],
            [c * cosine[1], c * along, c * math.sqrt(square)],
        ]
    )


def _stated(degrees: Sequence[float]) -> str:
    return "angles " + ", ".join(f"{angle:g}" for angle in degrees) + " degrees"


def lattice_parameters(lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths a, b, c (Å) and angles alpha, beta, gamma (degrees) of lattice vectors."""
    lengths = np.linalg.norm(lattice, axis=1)
    a, b, c = lattice / lengths[:, None]
    return lengths, np.degrees(np.arccos([b @ c, a @ c, a @ b]))


def is_rhombohedral(lattice: np.ndarray) -> bool:
    """Tell whether a = b = c with three equal angles that are neither 90 nor 120 degrees."""
    metric = lattice @ lattice.T
    square = np.diag(metric)
    cosine = metric[[1, 0, 0], [2, 2, 1]] / np.sqrt(square[[1, 0, 0]] * square[[2, 2, 1]])
    return bool(
        np.ptp(square) < 0.01 * square.max()
        and np.ptp(cosine) < 0.01
        and abs(cosine[0]) > 0.01
        and abs(cosine[0] + 0.5) > 0.01
    )
