"""Trees: the contract, with trees that were grown; no weights of atoms; bad files."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from screenkit.errors import CheckpointError, UsageError
from screenkit.graph.batch import collate
from screenkit.learn.fit import Examples
from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.trees import fit_trees
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.models.trees import Trees, TreesSettings
from tests.crystals import random_crystal
from tests.models.contract import ModelContract


class TestTrees(ModelContract):
    model = "trees"
    settings: ClassVar[dict[str, object]] = {"n_trees": 20, "depth": 3, "min_samples_leaf": 1}

    @pytest.fixture
    def network(self) -> Trees:
        settings = TreesSettings.model_validate(self.settings)
        empty = Trees(settings, targets=2)
        graphs = [
            self.graph(empty, random_crystal(seed, atoms=10 + 2 * seed)) for seed in range(12)
        ]
        labels = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
        given = Examples(graphs, labels)
        empty.load_state_dict(fit_trees(settings, given, given, FitSettings()).best)
        return empty.eval()

    def test_the_weights_of_the_atoms_say_what_they_are(self, network):
        assert network.atom_weights_are == "none"
        batch = collate([self.graph(network, random_crystal(0))])
        with pytest.raises(UsageError, match="as a whole"):
            network.atom_weights(batch)

    def test_the_weights_of_the_atoms_follow_them(self):
        pytest.skip("trees have none")


def test_a_tree_by_hand():
    """Question 0: density at most 1? Left, question 1: volume at most 10? Right, 2: at most 20?"""
    network = Trees(TreesSettings(features=("density",), n_trees=1, depth=2), targets=1)
    network.load_state_dict(
        {
            "start": torch.tensor([100.0], dtype=torch.float64),
            "feature": torch.tensor([[[0, 1, 1]]]),
            "threshold": torch.tensor([[[1.0, 10.0, 20.0]]], dtype=torch.float64),
            "value": torch.tensor([[[1.0, 2.0, 3.0, 4.0]]], dtype=torch.float64),
        }
    )
    given = [[1.0, 10.0], [0.5, 11.0], [1.5, 20.0], [1.5, 21.0]]

    class Batch:
        features = torch.tensor(given)

    assert network(Batch()).ravel().tolist() == [101.0, 102.0, 103.0, 104.0]


def test_packed_trees_ask_the_same_questions_of_the_nearest_numbers():
    """Thresholds lie between two neighbouring float32, where rounding to the nearest would err."""
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    for share in (0.25, 0.5, 0.75):
        threshold = float(low) + share * (float(high) - float(low))
        network = Trees(TreesSettings(features=("density",), n_trees=1, depth=1), targets=1)
        weights = {
            "start": torch.zeros(1, dtype=torch.float64),
            "feature": torch.tensor([[[0]]]),
            "threshold": torch.tensor([[[threshold]]], dtype=torch.float64),
            "value": torch.tensor([[[1.0, 2.0]]], dtype=torch.float64),
        }
        packed = Trees.pack(weights)
        assert packed["threshold"].dtype == torch.float32

        class Batch:
            features = torch.tensor([[low, 0.0], [high, 0.0]])

        for given in (weights, packed):
            network.load_state_dict(given)
            assert network(Batch()).ravel().tolist() == [1.0, 2.0]


def test_questions_about_no_feature_are_refused():
    settings = TreesSettings(features=("density",), n_trees=1, depth=1)
    weights = Trees(settings, targets=1).state_dict()
    weights["feature"][:] = 2
    checkpoint = Checkpoint(
        model="trees",
        settings=settings,
        graph=Trees.graph_settings(settings),
        targets=(Target(name="a"),),
        means=np.zeros(1),
        deviations=np.ones(1),
        weights=weights,
        record={},
    )
    with pytest.raises(CheckpointError, match="none of the 2 features"):
        checkpoint.build()
