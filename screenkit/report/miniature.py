"""A crystal as a small drawing for a table, in few bytes: SVG whose atoms are dots of thick lines.

What lies behind is paler, on light and on dark ground alike. Atoms have the colours of their
elements, or of their weights where a model was asked for them.

Not covered: pictures for print, with symbols and a colour bar (`structure.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.report.element_colours import ELEMENT_COLOURS, hex_colour
from screenkit.report.scene import Scene, cell_edges, scene_of, view_of
from screenkit.report.shades import Shades

MOST_ATOMS = 2000
"""More are not drawn: dots would hide each other."""
_SIDE = 200.0  # of the drawing
_SLICES = 9  # in depth
_PALEST = 0.35  # opacity of what lies behind all else
_STEPS = 24  # colours of weights
_BOND = 0.2  # Å


_Place = Callable[[np.ndarray], np.ndarray]
"""From Å to places in the drawing."""


def draw_miniature(
    crystal: Crystal, weights: np.ndarray | None = None, signed: bool = False
) -> str:
    """Return a crystal as the inside of an `<svg viewBox="0 0 200 200">`.

    Args:
        crystal: n atoms, `MOST_ATOMS` at most.
        weights: (n,) finite numbers that colour the atoms; None: their elements do.
        signed: the sign of weights matters, even where all have the same.
    """
    view = view_of(crystal.lattice)
    scene = scene_of(crystal, view)
    edges = cell_edges(crystal.lattice) @ view.T
    reach = np.concatenate([scene.places[:, :2], edges[:, :, :2].reshape(-1, 2)])
    low, high = reach.min(axis=0) - 0.8, reach.max(axis=0) + 0.8
    scale = _SIDE / float((high - low).max())
    shift = (_SIDE - (high - low) * scale) / 2

    def place(points: np.ndarray) -> np.ndarray:
        flat = (points[..., :2] - low) * scale + shift
        return np.stack([flat[..., 0], _SIDE - flat[..., 1]], axis=-1)

    cell = "".join(f"M{a[0]:.0f} {a[1]:.0f}L{b[0]:.0f} {b[1]:.0f}" for a, b in place(edges))
    colours = _colours(crystal, weights, signed)
    return f'<path class="cell" d="{cell}"/>' + "".join(
        _slices(scene, [colours[i] for i in scene.atoms], place, scale)
    )


def _colours(crystal: Crystal, weights: np.ndarray | None, signed: bool) -> list[str]:
    if weights is None:
        return [hex_colour(rgb) for rgb in ELEMENT_COLOURS[crystal.numbers]]
    shades = Shades.of(weights, signed=signed)
    share = np.clip((weights - shades.low) / (shades.high - shades.low), 0, 1)
    steps = np.round(share * _STEPS) / _STEPS
    rgba = shades.colours(shades.low + steps * (shades.high - shades.low))
    return [hex_colour(rgb) for rgb in np.round(rgba[:, :3] * 255)]


def _slices(scene: Scene, colours: Sequence[str], place: _Place, scale: float) -> list[str]:
    """Return a group for each slice in depth, from the back to the front."""
    depth = scene.places[:, 2]
    reach = float(np.ptp(depth)) or 1.0
    slices = np.minimum(((depth - depth.min()) / reach * _SLICES).astype(int), _SLICES - 1)
    flat = place(scene.places)
    ends = place(scene.places[scene.starts] + scene.halves)
    parts = []
    for number in range(_SLICES):
        inside = []
        bonds = np.flatnonzero(slices[scene.starts] == number)
        if len(bonds):
            path = "".join(
                f"M{a[0]:.0f} {a[1]:.0f}L{b[0]:.0f} {b[1]:.0f}"
                for a, b in zip(flat[scene.starts[bonds]], ends[bonds], strict=True)
            )
            inside.append(f'<path class="bond" stroke-width="{_BOND * scale:.1f}" d="{path}"/>')
        kinds: dict[tuple[str, float], list[str]] = {}
        for i in np.flatnonzero(slices == number).tolist():
            width = round(2 * float(scene.radii[i]) * scale, 1)
            kinds.setdefault((colours[i], width), []).append(
                f"M{flat[i, 0]:.1f} {flat[i, 1]:.1f}h0"
            )
        for (colour, width), dots in kinds.items():
            path = "".join(dots)
            inside.append(f'<path class="rim" stroke-width="{width + 1:.1f}" d="{path}"/>')
            inside.append(f'<path stroke="{colour}" stroke-width="{width}" d="{path}"/>')
        if inside:
            opacity = _PALEST + (1 - _PALEST) * (number + 1) / _SLICES
            parts.append(f'<g opacity="{opacity:.2f}">{"".join(inside)}</g>')
    return parts
