"""Figure: what stands in a page, and again beside it as a picture and as numbers.

    RUN/figures/NAME.png, NAME.csv

Not covered: drawings of structures in a table, which have no numbers of their own (`explain` keeps
pictures of those).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

import numpy as np

from screenkit.report import svg
from screenkit.report.chart import Chart, Hexagons, csv_of
from screenkit.report.chart_png import draw_png
from screenkit.store.publish import replace_bytes, replace_text, storage_error

FOLDER = "figures"
"""Name of the folder in that of the run."""


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure of a page."""

    name: str
    """Of its files, without suffix."""
    title: str
    caption: str
    """What is seen, in sentences."""
    body: str
    """As HTML."""
    table: Mapping[str, np.ndarray | Sequence[str]]
    """Its numbers by heading."""
    png: Callable[[], bytes]
    """Draws it."""
    wide: bool = False
    """It takes the whole width of a page, right under a heading that says what it is."""

    @classmethod
    def of(cls, chart: Chart) -> Figure:
        """Return the figure of a chart."""
        legend = [
            f'<span><i class="{kind}"></i>{escape(word)}</span>' for kind, word in chart.legend
        ]
        counts = [layer.counts for layer in chart.layers if isinstance(layer, Hexagons)]
        legend += [svg.hexagon_scale(each) for each in counts if len(each)]
        below = f'<p class="legend">{"".join(legend)}</p>' if legend else ""
        return cls(
            chart.name,
            chart.title,
            chart.caption,
            svg.draw(chart) + below,
            chart.table,
            partial(draw_png, chart),
        )

    @property
    def html(self) -> str:
        """The figure with title and caption."""
        kind = ' class="over"' if self.wide else ""
        title = "" if self.wide else f"<h3>{escape(self.title)}</h3>"
        files = f"{FOLDER}/{self.name}"
        return (
            f"<figure{kind}>{title}{self.body}"
            f"<figcaption>{escape(self.caption)} "
            f'<span class="files"><a href="{escape(files)}.png">png</a> '
            f'<a href="{escape(files)}.csv">csv</a></span></figcaption></figure>'
        )


def side_by_side(figures: Sequence[Figure]) -> str:
    """Return figures as HTML, two in a row where there is room."""
    shown = "".join(figure.html for figure in figures)
    return f'<div class="figures">{shown}</div>' if figures else ""


def write_figures(figures: Sequence[Figure], run: Path) -> None:
    """Write the picture and the numbers of each figure; what was there of others is removed.

    Raises:
        StorageError: the disk is full, or a file cannot be written.
    """
    folder = run / FOLDER
    try:
        folder.mkdir(exist_ok=True)
        names = {figure.name for figure in figures}
        for path in folder.iterdir():
            if path.suffix in (".png", ".csv") and path.stem not in names:
                path.unlink()
    except OSError as error:
        raise storage_error(folder, error) from error
    gc.freeze()  # a picture leaves 4 MB of rings behind; to look for them alone takes 5 ms
    try:
        for figure in figures:
            replace_text(folder / f"{figure.name}.csv", csv_of(figure.table))
            replace_bytes(folder / f"{figure.name}.png", figure.png())
            gc.collect()
    finally:
        gc.unfreeze()
