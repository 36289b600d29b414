"""Trees as scikit-learn grows them: the same predictions, the best number, missing labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from screenkit.errors import LabelError
from screenkit.graph.batch import collate
from screenkit.graph.graph import Graph
from screenkit.learn.fit import Examples, predict
from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.trees import fit_trees
from screenkit.models.trees import Trees, TreesSettings

SETTINGS = TreesSettings(features=("density", "pores"), n_trees=40, depth=4, subsample=0.8)
WIDTH = 7


def graph(features: np.ndarray) -> Graph:
    return Graph(
        name="a",
        species=np.array([6], np.int16),
        neighbors=np.zeros((1, 1), np.int32),
        distances=np.ones((1, 1), np.float32),
        vectors=np.zeros((1, 1, 3), np.float32),
        frames=None,
        frame_ambiguous_fraction=float("nan"),
        features=features,
    )


def examples(seed: int, n: int = 300, classes: tuple[bool, ...] = (False, False)) -> Examples:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, WIDTH)).astype(np.float32)
    labels = np.stack([inputs[:, 0] * inputs[:, 1], np.sin(3 * inputs[:, 2])], axis=1)
    labels += 0.1 * rng.normal(size=labels.shape)
    for t, is_class in enumerate(classes):
        labels[:, t] = labels[:, t] > 0 if is_class else labels[:, t]
    return Examples([graph(row) for row in inputs], labels.astype(np.float32), classes)


def network(state, targets: int = 2) -> Trees:
    model = Trees(SETTINGS, targets)
    model.load_state_dict(state.best)
    return model.eval()


def grown(kind, given: Examples, t: int, trees: int):
    inputs = np.stack([g.features for g in given.graphs])
    known = np.isfinite(given.labels[:, t])
    return kind(
        n_estimators=trees,
        max_depth=SETTINGS.depth,
        learning_rate=SETTINGS.learning_rate,
        subsample=SETTINGS.subsample,
        max_features=SETTINGS.max_features,
        min_samples_leaf=SETTINGS.min_samples_leaf,
        random_state=0,
    ).fit(inputs[known], given.labels[known, t])


def test_values_are_those_of_scikit_learn():
    train, valid = examples(0), examples(1)
    state = fit_trees(SETTINGS, train, valid, FitSettings())
    inputs = np.stack([g.features for g in valid.graphs])
    found = predict(network(state), valid.graphs, 64)
    for t in range(2):
        wanted = grown(GradientBoostingRegressor, train, t, state.best_epoch).predict(inputs)
        np.testing.assert_allclose(found[:, t], wanted, atol=1e-6)


def test_logits_are_those_of_scikit_learn():
    classes = (False, True)
    train, valid = examples(0, classes=classes), examples(1, classes=classes)
    state = fit_trees(SETTINGS, train, valid, FitSettings())
    inputs = np.stack([g.features for g in valid.graphs])
    wanted = grown(GradientBoostingClassifier, train, 1, state.best_epoch)
    found = predict(network(state), valid.graphs, 64)[:, 1]
    np.testing.assert_allclose(found, wanted.decision_function(inputs), atol=1e-6)
    assert ((found > 0) == valid.labels[:, 1]).mean() > 0.8


def test_a_value_at_a_threshold_goes_the_way_that_scikit_learn_sends_it():
    """With few distinct values, thresholds lie between float32 neighbours."""
    rng = np.random.default_rng(3)
    inputs = (1.0 + np.spacing(np.float32(1.0)) * rng.integers(0, 3, (200, WIDTH))).astype("f4")
    labels = (inputs[:, :2] - 1.0).astype(np.float32) * 1e6
    given = Examples([graph(row) for row in inputs], labels)
    state = fit_trees(SETTINGS, given, given, FitSettings())
    wanted = grown(GradientBoostingRegressor, given, 0, state.best_epoch).predict(inputs)
    np.testing.assert_allclose(predict(network(state), given.graphs, 64)[:, 0], wanted, atol=1e-6)


def test_as_many_trees_are_kept_as_are_best_for_the_validation_set():
    train, valid = examples(0), examples(1)
    # A validation set that nothing can be learned about: the fewest trees harm least.
    noise = np.random.default_rng(5).normal(size=valid.labels.shape).astype(np.float32)
    state = fit_trees(SETTINGS, train, Examples(valid.graphs, noise), FitSettings())
    errors = [entry["valid_error"] for entry in state.history]
    assert len(errors) == 40
    assert errors[state.best_epoch - 1] == min(errors)
    assert state.best_epoch < 40
    kept = (state.best["value"] != 0).any(dim=2).sum(dim=1)
    assert kept.tolist() == [state.best_epoch] * 2


def test_structures_without_a_label_teach_the_other_targets_only():
    train, valid = examples(0), examples(1)
    holes = train.labels.copy()
    holes[::2, 0] = np.nan
    with_holes = fit_trees(SETTINGS, Examples(train.graphs, holes), valid, FitSettings())
    kept = [i for i in range(300) if i % 2]
    half = Examples([train.graphs[i] for i in kept], train.labels[kept])
    alone = fit_trees(SETTINGS, half, valid, FitSettings())
    trees = min(with_holes.best_epoch, alone.best_epoch)
    for name in ("feature", "threshold", "value"):
        assert torch.equal(with_holes.best[name][0, :trees], alone.best[name][0, :trees])


def test_the_same_seed_grows_the_same_trees():
    train, valid = examples(0, 100), examples(1, 50)
    one, two, other = (
        fit_trees(SETTINGS, train, valid, FitSettings(seed=seed)) for seed in (0, 0, 1)
    )
    assert all(torch.equal(one.best[key], two.best[key]) for key in one.best)
    assert not torch.equal(one.best["feature"], other.best["feature"])


def test_a_class_that_everything_belongs_to_cannot_be_learned():
    train = examples(0, 50, classes=(True, False))
    train.labels[:, 0] = 1.0
    with pytest.raises(LabelError, match="one class"):
        fit_trees(SETTINGS, train, train, FitSettings())


def test_the_state_goes_through_a_file():
    train = examples(0, 50)
    state = fit_trees(SETTINGS, train, train, FitSettings())
    again = type(state).from_bytes(state.to_bytes("stamp"), "stamp")
    assert again is not None
    batch = collate(train.graphs)
    assert torch.equal(network(again)(batch), network(state)(batch))
