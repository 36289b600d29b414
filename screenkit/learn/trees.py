"""Grow gradient-boosted trees (`models/trees.py`) with scikit-learn.

One ensemble per target, since each has its own structures without a label. All are cut to the
number of trees that is best on the validation set, over all targets, as a network is to its epoch.

Not covered: going on from a part of the trees: they take seconds to minutes as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from screenkit.errors import LabelError
from screenkit.learn.fit import Examples, FitState, valid_error
from screenkit.learn.fit_settings import FitSettings
from screenkit.models.trees import Trees, TreesSettings
from screenkit.settings import Settings


def fit_trees(
    model_settings: Settings, train: Examples, valid: Examples, settings: FitSettings
) -> FitState:
    """Return trees grown on `train` and cut where they are best on `valid`.

    The history has one entry per number of trees, as if it were an epoch; all the weights are
    `best/`. Of `settings`, only the seed is used.

    Raises:
        LabelError: all labels of a target are missing, or those of a class are equal.
    """
    assert isinstance(model_settings, TreesSettings)
    started = time.monotonic()
    inputs, tests = _features(train), _features(valid)
    ensembles = [
        _grow(model_settings, inputs, train.labels[:, t], is_class, settings.seed)
        for t, is_class in enumerate(train.is_class)
    ]
    outputs = np.stack([_staged(ensemble, tests) for ensemble in ensembles], axis=2)
    errors = [valid_error(stage.astype(np.float32), valid) for stage in outputs]
    losses = np.mean([ensemble.train_score_ for ensemble in ensembles], axis=0)
    seconds = (time.monotonic() - started) / len(errors)
    best = int(np.nanargmin(errors)) + 1 if np.isfinite(errors).any() else len(errors)
    return FitState(
        epoch=len(errors),
        best_epoch=best,
        history=tuple(
            {
                "epoch": stage + 1,
                "train_loss": float(losses[stage]),
                "valid_error": errors[stage],
                "learning_rate": model_settings.learning_rate,
                "seconds": seconds,
            }
            for stage in range(len(errors))
        ),
        tensors={f"best/{k}": v for k, v in _buffers(model_settings, ensembles, best).items()},
    )


def _features(examples: Examples) -> np.ndarray:
    """(n, D) float32."""
    return np.array([graph.features for graph in examples.graphs], dtype=np.float32)


def _grow(
    settings: TreesSettings, inputs: np.ndarray, labels: np.ndarray, is_class: bool, seed: int
) -> Any:
    """Return the ensemble of one target, from the structures that have its label."""
    # Imported here: it sets environment variables, and importing screenkit must not.
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    known = np.isfinite(labels)
    if len(np.unique(labels[known])) < (2 if is_class else 1):
        raise LabelError("a target has no labels to learn from, or all are of one class")
    kind = GradientBoostingClassifier if is_class else GradientBoostingRegressor
    ensemble = kind(
        n_estimators=settings.n_trees,
        max_depth=settings.depth,
        learning_rate=settings.learning_rate,
        subsample=settings.subsample,
        max_features=settings.max_features,
        min_samples_leaf=settings.min_samples_leaf,
        random_state=seed,
    )
    wanted = labels[known] > 0.5 if is_class else labels[known].astype(np.float64)
    return ensemble.fit(inputs[known], wanted)


def _staged(ensemble: Any, inputs: np.ndarray) -> np.ndarray:
    """(trees, n) float64. What the first trees say, for each number of them; logits of a class."""
    stages: Iterator[np.ndarray]
    if hasattr(ensemble, "classes_"):
        stages = ensemble.staged_decision_function(inputs)
    else:
        stages = ensemble.staged_predict(inputs)
    return np.stack([stage.ravel() for stage in stages])


def _buffers(settings: TreesSettings, ensembles: list[Any], best: int) -> dict[str, torch.Tensor]:
    """Return the state of `Trees` with the first `best` trees of each target; the rest are 0."""
    state = Trees(settings, len(ensembles)).state_dict()
    for t, ensemble in enumerate(ensembles):
        state["start"][t] = _start(ensemble)
        for place, estimator in enumerate(ensemble.estimators_[:best, 0]):
            feature, threshold, value = _whole(estimator.tree_, settings.depth)
            state["feature"][t, place] = torch.from_numpy(feature)
            state["threshold"][t, place] = torch.from_numpy(threshold)
            state["value"][t, place] = torch.from_numpy(value * settings.learning_rate)
    return state


def _start(ensemble: Any) -> float:
    """Return what scikit-learn begins with: the mean of the labels, or the logit of the class."""
    if hasattr(ensemble, "classes_"):
        outside, inside = ensemble.init_.class_prior_
        return float(np.log(inside / outside))
    return float(ensemble.init_.constant_.item())


def _whole(tree: Any, depth: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return feature, threshold (2^depth - 1) and value (2^depth) of a tree, filled up to `depth`.

    Below a leaf that is reached early, every place holds its value.
    """
    inner = 2**depth - 1
    feature, threshold = np.zeros(inner, np.int64), np.zeros(inner, np.float64)
    node = np.zeros(2 * inner + 1, np.int64)
    for place in range(inner):
        left, right = tree.children_left[node[place]], tree.children_right[node[place]]
        if left >= 0:
            feature[place] = tree.feature[node[place]]
            threshold[place] = tree.threshold[node[place]]
            node[2 * place + 1], node[2 * place + 2] = left, right
        else:
            node[2 * place + 1] = node[2 * place + 2] = node[place]
    return feature, threshold, tree.value[node[inner:], 0, 0]
