"""Who says what the chosen structures have: simulations, or a table that stands in for them.

Every structure that is asked about comes back as one Finding, with a value or with a reason.

Not covered: several state points.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from screenkit.crystal.library import from_cell
from screenkit.errors import Outcome, StorageError, WorkersLostError
from screenkit.flows.campaign_known import OK, Finding
from screenkit.flows.campaign_plan import Campaign
from screenkit.flows.gcmc_collect import collect
from screenkit.flows.gcmc_prepare import PREPARED, prepare
from screenkit.flows.gcmc_run import run
from screenkit.gcmc.deck import DECKS, FAILURE, Decks
from screenkit.gcmc.engines import ENGINES
from screenkit.learn.labels import read_labels
from screenkit.track import Track

GCMC = "gcmc"
"""Name of the folder of simulations in that of a round."""
NO_LABEL = "no_label"


def ready(campaign: Campaign, command: str | None) -> None:
    """Raise where there is nobody to ask. What jobs of a cluster find there, only they can say.

    Raises:
        UsageError: the engine is not installed.
    """
    if campaign.recipe.campaign.oracle == "gcmc" and campaign.recipe.run.executor != "slurm":
        ENGINES[campaign.recipe.gcmc.engine].command(command)


def known_before(campaign: Campaign) -> list[Finding]:
    """Return what the recipe's table says of the library before the first round."""
    path = campaign.recipe.campaign.known
    if path is None:
        return []
    told, here = _values(campaign, path), set(campaign.library.names)
    return [
        Finding(name, 0, "known", OK, value)
        for name, value in told.items()
        if name in here and math.isfinite(value)
    ]


def look_up(campaign: Campaign, names: Sequence[str], number: int) -> list[Finding]:
    """Return what the recipe's table says of some structures."""
    path = campaign.recipe.campaign.labels
    assert path is not None
    told = _values(campaign, path)
    found = []
    for name in names:
        value = told.get(name, math.nan)
        if math.isfinite(value):
            found.append(Finding(name, number, "table", OK, value))
        else:
            why = f"{path.name} has no {campaign.target.name} of it"
            found.append(
                Finding(name, number, "table", Outcome.FAILED.value, code=NO_LABEL, message=why)
            )
    return found


def simulate(
    campaign: Campaign,
    chosen: Path,
    ranked: Path | None,
    number: int,
    command: str | None,
    track: Track | None,
) -> list[Finding]:
    """Prepare, run and collect simulations of the structures that a table names.

    Args:
        chosen: names in the first column.
        ranked: the run that predicted them, to compare with.
        number: of the round.
        command: as of `gcmc run`.

    Raises:
        WorkersLostError: every simulation died, and did so for the first time.
        Detached: the jobs are in a cluster's queue, as the recipe wants it.
        ScreenkitError: whatever the three steps raise.
    """
    recipe, folder = campaign.recipe, campaign.folder(number) / GCMC
    if not (folder / DECKS).is_file():  # its gates may have taken long
        own = recipe.model_copy(update={"gcmc": recipe.gcmc.model_copy(update={"top": None})})
        sources = [*([ranked] if ranked else []), *campaign.sources]
        prepare(sources, own, folder, track, ids=chosen)
    decks = Decks.load(folder)
    died_before = any((folder / deck.folder / FAILURE).exists() for deck in decks.decks)
    jobs = recipe.run if recipe.run.executor == "slurm" else None
    ran = run(folder, recipe.run.workers, command, track, jobs)
    if ran.died and len(ran.died) == ran.decks and not died_before:
        with suppress(OSError):
            why = (folder / ran.died[0] / FAILURE).read_text("utf-8").strip()
            raise WorkersLostError(
                f"all {ran.decks} simulations of round {number} died: {why.splitlines()[0]}",
                hint="mend that and run the same command again; what dies twice is left behind",
            )
    known = ranked is not None and campaign.target.unit
    compared = f"{campaign.target.name}={campaign.state}" if known and decks.decks else None
    collected = collect(folder, compared)
    found = {
        one.deck.name: Finding(
            name=one.deck.name,
            round=number,
            source="gcmc",
            outcome=one.verdict.value,
            value=one.loading if one.verdict == OK else math.nan,
            error=one.loading_error if one.verdict == OK else math.nan,
            code=one.code,
            message=one.message,
        )
        for one in collected.simulations
    }
    return list(_with_refused(folder / PREPARED, found, number))


def _with_refused(path: Path, found: dict[str, Finding], number: int) -> Iterator[Finding]:
    """Yield a Finding per structure that was prepared, those without a deck included."""
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            for row in csv.DictReader(file):
                name = from_cell(row["name"])
                yield found.get(name) or Finding(
                    name=name,
                    round=number,
                    source="gcmc",
                    outcome=row["outcome"],
                    code=row["code"],
                    message=row["message"],
                )
    except (OSError, KeyError, csv.Error) as error:
        raise StorageError(
            f"{path} cannot be read: {type(error).__name__}",
            hint=f"remove {path.with_name(DECKS)}; the same command prepares that round again",
        ) from None


def _values(campaign: Campaign, path: Path) -> dict[str, float]:
    labels = campaign.recipe.labels.model_copy(update={"group_column": None, "only": None})
    table = read_labels(path, [campaign.target], labels)
    return dict(zip(table.names, table.values[:, 0].tolist(), strict=True))
