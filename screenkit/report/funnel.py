"""From a library to what is left of it, step by step, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

import numpy as np

from screenkit.report.chart import Axis, Bars, Chart
from screenkit.report.chart_png import draw_png
from screenkit.report.figures import Figure
from screenkit.report.words import number


@dataclass(frozen=True, slots=True)
class Step:
    """What is left after a rule."""

    name: str
    """Such as `read without a fault`."""
    left: int
    """Structures."""
    lost: str = ""
    """What became of the others."""


def funnel(steps: Sequence[Step], what: str = "structures") -> Figure:
    """Return the figure of some steps, the first of which has all."""
    most = max((step.left for step in steps), default=0) or 1
    lines = []
    for i, step in enumerate(steps):
        last = ' class="last"' if i and i == len(steps) - 1 else ""
        lost = f"<small>{escape(step.lost)}</small>" if step.lost else ""
        # 45 % of the width are for the words behind the bar.
        lines.append(
            f"<dt>{escape(step.name)}</dt><dd{last}>"
            f'<i style="width:{step.left / most * 55:.2f}%"></i>'
            f"<b>{number(step.left)}</b>{lost}</dd>"
        )
    counts = np.array([step.left for step in steps])
    names = [step.name for step in steps]
    kept = f"{counts[-1] / most:.2%} of all {what}" if len(steps) else ""
    caption = f"How many {what} are left after each step; at the end {kept}."
    chart = Chart(
        "funnel", "From the library to what is left", caption,
        Axis("", -0.5, len(steps) - 0.5, [name.replace(" ", "\n") for name in names]),
        Axis(what, 0.0, most * 1.05),
        [Bars(np.arange(len(steps) + 1) - 0.5, counts, "good")], {},
    )  # fmt: skip
    return Figure(
        "funnel", chart.title, caption, f'<dl class="funnel">{"".join(lines)}</dl>',
        {"step": names, "structures": counts, "lost": [step.lost for step in steps]},
        partial(draw_png, chart), wide=True,
    )  # fmt: skip
