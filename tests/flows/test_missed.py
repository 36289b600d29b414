"""Shortlists and what they may have missed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from screenkit.errors import StorageError, UsageError
from screenkit.flows.missed import Known, read_best
from screenkit.flows.select import select
from screenkit.learn.recall import Best
from screenkit.ranking.ranking import RankSettings
from screenkit.ranking.select import SelectSettings
from tests.stores import make_store, ok

TARGET = {"name": "uptake", "unit": "mol/kg", "better": "max"}
HEAT = {"name": "heat", "unit": "kJ/mol", "better": "min"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """300 predictions from 0 to 29.9, and 1000 calibration structures like them."""
    make_store(tmp_path, [ok(f"s{i:03}", i / 10, -i / 10) for i in range(300)], (TARGET, HEAT))
    random = np.random.default_rng(0)
    labels = random.uniform(0, 30, 1000)
    said = labels + 2 * random.standard_normal(1000)
    one = {"better": "max", "prediction": said.tolist(), "label": labels.tolist()}
    other = {"better": "min", "prediction": (-said).tolist(), "label": (-labels).tolist()}
    told = {"level": 0.9, "targets": {"uptake": one, "heat": other}, "split": ""}
    (tmp_path / "calibration.json").write_text(json.dumps(told))
    return tmp_path


def shortlist(run: Path, **rules):
    return select(run, SelectSettings(**rules), RankSettings())


def test_a_shortlist_tells_what_it_holds_of_the_truly_best(run):
    chosen = shortlist(run, top=40)
    assert [one.percent for one in chosen.missed] == ["1%", "5%", "10%"]
    tenth = chosen.missed[2]
    known = json.loads((run / "calibration.json").read_text())["targets"]["uptake"]
    said, labels = np.array(known["prediction"]), np.array(known["label"])
    best = labels >= np.sort(labels)[-100]
    assert tenth.least == labels[best].min() and tenth.structures == 100
    assert tenth.expected == np.mean(said[best] >= 26.0)  # the 40th of 300
    assert tenth.bound < tenth.expected


def test_recall_makes_the_shortlist_as_long_as_it_must_be(run):
    chosen = shortlist(run, recall=0.8)
    known = Known.read(run, "uptake", "max")
    assert known is not None
    best = known.best(read_best("10%"))
    least = best.threshold(0.8, 300)
    values = chosen.selection.ranking.values("uptake")
    assert values.min() >= least and len(values) == np.sum(np.arange(300) / 10 >= least)
    assert chosen.missed[2].bound >= 0.8
    assert shortlist(run, recall=0.85).missed[2].bound >= 0.85


def test_where_small_values_are_good_the_same_structures_are_chosen(run):
    up = shortlist(run, recall=0.8).selection.ranking.texts("name")
    down = shortlist(run, recall=0.8, target="heat").selection.ranking.texts("name")
    assert up == down


def test_too_few_of_the_best_are_said_so(run):
    with pytest.raises(UsageError) as caught:
        shortlist(run, recall=0.95, best="1%")
    assert "only 10 of the best" in caught.value.message and "59 are needed" in caught.value.message
    assert "--recall" in caught.value.hint and "--best" in caught.value.hint


@pytest.mark.parametrize("rule", [{"top": 5}, {"diverse": 3}, {"pareto": "uptake,heat"}])
def test_recall_and_another_rule_of_length_are_refused(run, rule):
    with pytest.raises(UsageError, match="--recall decides how many"):
        shortlist(run, recall=0.8, **rule)


def test_without_a_calibration_recall_is_refused_and_top_says_nothing(run):
    (run / "calibration.json").unlink()
    with pytest.raises(UsageError, match="--recall needs predictions of structures kept apart"):
        shortlist(run, recall=0.8)
    assert shortlist(run, top=5).missed == ()


@pytest.mark.parametrize("text", ["", "[]", '{"targets": {"uptake": {}}}', '{"targets": 3}'])
def test_a_damaged_calibration_is_named(run, text):
    (run / "calibration.json").write_text(text)
    with pytest.raises(StorageError, match=r"cannot read .*calibration.json"):
        shortlist(run, top=5)


def test_a_shortlist_that_is_not_the_first_of_an_order_has_no_recall(run):
    assert shortlist(run, top=20, diverse=3).missed == ()
    assert shortlist(run, top=20, where="n_atoms >= 0").missed != ()


def test_a_library_without_any_of_the_best_is_told_from_others(run):
    known = json.loads((run / "calibration.json").read_text())
    one = known["targets"]["uptake"]
    one["prediction"], one["label"] = ([x + 100 for x in one[k]] for k in ("prediction", "label"))
    (run / "calibration.json").write_text(json.dumps(known))
    assert [missed.predicted for missed in shortlist(run, top=5).missed] == [0, 0, 0]


def test_of_a_class_the_members_are_the_best_whatever_share_they_are(run):
    known = json.loads((run / "calibration.json").read_text())
    one = known["targets"]["uptake"]
    one["is_class"], one["label"] = True, [float(x > 29) for x in one["label"]]
    (run / "calibration.json").write_text(json.dumps(known))
    (missed,) = shortlist(run, top=40).missed
    assert missed.structures == sum(one["label"]) and missed.percent == "" and missed.least == 1.0


@pytest.mark.parametrize("text", ["10", "0%", "100%", "x%", "-1%"])
def test_who_the_best_are_is_a_share(text):
    with pytest.raises(UsageError, match="--best"):
        read_best(text)


def test_the_bound_holds_on_the_other_half_as_often_as_was_said():
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        group = np.repeat(np.arange(300), 4)
        labels = np.repeat(random.standard_normal(300), 4) + 0.3 * random.standard_normal(1200)
        said = labels + np.repeat(0.7 * random.standard_normal(300), 4)
        half = group < 150
        best = Best.of(said[half], labels[half], 10, group[half])
        threshold = best.threshold(0.6, 600)
        member = labels[~half] >= best.least
        held += bool(np.mean(said[~half][member] >= threshold) >= 0.6) if member.any() else 1
    assert held / 200 >= 0.93
