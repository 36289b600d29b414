"""Rank the example library from Python, and print the three best."""

import tempfile
from pathlib import Path

from screenkit.flows.screen import screen
from screenkit.recipe import Recipe

if __name__ == "__main__":  # worker processes import this file
    library = Path(__file__).parent / "mofs"
    recipe = Recipe().override(top="3", where="n_atoms < 500")
    with tempfile.TemporaryDirectory() as folder:
        result = screen([library], recipe, Path(folder) / "run")
        print(f"{result.structures} structures: {dict(result.counts)}")
        for row in result.shortlist.rows():
            print(f"{row['rank']:>3} {row['name']:<16} {row[result.ranking.target]:.2f} mol/kg")
