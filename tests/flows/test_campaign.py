"""A campaign over salts: a table, or a stand-in for an engine, says what was simulated."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import screenkit.flows.campaign_round as campaign_round
from screenkit.errors import (
    MismatchError,
    RecipeError,
    StorageError,
    UsageError,
    WorkersLostError,
)
from screenkit.flows.campaign import Campaigned, campaign, rehearse, why_over
from screenkit.flows.campaign_known import Finding, read_known, write_known
from screenkit.recipe import Recipe
from tests.crystals import rock_salt, write_cif
from tests.flows.test_gcmc import Engine
from tests.models.tiny import write_tiny

EDGES = [5.0 + 0.25 * i for i in range(12)]
MISSING = "salt-5.25"


@pytest.fixture(scope="module", autouse=True)
def no_pages() -> Iterator[None]:
    """Pages take most of the time of so small a campaign; they have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for flow in ("screen", "train", "campaign"):
            patch.setattr(f"screenkit.flows.{flow}.draw_report", lambda *_, **__: None)
        yield


def fill(folder: Path) -> Path:
    """Make a library in a folder, and a table that knows all of it but for one structure."""
    (folder / "salts").mkdir()
    for edge in EDGES:
        write_cif(rock_salt(edge), folder / "salts" / f"salt-{edge:g}.cif")
    (folder / "salts" / "broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    known = [f"salt-{edge:g},{100 - (edge - 6.6) ** 2:.4f}\n" for edge in EDGES]
    text = "name,uptake\n" + "".join(line for line in known if not line.startswith(f"{MISSING},"))
    (folder / "labels.csv").write_text(text)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return fill(tmp_path)


def recipe(more: str = "", name: str = "uptake", **said: object) -> Recipe:
    """Return a small campaign with other values of some keys of its section; `name` is what the
    target is called, whose column is `uptake`."""
    own = {"sources": "[salts]", "oracle": "table", "labels": "labels.csv", "first": "random"}
    own |= {"first_batch": 5, "batch": 2, "rounds": 2} | said
    section = "".join(f"  {k}: {v}\n" for k, v in own.items() if v is not None)
    return Recipe.parse(
        "model: trees\n"
        "network: {features: [density], n_trees: 5, depth: 2, min_samples_leaf: 1}\n"
        f"labels: {{targets: [{{name: {name}, column: uptake, unit: mol/kg}}]}}\n"
        "fit: {valid_fraction: 0.2, test_fraction: 0.2}\n"
        "run: {executor: serial}\n"
        f"{more}campaign:\n{section}"
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def all_bytes(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


ANSWERS = ("campaign.csv", "best.csv", "round-01/known.csv", "round-02/known.csv")


def answers(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ANSWERS]


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Campaigned]:
    folder = fill(tmp_path_factory.mktemp("campaign"))
    return folder, campaign(recipe(), folder, folder / "run")


def test_no_structure_is_asked_about_twice_and_each_is_there_with_its_round(two_rounds):
    folder, done = two_rounds
    told = rows(folder / "run" / "round-02" / "known.csv")
    assert len({row["name"] for row in told}) == len(told) == 5 + 2
    assert [int(row["round"]) for row in told] == [1] * 5 + [2] * 2
    assert [one.asked for one in done.rounds] == [0, 5, 2]
    table = rows(folder / "run" / "campaign.csv")
    assert [row["name"] for row in table] == list(done.campaign.library.names)
    assert sum(bool(row["round"]) for row in table) == 7
    assert {"predicted_01", "predicted_02"} <= set(table[0])


def test_the_second_choice_is_the_best_prediction_among_what_is_left(two_rounds):
    folder, _ = two_rounds
    first = {row["name"] for row in rows(folder / "run" / "round-01" / "known.csv")}
    ranking = rows(folder / "run" / "round-01" / "rank" / "ranking.csv")
    best = [row["name"] for row in ranking if row["name"] not in first][:2]
    chosen = rows(folder / "run" / "round-02" / "chosen.csv")
    assert [row["name"] for row in chosen] == best


def test_the_best_are_sorted_and_are_what_the_table_says(two_rounds):
    folder, done = two_rounds
    known = {row["name"]: float(row["uptake"]) for row in rows(folder / "labels.csv")}
    best = rows(folder / "run" / "best.csv")
    values = [float(row["uptake"]) for row in best]
    assert values == sorted(values, reverse=True)
    assert values == pytest.approx([known[row["name"]] for row in best])
    assert done.summary["best"][0]["value"] == pytest.approx(values[0])


def test_a_second_run_writes_nothing(two_rounds):
    folder, _ = two_rounds
    before = all_bytes(folder)
    again = campaign(recipe(), folder, folder / "run")
    assert again.done == 0
    assert again.summary["ended"] == "rounds"
    assert all_bytes(folder) == before


@contextmanager
def killed_after(step: str, calls: int = 1) -> Iterator[None]:
    """Let the process be stopped when a step of a round has been done so often."""
    whole, left = getattr(campaign_round, step), [calls]

    def killed(*given, **named):
        found = whole(*given, **named)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return found

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(campaign_round, step, killed)
        yield


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        *(("choose", 1), ("_ask", 2), ("train", 1), ("replace_text", 1)),
        pytest.param("write_known", 2, marks=pytest.mark.slow),
        pytest.param("screen", 1, marks=pytest.mark.slow),
    ],
)
def test_killed_after_any_step_of_a_round_it_ends_with_the_same_answer(
    step: str, calls: int, two_rounds, tmp_path: Path
):
    folder, _ = two_rounds
    with killed_after(step, calls):
        campaign(recipe(), folder, tmp_path / "run")
    campaign(recipe(), folder, tmp_path / "run")
    assert answers(tmp_path / "run") == answers(folder / "run")


def test_finished_rounds_are_not_done_again(two_rounds, tmp_path: Path, monkeypatch):
    folder, _ = two_rounds
    campaign(recipe(rounds=1), folder, tmp_path / "run")
    before = all_bytes(tmp_path / "run" / "round-01")
    done = campaign(recipe(), folder, tmp_path / "run")
    assert done.done == 1
    after = all_bytes(tmp_path / "run" / "round-01")
    assert {k: v for k, v in after.items() if "/selections/" not in k} == before
    assert answers(tmp_path / "run") == answers(folder / "run")


def test_what_the_table_does_not_have_is_a_row_with_a_reason_and_not_asked_again(home: Path):
    done = campaign(recipe(first_batch=13, rounds=3), home, home / "run")
    told = {row["name"]: row for row in rows(home / "run" / "campaign.csv")}
    for name in (MISSING, "broken"):
        assert (told[name]["outcome"], told[name]["code"]) == ("failed", "no_label")
        assert told[name]["uptake"] == ""
    assert done.summary["codes"] == {"no_label": 2}
    assert done.summary["ended"] == "exhausted"
    assert [one.asked for one in done.rounds] == [0, 13, 0]


def test_names_that_a_spreadsheet_would_compute_come_through(home: Path):
    for edge in EDGES:
        (home / "salts" / f"salt-{edge:g}.cif").rename(home / "salts" / f"=salt-{edge:g}.cif")
    (home / "salts" / "broken.cif").unlink()
    table = (home / "labels.csv").read_text()
    (home / "labels.csv").write_text(table.replace("salt-", "'=salt-"))
    done = campaign(recipe(), home, home / "run")
    assert done.summary["outcomes"].get("failed", 0) <= 1  # the one that the table does not have
    assert done.rounds[2].rule == "greedy"


def test_what_is_known_before_is_learned_from_and_not_asked_about(home: Path):
    known = [f"salt-{edge:g},{100 - (edge - 6.6) ** 2}\n" for edge in EDGES[::2]]
    (home / "known.csv").write_text("name,uptake\nelsewhere,3.0\n" + "".join(known))
    done = campaign(recipe(known="known.csv", rounds=1, first_batch=2), home, home / "run")
    told = rows(home / "run" / "round-01" / "known.csv")
    assert [row["source"] for row in told] == ["known"] * 6 + ["table"] * 2
    assert len({row["name"] for row in told}) == 8
    assert (done.rounds[0].known, done.rounds[1].rule) == (6, "greedy")


def test_it_stops_when_the_best_stay_the_same(home: Path):
    settings = recipe(first_batch=10, batch=1, rounds=9, stable=1, stable_rounds=1)
    done = campaign(settings, home, home / "run")
    assert done.summary["ended"] == "stable"
    assert len(done.rounds) < 9
    assert done.rounds[-1].top == done.rounds[-2].top


def test_more_rounds_go_on_and_other_settings_are_refused(home: Path):
    campaign(recipe(rounds=1), home, home / "run")
    assert not why_over(
        *(lambda d: (d.campaign, list(d.rounds[:1])))(
            campaign(recipe(rounds=1), home, home / "run")
        )
    )
    with pytest.raises(MismatchError, match=r"campaign\.batch"):
        campaign(recipe(batch=3), home, home / "run")
    with (home / "labels.csv").open("a") as file:
        file.write("another,1.0\n")
    with pytest.raises(MismatchError, match=r"campaign\.labels"):
        campaign(recipe(rounds=2), home, home / "run")


def test_where_nothing_can_be_learned_it_says_so_and_chooses_as_before(home: Path):
    (home / "salts" / "broken.cif").unlink()
    (home / "salts" / f"{MISSING}.cif").unlink()
    done = campaign(recipe(first_batch=1, batch=1), home, home / "run")
    assert "too little" in done.rounds[1].note
    assert [one.rule for one in done.rounds] == ["", "random", "random"]
    assert not (home / "run" / "round-01" / "rank").exists()


def test_what_is_unlike_each_other_in_another_model_fulfils_the_condition_too(home: Path):
    write_tiny(home)
    more = "select: {where: density < 2.0}\n"
    said = {"first": "diverse", "prior": "tiny-0.safetensors", "rounds": 1, "first_batch": 3}
    settings = recipe(more, name="stored", **said)
    done = campaign(settings, home, home / "run")
    assert done.rounds[1].rule == "diverse"
    density = {
        row["name"]: float(row["density_g_cm3"])
        for row in rows(home / "run" / "round-00" / "rank" / "ranking.csv")
    }
    chosen = [row["name"] for row in rows(home / "run" / "round-01" / "chosen.csv")]
    assert len(chosen) == 3
    assert all(density[name] < 2.0 for name in chosen)
    assert max(density.values()) > 2.0


def test_a_prior_that_knows_the_target_chooses_the_first_ones(home: Path):
    write_tiny(home)  # it predicts `uptake`, and has no spread
    more = "cross: {ensemble: 2}\nselect: {acquire: ucb}\n"
    settings = recipe(more, prior="tiny-0.safetensors", rounds=1, first_batch=5)
    done = campaign(settings, home, home / "run")
    assert done.rounds[1].rule == "greedy"
    assert done.rounds[1].mae is not None
    ranking = rows(home / "run" / "round-00" / "rank" / "ranking.csv")
    chosen = [row["name"] for row in rows(home / "run" / "round-01" / "chosen.csv")]
    assert chosen == [row["name"] for row in ranking[:5]]
    header = (home / "run" / "campaign.csv").read_text().splitlines()[0]
    assert header.endswith("predicted_00,predicted_01,predicted_std")


def test_a_dry_run_writes_nothing(home: Path):
    told = rehearse(recipe(), home, home / "run")
    assert (told.structures, told.rounds, told.complete, told.left) == (13, 2, 0, 7)
    assert not (home / "run").exists()


@pytest.mark.parametrize(
    ("said", "more", "words"),
    [
        ({"sources": "[]"}, "", "campaign.sources is missing"),
        ({"labels": None}, "", "wants campaign.labels"),
        ({"oracle": "gcmc"}, "", "campaign.labels is for campaign.oracle: table"),
        ({"oracle": "gcmc", "labels": None}, "", "adsorption.gases: a campaign has one state"),
        ({}, "select: {acquire: ei}\n", "must know how sure"),
        ({}, "select: {diverse: 3}\n", "said elsewhere"),
        ({}, "cross: {folds: 3}\n", "leave no model"),
        ({"known": "salts/salt-5.cif"}, "", "has no column"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(home: Path, said: dict, more: str, words: str):
    with pytest.raises(RecipeError, match=words):
        campaign(recipe(more, **said), home, home / "run")
    assert not (home / "run").exists()


def test_an_engine_that_is_not_installed_is_said_before_anything_is_done(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("RASPA_DIR", raising=False)
    more = GCMC.replace("cycles: 20", "cycles: 20, engine: raspa2")
    with pytest.raises(UsageError, match="the engine raspa2 is not installed"):
        campaign(recipe(more, oracle="gcmc", labels=None), home, home / "run")
    assert not (home / "run").exists()


@pytest.mark.parametrize("name", ["round.json", "known.csv"])
def test_a_damaged_file_of_a_round_is_named_and_may_be_removed(
    two_rounds: tuple[Path, Campaigned], name: str
):
    folder, _ = two_rounds
    before = answers(folder / "run")
    (folder / "run" / "round-02" / "round.json").unlink()
    damaged = folder / "run" / "round-02" / name
    damaged.write_text("half a fi")
    with pytest.raises(StorageError, match=f"{name} is damaged"):
        campaign(recipe(), folder, folder / "run")
    damaged.unlink()
    campaign(recipe(), folder, folder / "run")
    assert answers(folder / "run") == before


def test_findings_come_back_as_they_were_written(tmp_path: Path):
    findings = [
        Finding("=1+1", 0, "known", "ok", 0.1 + 0.2),
        Finding('a "b", c', 2, "gcmc", "doubtful", code="error_bar_wide", message="x, y"),
    ]
    write_known(tmp_path / "known.csv", "uptake", findings)
    assert str(read_known(tmp_path / "known.csv", "uptake")) == str(findings)
    assert read_known(tmp_path / "none.csv", "uptake") is None


GCMC = """\
adsorption: {gases: [CH4], temperatures: [298]}
gcmc: {pressures: [1bar], cycles: 20}
checks: {min_distance: 0.5}
"""


def simulated(**said: object) -> Recipe:
    return recipe(GCMC, oracle="gcmc", labels=None, **said)


@pytest.fixture
def simple(home: Path) -> Path:
    (home / "salts" / "broken.cif").unlink()
    return home


def test_simulations_that_all_die_stop_it_once_and_are_left_behind_the_second_time(simple: Path):
    engine, settings = Engine(simple), simulated(first_batch=2, rounds=1)
    with pytest.raises(WorkersLostError, match="all 2 simulations of round 1 died"):
        campaign(settings, simple, simple / "run", command=engine.told("dies"))
    done = campaign(settings, simple, simple / "run", command=engine.told("dies"))
    assert done.summary["codes"] == {"simulation_died": 2}
    assert done.summary["ended"] == "rounds"


def test_a_simulation_that_is_done_is_not_run_again(simple: Path):
    engine, settings = Engine(simple), simulated(first_batch=3, rounds=1)
    with killed_after("_ask", 2):
        campaign(settings, simple, simple / "run", command=engine.told("well"))
    assert engine.runs == 3
    done = campaign(settings, simple, simple / "run", command=engine.told("well"))
    assert engine.runs == 3
    told = rows(simple / "run" / "round-01" / "known.csv")
    assert [(row["source"], row["outcome"]) for row in told] == [("gcmc", "ok")] * 3
    assert all(float(row["uptake_error"]) > 0 for row in told)
    assert done.summary["asked"] == 3


def test_what_cannot_be_prepared_is_a_row_with_its_reason(home: Path):
    done = campaign(
        simulated(first_batch=13, rounds=1),
        home,
        home / "run",
        command=Engine(home).told("doubtful"),
    )
    told = {row["name"]: row for row in rows(home / "run" / "campaign.csv")}
    assert told["broken"]["outcome"] == "failed"
    assert told["salt-5"]["code"] == "error_bar_wide"
    assert done.summary["outcomes"] == {"failed": 1, "doubtful": 12}


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("raspalib"), reason="raspalib is not installed")
def test_with_raspalib_each_chosen_salt_has_a_loading_with_its_error_bar(home: Path):
    for edge in EDGES[:-4]:
        (home / "salts" / f"salt-{edge:g}.cif").unlink()
    (home / "salts" / "broken.cif").unlink()
    for edge in (11.0, 13.0):
        write_cif(rock_salt(edge), home / "salts" / f"salt-{edge:g}.cif")
    more = GCMC.replace("1bar", "35bar").replace("20}", "200, initialization: 200}")
    more = more.replace("200}", "200, max_error: 1.0, max_drift: 1.0}")
    settings = recipe(more, oracle="gcmc", labels=None, first_batch=4, batch=1)
    done = campaign(settings, home, home / "run")
    assert done.summary["outcomes"] == {"ok": 5}
    known = read_known(home / "run" / "round-02" / "known.csv", "uptake") or []
    assert max(one.value for one in known) > 0
    assert all(one.error >= 0 for one in known)
    assert campaign(settings, home, home / "run").done == 0
