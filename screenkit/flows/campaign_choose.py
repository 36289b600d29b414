"""What a round of a campaign asks about: the first choice among what is not known yet.

By acquisition where a model knows the target; where none does, structures that are unlike each
other in what another model says of them, or by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.flows.campaign_known import read_known
from screenkit.flows.campaign_plan import Campaign
from screenkit.flows.select import select
from screenkit.ranking.ranking import RankSettings
from screenkit.ranking.select import SelectSettings
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.store.layout import SPREAD
from screenkit.store.publish import replace_text
from screenkit.store.store import Store


@dataclass(frozen=True, slots=True)
class Basis:
    """What a choice rests on."""

    number: int
    """Of the round that chooses."""
    known: Path
    """What has been asked about; none of it is chosen again."""
    run: Path | None
    """The last ranking of the library; None where there is none."""
    model: bool
    """Whether that knows the target."""
    best: float | None
    """Best value known."""


def choose(campaign: Campaign, basis: Basis, path: Path) -> str:
    """Write a table of what to ask about, in the order of choice; return the rule in words.

    The same basis makes the same choice.
    """
    own = campaign.recipe.campaign
    count = (own.first_batch if basis.number == 1 else None) or own.batch
    if basis.run is None:
        names = _by_chance(campaign, basis, count)
        replace_text(path, "name\n" + "".join(f"{cell}\n" for cell in text_cells(names)))
        return "random"
    if basis.model:
        settings, ranking = _by_acquisition(campaign, basis, count), rank_settings(campaign)
        rule = str(settings.acquire or "greedy")
    else:
        said = campaign.recipe.select
        settings = SelectSettings(diverse=count, where=said.where, derive=said.derive)
        rule, ranking = "diverse", RankSettings()
    without = basis.known if read_known(basis.known, campaign.target.name) else None
    chosen = select(basis.run, settings, ranking, f"round-{basis.number:02}", without).selection
    columns = {"name": text_cells(chosen.ranking.texts("name"))}
    for column in chosen.ranking.target_names if basis.model else []:
        columns[column] = number_cells(chosen.ranking.values(column), None)
    if chosen.scores is not None:
        columns["acquisition"] = number_cells(chosen.scores, None)
    replace_text(path, lines([[head] for head in columns]) + lines(list(columns.values())))
    return rule


def rank_settings(campaign: Campaign) -> RankSettings:
    """Return how the campaign's own models rank."""
    target = campaign.target
    return campaign.recipe.rank.model_copy(update={"target": target.name, "better": target.better})


def _by_acquisition(campaign: Campaign, basis: Basis, count: int) -> SelectSettings:
    said = campaign.recipe.select
    pool = {"top": said.top, "diverse": count} if said.top else {"top": str(count)}
    rules: dict[str, Any] = {**pool, "seed": said.seed + basis.number}
    rules["best_known"] = basis.best if said.best_known is None else said.best_known
    if not has_spread(Store.open(basis.run or Path()), campaign.target.name):
        rules["acquire"] = "greedy"  # as a prior that is one model alone
    return said.model_copy(update=rules)


def has_spread(store: Store, target: str) -> bool:
    """Tell whether a run says how sure each prediction of a target is."""
    return target + SPREAD in [str(one["name"]) for one in store.targets]


def _by_chance(campaign: Campaign, basis: Basis, count: int) -> list[str]:
    asked = {one.name for one in read_known(basis.known, campaign.target.name) or []}
    left = [name for name in campaign.library.names if name not in asked]
    seed = [campaign.recipe.campaign.seed, basis.number]
    order = np.random.default_rng(seed).permutation(len(left))
    return [left[place] for place in order[:count].tolist()]
