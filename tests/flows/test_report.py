"""`report`: a page of every kind of run, from its folder alone, whatever is in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from screenkit.errors import SourceError
from screenkit.flows import report as room
from screenkit.flows.clean import clean
from screenkit.flows.evaluate import evaluate
from screenkit.flows.explain import explain
from screenkit.flows.report import report
from screenkit.flows.screen import screen
from screenkit.flows.train import train
from screenkit.recipe import Recipe
from screenkit.track import Track
from tests.crystals import rock_salt, supercell, write_cif
from tests.models.tiny import write_tiny
from tests.report.test_page import EVIL, read

HOSTILE = ("<script>alert(1)", "=1+1", "x" * 200, "מבנה", "\u202ereversed", "a&b;c'd\"e")
"""Names of files."""
GOOD = len(HOSTILE) + 7
"""Structures that can be predicted."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "salts"
    folder.mkdir()
    for i, name in enumerate(HOSTILE):
        write_cif(rock_salt(5.2 + 0.1 * i), folder / f"{name}.cif")
    for i in range(6):
        write_cif(rock_salt(5.25 + 0.1 * i), folder / f"r{i}.cif")
    write_cif(supercell(rock_salt(5.8), (2, 1, 1)), folder / "double.cif")
    write_cif(rock_salt(1.2), folder / "crushed.cif")
    (folder / "broken.cif").write_text(f"data_{EVIL}\nloop_\n_atom_site_label\n")
    return folder


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    model = write_tiny(tmp_path_factory.mktemp("model"))
    return Recipe().override(model=str(model), executor="serial")


@pytest.fixture(scope="module")
def run(library: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "run"
    screen([library], recipe, output)
    return output


def page_of(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def figures_of(run: Path) -> set[str]:
    return {path.name for path in (run / "figures").iterdir()}


def test_a_screening_has_a_page_with_drawings_and_figures_beside_it(run: Path):
    reader = read(page_of(run))
    assert reader.tags.count("script") == 1
    assert page_of(run).count('class="mini"') == GOOD
    assert {"funnel.png", "score.csv", "elements.png", "elements.csv"} <= figures_of(run)
    assert "=1+1" in reader.text and "\u202ereversed" not in reader.text


def test_the_page_is_built_again_from_the_folder_alone(run: Path):
    before, drawn = page_of(run), figures_of(run)
    (run / "report.html").unlink()
    shutil.rmtree(run / "figures")
    assert report(run) == run / "report.html"
    assert page_of(run) == before
    assert figures_of(run) == drawn


@pytest.mark.slow
def test_where_the_sources_are_gone_the_page_has_no_drawings_and_says_why(
    run: Path, library: Path, tmp_path: Path
):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    moved = tmp_path / "moved"
    shutil.copytree(library, moved)
    summary = json.loads((copy / "summary.json").read_text())
    summary["sources"] = [str(tmp_path / "nowhere")]
    (copy / "summary.json").write_text(json.dumps(summary))
    report(copy)
    assert "No drawings" in page_of(copy) and "nowhere" in page_of(copy)
    assert 'class="mini"' not in page_of(copy)
    assert "elements.png" not in figures_of(copy)
    report(copy, [moved])
    assert page_of(copy).count('class="mini"') == GOOD


def test_a_fault_of_a_drawing_does_not_lose_the_run(
    library: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fault(*_: object) -> None:
        raise ZeroDivisionError("of a drawing")

    class Told(Track):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    monkeypatch.setattr(room, "screening", fault)
    told = Told()
    result = screen([library], recipe, tmp_path / "run", told)
    assert len(result.ranking) == GOOD
    assert (tmp_path / "run" / "summary.json").is_file()
    assert any("screenkit report" in note and "of a drawing" in note for note in told.notes)


@pytest.mark.slow
def test_an_explanation_colours_the_atoms_of_the_page_of_its_run(run: Path, tmp_path: Path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert "weights of the atoms" not in page_of(copy)
    explain([copy], Recipe.load(copy / "recipe.yaml").override("explain", top=3), copy / "explain")
    report(copy)
    assert "weights of the atoms" in page_of(copy)
    assert page_of(copy).count('class="mini"') == GOOD
    assert "Gradient times input" in page_of(copy / "explain")
    before = page_of(copy / "explain")
    report(copy / "explain")
    assert page_of(copy / "explain") == before


@pytest.mark.slow
def test_of_an_empty_shortlist_and_of_one_structure_there_is_a_page(recipe: Recipe, tmp_path: Path):
    (tmp_path / "one").mkdir()
    write_cif(rock_salt(), tmp_path / "one" / "NaCl.cif")
    one = recipe.override("rank", where="n_atoms < 2")
    screen([tmp_path / "one"], one, tmp_path / "none")
    assert "The shortlist is empty" in page_of(tmp_path / "none")
    screen([tmp_path / "one"], recipe, tmp_path / "run")
    assert page_of(tmp_path / "run").count('class="mini"') == 1


@pytest.mark.slow
def test_where_all_fail_there_is_a_page(recipe: Recipe, tmp_path: Path):
    (tmp_path / "bad").mkdir()
    for name in ("a", "b"):
        (tmp_path / "bad" / f"{name}.cif").write_text("data_x\n")
    screen([tmp_path / "bad"], recipe, tmp_path / "run")
    text = read(page_of(tmp_path / "run")).text
    assert "Nothing could be ranked" in text and "The shortlist is empty" in text


@pytest.mark.slow
def test_an_evaluation_shows_predictions_against_labels(
    library: Path, recipe: Recipe, run: Path, tmp_path: Path
):
    labels = tmp_path / "labels.csv"
    labels.write_text("name,uptake,heat\nr1,1.5,20\ndouble,2.5,21\nמבנה,2,19\n")
    evaluate([library], labels, recipe, tmp_path / "run")
    assert {"labels-uptake-parity.png", "labels-heat-parity.csv"} <= figures_of(tmp_path / "run")
    table = (tmp_path / "run" / "figures" / "labels-uptake-parity.csv").read_text().splitlines()
    assert table[0] == "name,label,prediction"
    assert len(table) == 4
    assert "a line on the density" in page_of(tmp_path / "run")


@pytest.mark.slow
def test_a_training_and_a_cleaning_have_pages(library: Path, tmp_path: Path):
    labels = tmp_path / "labels.csv"
    names = ["double", "מבנה", *(f"r{i}" for i in range(6))]
    labels.write_text("name,y\n" + "".join(f"{name},{i}.5\n" for i, name in enumerate(names)))
    tiny = "{k: 6, width: 8, edge_width: 4, layers: 1, head_width: 8}"
    fit = "{epochs: 2, batch_size: 2, test_fraction: 0.3, valid_fraction: 0.3}"
    settings = Recipe.parse(f"network: {tiny}\nfit: {fit}\nrun: {{executor: serial}}\n")
    train(labels, [library], settings.override(targets=["y"]), tmp_path / "training")
    assert {"y-parity.png", "valid-error.csv"} <= figures_of(tmp_path / "training")
    roomy = settings.override("checks", min_surface_area=0)
    clean([library], roomy, tmp_path / "clean")
    assert {"funnel.png", "void_fraction.csv"} <= figures_of(tmp_path / "clean")
    for kind in ("training", "clean"):
        before = page_of(tmp_path / kind)
        report(tmp_path / kind)
        assert page_of(tmp_path / kind) == before


def test_another_folder_is_refused_in_one_line(tmp_path: Path):
    with pytest.raises(SourceError, match="not the folder of a complete run"):
        report(tmp_path)
    with pytest.raises(SourceError, match="is no folder"):
        report(tmp_path / "nowhere")
