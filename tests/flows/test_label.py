"""A library in, a table of labels out: rows, units, resuming, and that one can train on it."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from screenkit.errors import MismatchError, RecipeError, UsageError
from screenkit.flows.label import label
from screenkit.flows.train import train
from screenkit.recipe import Recipe
from screenkit.track import Track
from tests.crystals import rock_salt, write_cif, write_salts

FORMATS = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
ALL = ("pores", "min-bond-length", "percolation-radius", "largest-li-site")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label") / "salts"
    write_salts(folder)
    return folder


def recipe(**options) -> Recipe:
    asked = {"gases": ["H2", "CH4"], "temperatures": [77.0, 298.15], "executor": "serial"}
    return Recipe().override("adsorption", **{**asked, "shard_size": 2, **options})


@pytest.fixture(scope="module")
def run(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "run"
    label([library], recipe(properties=ALL), output)
    return output


def table(run: Path) -> list[dict[str, str]]:
    with (run / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Told(Track):
    def __init__(self) -> None:
        self.labels: list[str] = []
        self.advanced = 0

    def start(self, label, total, done=0):
        self.labels.append(label)

    def advance(self, structures, failed=0):
        self.advanced += structures


def test_each_structure_has_a_row_in_the_order_of_the_library_whatever_became_of_it(run: Path):
    rows = table(run)
    names = ["broken", "salt-1.2", "salt-10", "salt-8", "salt-8.5", "salt-9", "salt-9.5"]
    assert [row["name"] for row in rows] == names
    outcomes = {row["name"]: (row["outcome"], row["code"]) for row in rows}
    assert outcomes["salt-1.2"] == ("filtered", "overlap")
    assert outcomes["broken"][0] == "failed"
    for row in rows:
        has = [bool(row[f"henry_{gas}"]) for gas in ("H2_77K", "CH4_298.15K")]
        assert has == [row["outcome"] == "ok"] * 2
    assert (run / "failures.csv").read_text().count("\n") == 3


def test_the_table_has_the_numbers_of_the_store_with_eight_digits_and_the_store_the_units(
    run: Path,
):
    rows = table(run)
    with h5py.File(run / "labels.h5") as file:
        assert file["name"].asstr()[:].tolist() == [row["name"] for row in rows]
        for name, stored in file["labels"].items():
            assert stored.dtype == np.float64
            assert stored.attrs["meaning"]
            written = np.array([float(row[name] or "nan") for row in rows])
            np.testing.assert_allclose(written, stored[:], rtol=6e-8)
        assert file["labels/kh_H2_77K"].attrs["unit"] == "mol/(kg Pa)"
        assert file["labels/heat_H2_77K"].attrs["unit"] == "kJ/mol"
        assert file["labels/henry_H2_77K"].attrs["unit"] == ""
        assert file.attrs["product"] == "labels"


def test_the_columns_and_keys_are_those_of_the_manual(run: Path):
    told = FORMATS.split("## `labels.csv` and `labels.h5`")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", told, re.M)
    heads = list(table(run)[0])
    assert set(listed) == {h for h in heads if "CH4" not in h and "298" not in h} - {
        *("name", "outcome", "code", "n_atoms", "volume_A3", "density_g_cm3"),
        *("minimum_distance_A", "warnings"),
    }
    assert heads[:3] == ["name", "outcome", "code"] and heads[-1] == "warnings"
    files = re.findall(r"`([\w.]+)/?`", told.split("leaves ")[1].split("\n\n")[0])
    assert sorted(files) == sorted(path.name for path in run.iterdir())
    summary = json.loads((run / "summary.json").read_text())
    own = told.split("`summary.json` has ")[1]
    assert set(re.findall(r"`(\w+)`", own)) == {
        *(set(summary) & {"labels", "force_field", "force_field_sha256", "tolerance", "henry"}),
        "provenance",
        *summary["henry"][0],
    }


def test_a_second_run_does_no_work_and_changes_no_byte(library: Path, tmp_path: Path):
    label([library], recipe(), tmp_path / "run", first := Told())
    before = [(tmp_path / "run" / name).read_bytes() for name in ("labels.h5", "labels.csv")]
    again = label([library], recipe(), tmp_path / "run", second := Told())
    assert (first.labels, first.advanced) == (["Labelling"], 7)
    assert (second.advanced, again.computed) == (0, 0)
    assert before == [(tmp_path / "run" / n).read_bytes() for n in ("labels.h5", "labels.csv")]


@pytest.mark.slow
def test_dask_and_serial_give_the_same_bytes(library: Path, run: Path, tmp_path: Path):
    label([library], recipe(properties=ALL, executor="dask", workers=2), tmp_path / "run")
    for name in ("labels.h5", "labels.csv", "failures.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes()


@pytest.mark.slow
def test_a_run_that_was_killed_ends_in_the_same_bytes(library: Path, run: Path, tmp_path: Path):
    many = tmp_path / "many"
    many.mkdir()
    for copy in range(30):
        write_cif(rock_salt(8.0 + copy / 20), many / f"{copy:02}.cif")

    def start(output: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "screenkit", "label", str(many), "--gas", "H2"]
        command += ["-T", "77", "--shard-size", "1", "--workers", "2", "-q"]
        return subprocess.Popen([*command, "-o", str(tmp_path / output)], start_new_session=True)

    assert start("whole").wait(200) == 0
    victim = start("killed")
    deadline = time.monotonic() + 100
    while len(list((tmp_path / "killed/shards").glob("*.h5"))) < 3:
        assert victim.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert not (tmp_path / "killed/labels.csv").exists()
    assert start("killed").wait(200) == 0
    for name in ("labels.h5", "labels.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_other_conditions_on_the_same_output_are_refused_by_name(library: Path, run: Path):
    with pytest.raises(MismatchError, match=r"temperatures: was \[77.0, 298.15\], now \[77.0\]"):
        label([library], recipe(properties=ALL, temperatures=[77.0]), run)
    with pytest.raises(MismatchError, match="force_field"):
        label([library], recipe(properties=ALL, force_field="dreiding-uff"), run)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"temperatures": ()}, "no default"), ({"gases": ["H3"]}, "knows no gas 'H3'")],
)
def test_a_slip_costs_no_run(library: Path, tmp_path: Path, options: dict, words: str):
    with pytest.raises((UsageError, RecipeError), match=words):
        label([library], recipe(**options), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_devices_that_are_not_asked_for_or_not_there_are_named(library: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="no CUDA device") as caught:
        label([library], recipe(executor="dask-cuda"), tmp_path / "run")
    assert "--device cuda" in caught.value.hint


def test_a_network_can_be_trained_on_the_table_as_it_is(library: Path, run: Path, tmp_path: Path):
    tiny = "{k: 6, width: 8, edge_width: 4, layers: 1, head_width: 8}"
    fit = "{epochs: 1, batch_size: 2, test_fraction: 0.2, valid_fraction: 0.2}"
    settings = Recipe.parse(f"network: {tiny}\nfit: {fit}\nrun: {{executor: serial}}\n")
    settings = settings.override(targets=["log_henry_H2_77K", "log1p_henry_CH4_298.15K"])
    training = train(run / "labels.csv", [library], settings, tmp_path / "training")
    names = [target.name for target in training.checkpoint.targets]
    assert names == ["log_henry_H2_77K", "log1p_henry_CH4_298.15K"]
    assert sum(training.metrics["structures"].values()) == 5


def test_the_page_shows_each_gas_and_temperature_and_asks_for_nothing_outside(run: Path):
    page = (run / "report.html").read_text()
    for title in ("H2, 77 K", "CH4, 298.15 K"):
        assert page.count(f"<h3>{title}</h3>") == 1
    assert "log_henry_H2_77K.png" in {path.name for path in (run / "figures").iterdir()}
    assert "Rappe et al. 1992" in page
    assert "overlap" in page and "screenkit label" in page
    assert page.count("<script>") == 1
    assert not re.search(r"https?://", page)


def test_what_is_told_at_the_end_is_that_of_the_table(run: Path, library: Path):
    result = label([library], recipe(properties=ALL), run)
    (one,) = [h for h in result.henry if h.title == "H2, 77 K"]
    logs = [float(row["log_henry_H2_77K"]) for row in table(run) if row["log_henry_H2_77K"]]
    assert one.logs.quantile(0.5) == pytest.approx(float(np.median(logs)), rel=1e-6)
    assert one.missed == 0
    assert [spread.name for spread in result.others][-1] == "largest_li_site"
    assert len(result.others[-1].values) == 0
