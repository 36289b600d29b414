"""What the programs on `pore` ask of the command line alike."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.lessons import Stock
from benchmarks.record import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
RECIPE = Path(__file__).parents[1] / "recipes" / "train-pore-core2019.yaml"


def places(parser: argparse.ArgumentParser) -> None:
    """Add where lessons, results and pages are kept."""
    parser.add_argument(
        "--keep", type=Path, default=Path("lessons"), metavar="FOLDER", help="of lessons done"
    )
    parser.add_argument("--jobs", type=int, default=1, help="lessons at once, a thread each")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--docs", type=Path, default=DOCS, metavar="FOLDER")


def common_options(parser: argparse.ArgumentParser) -> None:
    """Add graphs, labels, recipe, how many structures, and `places`."""
    parser.add_argument("kept", type=Path, metavar="GRAPHS", help="of screenkit featurize")
    parser.add_argument("labels", type=Path, metavar="LABELS.csv")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--atoms-at-most", type=int, help="leave out larger structures")
    parser.add_argument("--structures", type=int, help="draw so many")
    places(parser)


def stock_of(given: argparse.Namespace) -> Stock:
    """Return the structures that were asked for."""
    return Stock(given.kept.resolve(), given.labels, given.atoms_at_most, given.structures)


def write_pages(given: argparse.Namespace) -> None:
    """Write docs/ anew from all results that there are."""
    from benchmarks.pore_pages import write

    for path in write(given.results, given.docs):
        print(path)
