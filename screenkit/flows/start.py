"""Where a training starts from, if not from chance: the weights of another network of its kind.

The last layer begins anew where the targets are others. Of a checkpoint that holds several the
first counts.

Not covered: trees, which grow as a whole; networks of other settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from screenkit.errors import CheckpointError
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
from screenkit.models.target import Target
from screenkit.recipe import Recipe
from screenkit.settings import Settings


def start_of(recipe: Recipe) -> Checkpoint | None:
    """Return the checkpoint that a training starts from; None where it starts from chance.

    Raises:
        CheckpointError: there is none of that name, or it is of another kind.
    """
    if recipe.fit.start is None:
        return None
    start = Checkpoint.load(find_checkpoint(recipe.fit.start))
    if start.model != recipe.model:
        raise CheckpointError(
            f"--start {recipe.fit.start} is a {start.model}, and this training is of a "
            f"{recipe.model}",
            hint=f"give --model {start.model}",
        )
    if model_class(recipe.model).learned_by != "gradient":
        raise CheckpointError(
            f"--start: {recipe.model} grow as a whole, and go on from nothing",
            hint="leave it out; they take seconds",
        )
    return start


def refuse_others(start: Checkpoint, settings: Settings, name: str) -> None:
    """Raise where the network of a recipe is not that of its start."""
    here, there = settings.model_dump(), start.settings.model_dump()
    other = [key for key in here if here[key] != there.get(key)]
    if other:
        raise CheckpointError(
            f"--start {name} has {other[0]} {there.get(other[0])}, and the recipe {here[other[0]]}",
            hint="leave out the section network: it is then that of the checkpoint",
        )


def first_weights(
    start: Checkpoint, settings: Settings, targets: Sequence[Target]
) -> dict[str, Any]:
    """Return the weights that a network with these targets takes over, by name.

    All of them where it predicts the same; else all but those whose shape the number of targets
    decides.
    """

    def learned(of: Sequence[Target]) -> list[tuple[str, str, str]]:
        return [(one.name, one.transform, one.class_if) for one in of]

    if learned(start.targets) == learned(targets):
        return dict(start.weights)
    kind = model_class(start.model)
    one, two = (kind(settings, count).state_dict() for count in (1, 2))
    return {
        name: tensor
        for name, tensor in start.weights.items()
        if name in one and one[name].shape == two[name].shape
    }
