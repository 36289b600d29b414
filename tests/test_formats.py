"""What `docs/formats.md` says of a run's files is what a run leaves behind."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import h5py
import pytest

from screenkit.flows.again import commanded
from screenkit.flows.clean import clean
from screenkit.flows.screen import screen
from screenkit.recipe import Recipe
from tests.crystals import rock_salt, write_cif
from tests.models.tiny import write_tiny

FORMATS = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
TARGETS = ["uptake", "heat"]  # of the tiny model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    (folder / "salts").mkdir()
    for edge in (5.2, 5.4, 1.2):
        write_cif(rock_salt(edge), folder / "salts" / f"{edge}.cif")
    recipe = Recipe().override(model=str(write_tiny(folder)), executor="serial", device="cpu")
    with commanded(["rank", "salts"]):
        screen([folder / "salts"], recipe, folder / "run")
    return folder / "run"


def words(title: str) -> list[str]:
    """Return what stands in back quotes in the first column of the table below a line."""
    table = FORMATS.split(f"\n{title}\n")[1].lstrip("\n")
    rows = re.match(r"(?:\|.*\n)+", table[table.index("|") :])
    assert rows
    return [
        word
        for row in rows[0].splitlines()[2:]
        for word in re.findall(r"`(.+?)`", row.split("|")[1])
    ]


def test_a_run_leaves_the_files_that_are_listed_and_no_other(run: Path):
    listed = re.findall(r"^ {6}([\w.]+)/? ", FORMATS.split("RUN/\n")[1].split("\n\n")[0], re.M)
    assert sorted(listed) == sorted(path.name for path in run.iterdir())


def test_the_tables_have_the_columns_that_are_listed(run: Path):
    columns = words("`ranking.csv` and `shortlist.csv`:")
    columns[2:2] = TARGETS
    for name in ("ranking.csv", "shortlist.csv"):
        with (run / name).open(newline="", encoding="utf-8") as file:
            assert next(csv.reader(file)) == columns
    assert "`failures.csv`: `name,outcome,code,message`" in FORMATS
    assert (run / "failures.csv").read_text().startswith("name,outcome,code,message\n")


def test_the_summary_has_the_keys_that_are_listed(run: Path):
    assert sorted(words("## `summary.json`")) == sorted(
        json.loads((run / "summary.json").read_text())
    )


def test_the_merged_file_has_the_datasets_and_attributes_that_are_listed(run: Path):
    listed = set(words("## `predictions.h5`")) - {"predictions/TARGET"}
    told = FORMATS.split("File attributes: ")[1].split(". The first")[0]
    with h5py.File(run / "predictions.h5") as file:
        assert set(file) == listed | {"predictions"}
        assert list(file["predictions"]) == sorted(TARGETS)
        assert file["predictions/uptake"].attrs["unit"] == "mol/kg"
        assert set(re.findall(r"`(\w+)`", told)) == set(file.attrs)


@pytest.fixture(scope="module")
def cleaned(run: Path) -> Path:
    recipe = Recipe().override(executor="serial")
    clean([run.parent / "salts"], recipe, run.parent / "cleaned")
    return run.parent / "cleaned"


def test_a_cleaning_leaves_the_files_columns_and_keys_that_are_listed(cleaned: Path):
    told = FORMATS.split("## What a cleaning leaves behind\n")[1].split("\n## ")[0]
    listed = re.findall(r"^ {6}([\w.]+)/? ", told, re.M)
    assert sorted(listed) == sorted(path.name for path in cleaned.iterdir())
    with (cleaned / "clean.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == words("`clean.csv`:")
    less, more = told.split("has the keys above but for ")[1].split("; and ")
    keys = set(words("## `summary.json`")) - set(re.findall(r"`(\w+)`", less))
    keys |= set(re.findall(r"`(\w+)`", more))
    assert keys == set(json.loads((cleaned / "summary.json").read_text()))
    with h5py.File(cleaned / "clean.h5") as file:
        assert set(file["clean"]) < set(words("`clean.csv`:"))


def test_the_recipe_has_the_sections_that_are_listed():
    told = FORMATS.split("one section per settings class: ")[1].split(". Every run")[0]
    assert set(re.findall(r"`(\w+)`", told)) == set(Recipe.model_fields)
