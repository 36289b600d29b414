"""Draw the last results into docs/, and write their tables into docs/performance.md.

    python -m benchmarks.plots [--results FOLDER] [--docs FOLDER]

Needs what `python -m benchmarks` and `python -m benchmarks.linear` have kept. The drawings are SVG
in colours that are legible on white and on black. A table stands between `<!-- figures: NAME -->`
and `<!-- end -->`; what stands around them is left as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import tables
from benchmarks.record import RESULTS, last
from screenkit.report import svg
from screenkit.report.chart import Axis, Chart, Layer, Line, Points, span

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "performance.md"
KINDS = ("good", "chosen", "all")
SHARES = (
    ("files to crystals", "share of a plain read, files to crystals"),
    ("crystals to graphs", "share of a copy, neighbours, checks and graph"),
    *(
        (f"{tables.NAMES[model]}, {bits} bits", f"share of a plain product, {model} {precision}")
        for model in ("knagcn", "cgcnn")
        for bits, precision in (("32", "float32"), ("16", "bfloat16"))
    ),
    ("rows to HDF5", "share of a plain write, write"),
    *(
        (
            f"all, {tables.NAMES[model]}, {bits} bits",
            f"share of all ceilings, end to end {model} {precision}",
        )
        for model in ("knagcn", "cgcnn")
        for bits, precision in (("32", "float32"), ("16", "bfloat16"))
    ),
)
_WIDTH, _HEAD = 460, 46
STYLE = """
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#737d8c}
.title{font-size:14px;font-weight:600}.label,.note{font-size:12.5px}
path{fill:none}.grid{stroke:#8b949e;stroke-opacity:.3}.axis{stroke:#8b949e}
path.line{stroke-width:1.8;stroke-linejoin:round}
path.guide{stroke:#8b949e;stroke-width:1.2;stroke-dasharray:5 4}
path.dots{stroke-width:7;stroke-linecap:round}
.good{stroke:#2f81d7}.chosen{stroke:#d9622b}.all{stroke:#8a63c9}
"""


def alone(chart: Chart) -> str:
    """Return a chart as a file of its own: its title and legend above, and its colours within."""
    drawn = svg.draw(chart)
    height = int(re.search(r'viewBox="0 0 \d+ (\d+)"', drawn)[1])  # type: ignore[index]
    place, parts = 10, []
    for kind, word in chart.legend:
        parts.append(f'<path class="dots {kind}" d="M{place + 4} 36h0"/>')
        parts.append(f'<text x="{place + 13}" y="40">{escape(word)}</text>')
        place += 34 + round(7.0 * len(word))
    inner = drawn.replace("<svg ", f'<svg y="{_HEAD}" width="{_WIDTH}" height="{height}" ', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + _HEAD}" '
        f'width="{_WIDTH * 3 // 2}"><style>{STYLE}</style>'
        f'<text class="title" x="10" y="20">{escape(chart.title)}</text>'
        f"{''.join(parts)}{inner}</svg>\n"
    )


def ceilings_chart(result: dict[str, Any]) -> Chart:
    """Return each stage's share of its ceiling, a row for each."""
    sources = result["sources"][: len(KINDS)]
    words = [name for name, _ in reversed(SHARES)]
    layers: list[Layer] = []
    shares: dict[str, np.ndarray] = {}
    for i, (kind, source) in enumerate(zip(KINDS, sources, strict=False)):
        found = [source["ratios"].get(key) for _, key in reversed(SHARES)]
        x = np.array([100 * one["median"] if one else np.nan for one in found])
        known = np.isfinite(x)
        rows = np.arange(len(words)) + 0.16 * (1 - i)
        layers.append(Points(x[known], rows[known], kind))
        shares[tables.title_of(source)] = x
    most = max(float(np.nanmax(x)) for x in shares.values())
    high = max(105.0, 1.05 * most)
    ends = np.array([-0.7, len(words) - 0.3])
    guide = Line(np.array([100.0, 100.0]), ends)
    return Chart(
        name="ceilings",
        title="What each stage reaches of what the machine gives",
        caption="",
        x=Axis("share of its ceiling, %", 0.0, high),
        y=Axis("", float(ends[0]), float(ends[1]), words),
        layers=[guide, *layers],
        table=shares,
        legend=list(zip(KINDS, shares, strict=False)),
    )


def linear_chart(result: dict[str, Any]) -> Chart:
    """Return seconds of rankings against structures, with the lines that fit them."""
    told = result["structures"]
    x = np.array(told["structures"], float)
    layers: list[Layer] = []
    legend, notes, columns = [], [], {"structures": x}
    for kind, processes, name in (("good", "1", "1 process"), ("chosen", "2", "2 processes")):
        one, line = told[processes], told[processes]["line"]
        seconds = np.array(one["seconds"])
        fitted = line["start, s"] + 1e-3 * line["ms per structure"] * x
        layers += [Line(x, fitted, kind), Points(x, seconds, kind)]
        legend.append((kind, name))
        notes.append(
            f"{name}: {tables.figure(line['start, s'])} s + "
            f"{tables.figure(line['ms per structure'])} ms a structure"
        )
        columns[f"{name}, s"] = seconds
    seconds = np.concatenate([columns[key] for key in columns if key != "structures"])
    return Chart(
        name="library-size",
        title=f"screenkit rank, MOFs of {told['mean atoms']} atoms, from start to end",
        caption="",
        x=Axis("structures", *span(x, zero=True)),
        y=Axis("seconds", *span(seconds, pad=0.4, zero=True)),
        layers=layers,
        table=columns,
        legend=legend,
        notes=notes,
    )


def atoms_chart(result: dict[str, Any]) -> Chart:
    """Return ms of reading and graph against atoms, with the line that fits them."""
    told = result["atoms"]
    x, ms = np.array(told["atoms"], float), np.array(told["ms"])
    line = told["line"]
    fitted = line["start, ms"] + line["ms per 400 atoms"] / 400 * x
    return Chart(
        name="atoms",
        title="Reading and graph of supercells, one thread",
        caption="",
        x=Axis("atoms", *span(x, zero=True)),
        y=Axis("ms per structure", *span(ms, fitted, pad=0.2, zero=True)),
        layers=[Line(x, fitted, "good"), Points(x, ms, "good")],
        table={"atoms": x, "ms": ms},
        notes=[
            f"{tables.figure(line['start, ms'])} ms + "
            f"{tables.figure(line['ms per 400 atoms'])} ms per 400 atoms"
        ],
    )


def fill(text: str, parts: dict[str, str]) -> str:
    """Return a page with its tables in place.

    Raises:
        ValueError: it has no place for one of them.
    """
    for name, content in parts.items():
        place = re.compile(rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not (found := place.search(text)):
            raise ValueError(f"the page has no <!-- figures: {name} --> ... <!-- end -->")
        start, stop = found.span(1)[1], found.span(2)[0]
        text = text[:start] + content + text[stop:]
    return text


def write(
    stages: dict[str, Any] | None,
    linear: dict[str, Any] | None,
    docs: Path,
    training: dict[str, Any] | None = None,
) -> Sequence[Path]:
    """Draw and fill in what there are results of; return the files that were written."""
    charts: list[Chart] = []
    parts: dict[str, str] = {}
    if stages is not None:
        charts.append(ceilings_chart(stages))
        parts["stages"] = tables.stages_table(stages)
        parts["ratios"] = tables.ratios_table(stages)
        parts["targets"] = tables.targets_table(stages)
    if linear is not None:
        charts += [linear_chart(linear), atoms_chart(linear)]
        parts["library size"] = tables.linear_table(linear)
        parts["targets of size"] = tables.size_targets_table(linear)
    if training is not None:
        parts["training"] = tables.training_table(training)
    written = []
    for chart in charts:
        written.append(docs / f"{chart.name}.svg")
        written[-1].write_text(alone(chart), encoding="utf-8")
    page = docs / PAGE
    page.write_text(fill(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    return [*written, page]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER")
    given = parser.parse_args()
    stages = last("stages", "sources", given.results)
    linear = last("linear", "structures", given.results)
    training = last("training", "seconds per epoch", given.results)
    if stages is None and linear is None and training is None:
        sys.exit(
            f"error: {given.results} has no results of stages, library sizes or trainings\n"
            "hint:  run `python -m benchmarks` and `python -m benchmarks.linear` first"
        )
    for path in write(stages, linear, given.docs, training):
        print(path)


if __name__ == "__main__":
    main()
