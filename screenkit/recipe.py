"""Recipe: the settings of one study, from a YAML file and the command line.

A recipe has one section per settings class, and the settings classes stand beside the code that
reads them; this file only collects them. The command line beats the recipe, the recipe beats the
default of the field. A run keeps the recipe that it used, and that file can be given to
`--recipe` again.

The YAML is a strict one (`recipe_yaml.py`), and a key that no settings class knows is an error.

Not covered: includes, variables, environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import Field, ValidationError

from screenkit.crystal.checks import CheckSettings
from screenkit.errors import RecipeError, UsageError
from screenkit.executors.hire import RunSettings
from screenkit.learn.fit import FitSettings
from screenkit.learn.labels import LabelSettings
from screenkit.learn.propose import SearchSettings
from screenkit.learn.split import CrossSettings
from screenkit.models.contract import Target
from screenkit.ranking.ranking import RankSettings
from screenkit.recipe_yaml import Document, Key, dotted, dump_lines, one_line, read_text, shown
from screenkit.settings import Settings
from screenkit.tasks.explain import ExplainSettings
from screenkit.tasks.predict import PredictSettings

_OPTIONS: dict[str, tuple[str, ...]] = {
    "": ("model", "max_failures"),
    "predict": ("batch_atoms", "device"),
    "rank": ("target", "top", "where"),
    "explain": ("names", "top", "draw"),
    "run": ("executor", "workers", "shard_size"),
    "fit": ("epochs", "seed", "valid_fraction", "test_fraction"),
    "cross": ("folds", "repeats", "ensemble"),
    "search": ("trials",),
    "labels": ("targets", "columns", "name_column", "group_column", "only"),
}
"""Which options of the command line belong to which section. Option name = field name."""


class Recipe(Settings):
    """The settings of one study."""

    model: str = "knagcn"
    """A model on the shelf, or the path of a checkpoint. For training: a kind of network."""
    network: dict[str, Any] = Field(default_factory=dict)
    """For training: settings of that kind of network, where they differ from its defaults."""
    max_failures: int | None = Field(default=None, ge=0)
    """How many structures may fail before a complete run counts as a bad one; None: any number."""
    checks: CheckSettings = Field(default_factory=CheckSettings)
    """What a structure must fulfil to be predicted."""
    predict: PredictSettings = Field(default_factory=PredictSettings)
    """How a worker predicts."""
    rank: RankSettings = Field(default_factory=RankSettings)
    """What is best, and how much of it is kept."""
    explain: ExplainSettings = Field(default_factory=ExplainSettings)
    """Which predictions are explained."""
    run: RunSettings = Field(default_factory=RunSettings)
    """Who does the work."""
    fit: FitSettings = Field(default_factory=FitSettings)
    """How a network is trained."""
    labels: LabelSettings = Field(default_factory=LabelSettings)
    """Where the labels stand in their table."""
    cross: CrossSettings = Field(default_factory=CrossSettings)
    """Several trainings in the place of one."""
    search: SearchSettings = Field(default_factory=SearchSettings)
    """Which settings of `network` and `fit` to search."""

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe.

        Raises:
            RecipeError: the file cannot be read, is not strict YAML, holds an
                unknown key or a value out of range. Names the file, the line and the key.
        """
        return cls.parse(read_text(path), str(path))

    @classmethod
    def parse(cls, text: str, place: str = "recipe") -> Recipe:
        """Read a recipe from its text; `place` is named in errors, which are those of `load`."""
        document = Document.parse(text, place)
        _refuse_booleans(cls, document)
        try:
            return cls.model_validate(document.values)
        except ValidationError as error:
            raise _explain(error, document) from None

    def override(self, first: str = "", /, **options: Any) -> Recipe:
        """Return this recipe with the options that are not None in the sections they belong to.

        Args:
            first: the section that an option of several sections belongs to, such as `top`.

        Raises:
            UsageError: a value is out of range. Names the option.
        """
        said = {name: value for name, value in options.items() if value is not None}
        if said.get("targets"):
            said["targets"] = [_target(text) for text in said["targets"]]
        if splits := said.pop("splits", None):
            said["valid_fraction"], said["test_fraction"] = _fractions(splits)
        values = self.model_dump()
        for section, names in sorted(_OPTIONS.items(), key=lambda item: item[0] != first):
            part = values[section] if section else values
            part.update({name: said.pop(name) for name in names if name in said})
        if said:
            raise TypeError(f"no section of a recipe has {', '.join(said)}")
        try:
            return type(self).model_validate(values)
        except ValidationError as error:
            raise _explain_options(error) from None

    def vary(self, values: Mapping[str, Any]) -> Recipe:
        """Return this recipe with other values of some keys, each `section.key`.

        Raises:
            RecipeError: there is no such key, or a value is out of range.
        """
        changed = self.model_dump()
        for path, value in values.items():
            section, _, key = path.partition(".")
            changed[section][key] = value
        try:
            return type(self).model_validate(changed)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            key_path = dotted(problem["loc"])
            if problem["type"] == "extra_forbidden":
                raise RecipeError(
                    f"there is no {key_path}", hint=_nearest(problem["loc"])
                ) from None
            raise RecipeError(f"{key_path}: {_wanted(problem)}") from None

    def to_yaml(self, comment: str = "") -> str:
        """Return a YAML text that `parse` turns into an equal recipe.

        Args:
            comment: a line to stand above it.
        """
        head = [f"# {one_line(comment)}"] if comment else []
        lines = [*head, *dump_lines(self.model_dump(mode="json"))]
        return "\n".join(lines) + "\n"


def _target(text: str) -> Target:
    """Return the target of `--target COLUMN[:max|min]`."""
    try:
        return Target.parse(text)
    except ValidationError as error:
        raise UsageError(f"--target {text}: {_wanted(error.errors()[0])}") from None


def _fractions(splits: str) -> tuple[float, float]:
    """Return the shares for validation and test of `--splits TRAIN/VALID/TEST`."""
    parts = splits.split("/")
    if len(parts) != 3 or not all(re.fullmatch(r"\d{1,3}(\.\d+)?", part) for part in parts):
        raise UsageError(f"--splits {splits}: wanted three percentages, such as 80/10/10")
    _, valid, test = percentages = [float(part) for part in parts]
    if abs(sum(percentages) - 100) > 1e-6 or min(percentages) == 0 or max(valid, test) >= 50:
        raise UsageError(
            f"--splits {splits}: three percentages above 0 that sum to 100, of which the last two "
            "are below 50"
        )
    return valid / 100, test / 100


def _leaves(
    settings: type[Settings], values: Mapping[str, Any], key: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield (key, type, value) of each value that a field of these settings takes."""
    hints = get_type_hints(settings)
    for name in settings.model_fields:
        if name not in values:
            continue
        kind, value = hints[name], values[name]
        if isinstance(kind, type) and issubclass(kind, Settings):
            if isinstance(value, Mapping):
                yield from _leaves(kind, value, (*key, name))
        else:
            yield (*key, name), kind, value


def _refuse_booleans(settings: type[Settings], document: Document) -> None:
    """Raise for `epochs: true`, which pydantic would read as 1."""
    for key, kind, value in _leaves(settings, document.values):
        if isinstance(value, bool) and bool not in (kind, *get_args(kind)):
            raise RecipeError(
                f"{document.where(key)}: {dotted(key)} cannot be {shown(value)}",
                hint="a text that looks like another kind of value stands in quotes",
            )


def _explain(error: ValidationError, document: Document) -> RecipeError:
    """Return one of pydantic's complaints, in our form."""
    problems = error.errors(include_url=False)
    # An unknown key first: it is often the reason why another one is missing.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    key = problem["loc"]
    where = document.where(key)
    if problem["type"] == "extra_forbidden":
        section = f" in {dotted(key[:-1])}" if key[:-1] else ""
        return RecipeError(f"{where}: no key {key[-1]!r}{section}", hint=_nearest(key))
    return RecipeError(f"{where}: {dotted(key)}: {_wanted(problem)}")


def _explain_options(error: ValidationError) -> UsageError:
    problem = error.errors(include_url=False)[0]
    words = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    option = "--" + words[-1].replace("_", "-") if words else "the options"
    if option in ("--targets", "--names", "--columns"):
        option = option.removesuffix("s")
    return UsageError(f"{option}: {_wanted(problem)}")


def _wanted(problem: Mapping[str, Any]) -> str:
    """Return what was wanted and what was found."""
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "model_type":
        message = "should be a section"
    if isinstance(problem["input"], Mapping):
        return message
    return f"{message}, found {shown(problem['input'])}"


def _nearest(key: Key) -> str:
    """Return a hint for an unknown key: the nearest in its section, or where it belongs."""
    known = _keys(Recipe)
    name, section = str(key[-1]), dotted(tuple(part for part in key[:-1] if isinstance(part, str)))
    here = [path.rpartition(".")[2] for path in known if path.rpartition(".")[0] == section]
    elsewhere = [path for path in known if path.rpartition(".")[2] == name]
    if elsewhere:
        homes = [path.rpartition(".")[0] or "the top of the file" for path in elsewhere]
        return f"it belongs to {' or '.join(homes)}"
    near = difflib.get_close_matches(name, here, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(here)}"


def _keys(settings: type[Settings], prefix: str = "") -> list[str]:
    """Return every key that a recipe may hold, dotted."""
    hints, keys = get_type_hints(settings), []
    for name in settings.model_fields:
        keys.append(prefix + name)
        for kind in (hints[name], *get_args(hints[name])):
            if isinstance(kind, type) and issubclass(kind, Settings):
                keys += _keys(kind, f"{prefix}{name}.")
    return keys
