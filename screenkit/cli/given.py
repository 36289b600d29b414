"""From what the user said on the command line to the recipe of a study.

An option is called like its field (law 6), so a command hands over its own `locals()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from screenkit.recipe import Recipe

OUTSIDE = {
    "source", "sources", "ids", "labels", "recipe", "output", "dry_run", "progress", "verbose",
    "quiet", "debug", "cluster", "run", "name", "without", "half", "graphs",
}  # fmt: skip
"""What to read, where to write and how to say so is not part of a study."""


def recipe_of(said: Mapping[str, Any], first: str = "", default: Recipe | None = None) -> Recipe:
    """Return the recipe of `--recipe`, or the default one, with the options that were said.

    Args:
        said: the parameters of a command by name, those that are not of a recipe included; in
            `cluster` those of `options_cluster.py`.
        first: as in `Recipe.override`.
        default: where there is no `--recipe`; the default recipe, when not said.

    Raises:
        ScreenkitError: the recipe cannot be read, or an option is out of range.
    """
    recipe = Recipe.load(said["recipe"]) if said.get("recipe") else default or Recipe()
    # An option that may be repeated, and was not given at all, is an empty list.
    flat = {**said, **said.get("cluster", {})}
    options = {name: value for name, value in flat.items() if name not in OUTSIDE and value != []}
    return recipe.override(first, **options)
