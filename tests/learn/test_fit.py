"""Training: it learns, it leaves missing labels out, and a killed training ends the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.learn.fit import Examples, FitState, fit, valid_error
from screenkit.learn.fit_settings import FitSettings
from screenkit.models.catalog import model_class
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


def without_seconds(state: FitState) -> list[dict[str, float]]:
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in state.history]


def test_training_learns(states):
    history = states[-1].history
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert min(entry["valid_error"] for entry in history) < history[0]["valid_error"]


def test_the_best_epoch_by_validation_is_kept(states):
    last = states[-1]
    scores = [entry["valid_error"] for entry in last.history]
    assert last.best_epoch == int(np.argmin(scores)) + 1
    best = states[last.best_epoch - 1]
    for name, tensor in last.best.items():
        assert (tensor == best.tensors[f"model/{name}"]).all()


def test_going_on_from_a_file_gives_the_same_weights_to_the_last_bit(states):
    data = states[2].to_bytes("stamp")
    resumed = FitState.from_bytes(data, "stamp")
    *_, last = fit("knagcn", SETTINGS, examples(range(24)), examples(range(24, 32)), FIT, resumed)
    assert without_seconds(last) == without_seconds(states[-1])
    for name, tensor in states[-1].tensors.items():
        assert (last.tensors[name] == tensor).all(), name


def test_a_state_of_another_training_is_not_taken_up(states):
    assert FitState.from_bytes(states[0].to_bytes("one"), "another") is None


def test_the_learning_rate_falls_in_steps():
    settings = FIT.model_copy(update={"epochs": 4, "decay_every": 2, "decay_factor": 0.5})
    *_, last = fit("knagcn", SETTINGS, examples(range(4)), examples(range(4, 6)), settings)
    rates = [entry["learning_rate"] for entry in last.history]
    np.testing.assert_allclose(rates, [3e-3, 3e-3, 1.5e-3, 1.5e-3])


def test_the_learning_rate_falls_by_half_a_cosine():
    """Of four epochs: 1 at the start, cos^2 of 22.5, 45 and 67.5 degrees, and 0 after the last."""
    settings = FIT.model_copy(update={"epochs": 4, "schedule": "cosine"})
    wanted = 3e-3 * np.array([1.0, 0.853553, 0.5, 0.146447, 0.0])
    np.testing.assert_allclose([settings.rate(epoch) for epoch in range(5)], wanted, atol=1e-8)
    *_, last = fit("knagcn", SETTINGS, examples(range(4)), examples(range(4, 6)), settings)
    rates = [entry["learning_rate"] for entry in last.history]
    np.testing.assert_allclose(rates, wanted[:4], atol=1e-8)


def test_absolute_errors_are_learned_from_too():
    settings = FIT.model_copy(update={"loss": "absolute"})
    *_, last = fit("knagcn", SETTINGS, examples(range(24)), examples(range(24, 32)), settings)
    assert last.history[-1]["train_loss"] < 0.7 * last.history[0]["train_loss"]


def test_a_batch_without_any_label_changes_nothing():
    empty = Examples(examples(range(4)).graphs, np.full((4, 2), np.nan, dtype=np.float32))
    *_, last = fit("knagcn", SETTINGS, empty, examples(range(4, 6)),
                   FIT.model_copy(update={"epochs": 1}))  # fmt: skip
    assert last.history[-1]["train_loss"] == 0.0
    assert all(tensor.isfinite().all() for tensor in last.best.values())


def test_a_last_batch_of_one_crystal_of_one_atom_is_learned_with_the_one_before():
    graphs = []
    for seed in range(5):
        given = random_crystal(seed, atoms=1)
        graph_settings = KNagcn.graph_settings(SETTINGS)
        graphs.append(build_graph(given, find_neighbors(given, 4), graph_settings))
    labels = np.arange(10, dtype=np.float32).reshape(5, 2) / 5 - 1
    both = Examples(graphs, labels)
    *_, last = fit("knagcn", SETTINGS, both, both, FIT.model_copy(update={"epochs": 2}))
    assert np.isfinite([entry["train_loss"] for entry in last.history]).all()


def test_bfloat16_products_learn_too():
    settings = FIT.model_copy(update={"precision": "bfloat16"})
    *_, last = fit("knagcn", SETTINGS, examples(range(24)), examples(range(24, 32)), settings)
    assert last.history[-1]["train_loss"] < 0.5 * last.history[0]["train_loss"]


def classes(seeds) -> Examples:
    """Label one is whether there is much zinc, label two its share; some of both are missing."""
    plain = examples(seeds)
    labels = plain.labels[:, :1].repeat(2, axis=1).copy()
    labels[:, 0] = labels[:, 0] > 0
    labels[::5, 0] = np.nan
    labels[1::5, 1] = np.nan
    return Examples(plain.graphs, labels, (True, False))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_class_and_a_value_are_learned_together(optimizer):
    settings = FIT.model_copy(update={"optimizer": optimizer, "learning_rate": 1e-2})
    *_, last = fit("knagcn", SETTINGS, classes(range(24)), classes(range(24, 32)), settings)
    assert last.history[-1]["train_loss"] < 0.7 * last.history[0]["train_loss"]


def test_momentum_goes_on_from_a_file_to_the_last_bit():
    settings = FIT.model_copy(update={"optimizer": "sgd", "epochs": 4})
    given = ("knagcn", SETTINGS, classes(range(12)), classes(range(12, 16)), settings)
    whole = list(fit(*given))
    resumed = FitState.from_bytes(whole[1].to_bytes("stamp"), "stamp")
    *_, last = fit(*given, resumed)
    for name, tensor in whole[-1].tensors.items():
        assert (last.tensors[name] == tensor).all(), name


def test_the_loss_of_a_class_before_any_step_is_the_cross_entropy_of_its_logits():
    given = classes(range(8))
    still = FIT.model_copy(update={"learning_rate": 1e-12, "epochs": 1, "batch_size": 8})
    one = Examples(given.graphs, given.labels[:, :1], (True,))
    state = next(iter(fit("knagcn", SETTINGS, one, one, still)))
    network = KNagcn(SETTINGS, 1)
    network.load_state_dict(state.best)
    network.train()
    logits = network(collate(one.graphs)).detach().double().numpy()[:, 0]
    known = np.isfinite(one.labels[:, 0])
    inside = 1 / (1 + np.exp(-logits[known]))
    expected = -np.log(np.where(one.labels[known, 0] > 0.5, inside, 1 - inside)).mean()
    assert state.history[0]["train_loss"] == pytest.approx(expected, rel=1e-4)


def test_the_validation_error_is_a_mean_over_targets_and_not_over_labels():
    labels = np.array([[1.0, 0.0], [np.nan, 4.0], [0.0, 2.0]], dtype=np.float32)
    outputs = np.array([[0.0, 1.0], [7.0, 4.0], [np.log(3.0), 0.0]], dtype=np.float32)
    given = Examples([None] * 3, labels, (True, False))
    log_loss = (np.log(2.0) + np.log(4.0)) / 2  # probabilities 1/2 and 3/4 of being inside
    assert valid_error(outputs, given) == pytest.approx((log_loss + 1.0) / 2)
    assert np.isnan(valid_error(outputs, Examples([None] * 3, labels * np.nan)))


@pytest.mark.parametrize("name", ["knagcn", "cgcnn", "aecgcnn", "mofcgcnn"])
def test_batch_norms_are_settled_by_whole_batches(name):
    # More atoms than a network takes at once when it predicts: pieces of a batch vary less.
    kind = model_class(name)
    settings = kind.settings_class(width=8)
    graph = kind.graph_settings(settings)
    crystals = [random_crystal(seed, atoms=20) for seed in range(30)]
    given = [build_graph(one, find_neighbors(one, graph.k, graph.ties), graph) for one in crystals]
    labelled = Examples(given, np.linspace(-1, 1, 30, dtype=np.float32)[:, None])
    once = FitSettings(epochs=1, batch_size=30, norm_batches=1)
    *_, state = fit(name, settings, labelled, labelled, once)
    network = kind(settings, 1)
    network.load_state_dict(state.best)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    settled = {norm: (norm.running_mean.clone(), norm.running_var.clone()) for norm in norms}
    seen = {}
    for norm in norms:
        norm.register_forward_pre_hook(lambda m, rows: seen.update({m: rows[0].detach()}))
    network.train()(collate(given))
    assert seen
    for norm, rows in seen.items():  # a network may have norms that it does not use
        mean, variance = settled[norm]
        np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(variance, rows.var(0), rtol=1e-3, atol=1e-5)
