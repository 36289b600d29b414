"""A crystal as a picture: atoms coloured by a number, with bonds and the cell.

`scene.py` says what is seen and where; here it is drawn from the back to the front. A small cell
shows the symbols of its atoms too.

Not covered: polyhedra, thermal ellipsoids, several cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS
from screenkit.report.drawing import INK, SOFT, image, plain
from screenkit.report.scene import SMALL, Scene, cell_edges, scene_of, view_of
from screenkit.report.shades import Shades, handy, ink_on

_VECTOR_ATOMS = 1500  # above, the drawing within an SVG is a bitmap, or it would weigh megabytes
_BOND_WIDTH = 0.16  # Å
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
    view = view_of(crystal.lattice)
    shades = Shades.of(weights, signed=picture.signed)
    colours = shades.colours(weights)
    scene = scene_of(crystal, view)
    polygons, fills = _polygons(scene, colours)
    corners = cell_edges(crystal.lattice) @ view.T
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
    if len(crystal) <= SMALL:
        _name(axis, crystal, scene, colours)
    title = picture.title if len(picture.title) <= 52 else picture.title[:51] + "…"
    figure.text(0.04, 0.955, plain(title), size=14, weight="bold", color=INK, va="center")
    figure.text(0.04, 0.915, _formula(crystal), size=10, color=SOFT, va="center")
    shades.bar(figure, axis, picture.quantity + unit, (0.16, 0.095, 0.68, 0.024))
    return image(figure, form)


def _polygons(scene: Scene, colours: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
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


def _name(axis: Any, crystal: Crystal, scene: Scene, colours: np.ndarray) -> None:
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
