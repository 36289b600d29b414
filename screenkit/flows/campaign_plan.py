"""Campaign: all that decides a campaign, looked at before anything is simulated.

`campaign.json` keeps what must be equal for a campaign to go on in its folder. More rounds and
another rule to stop are welcome.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screenkit.adsorption.force_field import find_force_field
from screenkit.crystal.library import Library
from screenkit.errors import MismatchError, RecipeError, SourceError, StorageError
from screenkit.flows.material import network_settings
from screenkit.gcmc.conditions import pascals
from screenkit.learn.labels import label_columns
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import USUAL, find_checkpoint
from screenkit.models.target import Target
from screenkit.recipe import Recipe
from screenkit.store.publish import replace_text

PLAN = "campaign.json"
"""Name of the file in the folder of a campaign."""
_SCHEMA = 1
_PER_MASS = ("mol/kg", "mmol/g")
_FREE = {
    "run": True,
    "predict": True,
    "explain": True,
    "clean": True,
    "max_failures": True,
    "campaign": {"rounds", "stable", "stable_rounds", "best", "sources", "known", "labels"},
}
"""Settings that change no simulation, or that are known by their content."""


@dataclass(frozen=True, slots=True, eq=False)
class Campaign:
    """All that decides a campaign."""

    recipe: Recipe
    """With paths that hold wherever the command is typed."""
    library: Library
    target: Target
    output: Path

    @property
    def sources(self) -> list[Path]:
        """Of the library."""
        return list(self.recipe.campaign.sources)

    @property
    def state(self) -> str:
        """The state point of its simulations, as `gcmc` calls it."""
        gas, kelvin = self.recipe.adsorption.gases[0], self.recipe.adsorption.temperatures[0]
        return f"{gas}_{kelvin:g}K_{pascals(self.recipe.gcmc.pressures[0]):g}Pa"

    def folder(self, number: int) -> Path:
        """Return the folder of a round; 0 is what comes before the first."""
        return self.output / f"round-{number:02}"

    def knows_target(self, model: str) -> bool:
        """Tell whether a model predicts the target."""
        targets = Checkpoint.load(find_checkpoint(model)).targets
        return self.target.name in [target.name for target in targets]


def plan_campaign(recipe: Recipe, home: Path, output: Path) -> Campaign:
    """Return the campaign that a recipe asks for; writes nothing.

    Args:
        home: what paths of the recipe are relative to.

    Raises:
        RecipeError: something is missing, or does not fit.
        ScreenkitError: library, tables or prior are not usable.
    """
    own = recipe.campaign
    if not own.sources:
        raise RecipeError("campaign.sources is missing", hint="name the library, such as [mofs]")
    target = _target(recipe)
    moved: dict[str, Any] = {"sources": tuple((home / path).resolve() for path in own.sources)}
    for key in ("labels", "known"):
        path = getattr(own, key)
        moved[key] = None if path is None else (home / path).resolve()
        if path is not None:
            _look_into(moved[key], recipe, target)
    if own.prior is not None:
        moved["prior"] = _model(own.prior, home)
    fit = recipe.fit
    if fit.start is not None:
        fit = fit.model_copy(update={"start": _model(fit.start, home)})
    recipe = recipe.model_copy(update={"campaign": own.model_copy(update=moved), "fit": fit})
    _refuse(recipe, target)
    return Campaign(recipe, Library.open(recipe.campaign.sources), target, output)


def agree(campaign: Campaign) -> bool:
    """Tell whether the folder holds this very campaign; False where it holds none.

    Raises:
        MismatchError: it holds another one.
        StorageError: its plan is damaged.
    """
    path = campaign.output / PLAN
    try:
        there = json.loads(path.read_text("utf-8"))
        known = dict(_flat(there["settings"]))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise StorageError(f"{path} is damaged", hint="give another --output") from None
    asked = dict(_flat(json.loads(json.dumps(_settings(campaign)))))
    other = sorted(key for key in known.keys() | asked if known.get(key) != asked.get(key))
    if other or there.get("schema") != _SCHEMA:
        raise MismatchError(
            f"{campaign.output} holds another campaign; it differs in {', '.join(other[:5])}",
            hint=f"give --output a folder of its own, such as {campaign.output}-2",
        )
    return True


def keep_plan(campaign: Campaign) -> None:
    """Write `campaign.json`."""
    text = json.dumps({"schema": _SCHEMA, "settings": _settings(campaign)}, indent=1)
    replace_text(campaign.output / PLAN, text + "\n")


def _settings(campaign: Campaign) -> dict[str, Any]:
    own = campaign.recipe.campaign
    said = campaign.recipe.model_dump(mode="json", exclude=_FREE)  # type: ignore[arg-type]
    said["library"] = campaign.library.digest
    said["campaign"]["known"] = _digest(own.known)
    said["campaign"]["labels"] = _digest(own.labels)
    prior = own.prior or (USUAL if own.first == "diverse" and own.known is None else None)
    said["campaign"]["prior"] = prior and _digest(find_checkpoint(prior))
    start = campaign.recipe.fit.start
    said["fit"]["start"] = start and _digest(find_checkpoint(start))
    return said


def _target(recipe: Recipe) -> Target:
    targets = recipe.labels.targets
    if len(targets) != 1 or targets[0].is_class:
        raise RecipeError(
            f"labels.targets: a campaign has one target that is no class, found {len(targets)}",
            hint="such as targets: [{name: ch4_uptake_35bar_298K, unit: mol/kg}]",
        )
    return targets[0]


def _model(text: str, home: Path) -> str:
    """Return a name of the shelf as it is, and a path so that it holds anywhere."""
    return str((home / text).resolve()) if (home / text).is_file() else text


def _look_into(path: Path, recipe: Recipe, target: Target) -> None:
    columns = label_columns(path)
    for column in (recipe.labels.name_column, target.column or target.name):
        if column not in columns:
            raise RecipeError(
                f"{path} has no column {column!r}", hint=f"it has {', '.join(columns[:20])}"
            )


def _refuse(recipe: Recipe, target: Target) -> None:
    """Raise where settings do not fit a campaign, before anything is simulated."""
    own, chosen = recipe.campaign, recipe.select
    network_settings(recipe)
    if recipe.cross.folds or recipe.cross.repeats or recipe.search.trials:
        raise RecipeError(
            "folds, repeats and trials leave no model to rank with",
            hint="a campaign takes cross.ensemble alone",
        )
    if chosen.diverse is not None or chosen.target is not None:
        raise RecipeError(
            "select.diverse and select.target are said elsewhere in a campaign",
            hint="campaign.batch says how many; with select.top they are the most unlike of those",
        )
    if chosen.acquire not in (None, "greedy") and not recipe.cross.ensemble:
        raise RecipeError(
            f"select.acquire: {chosen.acquire} must know how sure each prediction is",
            hint="train several: cross.ensemble: 5; or select.acquire: greedy",
        )
    if own.oracle == "table":
        if own.labels is None:
            raise RecipeError("campaign.oracle: table wants campaign.labels, the table")
        return
    if own.labels is not None:
        raise RecipeError("campaign.labels is for campaign.oracle: table, not gcmc")
    conditions = recipe.adsorption
    for key, values in (
        ("adsorption.gases", conditions.gases),
        ("adsorption.temperatures", conditions.temperatures),
        ("gcmc.pressures", recipe.gcmc.pressures),
    ):
        if len(values) != 1:
            raise RecipeError(f"{key}: a campaign has one state point, found {len(values)} values")
    find_force_field(conditions.force_field).gas(conditions.gases[0])
    if target.unit not in _PER_MASS:
        raise RecipeError(
            f"labels.targets: {target.name} has the unit {target.unit!r}, and gcmc gives mol/kg",
            hint="say unit: mol/kg",
        )


def _digest(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from None


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (section.key, value)."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
