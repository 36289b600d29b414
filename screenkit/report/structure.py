"""A crystal as a picture: atoms coloured by a number, with bonds and the cell.

A parallel projection, drawn from the back to the front. A small cell shows the atoms of all its
faces and their symbols; in a large one each atom is drawn once, and a bond that leaves the cell
ends at its middle.

Not covered: polyhedra, thermal ellipsoids, several cells.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII, SYMBOLS
from screenkit.crystal.environments import MOST_BONDS, bonded
from screenkit.crystal.neighbors import find_neighbors
from screenkit.report.drawing import INK, SOFT, image, plain
from screenkit.report.shades import Shades, handy, ink_on

_VECTOR_ATOMS = 1500  # above, the drawing within an SVG is a bitmap, or it would weigh megabytes
_SMALL = 60  # atoms; a cell up to that size shows its faces and the symbols
_AT_FACE = 0.01  # fractional
_BOND_WIDTH = 0.16  # Å
_RADIUS, _RADIUS_SMALL = 0.55, 0.42  # of the covalent one; in small cells symbols tell, not size
_SIDES = 36  # corners of the polygon that stands for a circle


@dataclass(frozen=True, eq=False)
class Picture:
    """What one picture tells."""

    crystal: Crystal
    """n atoms."""
    weights: np.ndarray
    """(n,) finite numbers."""
    title: str
    quantity: str
    """What the colour bar shows."""
    unit: str
    signed: bool = False
    """Their sign matters, even where all have the same."""


def draw_structure(picture: Picture, form: str = "png") -> bytes:
    """Return the picture as `png` or `svg`. Equal data give equal bytes."""
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure

    crystal = picture.crystal
    weights, unit = handy(picture.weights, picture.unit)
    view = _view(crystal.lattice)
    shades = Shades.of(weights, signed=picture.signed)
    colours = shades.colours(weights)
    scene = _scene(crystal, view)
    polygons, fills = _polygons(scene, colours)
    corners = _cell_edges(crystal.lattice) @ view.T
    figure = Figure(figsize=(6.4, 6.4), facecolor="white")
    axis = figure.add_axes((0.03, 0.14, 0.94, 0.76))
    axis.set_aspect("equal")
    axis.axis("off")
    bitmap = form == "svg" and len(crystal) > _VECTOR_ATOMS
    axis.add_collection(LineCollection(corners[:, :, :2], colors=SOFT, linewidths=0.8, zorder=1))
    axis.add_collection(
        PolyCollection(
            polygons, facecolors=fills, edgecolors=INK,
            linewidths=_line_width(crystal.lattice), zorder=2, rasterized=bitmap,
        )
    )  # fmt: skip
    _fit(axis, np.concatenate([*polygons, corners[:, :, :2].reshape(-1, 2)]))
    if len(crystal) <= _SMALL:
        _name(axis, crystal, scene, colours)
    title = picture.title if len(picture.title) <= 52 else picture.title[:51] + "…"
    figure.text(0.04, 0.955, plain(title), size=14, weight="bold", color=INK, va="center")
    figure.text(0.04, 0.915, _formula(crystal), size=10, color=SOFT, va="center")
    shades.bar(figure, axis, picture.quantity + unit, (0.16, 0.095, 0.68, 0.024))
    return image(figure, form)


def _view(lattice: np.ndarray) -> np.ndarray:
    """Return a rotation (3, 3) whose rows are right, up and towards the eye.

    The longest cell vector lies across the picture, the shortest one points mostly to the eye, a
    little turned, so that rows of atoms do not hide each other.
    """
    order = np.argsort(np.linalg.norm(lattice, axis=1), kind="stable")
    short, long = lattice[order[0]], lattice[order[2]]
    eye = short / np.linalg.norm(short)
    right = long - (long @ eye) * eye
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(eye, right), eye])
    across, over = np.radians(-17.0), np.radians(11.0)
    turn = np.array(
        [[np.cos(across), 0, np.sin(across)], [0, 1, 0], [-np.sin(across), 0, np.cos(across)]]
    )
    tilt = np.array([[1, 0, 0], [0, np.cos(over), -np.sin(over)], [0, np.sin(over), np.cos(over)]])
    return tilt @ turn @ upright


@dataclass(frozen=True, eq=False)
class _Scene:
    """What is drawn: m atoms, those of the cell and their images at its faces, and their bonds."""

    atoms: np.ndarray
    """(m,) int64. Which atom of the crystal each is."""
    places: np.ndarray
    """(m, 3) float64, Å: right, up, towards the eye."""
    radii: np.ndarray
    """(m,) float64, Å."""
    starts: np.ndarray
    """(b,) int64. The drawn atom where each half of a bond begins."""
    halves: np.ndarray
    """(b, 3) float64, Å. From there to the middle of the bond."""


def _scene(crystal: Crystal, view: np.ndarray) -> _Scene:
    """Return what is drawn; bonds that leave a small cell are left out, as it shows its faces."""
    small = len(crystal) <= _SMALL
    cells = _images(crystal.fractional) if small else np.zeros((len(crystal), 4), np.int64)
    if not small:
        cells[:, 0] = np.arange(len(crystal))
    drawn = {tuple(cell) for cell in cells.tolist()}
    neighbors = find_neighbors(crystal, MOST_BONDS, "index")
    bonds = bonded(crystal.numbers, neighbors.indices, neighbors.distances)
    starts, halves = [], []
    for place, (i, *offset) in enumerate(cells.tolist()):
        for slot in np.flatnonzero(bonds[i]):
            end = (neighbors.offsets[i, slot] + offset).tolist()
            if not small or (int(neighbors.indices[i, slot]), *end) in drawn:
                starts.append(place)
                halves.append(neighbors.vectors[i, slot] / 2)
    atoms = cells[:, 0]
    scale = _RADIUS_SMALL if small else _RADIUS
    return _Scene(
        atoms=atoms,
        places=(crystal.positions[atoms] + cells[:, 1:] @ crystal.lattice) @ view.T,
        radii=np.maximum(COVALENT_RADII[crystal.numbers[atoms]], 0.45) * scale,
        starts=np.array(starts, np.int64),
        halves=np.array(halves).reshape(-1, 3) @ view.T,
    )


def _images(fractional: np.ndarray) -> np.ndarray:
    """Return (m, 4) int64: atom and cell of all that lies in the closed cell."""
    rows = []
    for i, place in enumerate(fractional):
        ways = [
            [0, 1] if abs(x) < _AT_FACE else [0, -1] if abs(x - 1) < _AT_FACE else [0]
            for x in place
        ]
        rows += [(i, *offset) for offset in itertools.product(*ways)]
    return np.array(rows, np.int64)


def _polygons(scene: _Scene, colours: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return polygons (corners, 2) and their colours, from the back to the front."""
    angles = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places, halves = scene.places, scene.halves
    discs = places[:, None, :2] + scene.radii[:, None, None] * circle
    length = np.maximum(np.linalg.norm(halves, axis=1, keepdims=True), 1e-9)
    # A bond begins at the surface of its atom.
    begins = places[scene.starts] + halves / length * 0.9 * scene.radii[scene.starts, None]
    ends = places[scene.starts] + halves
    flat = np.maximum(np.linalg.norm(halves[:, :2], axis=1, keepdims=True), 1e-9)
    side = np.stack([-halves[:, 1], halves[:, 0]], axis=1) / flat * (_BOND_WIDTH / 2)
    low, high = begins[:, :2], ends[:, :2]
    bars = np.stack([low - side, high - side, high + side, low + side], axis=1)
    depth = np.concatenate([places[:, 2], (begins[:, 2] + ends[:, 2]) / 2])
    fills = np.concatenate([colours[scene.atoms], colours[scene.atoms[scene.starts]]])
    polygons = [*discs, *bars]
    order = np.argsort(depth, kind="stable")
    return [polygons[i] for i in order], fills[order]


def _name(axis: Any, crystal: Crystal, scene: _Scene, colours: np.ndarray) -> None:
    """Write the symbols of atoms whose middle can be seen."""
    for i, (x, y, z) in enumerate(scene.places):
        ahead = scene.places[:, 2] > z
        away = np.hypot(scene.places[:, 0] - x, scene.places[:, 1] - y)
        if (ahead & (away < scene.radii)).any():
            continue
        atom = scene.atoms[i]
        symbol = SYMBOLS[crystal.numbers[atom]]
        axis.text(
            x, y, symbol, size=9, color=ink_on(colours[atom]), ha="center", va="center_baseline"
        )


def _cell_edges(lattice: np.ndarray) -> np.ndarray:
    """Return (12, 2, 3): both ends of each edge of the cell."""
    edges = []
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        for p in (0, 1):
            for q in (0, 1):
                corner = p * lattice[others[0]] + q * lattice[others[1]]
                edges.append((corner, corner + lattice[axis]))
    return np.array(edges)


def _line_width(lattice: np.ndarray) -> float:
    """Points. Outlines thin out as the atoms get small."""
    return float(np.clip(9.0 / np.linalg.norm(lattice, axis=1).max(), 0.15, 0.8))


def _fit(axis: Any, points: np.ndarray) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    pad = 0.02 * float((high - low).max())
    axis.set_xlim(low[0] - pad, high[0] + pad)
    axis.set_ylim(low[1] - pad, high[1] + pad)


def _formula(crystal: Crystal) -> str:
    counts = crystal.formula()
    first = ("C", "H") if "C" in counts else ()
    order = sorted(counts, key=lambda symbol: (symbol not in first, symbol))
    return " ".join(f"{s}{counts[s] if counts[s] > 1 else ''}" for s in order)
