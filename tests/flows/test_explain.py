"""`explain` as a flow: from a run or a library to files that other programs read."""

from __future__ import annotations

import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import gemmi
import h5py
import numpy as np
import pytest

from screenkit.errors import MismatchError, OutputError, SourceError, UsageError
from screenkit.flows.explain import explain, recipe_of
from screenkit.flows.explain_files import Explanation, file_name
from screenkit.flows.runs import is_screening
from screenkit.flows.screen import screen
from screenkit.models.knagcn import KNagcn
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from tests.crystals import crystal, random_crystal, rock_salt, write_cif
from tests.models.tiny import write_tiny
from tests.tasks.test_explain import site_checkpoint

PLACES = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]


def recipe(model: Path, **options) -> Recipe:
    said = {"model": str(model), "executor": "serial", "device": "cpu", "shard_size": 3}
    return Recipe().override("explain", **(said | options))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six structures, a broken one and one that overlaps."""
    folder = tmp_path_factory.mktemp("explain") / "lib"
    (folder / "deep").mkdir(parents=True)
    for seed in range(3):
        write_cif(random_crystal(seed, atoms=8), folder / f"r{seed}.cif")
    write_cif(rock_salt(), folder / "deep" / "salt.cif")
    for a, b in ((56, 22), (38, 40)):
        write_cif(crystal([a, b, 8, 8, 8], PLACES, [4.0] * 3), folder / f"perov-{a}.cif")
    write_cif(rock_salt(1.1), folder / "crushed.cif")
    (folder / "broken.cif").write_text("data_broken\n")
    return folder


@pytest.fixture(scope="module")
def site_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "site.safetensors"
    path.write_bytes(site_checkpoint().to_bytes())
    return path


@pytest.fixture(scope="module")
def of_library(library: Path, site_model: Path, tmp_path_factory) -> Explanation:
    output = tmp_path_factory.mktemp("out") / "explain"
    return explain([library], recipe(site_model, draw=2), output)


@pytest.fixture(scope="module")
def run(library: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    screen([library], recipe(write_tiny(folder)).override(top="4"), folder / "run")
    return folder / "run"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_structure_is_accounted_for(of_library: Explanation):
    assert of_library.counts == {"ok": 6, "filtered": 1, "failed": 1}
    output = of_library.output
    assert [row["name"] for row in rows(output / "failures.csv")] == ["broken", "crushed"]
    assert len(list((output / "cif").iterdir())) == 6


def test_the_weights_of_a_site_pooled_model_average_to_its_prediction(of_library: Explanation):
    with h5py.File(of_library.output / "atoms.h5") as file:
        first, counts = file["structures/first_atom"][()], file["structures/n_atoms"][()]
        for t, target in enumerate(("energy", "gap")):
            weights = file[f"atoms/weights/{target}"][()]
            means = np.add.reduceat(weights, first) / counts
            predicted = file["structures/predictions"][:, t]
            assert means == pytest.approx(predicted, rel=1e-6, abs=1e-6)
            assert file[f"atoms/weights/{target}"].attrs["kind"] == "site"
        assert file["atoms/weights/energy"].attrs["unit"] == "eV/atom"
        assert len(file["atoms/number"]) == counts.sum()


def test_the_cif_and_the_hdf5_say_the_same(of_library: Explanation):
    with h5py.File(of_library.output / "atoms.h5") as file:
        names = [name.decode() for name in file["structures/name"][()]]
        i = names.index("deep/salt")
        atoms = slice(*(file["structures/first_atom"][i] + [0, file["structures/n_atoms"][i]]))
        weights = file["atoms/weights/energy"][atoms]
        environments = set(file["atoms/environment"][atoms])
    assert environments == {b"Na-Cl6", b"Cl-Na6"}
    block = gemmi.cif.read_file(str(of_library.output / "cif" / "deep%2Fsalt.cif")).sole_block()
    column = block.find_values("_atom_site_screenkit_weight_energy")
    assert [float(value) for value in column] == pytest.approx(weights.tolist(), rel=1e-8)


def test_perovskites_have_a_table_of_sites_and_a_map_for_each(of_library: Explanation):
    table = rows(of_library.output / "sites.csv")
    here = {(row["site"], row["element"]) for row in table if row["target"] == "energy"}
    assert here == {("A", "Ba"), ("A", "Sr"), ("B", "Ti"), ("B", "Zr"), ("X", "O")}
    for site in "ABX":
        for form in ("png", "svg"):
            assert (of_library.output / "maps" / f"elements-{site}-site.energy.{form}").exists()


def test_shares_in_the_table_of_elements_sum_to_one(of_library: Explanation):
    for target in ("energy", "gap"):
        table = [r for r in rows(of_library.output / "elements.csv") if r["target"] == target]
        assert sum(float(row["weight_share"]) for row in table) == pytest.approx(1, abs=1e-4)
        assert sum(float(row["atom_share"]) for row in table) == pytest.approx(1, abs=1e-4)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone(of_library: Explanation):
    html = (of_library.output / "report.html").read_text(encoding="utf-8")
    reader = Tags()
    reader.feed(html)
    assert not {"link", "iframe"} & set(reader.tags)
    assert all(source.startswith(("data:image/png;base64,", "#s")) for source in reader.sources)
    assert reader.tags.count("img") == 2 * 4 + 2  # elements, A, B, X of two targets; structures
    assert not re.search(r"url\(|@import|https?:", html)


def test_a_run_gives_its_best_with_its_own_model_and_finds_its_library(run: Path):
    assert is_screening(run) and not is_screening(run.parent)
    best = [row["name"] for row in rows(run / "shortlist.csv")]
    again = recipe_of([run]).override("explain", top=3, draw=0)
    result = explain([run], again, run / "explain")
    assert result.ranking.texts("name") == best[:3]
    assert result.kind == "gradient"
    predicted = {row["name"]: float(row["uptake"]) for row in rows(run / "ranking.csv")}
    for name, value in zip(best, result.ranking.values("uptake"), strict=False):
        assert value == pytest.approx(predicted[name], abs=1e-4)


@pytest.mark.slow
def test_it_may_be_repeated_and_gives_the_same_bytes(run: Path, tmp_path: Path):
    settings = recipe_of([run]).override("explain", names=["r1", "deep/salt"], draw=1)
    names = ("atoms.h5", "report.html", "elements.csv", "environments.csv", "cif/r1.cif")
    explain([run], settings, tmp_path / "a")
    first = {name: (tmp_path / "a" / name).read_bytes() for name in names}
    (tmp_path / "a" / "atoms.h5").unlink()
    explain([run], settings, tmp_path / "a")
    explain([run], settings, tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == first[name]
        assert (tmp_path / "b" / name).read_bytes() == first[name]


def test_a_run_whose_library_has_moved_takes_it_behind_the_run(
    run: Path, library: Path, tmp_path: Path
):
    moved = tmp_path / "moved"
    shutil.copytree(library, moved)
    settings = recipe_of([run]).override("explain", top=1, draw=0)
    assert explain([run, moved], settings, tmp_path / "out").counts["ok"] == 1
    (moved / "r0.cif").unlink()
    with pytest.raises(MismatchError, match="does not hold the structures"):
        explain([run, moved], settings, tmp_path / "other")
    with pytest.raises(SourceError) as error:
        explain([run, tmp_path / "nowhere"], settings, tmp_path / "third")
    assert "SOURCE" in error.value.hint


def test_a_name_that_is_not_there_is_refused_with_the_nearest(run: Path, tmp_path: Path):
    settings = recipe_of([run]).override("explain", names=["deep/slat"])
    with pytest.raises(UsageError) as error:
        explain([run], settings, tmp_path / "out")
    assert "deep/salt" in error.value.hint
    assert not (tmp_path / "out").exists()


def test_the_best_of_a_library_without_predictions_are_refused(
    library: Path, site_model: Path, tmp_path: Path
):
    with pytest.raises(UsageError, match="--top"):
        explain([library], recipe(site_model, top=2), tmp_path / "out")


@pytest.mark.slow
def test_two_explanations_do_not_share_a_folder(run: Path, tmp_path: Path):
    explain([run], recipe_of([run]).override("explain", top=1, draw=0), tmp_path / "out")
    before = (tmp_path / "out" / "recipe.yaml").read_text()
    with pytest.raises(MismatchError, match="explains other structures") as caught:
        explain([run], recipe_of([run]).override("explain", top=2, draw=0), tmp_path / "out")
    assert "out-2" in caught.value.hint
    assert (tmp_path / "out" / "recipe.yaml").read_text() == before
    with RunLock(tmp_path / "out"), pytest.raises(OutputError):
        explain([run], recipe_of([run]).override("explain", top=1), tmp_path / "out")


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "x" * 400, "ä" * 300, "a/../../b"])
def test_no_name_leaves_its_folder_or_is_too_long(name: str):
    made = file_name(name) + ".cif"
    assert "/" not in made and not made.startswith(".") and len(made.encode()) < 250
    assert file_name(name) != file_name(name + "x")


def test_a_target_that_the_model_does_not_have_is_refused(run: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="no target named 'heats'"):
        explain([run], recipe_of([run]).override("explain", target="heats"), tmp_path / "out")


@pytest.mark.slow
def test_another_model_may_explain_the_choice_of_a_run(run: Path, site_model: Path, tmp_path: Path):
    settings = recipe_of([run]).override("explain", model=str(site_model), top=2, draw=0)
    settings = settings.model_copy(
        update={"rank": settings.rank.model_copy(update={"target": "uptake"})}
    )
    with pytest.raises(UsageError, match="no target named 'uptake'"):
        explain([run], settings, tmp_path / "out")
    result = explain([run], recipe_of([run]).override(model=str(site_model)), tmp_path / "out")
    assert result.kind == "site" and result.ranking.target == "energy"


def test_a_model_without_atoms_is_refused_before_any_work(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(KNagcn, "atom_weights_are", property(lambda self: "none"))
    with pytest.raises(UsageError, match="no atoms to weigh"):
        explain([run], recipe_of([run]), tmp_path / "out")
    assert not (tmp_path / "out").exists()
