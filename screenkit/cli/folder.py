"""Where a run goes. Known, and refused where another run is at work, before anything slow wakes.

Not covered: a folder that cannot be written, which the flow finds out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from screenkit.crystal.archive import SUFFIXES
from screenkit.models.shelf import SUFFIX, USUAL
from screenkit.recipe_yaml import Document, read_text
from screenkit.store.lock import RunLock


def folder_of(said: Mapping[str, Any], kind: str, usual: Path | None = None) -> Path:
    """Return the folder of a run: `--output`, or the usual one, or `./<source>-<kind>`.

    Args:
        said: the parameters of a command by name.
        kind: `{model}` stands for the name of the model.

    Raises:
        OutputError: another run is at work there.
        RecipeError: the recipe that names the model cannot be read.
    """
    if said["output"] is not None:
        return Path(said["output"])
    sources = said.get("sources") or [said["source"]]
    folder = usual or default_output(sources, kind, _model(said))
    RunLock(folder).refuse()
    return folder


def default_output(sources: Sequence[Path], kind: str, model: str = "") -> Path:
    """Return the folder of a run that was given none."""
    source = sources[0]
    name = source.name or source.resolve().name or "library"
    if name == "..":
        name = source.resolve().name or "library"
    for suffix in (*SUFFIXES, ".txt"):
        name = name.removesuffix(suffix) or name
    name = name.removesuffix(".gz").removesuffix(".cif") or name
    kind = kind.format(model=Path(model).name.removesuffix(SUFFIX))
    # A folder that begins with a dash could not be typed after the next command.
    return Path(f"{name}-{kind}".lstrip("-"))


def _model(said: Mapping[str, Any]) -> str:
    """Return the model as `Recipe.override` will know it."""
    model = said.get("model")
    if model is None and (path := said.get("recipe")):
        model = Document.parse(read_text(path), str(path)).values.get("model")
    return str(model or USUAL)
