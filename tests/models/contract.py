"""What every model must pass. A model's test module makes a subclass of ModelContract."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from screenkit.crystal.neighbors import find_neighbors
from screenkit.graph.batch import collate
from screenkit.graph.build import build_graph
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.contract import Model
from screenkit.models.target import Target
from tests.crystals import permuted, random_crystal, rotated, supercell, translated

TOLERANCE = 1e-5


class ModelContract:
    """Symmetries of a prediction, on crystals without ties, and the way through a file."""

    model: str
    settings: ClassVar[dict[str, object]] = {}

    @pytest.fixture
    def network(self) -> Model:
        torch.manual_seed(0)
        cls = model_class(self.model)
        network = cls(cls.settings_class.model_validate(self.settings), targets=2)
        graphs = [self.graph(network, random_crystal(seed)) for seed in range(8)]
        network.prepare(graphs)
        network.train()
        for _ in range(3):  # gives the batch norms statistics that are not 0 and 1
            network(collate(graphs))
        return network.eval()

    def graph(self, network, given):
        settings = network.graph_settings(network.settings)
        return build_graph(given, find_neighbors(given, settings.k, settings.ties), settings)

    def predict(self, network, *crystals):
        with torch.no_grad():
            return network(collate([self.graph(network, c) for c in crystals])).numpy()

    def test_crystals_differ(self, network):
        a, b = self.predict(network, random_crystal(0), random_crystal(1))
        assert np.abs(a - b).max() > 1e-3

    def test_the_order_of_the_atoms_does_not_matter(self, network):
        given = random_crystal(0)
        shuffled = permuted(given, np.random.default_rng(0).permutation(len(given)))
        np.testing.assert_allclose(
            self.predict(network, shuffled), self.predict(network, given), atol=TOLERANCE
        )

    def test_turning_the_crystal_does_not_matter(self, network):
        given = random_crystal(0)
        np.testing.assert_allclose(
            self.predict(network, rotated(given)), self.predict(network, given), atol=TOLERANCE
        )

    def test_the_origin_does_not_matter(self, network):
        given = random_crystal(0)
        moved = translated(given, (0.37, 0.81, 0.12))
        np.testing.assert_allclose(
            self.predict(network, moved), self.predict(network, given), atol=TOLERANCE
        )

    @pytest.mark.parametrize("repeats", [(2, 1, 1), (1, 2, 2)])
    def test_a_supercell_is_the_same_crystal(self, network, repeats):
        given = random_crystal(0)
        np.testing.assert_allclose(
            self.predict(network, supercell(given, repeats)),
            self.predict(network, given),
            atol=TOLERANCE,
        )

    def test_neighbours_in_the_batch_do_not_matter(self, network):
        crystals = [random_crystal(seed, atoms=5 + 3 * seed) for seed in range(6)]
        together = self.predict(network, *crystals)
        alone = np.concatenate([self.predict(network, c) for c in crystals])
        np.testing.assert_allclose(together, alone, atol=TOLERANCE)

    def test_the_embedding_is_one_vector_a_crystal_that_symmetries_do_not_change(self, network):
        given, other = random_crystal(0), random_crystal(1, atoms=9)
        shuffled = permuted(rotated(given), np.random.default_rng(0).permutation(len(given)))
        batch = collate([self.graph(network, c) for c in (given, other, shuffled)])
        with torch.no_grad():
            outputs, embedding = network.look(batch)
            assert torch.equal(network(batch), outputs)
            assert torch.equal(network.embed(batch), embedding)
        assert len(embedding) == 3 and embedding.ndim == 2 and torch.isfinite(embedding).all()
        size = embedding.abs().max().item()
        np.testing.assert_allclose(embedding[0], embedding[2], atol=TOLERANCE * max(1.0, size))
        assert (embedding[0] - embedding[1]).abs().max() > 1e-3

    def test_packed_weights_predict_nearly_the_same(self, network):
        batch = collate([self.graph(network, random_crystal(seed)) for seed in range(3)])
        with torch.no_grad():
            before = network(batch)
            packed = network.pack(network.state_dict())
            network.load_state_dict(packed)
            after = network(batch)
        before_size, after_size = (
            sum(t.numel() * t.element_size() for t in state.values())
            for state in (network.state_dict(), packed)
        )
        assert after_size < 0.8 * before_size
        torch.testing.assert_close(after, before, atol=0.02, rtol=0.02)

    def test_a_step_in_bfloat16_has_finite_gradients(self, network):
        if network.learned_by != "gradient":
            pytest.skip("nothing is learned by gradient")
        network.train()
        batch = collate([self.graph(network, random_crystal(seed)) for seed in range(4)])
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(batch)
        outputs.float().square().sum().backward()
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        assert gradients and all(torch.isfinite(g).all() for g in gradients)

    def test_the_weights_of_the_atoms_say_what_they_are(self, network):
        crystals = [random_crystal(seed, atoms=6 + seed) for seed in range(3)]
        batch = collate([self.graph(network, c) for c in crystals])
        weights = network.atom_weights(batch).detach()
        assert weights.shape == (21, 2)
        assert torch.isfinite(weights).all() and weights.std() > 0
        if network.atom_weights_are == "attention":
            total = torch.zeros(3, 2).index_add_(0, batch.owner, weights)
            torch.testing.assert_close(total, torch.ones(3, 2))
        if network.atom_weights_are == "site":
            with torch.no_grad():
                outputs = network(batch)
            total = torch.zeros(3, 2).index_add_(0, batch.owner, weights)
            torch.testing.assert_close(total / batch.counts[:, None], outputs, atol=1e-6, rtol=1e-6)

    def test_the_weights_of_the_atoms_follow_them(self, network):
        given = random_crystal(0)
        order = np.random.default_rng(0).permutation(len(given))
        weights = [
            network.atom_weights(collate([self.graph(network, c)])).detach().numpy()
            for c in (given, permuted(given, order))
        ]
        np.testing.assert_allclose(weights[1], weights[0][order], atol=TOLERANCE)

    def test_a_saved_model_predicts_the_same_to_the_last_bit(self, network, tmp_path):
        checkpoint = Checkpoint(
            model=self.model,
            settings=network.settings,
            graph=network.graph_settings(network.settings),
            targets=(Target(name="a", unit="mol/kg"), Target(name="b", better="min")),
            means=np.array([1.0, 2.0]),
            deviations=np.array([0.5, 3.0]),
            weights=network.state_dict(),
            record={"note": "a test"},
        )
        path = tmp_path / "model.safetensors"
        path.write_bytes(checkpoint.to_bytes())
        loaded = Checkpoint.load(path)
        given = random_crystal(3)
        assert (self.predict(loaded.build(), given) == self.predict(network, given)).all()
        assert loaded.targets == checkpoint.targets
        assert loaded.settings == checkpoint.settings
        assert loaded.to_bytes() == checkpoint.to_bytes()
