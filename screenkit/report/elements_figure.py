"""What structures are made of: the periodic table, each element with how many of them have it.

Not covered: other numbers per element, as a picture (`elements_map.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from screenkit.crystal.elements import SYMBOLS
from screenkit.report.elements_map import ElementsMap, draw_elements_map, place
from screenkit.report.figures import Figure
from screenkit.report.svg import SHADES

_CELL = 52
_DEEP = 4  # shades from here on carry light letters


def elements_figure(structures: Sequence[Iterable[str]], which: str) -> Figure | None:
    """Return the figure of some structures; None where there are none.

    Args:
        structures: the elements of each.
        which: what these structures are, such as `structures on the shortlist`.
    """
    counts = Counter(symbol for elements in structures for symbol in set(elements))
    if not counts:
        return None
    total = len(structures)
    order = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
    caption = (
        f"Under each element, how many of the {total} {which} have it; the darker, the more. "
        f"{len(counts)} elements occur."
    )
    told = ElementsMap(
        title=f"Elements of {total} {which}", quantity="share that has it", unit="%",
        values={symbol: 100.0 * count / total for symbol, count in counts.items()}, atoms=counts,
    )  # fmt: skip
    return Figure(
        "elements", f"Elements of the {total} {which}", caption, _table(counts, total),
        {
            "element": order,
            "structures": np.array([counts[symbol] for symbol in order]),
            "share": np.array([counts[symbol] / total for symbol in order]),
        },
        partial(draw_elements_map, told), wide=True,
    )  # fmt: skip


def _table(counts: Counter[str], total: int) -> str:
    rows = 7 if not any(place(SYMBOLS.index(symbol))[0] >= 7 for symbol in counts) else 9
    height = rows * _CELL + (18 if rows > 7 else 0)
    parts = [
        f'<svg viewBox="0 0 {18 * _CELL} {height}" class="table" role="img" '
        'aria-label="Periodic table">'
    ]
    for number, symbol in enumerate(SYMBOLS[1:], start=1):
        row, column = place(number)
        if row >= rows:
            continue
        x, y = column * _CELL, row * _CELL + (16 if row >= 7 else 0)
        box = f'x="{x + 1}" y="{y + 1}" width="{_CELL - 3}" height="{_CELL - 3}" rx="5"'
        middle = x + _CELL // 2 - 1
        if count := counts.get(symbol, 0):
            shade = min(SHADES, 1 + int(count / total * SHADES))
            deep = " deep" if shade >= _DEEP else ""
            parts.append(
                f'<g class="in{deep}"><title>{symbol}: {count} of {total}</title>'
                f'<rect class="hex h{shade}" {box}/>'
                f'<text class="symbol" x="{middle}" y="{y + 25}">{symbol}</text>'
                f'<text class="count" x="{middle}" y="{y + 42}">{count}</text></g>'
            )
        else:
            parts.append(
                f'<g><rect class="cell" {box}/>'
                f'<text class="empty" x="{middle}" y="{y + 31}">{symbol}</text></g>'
            )
    return "".join(parts) + "</svg>"
