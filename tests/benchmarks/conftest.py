"""Two dozen crystals with graphs that are kept, labels in groups of two, and a small recipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.lessons import Stock, trees_beside
from screenkit.flows.featurize import featurize
from screenkit.recipe import Recipe
from tests.crystals import random_crystal, write_cif

ROOT = Path(__file__).parents[2]
CRYSTALS = 24
SMALL, LARGE = 4, 8
"""Atoms; every other crystal is small."""
RECIPE = """
model: pore
network: {width: 8, edge_width: 4, layers: 1, pore_width: 8, head_width: 8, features: [density]}
fit: {epochs: 2, batch_size: 8, valid_fraction: 0.2, test_fraction: 0.2, learning_rate: 1e-2}
labels:
  group_column: group
  targets:
    - {name: co2_uptake_0.15bar_298K, unit: mol/kg, column: zinc}
    - {name: co2_uptake_16bar_298K, unit: mol/kg, column: more}
run: {executor: serial}
"""


@dataclass(frozen=True)
class School:
    """A folder with `graphs/`, `labels.csv`, `recipe.yaml` and a page for each table."""

    folder: Path

    @property
    def stock(self) -> Stock:
        return Stock(self.folder / "graphs", self.folder / "labels.csv")

    @property
    def recipe(self) -> Recipe:
        return Recipe.load(self.folder / "recipe.yaml")

    def run(self, program, output: Path, monkeypatch, *words: str, first: tuple[str, ...] = ()):
        """Run a program as from the command line; return its pages."""
        docs = output / "docs"
        docs.mkdir(parents=True, exist_ok=True)
        for name in ("pore.md", "pore-trials.md"):
            page = (ROOT / "docs" / name).read_text()
            # Whatever figures stand there now must not be taken for those of this run.
            empty = re.sub(
                r"(<!-- figures: [^>]*-->\n).*?(?=<!-- end -->)", r"\1", page, flags=re.S
            )
            (docs / name).write_text(empty)
        kept = [str(self.folder / "graphs"), str(self.folder / "labels.csv")]
        places = [f"--{name}={output / name}" for name in ("keep", "results", "docs")]
        monkeypatch.setattr(sys, "argv", ["program", *first, *kept, *places, *words])
        program.main()
        return {name: (docs / name).read_text() for name in ("pore.md", "pore-trials.md")}


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    folder = tmp_path_factory.mktemp("school")
    (folder / "cifs").mkdir()
    lines = ["name,zinc,more,group"]
    for seed in range(CRYSTALS):
        given = random_crystal(seed, atoms=SMALL if seed % 2 else LARGE)
        write_cif(given, folder / f"cifs/c{seed:02}.cif")
        share = (given.numbers == 30).mean() + 0.01 * seed
        lines.append(f"c{seed:02},{share:.3f},{2 * share + 1:.3f},g{seed // 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE)
    recipe = Recipe.parse(RECIPE).override(models=["pore"])
    featurize([folder / "cifs"], recipe, folder / "graphs")
    return School(folder)


def few_trees(recipe: Recipe, features: Sequence[str]) -> Recipe:
    """Return the recipe of trees that are soon grown."""
    return trees_beside(recipe, features).vary({"network.n_trees": 5})


def section(page: str, name: str) -> list[list[str]]:
    """Return the cells of the table that a page has between its marks, head and all."""
    inside = page.split(f"<!-- figures: {name} -->\n")[1].split("<!-- end -->")[0]
    rows = [line for line in inside.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in rows if "---" not in row
    ]
