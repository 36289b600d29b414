"""Training: it learns, it leaves missing labels out, and a killed training ends the same."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.build import build_graph
from screenkit.learn.fit import Examples, FitSettings, FitState, fit
from screenkit.models.knagcn import KNagcn, KNagcnSettings
from tests.crystals import random_crystal

SETTINGS = KNagcnSettings(k=4, width=16, edge_width=4, layers=2, head_width=16)
FIT = FitSettings(epochs=6, batch_size=4, learning_rate=3e-3)


def examples(seeds) -> Examples:
    """Label one is the share of zinc, label two is missing for every second crystal."""
    graphs, labels = [], []
    for seed in seeds:
        given = random_crystal(seed, atoms=6)
        graph_settings = KNagcn.graph_settings(SETTINGS)
        graphs.append(build_graph(given, find_neighbors(given, 4), graph_settings))
        zinc = (given.numbers == 30).mean() * 4 - 1
        labels.append([zinc, -zinc if seed % 2 else np.nan])
    return Examples(graphs, np.array(labels, dtype=np.float32))


@pytest.fixture(scope="module")
def states():
    return list(fit("knagcn", SETTINGS, examples(range(24)), examples(range(24, 32)), FIT))


def test_training_learns(states):
    history = states[-1].history
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert min(entry["valid_mae"] for entry in history) < history[0]["valid_mae"]


def test_the_best_epoch_by_validation_is_kept(states):
    last = states[-1]
    scores = [entry["valid_mae"] for entry in last.history]
    assert last.best_epoch == int(np.argmin(scores)) + 1
    best = states[last.best_epoch - 1]
    for name, tensor in last.best.items():
        assert (tensor == best.tensors[f"model/{name}"]).all()


def test_going_on_from_a_file_gives_the_same_weights_to_the_last_bit(states):
    data = states[2].to_bytes("stamp")
    resumed = FitState.from_bytes(data, "stamp")
    *_, last = fit("knagcn", SETTINGS, examples(range(24)), examples(range(24, 32)), FIT, resumed)
    assert last.history == states[-1].history
    for name, tensor in states[-1].tensors.items():
        assert (last.tensors[name] == tensor).all(), name


def test_a_state_of_another_training_is_not_taken_up(states):
    assert FitState.from_bytes(states[0].to_bytes("one"), "another") is None


def test_the_learning_rate_falls_in_steps():
    settings = FIT.model_copy(update={"epochs": 4, "decay_every": 2, "decay_factor": 0.5})
    *_, last = fit("knagcn", SETTINGS, examples(range(4)), examples(range(4, 6)), settings)
    rates = [entry["learning_rate"] for entry in last.history]
    np.testing.assert_allclose(rates, [3e-3, 3e-3, 1.5e-3, 1.5e-3])


def test_a_batch_without_any_label_changes_nothing():
    empty = Examples(examples(range(4)).graphs, np.full((4, 2), np.nan, dtype=np.float32))
    *_, last = fit("knagcn", SETTINGS, empty, examples(range(4, 6)),
                   FIT.model_copy(update={"epochs": 1}))  # fmt: skip
    assert last.history[-1]["train_loss"] == 0.0
    assert all(tensor.isfinite().all() for tensor in last.best.values())


def test_bfloat16_products_learn_too():
    settings = FIT.model_copy(update={"precision": "bfloat16"})
    *_, last = fit("knagcn", SETTINGS, examples(range(24)), examples(range(24, 32)), settings)
    assert last.history[-1]["train_loss"] < 0.5 * last.history[0]["train_loss"]
