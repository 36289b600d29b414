"""The page of a campaign, finished or not, from its summary."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from screenkit.errors import StorageError
from screenkit.flows.report_facts import SUMMARY, Folder
from screenkit.report.campaign_page import CampaignPage, RoundTold, campaign_page
from screenkit.report.page import Page

_ENDED = {
    "rounds": "All rounds are done.",
    "stable": "The best no longer change.",
    "exhausted": "Nothing is left to ask about.",
    "": "It goes on.",
}


def campaign(run: Path) -> Page:
    """Return the page of a campaign.

    Raises:
        StorageError: its summary cannot be read.
        RecipeError: the recipe cannot be read.
    """
    folder = Folder.open(run)
    said = folder.summary
    try:
        told = CampaignPage(
            about=folder.about(
                {
                    "last model": str(said.get("model") or ""),
                    "last ranking": str(said.get("report") or said.get("ranking") or ""),
                },
                title=f"{run.resolve().name}: campaign",
            ),
            target=str(said["target"]),
            unit=str(said["unit"]),
            lead=f"In search of the {'largest' if said['better'] == 'max' else 'smallest'} "
            f"{said['target']}; answers come from: {said['oracle']}. "
            f"{_ENDED.get(str(said.get('ended', '')), '')}",
            structures=int(said["structures"]),
            asked=int(said["asked"]),
            rounds=[_round(one) for one in said["rounds"]],
            best=[dict(one) for one in said["best"]],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"cannot read {run / SUMMARY}: {error}", hint="the same campaign command writes it"
        ) from None
    return campaign_page(told)


def _round(one: dict[str, Any]) -> RoundTold:
    def value(name: str) -> float:
        found = one.get(name)
        return math.nan if found is None else float(found)

    return RoundTold(
        number=int(one["number"]),
        rule=str(one.get("rule") or ""),
        asked=int(one.get("asked") or 0),
        outcomes={str(k): int(v) for k, v in dict(one.get("outcomes") or {}).items()},
        known=int(one.get("known") or 0),
        best=value("best"),
        mae=value("mae"),
        spearman=value("spearman"),
        note=str(one.get("note") or ""),
    )
