"""What stands on the screen at the end."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from screenkit.cli import show
from screenkit.cli.show_scores import scores
from screenkit.ranking.ranking import RankSettings, rank
from tests.stores import HEAT, UPTAKE, make_store, ok


def printed(*what: object, width: int = 120) -> str:
    screen = io.StringIO()
    Console(file=screen, width=width).print(*what)
    return screen.getvalue()


def test_a_name_cannot_paint_the_screen():
    assert show.plain("a\x1b[31mb\rc[red]d").plain == "a\\x1b[31mb\\rc[red]d"


def test_a_heading_is_broken_after_underscores():
    assert show.fold("co2_uptake_0.15bar_298K", 14) == "co2_uptake_\n0.15bar_298K"
    assert show.fold("averyverylongword", 5) == "averyverylongword"


def test_the_best_ten_stand_with_rank_name_value_and_unit(tmp_path: Path):
    store = make_store(tmp_path, [ok(f"m{i}", float(i), -1.0) for i in range(12)])
    ranking = rank(store, RankSettings())
    shown = printed(show.best(ranking, len(ranking), 120))
    assert "The best 10" in shown
    assert "m11" in shown
    assert "11.00" in shown
    assert "mol/kg" in shown
    assert "m1 " not in shown


def test_on_a_narrow_screen_the_ranking_target_stays(tmp_path: Path):
    ranking = rank(make_store(tmp_path, [ok("m", 1.0, -9.5)]), RankSettings(target=HEAT["name"]))
    shown = printed(show.best(ranking, 1, 60), width=60)
    assert "heat" in shown
    assert UPTAKE["name"].split("_")[0] not in shown.replace(f"by {HEAT['name']}", "")


def test_the_interval_stands_behind_the_target_and_a_foreigner_is_flagged(tmp_path: Path):
    name = UPTAKE["name"]
    beside = [
        {"name": f"{name}{end}", "unit": "mol/kg", "better": "max", "of": name, "level": "0.8"}
        for end in ("_low", "_high")
    ]
    mark = {"name": "ood", "unit": "", "better": "min", "of": ""}
    rows = [ok("near", 5.0, 4.0, 6.5, 0.0), ok("far", 7.0, 1.0, 9.0, 1.0)]
    ranking = rank(make_store(tmp_path, rows, (UPTAKE, *beside, mark)), RankSettings())
    shown = printed(show.best(ranking, len(ranking), 120))
    assert "80%" in shown and "4.000 to 6.500" in shown and "ood" not in shown
    assert shown.count("out of domain") == 1


def test_flags_are_shown_where_there_are_any(tmp_path: Path):
    store = make_store(
        tmp_path, [ok("m", 1.0, 0.0, warnings="symmetry_missing"), ok("n", 0.0, 0.0)]
    )
    ranking = rank(store, RankSettings())
    assert "symmetry_missing" in printed(show.best(ranking, 2, 120))
    assert "flags" not in printed(show.best(ranking.where('name == "n"'), 2, 120))


def test_a_figure_that_is_not_known_is_a_dash():
    entry = {"unit": "mol/kg", "model": {"n": 3, "mae": 0.5, "r2": None, "spearman": 0.9}}
    shown = printed(*scores({"uptake": entry}, "title"))
    assert "0.5000" in shown
    assert "–" in shown


def test_what_an_evaluation_found_of_the_best_is_shown_and_a_training_has_no_such_columns():
    entry = {"unit": "mol/kg", "model": {"n": 3, "mae": 0.5, "r2": 0.1, "spearman": 0.9}}
    early = {"recall_at_5_percent": 0.25, "enrichment_at_5_percent": 5.0}
    shown = printed(*scores({"uptake": entry | {"early": early}}, "title"))
    assert "best 5%" in shown
    assert "0.2500" in shown
    assert "5.000" in shown
    assert "best 5%" not in printed(*scores({"uptake": entry}, "title"))
