"""What a campaign leaves beside its rounds: campaign.csv, best.csv and summary.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.flows.campaign_choose import has_spread
from screenkit.flows.campaign_known import KNOWN, OK, Finding, read_known
from screenkit.flows.campaign_plan import Campaign
from screenkit.flows.campaign_round import RANK, TRAIN, Round
from screenkit.flows.lesson import CHECKPOINT
from screenkit.flows.score import plain
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.store.layout import SPREAD
from screenkit.store.publish import replace_text
from screenkit.store.store import Store

TABLE, BEST, SUMMARY = "campaign.csv", "best.csv", "summary.json"
_CHUNK = 65_536  # rows


def write_tables(campaign: Campaign, rounds: Sequence[Round], ended: str) -> dict[str, Any]:
    """Write the tables of a campaign so far; return `summary.json`.

    Args:
        rounds: all that are complete.
        ended: why it is over; empty while it is not.
    """
    output, target = campaign.output, campaign.target
    known = read_known(campaign.folder(rounds[-1].number) / KNOWN, target.name) or []
    replace_text(output / TABLE, _table(campaign, rounds, known))
    best = best_found(campaign, known)
    replace_text(output / BEST, _best(target.name, best))
    summary: dict[str, Any] = plain(_summary(campaign, rounds, known, best) | {"ended": ended})
    replace_text(output / SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return summary


def best_found(campaign: Campaign, known: Sequence[Finding]) -> list[Finding]:
    """Return the best of what was found, the best first; of equals the one known first."""
    sign = 1.0 if campaign.target.better == "min" else -1.0
    found = [one for one in known if one.outcome == OK]
    return sorted(found, key=lambda one: sign * one.value)[: campaign.recipe.campaign.best]


def _best(target: str, best: Sequence[Finding]) -> str:
    values = np.array([(one.value, one.error) for one in best]).reshape(-1, 2)
    columns = [
        text_cells(one.name for one in best),
        number_cells(values[:, 0]),
        number_cells(values[:, 1]),
        [str(one.round) for one in best],
        [one.source for one in best],
    ]
    heads = ["name", target, f"{target}_error", "round", "source"]
    return lines([[head] for head in heads]) + lines(columns)


def _table(campaign: Campaign, rounds: Sequence[Round], known: Sequence[Finding]) -> Iterator[str]:
    """Yield `campaign.csv`: a line per structure of the library, in its order."""
    target = campaign.target.name
    told = {one.name: one for one in known}
    by = [r.number for r in rounds if r.model and r.ranking == r.number]
    stores = [Store.open(campaign.folder(number) / RANK) for number in by]
    spread = [target + SPREAD] if stores and has_spread(stores[-1], target) else []
    heads = ["name", target, f"{target}_error", "round", "source", "outcome", "code"]
    heads += [f"predicted_{number:02}" for number in by] + [f"predicted{SPREAD}" for _ in spread]
    yield ",".join(heads) + "\n"
    names = campaign.library.names
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        rows = [told.get(name) for name in part]
        values = np.array([(r.value, r.error) if r else (np.nan, np.nan) for r in rows])
        columns = [
            text_cells(part),
            number_cells(values[:, 0]),
            number_cells(values[:, 1]),
            [str(row.round) if row else "" for row in rows],
            [row.source if row else "" for row in rows],
            [row.outcome if row else "" for row in rows],
            [row.code if row else "" for row in rows],
        ]
        stop = start + len(part)
        columns += [number_cells(store.column(target, start, stop)) for store in stores]
        columns += [number_cells(stores[-1].column(name, start, stop)) for name in spread]
        yield lines(columns)


def _summary(
    campaign: Campaign, rounds: Sequence[Round], known: Sequence[Finding], best: Sequence[Finding]
) -> dict[str, Any]:
    """Return what stands in `summary.json`; its keys are explained in `docs/formats.md`."""
    target, last = campaign.target, rounds[-1]
    asked = [one for one in known if one.round]
    ranked = [r.number for r in rounds if r.model and r.ranking == r.number]
    trained = [n for n in ranked if (campaign.folder(n) / TRAIN / CHECKPOINT).is_file()]
    run = campaign.folder(ranked[-1]) / RANK if ranked else None
    page = run / "report.html" if run else None

    def below(path: Path | None) -> str | None:
        return path.relative_to(campaign.output).as_posix() if path else None

    return {
        "target": target.name,
        "unit": target.unit,
        "better": target.better,
        "oracle": campaign.recipe.campaign.oracle,
        "sources": [str(path) for path in campaign.sources],
        "structures": len(campaign.library),
        "known_before": sum(one.round == 0 for one in known),
        "asked": len(asked),
        "outcomes": dict(Counter(one.outcome for one in asked)),
        "codes": dict(Counter(one.code for one in asked if one.code)),
        "rounds": [asdict(one) for one in rounds],
        "best": [
            {"name": o.name, "value": o.value, "error": o.error, "round": o.round} for o in best
        ],
        "top": last.top,
        "model": below(campaign.folder(trained[-1]) / TRAIN / CHECKPOINT) if trained else None,
        "ranking": below(run),
        "report": below(page) if page and page.is_file() else None,
    }
