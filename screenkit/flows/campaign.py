"""Campaign: rank, choose, simulate, learn, rank again; rounds until a rule says that it is enough.

    recipe -> round 0: what is known before -> round 1: chosen, asked, learned, ranked -> ...
           -> campaign.csv, best.csv, summary.json, report.html

Safe to kill at any moment and to repeat: a round that is complete is not looked at again, what is
finished of one that is not is kept, and of a campaign that is over nothing is written.

Not covered: rounds that overlap, and targets made of several simulations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screenkit.flows.again import keep_command
from screenkit.flows.campaign_oracle import ready
from screenkit.flows.campaign_plan import Campaign, agree, keep_plan, plan_campaign
from screenkit.flows.campaign_round import Round, do_round, read_round
from screenkit.flows.campaign_tables import SUMMARY, write_tables
from screenkit.flows.report import draw_report
from screenkit.flows.run_log import run_log
from screenkit.ranking.campaign import is_stable
from screenkit.recipe import Recipe
from screenkit.report.page import PAGE
from screenkit.store.lock import RunLock
from screenkit.store.publish import replace_text
from screenkit.track import Track


@dataclass(frozen=True, slots=True, eq=False)
class Campaigned:
    """What came of a campaign."""

    campaign: Campaign
    rounds: tuple[Round, ...]
    done: int
    """Rounds that this run worked on."""
    summary: dict[str, Any]
    """As in `summary.json`."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a campaign would do."""

    output: Path
    structures: int
    oracle: str
    """Who would be asked, in words."""
    rounds: int
    """At most."""
    complete: int
    """Of them."""
    left: int
    """Structures that may still be asked about."""
    ended: str
    """As of `why_over`."""


def rehearse(recipe: Recipe, home: Path, output: Path, command: str | None = None) -> Rehearsed:
    """Return what `campaign` would do; writes nothing.

    Raises:
        ScreenkitError: as `campaign` would before its work begins.
    """
    RunLock(output).refuse()
    asked = plan_campaign(recipe, home, output)
    ready(asked, command)
    rounds = _complete(asked) if agree(asked) else []
    own, ended = asked.recipe.campaign, why_over(asked, rounds)
    done = max(0, len(rounds) - 1)
    most = own.batch * (own.rounds - done)
    if not done and own.first_batch:
        most += own.first_batch - own.batch
    left = min(most, len(asked.library) - sum(one.asked for one in rounds))
    gcmc = own.oracle == "gcmc"
    oracle = f"simulated at {asked.state}" if gcmc else f"looked up in {own.labels}"
    return Rehearsed(
        output, len(asked.library), oracle, own.rounds, done, 0 if ended else left, ended
    )


def campaign(
    recipe: Recipe,
    home: Path,
    output: Path,
    track: Track | None = None,
    command: str | None = None,
) -> Campaigned:
    """Do the rounds that are left of a campaign.

    Args:
        home: what paths of the recipe are relative to.
        command: what runs a simulation in its folder, as of `gcmc run`.

    Raises:
        MismatchError: the folder holds another campaign.
        ScreenkitError: whatever its steps raise.
    """
    RunLock(output).refuse()
    asked = plan_campaign(recipe, home, output)
    begun = agree(asked)
    rounds = _complete(asked) if begun else []
    before = len(rounds)
    ended = why_over(asked, rounds)
    if ended and (summary := _summary(output, len(rounds), ended)):
        if not (output / PAGE).is_file():
            draw_report(output, track=track)
        return Campaigned(asked, tuple(rounds), 0, summary)
    if not ended:
        ready(asked, command)
    with RunLock(output), run_log(output, track) as told:
        keep_command(output)
        replace_text(output / "recipe.yaml", asked.recipe.to_yaml("screenkit campaign"))
        if not begun:
            keep_plan(asked)
        while not (ended := why_over(asked, rounds)):
            # Not `told`: each flow of a round writes into the same log itself.
            rounds.append(do_round(asked, rounds[-1] if rounds else None, command, track))
            told.note(_said(rounds[-1], asked))
            write_tables(asked, rounds, "")
        summary = write_tables(asked, rounds, ended)
        draw_report(output, track=told)
    return Campaigned(asked, tuple(rounds), len(rounds) - before, summary)


def why_over(campaign: Campaign, rounds: Sequence[Round]) -> str:
    """Return why no round follows: `rounds`, `stable` or `exhausted`; empty where one does."""
    own = campaign.recipe.campaign
    if len(rounds) <= 1:
        return ""
    if not rounds[-1].asked:
        return "exhausted"
    # Where nothing was learned the best stay the same for no reason.
    tops = [one.top if one.ranking == one.number else None for one in rounds]
    if own.stable and is_stable(tops, own.stable_rounds):
        return "stable"
    return "rounds" if len(rounds) > own.rounds else ""


def _complete(campaign: Campaign) -> list[Round]:
    rounds: list[Round] = []
    while (found := read_round(campaign, len(rounds))) is not None:
        rounds.append(found)
    return rounds


def _summary(output: Path, rounds: int, ended: str) -> dict[str, Any] | None:
    """Return the summary of a campaign that is over, None where it was not written yet."""
    try:
        found = json.loads((output / SUMMARY).read_text("utf-8"))
        return found if (len(found["rounds"]), found["ended"]) == (rounds, ended) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _said(one: Round, campaign: Campaign) -> str:
    """Return what came of a round in a line."""
    if not one.number:
        return f"before round 1: {one.known} values known"
    counts = ", ".join(f"{count} {word}" for word, count in one.outcomes.items()) or "none"
    best = "" if one.best is None else f"; best {one.best:.4g} {campaign.target.unit}"
    why = f"; {one.note}" if one.note else ""
    return f"round {one.number}: {one.asked} by {one.rule}: {counts}{best}{why}"
