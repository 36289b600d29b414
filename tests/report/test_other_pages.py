"""Pages of simulations, campaigns and trainings: what is shown, and that texts stay texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from screenkit.report.campaign_page import CampaignPage, RoundTold, campaign_page
from screenkit.report.gcmc_page import GcmcPage, Result, gcmc_page
from screenkit.report.page import About, Page
from screenkit.report.training_page import History, Parts, TrainingPage, Trials, training_page
from tests.report.test_page import EVIL, read


def result(name: str, pressure: float, loading: float, **more: Any) -> Result:
    facts: dict[str, Any] = {"gas": "CO2", "temperature": 298.0, "outcome": "ok", "code": ""}
    facts |= {"message": "", "loading_error": 0.1, "heat": 20.0, "heat_error": 1.0}
    facts |= {"predicted": math.nan, "seconds": 60.0}
    return Result(name=name, pressure=pressure, loading=loading, **(facts | more))


def figures(page: Page) -> dict[str, Any]:
    return {figure.name: figure for figure in page.figures}


def test_simulations_stand_beside_predictions_and_doubtful_ones_do_not():
    results = [
        result(EVIL, 1e5, 3.0, predicted=2.5),
        result("b", 1e5, 9.0, predicted=1.0, outcome="doubtful", code="drift", message=EVIL),
        result("c", 1e5, math.nan, outcome="failed", code="not_run", seconds=math.nan),
    ]
    page = gcmc_page(GcmcPage(About(EVIL, EVIL, {"y": EVIL}, cost={"x": EVIL}), results))
    reader = read(page.html)
    assert reader.tags.count("script") == 1
    shown = figures(page)
    compared = shown["simulated-against-predicted-CO2-298-K-1-bar"]
    assert compared.table["name"] == [EVIL]
    assert compared.table["low"].tolist() == [2.9]
    assert shown["funnel"].table["structures"].tolist() == [3, 2, 1]
    for part in ("drift", "not_run", "2 min"):  # the second: of one core
        assert part in reader.text


def test_several_pressures_make_isotherms_in_order_of_pressure():
    results = [result("a", p, n) for p, n in ((1e6, 7.0), (1e4, 1.0), (1e5, 3.0))]
    shown = figures(gcmc_page(GcmcPage(About("t"), results)))
    table = shown["isotherms-CO2-298K"].table
    assert table["pressure_Pa"].tolist() == [1e4, 1e5, 1e6]
    assert table["loading_mol_kg"].tolist() == [1.0, 3.0, 7.0]
    assert "isotherms-CO2-298K" not in figures(gcmc_page(GcmcPage(About("t"), results[:1])))


def test_a_campaign_shows_each_round_and_what_was_found():
    rounds = [
        RoundTold(0, "", 0, {}, 2, 1.0, math.nan, math.nan, EVIL),
        RoundTold(1, "ucb", 5, {"ok": 4, "failed": 1}, 6, 3.5, 0.5, 0.8, ""),
    ]
    best = [{"name": EVIL, "value": 3.5, "error": 0.1, "round": 1}]
    page = campaign_page(CampaignPage(About(EVIL, EVIL), EVIL, "mol/kg", EVIL, 9, 5, rounds, best))
    reader = read(page.html)
    assert "4 ok, 1 failed" in reader.text and EVIL in reader.text
    assert figures(page)["rounds-best"].table["best"].tolist() == [1.0, 3.5]
    assert np.isnan(figures(page)["rounds-mae"].table["mae"][0])


def test_a_training_shows_its_epochs_its_parts_and_its_trials():
    epochs = np.arange(1.0, 5.0)
    history = History(epochs, 1 / epochs, np.array([1.0, 0.5, np.nan, 0.6]), 2)
    parts = Parts("t", "mae", {"model": np.array([1.0, 2.0]), "median": np.full(2, np.nan)}, "ab")
    trials = Trials(np.array([0.5, np.inf, 0.4]), {"rate": np.array([0.001, 0.01, 0.1])})
    about = About(EVIL, EVIL)
    told = TrainingPage(about, "lead", [("1", "x")], "", [], history, [parts], trials)
    shown = figures(training_page(told))
    assert shown["valid-error"].table["epoch"].tolist() == epochs.tolist()
    assert shown["parts-t"].table["part"] == ["a", "b"]
    assert shown["trials"].table["valid_error"].tolist() == [0.5, np.inf, 0.4]
    assert "log10 of rate" in shown["trials-rate"].body
    for figure in shown.values():
        assert figure.png().startswith(b"\x89PNG")
