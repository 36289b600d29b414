"""A library in; what is kept, what is left out and what is there twice out."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from screenkit.crystal.cif import read_cif
from screenkit.crystal.library import Library
from screenkit.errors import MismatchError
from screenkit.flows.account import Counter as Counting
from screenkit.flows.clean import clean
from screenkit.flows.screen import screen
from screenkit.recipe import Recipe
from screenkit.track import Track
from tests.crystals import crystal, mirrored, permuted, rotated, supercell, translated, write_cif
from tests.models.tiny import write_tiny

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"


def recipe(text: str = "", **options) -> Recipe:
    return Recipe.parse(text).override(**{"executor": "serial", "shard_size": 4} | options)


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def chain(spacing: float, first: str = "C"):
    """A chain of carbon and oxygen in a wide cell: bonded, with room around it."""
    numbers = [6 if first == "C" else 7, 8]
    return crystal(numbers, [[0.1, 0.2, 0.3], [0.6, 0.2, 0.3]], [2 * spacing, 9.0, 11.0])


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """One structure in several guises, others that resemble it, one crushed, one that is no CIF."""
    folder = tmp_path / "copies"
    folder.mkdir()
    given = chain(1.4)
    write_cif(given, folder / "b-first.cif")
    write_cif(rotated(given), folder / "c-turned.cif")
    write_cif(translated(given, (0.3, 0.4, 0.1)), folder / "d-moved.cif")
    write_cif(supercell(given, (1, 2, 1)), folder / "e-double.cif")
    write_cif(permuted(given, np.array([1, 0])), folder / "f-shuffled.cif")
    write_cif(mirrored(given), folder / "g-mirrored.cif")
    write_cif(chain(1.5), folder / "h-stretched.cif")
    write_cif(chain(1.4, "N"), folder / "i-nitrogen.cif")
    write_cif(chain(0.5), folder / "a-crushed.cif")
    (folder / "j-broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    return folder


def test_every_structure_has_a_row_and_kept_are_those_that_are_ok(tmp_path):
    result = clean([EXAMPLES], recipe(), tmp_path / "run")
    rows = table(tmp_path / "run/clean.csv")
    assert list(rows) == list(Library.open(EXAMPLES).names)
    counts = Counter(row["outcome"] for row in rows.values())
    assert counts == {name: count for name, count in result.counts.items() if count}
    kept = (tmp_path / "run/kept.txt").read_text().splitlines()
    assert kept == [name for name, row in rows.items() if row["outcome"] == "ok"]
    failed = table(tmp_path / "run/failures.csv")
    assert set(failed) == set(rows) - set(kept)
    assert {row["code"] for row in failed.values()} >= {"overlap", "surface_too_small"}
    for row in rows.values():
        if row["code"] in ("", "surface_too_small"):
            assert (float(row["surface_area_per_cell"]) >= 50) == (row["outcome"] == "ok")
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["kept"] == len(kept) == summary["ok"]


@pytest.mark.slow
def test_rank_leaves_out_the_same_structures_by_the_same_recipe(tmp_path):
    cleaned = clean([EXAMPLES], recipe(), tmp_path / "clean")
    checks = recipe("checks: {min_surface_area: 50}", model=str(write_tiny(tmp_path)), device="cpu")
    ranked = screen([EXAMPLES], checks, tmp_path / "rank")
    assert ranked.codes == cleaned.codes
    rows, failures = table(tmp_path / "clean/failures.csv"), table(tmp_path / "rank/failures.csv")
    assert rows == failures
    left = Recipe.load(tmp_path / "clean/recipe.yaml")
    assert left.checks.min_surface_area == 50


def test_without_a_word_in_its_recipe_rank_asks_for_no_surface(tmp_path):
    ranked = screen(
        [EXAMPLES], recipe(model=str(write_tiny(tmp_path)), device="cpu"), tmp_path / "rank"
    )
    assert "surface_too_small" not in ranked.codes


@pytest.mark.slow
def test_flag_only_leaves_nothing_out_and_tells_every_reason(tmp_path):
    both = "checks: {min_surface_area: 1e6}\nclean: {flag_only: true}"
    flagged = clean([EXAMPLES], recipe(both), tmp_path / "flagged")
    plain = clean([EXAMPLES], recipe(), tmp_path / "plain")
    assert flagged.counts["filtered"] == 0
    assert flagged.counts["failed"] == plain.counts["failed"]
    assert flagged.flagged["surface_too_small"] == flagged.counts["ok"] == flagged.kept
    assert flagged.flagged["overlap"] == plain.codes["overlap"]
    rows = table(tmp_path / "flagged/clean.csv").values()
    told = [row["warnings"] for row in rows if "overlap" in row["warnings"]]
    assert told and all(text.endswith("overlap surface_too_small") for text in told)


def test_a_structure_in_another_guise_is_a_duplicate_of_the_first(tmp_path, copies):
    result = clean([copies], recipe("clean: {min_surface_area: 0}"), tmp_path / "run")
    of = {name: row["duplicate_of"] for name, row in table(tmp_path / "run/clean.csv").items()}
    guises = ["c-turned", "d-moved", "e-double", "f-shuffled", "g-mirrored", "h-stretched"]
    assert {name for name, first in of.items() if first == "b-first"} == set(guises)
    assert result.duplicates == len(guises)
    # One that is left out, as it overlaps, is the first of nobody, though its bonds are the same.
    assert of["a-crushed"] == of["b-first"] == of["i-nitrogen"] == of["j-broken"] == ""
    assert result.kept == 2 + len(guises)


def test_duplicates_are_dropped_only_when_asked_and_volume_may_tell_them_apart(tmp_path, copies):
    settings = recipe("clean: {min_surface_area: 0, volume_tolerance: 0.05}")
    assert clean([copies], settings, tmp_path / "run").kept == 8
    dropped = clean([copies], settings.override(drop_duplicates=True), tmp_path / "run")
    assert dropped.computed == 0  # only looked for again
    kept = (tmp_path / "run/kept.txt").read_text().splitlines()
    assert kept == ["b-first", "h-stretched", "i-nitrogen"]
    assert len(table(tmp_path / "run/clean.csv")) == 10


def test_the_names_that_are_kept_are_taken_by_ids(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ("a, b", 'the "good" one', "=1+1", "-v", "name"):
        write_cif(chain(1.4), folder / "plain.cif")
        (folder / "plain.cif").rename(folder / f"{name}.cif")
    clean([folder], recipe("clean: {min_surface_area: 0}"), tmp_path / "run")
    library = Library.open([folder], ids=tmp_path / "run/kept.txt")
    assert len(library) == 5


@pytest.mark.slow
def test_the_numbers_do_not_depend_on_who_did_the_work(tmp_path):
    clean([EXAMPLES], recipe(), tmp_path / "serial")
    clean([EXAMPLES], recipe(executor="dask", workers=2), tmp_path / "dask")
    for name in ("clean.csv", "kept.txt", "failures.csv"):
        assert (tmp_path / "serial" / name).read_bytes() == (tmp_path / "dask" / name).read_bytes()


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_and_ends_in_the_same_bytes(tmp_path):
    class Stop(Track):
        def advance(self, structures, failed=0):
            raise KeyboardInterrupt

    clean([EXAMPLES], recipe(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        clean([EXAMPLES], recipe(), tmp_path / "stopped", Stop())
    assert not (tmp_path / "stopped/kept.txt").exists()
    track = Counting(Track())
    result = clean([EXAMPLES], recipe(), tmp_path / "stopped", track)
    assert 0 < track.structures == result.computed < result.structures
    for name in ("clean.csv", "kept.txt", "clean.h5"):
        whole, stopped = (tmp_path / run / name for run in ("whole", "stopped"))
        assert whole.read_bytes() == stopped.read_bytes()


def test_other_checks_on_the_same_output_are_refused_by_name(tmp_path, copies):
    clean([copies], recipe(), tmp_path / "run")
    with pytest.raises(MismatchError, match=r"min_surface_area: was 50\.0, now 10\.0"):
        clean([copies], recipe("checks: {min_surface_area: 10}"), tmp_path / "run")


def test_clean_h5_opens_with_plain_h5py_and_holds_what_the_table_says(tmp_path):
    clean([EXAMPLES], recipe(), tmp_path / "run")
    rows = list(table(tmp_path / "run/clean.csv").values())
    with h5py.File(tmp_path / "run/clean.h5") as file:
        assert file["clean/surface_area_per_cell"].attrs["unit"] == "Å2"
        for row, number in zip(rows, file["clean/graph_hash"][:], strict=True):
            assert row["graph_hash"] == (f"{int(number):013x}" if number == number else "")


@pytest.mark.slow
def test_refcode_families_of_one_composition_are_mostly_duplicates(data, tmp_path):
    with (data / "core2019" / "labels.csv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    families = Counter(name[:6] for name in names)
    some = [name for name in names if families[name[:6]] > 1][:150]
    (tmp_path / "ids.txt").write_text("\n".join(some))
    settings = recipe("clean: {min_surface_area: null}", shard_size=64)
    source = data / "core2019" / "core2019.tar.xz"
    clean([source], settings, tmp_path / "run", ids=tmp_path / "ids.txt")
    rows = table(tmp_path / "run/clean.csv")
    (documents,) = Library.open([source], tmp_path / "ids.txt").deliver([(0, len(rows))])
    formula = {d.name: read_cif(d.read(), d.name).formula() for d in documents}
    found = 0
    for name, row in rows.items():
        if first := row["duplicate_of"]:
            found += name[:6] == first[:6]
            ratios = {formula[name][e] / formula[first].get(e, 0) for e in formula[name]}
            assert formula[name].keys() == formula[first].keys()
            assert max(ratios) / min(ratios) == pytest.approx(1)
    assert found > 40
