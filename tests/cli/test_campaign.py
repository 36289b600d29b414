"""`screenkit campaign` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from screenkit.cli.app import run
from tests.flows.test_campaign import all_bytes, fill, recipe

EXAMPLE = Path(__file__).parents[2] / "examples" / "campaign.yaml"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fill(tmp_path)
    path = tmp_path / "salts.yaml"
    path.write_text(recipe(rounds=1).to_yaml())
    monkeypatch.chdir(tmp_path)
    return path


def test_it_tells_its_rounds_and_a_second_time_that_nothing_was_done(
    study: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["campaign", str(study), "--progress", "none"]) == 0
    shown = capsys.readouterr().out
    assert "The best found" in shown
    assert "random" in shown
    assert "nothing was done" not in shown
    folder = study.parent / "salts-run"
    before = all_bytes(folder)
    assert run(["campaign", str(study), "--progress", "none"]) == 0
    assert "nothing was done: this campaign is over" in capsys.readouterr().out
    assert run(["campaign", str(study), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ended"], told["asked"]) == ("rounds", 5)
    assert all_bytes(folder) == before


def test_a_typo_in_the_recipe_is_one_line_that_names_it(
    study: Path, capsys: pytest.CaptureFixture[str]
):
    study.write_text("model: trees\ncampaign:\n  rouns: 3\n")
    assert run(["campaign", str(study)]) == 65
    said = capsys.readouterr().err
    assert f"{study}:3" in said or "line 3" in said
    assert "did you mean rounds?" in said


def test_the_example_is_a_campaign_that_could_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("raspalib")
    monkeypatch.chdir(tmp_path)
    assert run(["campaign", str(EXAMPLE), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "simulated at CH4_298K_3.5e+06Pa" in shown
    assert "nothing was written" in shown
    assert not list(tmp_path.iterdir())
