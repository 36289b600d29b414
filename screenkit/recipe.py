"""Recipe: the settings of one study, from a YAML file and the command line.

A recipe has one section per settings class, and the settings classes stand beside the code that
reads them; this file only collects them. The command line beats the recipe, the recipe beats the
default of the field. A run keeps the recipe that it used, and that file can be given to
`--recipe` again.

The YAML is a strict one (`recipe_yaml.py`), and a key that no settings class knows is an error.

Not covered: includes, variables, environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.pores import PoreSettings
from screenkit.crystal.topology import TopologySettings
from screenkit.errors import RecipeError, UsageError
from screenkit.executors.hire import RunSettings
from screenkit.gcmc.conditions import GcmcSettings
from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.labels import LabelSettings
from screenkit.learn.propose import SearchSettings
from screenkit.learn.split import CrossSettings
from screenkit.models.shelf import USUAL
from screenkit.models.target import Target
from screenkit.ranking.campaign import CampaignSettings
from screenkit.ranking.ranking import RankSettings
from screenkit.ranking.select import SelectSettings
from screenkit.recipe_yaml import Document, dotted, dump_lines, one_line, read_text
from screenkit.settings import Settings
from screenkit.settings_yaml import nearest, read_settings, wanted
from screenkit.tasks.clean import CleanSettings
from screenkit.tasks.explain_settings import ExplainSettings
from screenkit.tasks.featurize_settings import FeaturizeSettings
from screenkit.tasks.label import LabelProperty
from screenkit.tasks.predict_settings import PredictSettings

_OPTIONS: dict[str, tuple[str, ...]] = {
    "": ("model", "max_failures", "properties"),
    "checks": ("min_distance", "min_surface_area"),
    "clean": ("flag_only", "drop_duplicates"),
    "featurize": ("models", "k"),
    "predict": ("batch_atoms", "device", "precision", "level"),
    "rank": ("target", "top", "where"),
    "explain": ("names", "top", "draw"),
    "adsorption": (
        "gases",
        "temperatures",
        "force_field",
        "cutoff",
        "truncation",
        "tolerance",
        "device",
    ),
    "run": (
        *("site", "detach", "partition", "account", "qos", "constraint", "gres", "memory", "time"),
        *("cpus", "jobs", "array_parallelism"),
        *("executor", "workers", "readers", "scheduler", "insecure", "shard_size"),
    ),
    "fit": ("start", "epochs", "seed", "valid_fraction", "test_fraction"),
    "campaign": ("rounds",),
    "cross": ("folds", "repeats", "ensemble"),
    "search": ("trials",),
    "labels": ("targets", "columns", "name_column", "group_column", "only"),
    "select": (
        *("derive", "where", "pareto", "top", "recall", "best", "diverse", "space"),
        *("target", "acquire", "beta", "best_known", "seed"),
    ),
    "gcmc": (
        *("pressures", "engine", "charges", "top", "cycles", "initialization", "seed"),
        *("min_free_sphere", "min_henry", "max_error", "max_drift"),
    ),
}
"""Which options of the command line belong to which section. Option name = field name."""

SINGULAR = {
    "--targets": "--target",
    "--models": "--model",
    "--names": "--name",
    "--columns": "--column",
    "--gases": "--gas",
    "--temperatures": "--temperature",
    "--pressures": "--pressure",
    "--properties": "--property",
}
"""Options that may be repeated, by what their fields would call them."""


class Recipe(Settings):
    """The settings of one study."""

    model: str = USUAL
    """A model on the shelf, or the path of a checkpoint. For training: a kind of network."""
    network: dict[str, Any] = Field(default_factory=dict)
    """For training: settings of that kind of network, where they differ from its defaults."""
    max_failures: int | None = Field(default=None, ge=0)
    """How many structures may fail before a complete run counts as a bad one; None: any number."""
    checks: CheckSettings = Field(default_factory=CheckSettings)
    """What a structure must fulfil to be predicted."""
    clean: CleanSettings = Field(default_factory=CleanSettings)
    """How a library is cleaned."""
    featurize: FeaturizeSettings = Field(default_factory=FeaturizeSettings)
    """Which graphs are built and kept for trainings."""
    adsorption: AdsorptionSettings = Field(default_factory=AdsorptionSettings)
    """Which gases a labelling puts into each structure, and how."""
    properties: tuple[LabelProperty, ...] = ()
    """What else a labelling measures."""
    pores: PoreSettings = Field(default_factory=PoreSettings)
    """How pores are measured, for labels."""
    topology: TopologySettings = Field(default_factory=TopologySettings)
    """How topological labels are measured."""
    predict: PredictSettings = Field(default_factory=PredictSettings)
    """How a worker predicts."""
    rank: RankSettings = Field(default_factory=RankSettings)
    """What is best, and how much of it is kept."""
    select: SelectSettings = Field(default_factory=SelectSettings)
    """Which predictions to go on with."""
    explain: ExplainSettings = Field(default_factory=ExplainSettings)
    """Which predictions are explained."""
    gcmc: GcmcSettings = Field(default_factory=GcmcSettings)
    """How simulations are prepared, run and judged."""
    campaign: CampaignSettings = Field(default_factory=CampaignSettings)
    """Rounds of choosing, simulating and learning."""
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
        return read_settings(cls, Document.parse(text, place))

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
                    f"there is no {key_path}", hint=nearest(type(self), problem["loc"])
                ) from None
            raise RecipeError(f"{key_path}: {wanted(problem)}") from None

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
        raise UsageError(f"--target {text}: {wanted(error.errors()[0])}") from None


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


def _explain_options(error: ValidationError) -> UsageError:
    problem = error.errors(include_url=False)[0]
    words = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    option = "--" + words[-1].replace("_", "-") if words else "the options"
    return UsageError(f"{SINGULAR.get(option, option)}: {wanted(problem)}")
