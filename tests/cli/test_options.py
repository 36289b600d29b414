"""Options against the settings that they fill."""

from __future__ import annotations

import inspect
import re
from typing import Any, get_args, get_type_hints

import pytest
from typer.models import OptionInfo

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.cli import (
    options,
    options_campaign,
    options_clean,
    options_cluster,
    options_featurize,
    options_gcmc,
    options_label,
    options_runs,
    options_select,
    options_sure,
    options_train,
)
from screenkit.cli.calibrate import calibrate
from screenkit.cli.campaign import campaign
from screenkit.cli.clean import clean
from screenkit.cli.evaluate import evaluate
from screenkit.cli.explain import explain
from screenkit.cli.featurize import featurize
from screenkit.cli.gcmc import prepare
from screenkit.cli.label import label
from screenkit.cli.rank import rank
from screenkit.cli.select import select
from screenkit.cli.train import train
from screenkit.crystal.checks import CheckSettings
from screenkit.executors.hire import RunSettings
from screenkit.gcmc.conditions import GcmcSettings
from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.labels import LabelSettings
from screenkit.ranking.campaign import CampaignSettings
from screenkit.ranking.ranking import RankSettings
from screenkit.ranking.select import SelectSettings
from screenkit.recipe import SINGULAR, Recipe
from screenkit.settings import Settings
from screenkit.tasks.clean import CleanSettings
from screenkit.tasks.explain_settings import ExplainSettings
from screenkit.tasks.predict_settings import PredictSettings

COMMANDS = [
    *(rank, calibrate, clean, label, featurize, train, evaluate, explain, select, prepare),
    campaign,
]
OUTSIDE_THE_RECIPE = {
    "source", "sources", "ids", "labels", "recipe", "output", "progress", "verbose", "quiet",
    "debug", "half", "dry_run", "run", "name", "without", "command", "json", "graphs",
}  # fmt: skip
"""What to read, where to write and how to say so is not part of a study."""
FOR_TWO_FIELDS = {"splits"}
"""`--splits 80/10/10` is `fit.valid_fraction` and `fit.test_fraction`."""
OPTIONS = {
    name: get_args(value)[1]
    for name, value in (
        vars(options)
        | vars(options_clean)
        | vars(options_featurize)
        | vars(options_label)
        | vars(options_sure)
        | vars(options_train)
        | vars(options_runs)
        | vars(options_select)
        | vars(options_gcmc)
        | vars(options_campaign)
        | vars(options_cluster)
    ).items()
    if get_args(value) and name != "Annotated"
}


@pytest.mark.parametrize(
    ("option", "settings", "field"),
    [
        ("Model", Recipe, "model"),
        ("Network", Recipe, "model"),
        ("Device", PredictSettings, "device"),
        ("Precision", PredictSettings, "precision"),
        ("Level", PredictSettings, "level"),
        ("Top", RankSettings, "top"),
        ("Draw", ExplainSettings, "draw"),
        ("Executor", RunSettings, "executor"),
        ("NameColumn", LabelSettings, "name_column"),
        ("Epochs", FitSettings, "epochs"),
        ("Seed", FitSettings, "seed"),
        ("ForceField", AdsorptionSettings, "force_field"),
        ("Cutoff", AdsorptionSettings, "cutoff"),
        ("Truncation", AdsorptionSettings, "truncation"),
        ("Tolerance", AdsorptionSettings, "tolerance"),
        ("EnergyDevice", AdsorptionSettings, "device"),
        ("Beta", SelectSettings, "beta"),
        ("SampleSeed", SelectSettings, "seed"),
        ("Engine", GcmcSettings, "engine"),
        ("Charges", GcmcSettings, "charges"),
        ("Cycles", GcmcSettings, "cycles"),
        ("Initialization", GcmcSettings, "initialization"),
        ("SimulationSeed", GcmcSettings, "seed"),
        ("Rounds", CampaignSettings, "rounds"),
        ("MaxError", GcmcSettings, "max_error"),
        ("MaxDrift", GcmcSettings, "max_drift"),
        ("MinDistance", CheckSettings, "min_distance"),
        ("MinSurfaceArea", CleanSettings, "min_surface_area"),
    ],
)
def test_the_help_tells_the_default_of_the_settings_class(option: str, settings: Any, field: str):
    told = re.search(r"\[default: (.+)\]", OPTIONS[option].help)
    assert told
    assert told[1] == str(settings.model_fields[field].default)


@pytest.mark.parametrize(
    "option",
    [
        *("BatchAtoms", "Best", "TrulyBest", "MaxFailures", "Orderer", "ShardSize", "Target"),
        "Workers",
    ],
)
def test_where_the_default_is_none_the_help_says_what_that_means(option: str):
    assert "[default: " in OPTIONS[option].help


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_is_explained(name: str):
    assert len(OPTIONS[name].help) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_keeps_no_default_of_its_own(command: Any):
    for name, parameter in inspect.signature(command).parameters.items():
        assert parameter.default in (None, False, inspect.Parameter.empty), name


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_is_called_like_the_field_that_it_fills(command: Any):
    sections = [kind for kind in get_type_hints(Recipe).values() if inspect.isclass(kind)]
    fields = set(Recipe.model_fields).union(
        *(kind.model_fields for kind in sections if issubclass(kind, Settings))
    )
    parameters = set(inspect.signature(command).parameters)
    assert parameters - OUTSIDE_THE_RECIPE - FOR_TWO_FIELDS <= fields


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_has_one_name_from_the_flag_to_the_field(command: Any):
    hints = get_type_hints(command, include_extras=True)
    for name, hint in hints.items():
        information = get_args(hint)[1] if get_args(hint) else None
        if not isinstance(information, OptionInfo):
            continue
        # Within Annotated, Typer takes the first flag for the default.
        flags = [information.default, *(information.param_decls or ())]
        flag = "--" + name.replace("_", "-")
        assert SINGULAR.get(flag, flag) in flags
