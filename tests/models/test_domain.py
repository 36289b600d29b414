"""How far out a structure is: against scikit-learn's nearest neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from screenkit.models.domain import KEPT, Domain, Scope


def cloud(n: int, seed: int = 0, width: int = 12) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((n, width)) * np.arange(1, width + 1)).astype(np.float32)


def test_a_distance_is_that_to_the_nearest_neighbour_in_deviations():
    training, calibration, new = cloud(300), cloud(80, 1), cloud(50, 2)
    domain = Domain.learn(training, calibration)
    assert domain is not None and len(domain.points) == 300  # all are kept where they are few
    scale, centre = training.std(axis=0), training.mean(axis=0)
    nearest = NearestNeighbors(n_neighbors=1).fit((training - centre) / scale)
    apart = nearest.kneighbors((calibration - centre) / scale)[0][:, 0]
    wanted = nearest.kneighbors((new - centre) / scale)[0][:, 0] / np.quantile(apart, 0.95)
    points, distances = Scope(domain)(torch.from_numpy(new))
    np.testing.assert_allclose(distances.numpy(), wanted, rtol=2e-3)  # 16 bits
    np.testing.assert_allclose(points.numpy(), (new - centre) / scale, rtol=2e-3, atol=1e-3)


def test_so_many_of_the_calibration_structures_are_within_as_was_said():
    calibration = cloud(400, 1)
    domain = Domain.learn(cloud(300), calibration)
    assert domain is not None
    distances = Scope(domain)(torch.from_numpy(calibration))[1].numpy()
    assert np.mean(distances <= 1) == pytest.approx(0.95, abs=0.003)


def test_those_that_are_kept_are_near_all_others():
    training = cloud(KEPT + 800, width=3)
    domain = Domain.learn(training, cloud(50, 1, 3))
    assert domain is not None and len(domain.points) == KEPT
    given = ((training - domain.centre) / domain.scale).astype(np.float16).astype(float)
    kept = domain.points.astype(float)
    everyone = NearestNeighbors(n_neighbors=1).fit(kept).kneighbors(given)[0][:, 0]
    among = NearestNeighbors(n_neighbors=2).fit(kept).kneighbors(kept)[0][:, 1]
    assert everyone.max() <= among.min() + 1e-9  # farthest points: no other is farther off


def test_what_training_never_varied_is_far_out_when_it_varies():
    training, calibration = cloud(300), cloud(50, 1)
    training[:, 3] = calibration[:, 3] = 0.0
    domain = Domain.learn(training, calibration)
    assert domain is not None
    same, other = cloud(1, 2), cloud(1, 2)
    same[:, 3], other[:, 3] = 0.0, 50.0
    near, far = (float(Scope(domain)(torch.from_numpy(x))[1][0]) for x in (same, other))
    assert far > 5 and far > 5 * near


def test_company_does_not_change_a_distance():
    domain = Domain.learn(cloud(300), cloud(50, 1))
    assert domain is not None
    scope, new = Scope(domain), torch.from_numpy(cloud(64, 2))
    together = scope(new)[1]
    alone = torch.cat([scope(new[i : i + 1])[1] for i in range(64)])
    assert torch.equal(together.float(), alone.float())


def test_embeddings_that_ran_away_have_no_domain():
    broken = cloud(10)
    broken[3, 3] = np.inf
    assert Domain.learn(broken, cloud(5, 1)) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_gpu_measures_what_the_cpu_measures():
    domain = Domain.learn(cloud(300), cloud(50, 1))
    assert domain is not None
    new = torch.from_numpy(cloud(64, 2))
    on_gpu = Scope(domain).to("cuda")(new.to("cuda"))[1].cpu()
    torch.testing.assert_close(on_gpu, Scope(domain)(new)[1], rtol=1e-3, atol=1e-6)
