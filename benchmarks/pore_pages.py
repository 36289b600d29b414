"""Write docs/pore.md and docs/pore-trials.md anew from the last results that were kept.

    python -m benchmarks.pore_pages [--results FOLDER] [--docs FOLDER]

Tables stand between `<!-- figures: NAME -->` and `<!-- end -->`, as in docs/performance.md; one of
which there are no results is left as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import KINDS, both, per_target, written
from benchmarks.options import DOCS
from benchmarks.plots import STYLE, fill
from benchmarks.record import RESULTS, last_where
from benchmarks.tables import figure, table
from screenkit.report import svg
from screenkit.report.chart import Axis, Chart, Line, Points, span

Result = dict[str, Any]
COLOURS = ("good", "chosen", "all")
PAPERS = {
    "AE-CGCNN, Cong et al.": {
        "co2_uptake_0.15bar_298K": "0.85, 0.49",
        "co2_uptake_16bar_298K": "0.93, 0.93",
    },
    "Moosavi et al. 2020": {
        "co2_uptake_0.15bar_298K": "0.84, 0.54",
        "co2_uptake_16bar_298K": "0.98, 0.58",
    },
}
"""Spearman and MAE of random splits, as published."""
YARDSTICKS = {
    "extra trees on composition and Zeo++ geometry": (
        *("0.731, 0.666", "0.973, 0.731", "0.968, 0.565", "0.708, 0.546", "0.812, 0.200"),
    ),
    "CGCNN of zakariyyabrewster/CGCNN_MOF, mean of 5": ("0.767", "–", "0.862", "0.793", "–"),
}
"""On another set kept apart: Spearman, and MAE where it is known."""
OF_YARDSTICKS = (
    *("co2_uptake_0.15bar_298K", "co2_uptake_16bar_298K", "ch4_uptake_65bar_298K"),
    *("log_kh_co2_298K", "log_kh_ch4_298K"),
)
WHO = {
    "trees": "trees on the same numbers of the crystal",
    "linear_density": "line on density",
    "median": "median",
}


def count(value: float) -> str:
    """Return a whole number as pages have it."""
    return f"{value:,.0f}".replace(",", " ")


def splits_table(result: Result) -> str:
    """Return test figures by target, a row per model; the papers' and yardsticks below."""
    told = result["targets"]
    names = list(told)
    random = result["protocol"] == "random"
    rows = [[f"**{result['model']}**", *(both(told[name]["model"]) for name in names)]]
    for who, word in WHO.items():
        if who in told[names[0]]:
            rows.append([word, *(both(told[name][who]) for name in names)])
    if random:
        rows += [[f"*{who}*", *(f.get(n, "–") for n in names)] for who, f in PAPERS.items()]
    else:
        for who, figures in YARDSTICKS.items():
            by_name = dict(zip(OF_YARDSTICKS, figures, strict=True))
            rows.append([f"*{who}*", *(by_name.get(name, "–") for name in names)])
    sizes = result["structures"]
    seconds = ", ".join(figure(value / 60) for value in result["seconds"])
    said = " or ".join(dict.fromkeys(f"{count(s['train'])} train" for s in sizes))
    return (
        table(["Spearman, MAE", *map(_heading(result), names)], rows)
        + f"\n{result['splits']} splits, mean ± standard deviation; {said}, "
        + f"{' or '.join(dict.fromkeys(count(s['test']) for s in sizes))} test. "
        + f"Minutes of each training: {seconds}."
        + f" ({result['date']}, {_machine(result)})\n"
    )


def distance_table(result: Result) -> str:
    """Return figures by distance to the training set, a row per bin."""
    names = list(result["targets"])
    rows = [
        [
            f"{one['from']['mean']:.2f} to {one['to']['mean']:.2f}",
            count(one["structures"]),
            *per_target(one["targets"], names),
        ]
        for one in result["distance"]
    ]
    return table(["distance", "structures", *map(_heading(result), names)], rows)


def order_table(result: Result) -> str:
    """Return how often the uptake at the higher pressure is predicted to be the lower one."""
    found = result["less at the higher pressure"]
    predicted = {key: 100 * value for key, value in found["predicted"].items()}
    labels = {} if found["labels"] is None else {"mean": 100 * found["labels"]}
    rows = [["predicted, test sets", written(predicted, 2)], ["labels, all", written(labels, 2)]]
    return table(["CO2 at 16 bar below that at 0.15 bar", "% of structures"], rows)


def shortlist_table(result: Result) -> str:
    """Return hits among the best, and how often the promised recall was kept, by target."""
    rows = []
    for name, one in result["targets"].items():
        kept = (f"{held} of {made}" for held, made in one["recall"].values())
        rows.append([f"`{name}`", f"{one['hits']} of {result['top']}", *kept])
    wanted = next(iter(result["targets"].values()))["recall"]
    head = ["target", f"true top {result['top']} of {count(result['apart'])} found"]
    head += [f"recall {share} promised, kept" for share in wanted]
    sizes = result["structures"]
    return table(head, rows) + (
        f"\n{count(sizes['train'])} train, {count(sizes['apart'])} kept apart; recall of the best "
        f"{result['best']:g}%, over {result['halves']} halves. ({result['date']})\n"
    )


def trials_table(result: Result) -> str:
    """Return a row per trial."""
    names = list(result["trials"][0]["targets"])
    rows = []
    for one in result["trials"]:
        change = ", ".join(f"`{key}: {_yaml(value)}`" for key, value in one["change"].items())
        name = f"**{one['name']}**" if one["verdict"] == "better" else one["name"]
        cost = figure(one["ms per structure"]["median"])
        rows.append(
            [
                *(name, change or "–", written(one["validation error"], 4)),
                *("–" if one is result["trials"][0] else one["verdict"], cost),
                *per_target(one["targets"], names),
            ]
        )
    head = ["trial", "change", "validation error", "against the base", "ms per structure"]
    sizes, sample = result["structures"], result["sample"]
    most = result["atoms at most"]
    limit = f" of up to {most} atoms" if most else ""
    return table([*head, *map(_heading(result), names)], rows) + (
        f"\n`{result['recipe']}`, {result['epochs']} epochs; {count(sizes['train'])} structures"
        f"{limit} train, {count(sizes['valid'])} judge; {result['seeds']} seeds, mean ± standard "
        f"deviation. Cost: forward pass, thread-CPU time, {sample['structures']} structures of "
        f"{sample['mean atoms']} atoms in the mean. ({result['date']}, {_machine(result)})\n"
    )


def curves_table(result: Result) -> str:
    """Return a row per model and number of structures."""
    names = list(result["units"])
    rows = []
    for model, curve in result["curves"].items():
        for i, size in enumerate(curve["structures"]):
            cells = (", ".join(f"{curve['targets'][n][k][i]:.3f}" for k in KINDS) for n in names)
            rows.append([model, count(size), *cells])
    return (
        "![Learning curves](learning-curves.svg)\n\n"
        + table(["model", "structures", *map(_heading(result), names)], rows)
        + f"\n{count(result['structures']['test'])} test. ({result['date']}, {_machine(result)})\n"
    )


def curves_drawing(result: Result) -> str:
    """Return an SVG: a row per target, Spearman on the left and MAE on the right."""
    panels, width, height, head = [], 460, 300, 26
    legend = list(zip(COLOURS, result["curves"], strict=False))
    sizes = [count(size) for size in next(iter(result["curves"].values()))["structures"]]
    for r, (name, unit) in enumerate(result["units"].items()):
        for c, kind in enumerate(KINDS):
            layers: list[Points | Line] = []
            columns = {}
            for colour, model in legend:
                y = np.array(result["curves"][model]["targets"][name][kind], float)
                x = np.arange(len(y), dtype=float)
                layers += [Line(x, y, colour), Points(x, y, colour)]
                columns[model] = y
            label = "Spearman" if kind == "spearman" else f"MAE ({unit})"
            chart = Chart(
                name="",
                title=name,
                caption="",
                x=Axis(f"{name}: structures learned from", -0.3, len(sizes) - 0.7, sizes),
                y=Axis(label, *span(*columns.values(), pad=0.1)),
                layers=layers,
                table=columns,
            )
            place = f'x="{c * width}" y="{head + r * height}" width="{width}" height="{height}" '
            panels.append(svg.draw(chart).replace("<svg ", f"<svg {place}", 1))
    marks, at = [], 10
    for colour, model in legend:
        marks.append(f'<path class="dots {colour}" d="M{at + 4} 14h0"/>')
        marks.append(f'<text x="{at + 13}" y="18">{escape(model)}</text>')
        at += 34 + 7 * len(model)
    total = head + height * len(result["units"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * width} {total}" '
        f'width="{2 * width}"><style>{STYLE}</style>{"".join(marks)}{"".join(panels)}</svg>\n'
    )


def zero_shot_table(result: Result) -> str:
    """Return the rank correlation of each column with what the checkpoint predicts unaided."""
    rows = [
        [f"`{column}`", *(f"{one['unaided'][name]:.3f}" for name in result["predicts"])]
        for column, one in result["columns"].items()
    ]
    return table(["column", *(f"`{name}`" for name in result["predicts"])], rows)


def transfer_table(result: Result) -> str:
    """Return rank correlations after so many labels, a row per column."""
    ways = result["ways"]
    rows = [
        [f"`{column}`", *(written(one["learned"][way]) for way in ways)]
        for column, one in result["columns"].items()
    ]
    return table(["column", *ways], rows) + (
        f"\n{result['labels']} of {result['structures']} labels, {result['draws']} draws; on the "
        f"others, mean ± standard deviation. ({result['date']}, {_machine(result)})\n"
    )


def _heading(result: Result) -> Callable[[str], str]:
    units = result["units"]
    return lambda name: f"`{name}`" + (f", {units[name]}" if units[name] else "")


def _machine(result: Result) -> str:
    return str(result["machine"]["processor"])


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def write(results: Path, docs: Path) -> list[Path]:
    """Fill in and draw what there are results of; return the files that were written."""
    parts: dict[str, dict[str, str]] = {"pore.md": {}, "pore-trials.md": {}}
    page, files = parts["pore.md"], []
    for protocol in ("group", "random"):
        if found := last_where("held-out", "protocol", protocol, results):
            page[f"{protocol} splits"] = splits_table(found)
            if found["distance"]:
                page |= {"distance": distance_table(found), "order": order_table(found)}
    for name, kind, makers in (
        ("held-out-apart", "apart", {"shortlists": shortlist_table}),
        ("learning-curves", "curves", {"learning curves": curves_table}),
        ("transfer", "columns", {"no labels": zero_shot_table, "few labels": transfer_table}),
    ):
        if found := last_where(name, kind, None, results):
            page |= {part: make(found) for part, make in makers.items()}
            if name == "learning-curves":
                files.append(docs / "learning-curves.svg")
                files[-1].write_text(curves_drawing(found), encoding="utf-8")
    if found := last_where("trials", "trials", None, results):
        parts["pore-trials.md"]["trials"] = trials_table(found)
    for name, content in parts.items():
        if content:
            files.append(docs / name)
            text = files[-1].read_text(encoding="utf-8")
            files[-1].write_text(fill(text, content), encoding="utf-8")
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER")
    given = parser.parse_args()
    for path in write(given.results, given.docs):
        print(path)


if __name__ == "__main__":
    main()
