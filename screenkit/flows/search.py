"""Search: many trainings with different settings; the best by validation is the model.

ranges of the recipe -> values of a trial -> training    trial-000/ ...
least validation error -> scored on the test set, once   metrics.json, checkpoint.safetensors
all trials                                               trials.csv, search.png, best.yaml
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from screenkit.errors import RecipeError, UsageError
from screenkit.flows.lesson import Lesson, examine, learn, split_once
from screenkit.flows.material import graph_settings, network_settings
from screenkit.flows.parts import GRAPHS, Ground, Part, train_parts
from screenkit.learn.propose import Range, Trial, Value, propose
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.recipe import Recipe
from screenkit.report.trainings import write_search
from screenkit.store.publish import replace_text
from screenkit.track import Track


def search(recipe: Recipe, ground: Ground) -> dict[str, Any]:
    """Try the settings that the recipe's ranges allow; return `metrics.json` of the best.

    Raises:
        UsageError: the recipe has no ranges.
        RecipeError: a setting does not exist, or an end of its range is not allowed.
        ScreenkitError: whatever the trainings raise.
    """
    settings = recipe.search
    refuse_ranges(recipe)
    if ground.kept is not None:
        for end in _ends(recipe):
            ground.kept.refuse(end)
    trials: list[Trial] = []
    while len(trials) < (settings.trials or 0):
        stop = min(len(trials) + settings.together, settings.trials or 0)
        proposed = {n: propose(settings, n, trials) for n in range(len(trials), stop)}
        errors = _try(proposed, recipe, ground)
        trials += [Trial(n, values, errors[n]) for n, values in proposed.items()]
        _write(trials, ground)
    best = min(trials, key=lambda trial: trial.valid_error)
    if not math.isfinite(best.valid_error):
        raise RecipeError(
            "no trial came to a validation error", hint=f"see the run.log of {_folder(best.number)}"
        )
    chosen = recipe.vary(best.values)
    lesson, _ = _lesson(chosen, recipe, ground)
    learned = learn(lesson, ground.output / _folder(best.number), Track())  # it is done
    alone = chosen.model_copy(update={"search": type(settings)()})
    replace_text(ground.output / "best.yaml", alone.to_yaml(f"trial {best.number}"))
    said = {"trials": len(trials), "best_trial": best.number, "values": dict(best.values)}
    return examine(learned, lesson, ground.output, said)


def refuse_ranges(recipe: Recipe) -> None:
    """Raise where a search cannot be: no ranges, or an end that the setting does not allow."""
    if not recipe.search.ranges:
        raise UsageError(
            "no settings to search", hint="name them in a recipe: `search: {ranges: ...}`"
        )
    for end in _ends(recipe):
        network_settings(end)


def _ends(recipe: Recipe) -> Iterator[Recipe]:
    """Yield the recipe with each end of its ranges, and each choice, one at a time."""
    for key, values in recipe.search.ranges.items():
        for value in values.ends if isinstance(values, Range) else values:
            yield recipe.vary({key: value})


def _try(proposed: dict[int, dict[str, Value]], recipe: Recipe, ground: Ground) -> dict[int, float]:
    """Return the validation error of each; infinite where its values do not go together."""
    errors = dict.fromkeys(proposed, math.inf)
    parts: dict[int, Part] = {}
    for number, values in proposed.items():
        try:
            lesson, graphs = _lesson(recipe.vary(values), recipe, ground)
        except RecipeError as error:
            ground.track.note(f"trial {number} left out: {error}")
            continue
        parts[number] = Part.of(lesson, _folder(number), graphs, tested=False)
    results = train_parts(list(parts.values()), ground, recipe, "trial")
    for number, result in zip(parts, results, strict=True):
        if result["valid_error"] is not None:
            errors[number] = result["valid_error"]
    return errors


def _lesson(chosen: Recipe, recipe: Recipe, ground: Ground) -> tuple[Lesson, str]:
    """Return what a trial learns, and the folder of its graphs; graphs alike are built once."""
    wanted = graph_settings(chosen)
    graphs = GRAPHS
    if wanted != graph_settings(recipe):
        graphs += "-" + hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()[:8]
    material, place = ground.gather(chosen, graphs)
    return Lesson(material, split_once(material, chosen), chosen), place


def _folder(number: int) -> str:
    return f"trial-{number:03}"


def _write(trials: list[Trial], ground: Ground) -> None:
    """Write `trials.csv` and `search.png`."""
    names = list(trials[0].values)
    errors = np.array([trial.valid_error for trial in trials])
    columns = [
        [str(trial.number) for trial in trials],
        number_cells(np.where(np.isfinite(errors), errors, np.nan)),
    ]
    for name in names:
        values = [trial.values[name] for trial in trials]
        columns.append(text_cells(v if isinstance(v, str) else json.dumps(v) for v in values))
    headings = [[heading] for heading in ("trial", "valid_error", *names)]
    replace_text(ground.output / "trials.csv", lines(headings) + lines(columns))
    table = {name: [trial.values[name] for trial in trials] for name in names}
    write_search(errors, table, ground.output / "search.png")
