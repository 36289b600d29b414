"""What all drawings with matplotlib share: colours of lines and texts, plain texts, and the bytes.

Drawn with matplotlib's Figure alone: no window system, no global state, nothing at import.

Not covered: colours that stand for numbers (`shades.py`); drawings without matplotlib (`svg.py`).
"""

from __future__ import annotations

import io
from typing import Any

INK, SOFT, LINE = "#1d2433", "#5d6779", "#c9cfd9"
"""Text, lesser text and lines, as on the page."""
POINT, MEAN, GREY = "#2f6f9f", "#d9622b", "#8a93a3"
"""Of a plot: what was measured, what sums it up, and what stands behind."""


def name_axes(axis: Any, title: str, x: str, y: str) -> None:
    """Give axes their title and labels, and take the lines off their upper and right side."""
    axis.set_title(plain(title), fontsize=10)
    axis.set_xlabel(plain(x))
    axis.set_ylabel(plain(y))
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def plain(text: str) -> str:
    """Return a text as matplotlib prints it letter by letter: a dollar would begin a formula."""
    return text.replace("$", r"\$")


def image(figure: Any, form: str) -> bytes:
    """Return a figure as `png` or `svg`. Equal figures give equal bytes."""
    from matplotlib import rc_context

    file = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "screenkit"}):
        figure.savefig(file, format=form, dpi=160, metadata=metadata)
    return file.getvalue()
