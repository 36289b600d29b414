"""What networks say of the example structures stays what it was, whatever makes them faster.

`tests/data/fixed` was written with products and passes as plain as torch has them. CGCNN and
AE-CGCNN are not shipped; they are given weights here that hang on numpy's generator alone.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from screenkit.crystal.cif import read_cif
from screenkit.crystal.neighbors import find_neighbors
from screenkit.flows.screen import screen
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
from screenkit.recipe import Recipe
from screenkit.store.store import Store

FIXED = Path(__file__).parents[1] / "data" / "fixed"
EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"
TOLERANCE = 1e-5


def kept(name: str) -> tuple[list[str], np.ndarray, list[str]]:
    """Return names, values and columns of a table of `tests/data/fixed`."""
    with (FIXED / f"{name}.csv").open(newline="") as file:
        columns, *rows = list(csv.reader(file))
    return [row[0] for row in rows], np.array([row[1:] for row in rows], float), columns[1:]


def ranked(model: str, folder: Path) -> tuple[list[str], np.ndarray, list[str]]:
    """Return the names of a ranking, best first, with their predictions, and the targets."""
    recipe = Recipe().override(model=model, executor="serial", device="cpu")
    screen([EXAMPLES], recipe, folder, page=False)
    with (folder / "ranking.csv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    store = Store.open(folder / "predictions.h5")
    targets = [target.name for target in Checkpoint.load(find_checkpoint(model)).targets]
    place = {name: i for i, name in enumerate(store.names)}
    values = np.stack([store.column(target) for target in targets], axis=1)
    return names, values[[place[name] for name in names]], targets


def said(model: str) -> tuple[list[str], np.ndarray, list[str]]:
    """Return what an unlearned network says of the structures that can be read."""
    cls = model_class(model)
    network = cls(cls.settings_class(), targets=2).eval()
    draw = np.random.default_rng(0)
    with torch.no_grad():
        for name, weight in sorted(network.state_dict().items()):
            if weight.is_floating_point() and not name.startswith("embedding.table"):
                numbers = draw.standard_normal(weight.shape)
                numbers /= np.sqrt(max(weight.shape)) if weight.ndim > 1 else 2.0
                numbers = np.abs(numbers) + 0.5 if "running_var" in name else numbers
                weight.copy_(torch.from_numpy(numbers))
    settings = cls.graph_settings(cls.settings_class())
    graphs = []
    for path in sorted(EXAMPLES.glob("*.cif")):
        if path.stem == "unfinished":
            continue
        crystal = read_cif(path.read_bytes(), path.stem)
        near = find_neighbors(crystal, settings.k, settings.ties)
        graphs.append(build_graph(crystal, near, settings))
    with torch.inference_mode():
        values = network(collate(graphs)).numpy()
    return [graph.name for graph in graphs], values, ["first", "second"]


@pytest.mark.parametrize("model", ["knagcn", "knagcn-h2"])
def test_a_ranking_by_a_shipped_network_is_the_one_it_was(model, tmp_path):
    names, values, targets = ranked(model, tmp_path / "run")
    wanted_names, wanted, wanted_targets = kept(model)
    assert (names, targets) == (wanted_names, wanted_targets)
    np.testing.assert_allclose(values, wanted, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("model", ["cgcnn", "aecgcnn"])
def test_a_network_says_what_it_said(model):
    names, values, _ = said(model)
    wanted_names, wanted, _ = kept(model)
    assert names == wanted_names
    assert np.ptp(wanted, axis=0).min() > 1000 * TOLERANCE
    np.testing.assert_allclose(values, wanted, rtol=TOLERANCE, atol=TOLERANCE)
