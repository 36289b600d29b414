"""The loss, by hand."""

from __future__ import annotations

import pytest
import torch

from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.loss import total_loss

NAN = float("nan")
OUTPUTS = torch.tensor([[0.5, 3.0], [1.0, -2.0]])
LABELS = torch.tensor([[0.0, 0.0], [NAN, -1.0]])  # errors 0.5, 3 and 1
VALUES = torch.tensor([False, False])


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, 0.25 + 9.0 + 1.0),
        ({"loss": "absolute"}, 0.5 + 3.0 + 1.0),
    ],
)
def test_errors_by_hand(settings, wanted):
    found = total_loss(OUTPUTS, LABELS, VALUES, FitSettings(**settings))
    assert found.item() == pytest.approx(wanted)


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_a_class_has_its_cross_entropy_whatever_the_loss_of_values(loss):
    """Logit 0 is one half; log 3 is three quarters."""
    outputs = torch.tensor([[0.0], [float(torch.tensor(3.0).log())], [7.0]])
    labels = torch.tensor([[1.0], [0.0], [NAN]])
    found = total_loss(outputs, labels, torch.tensor([True]), FitSettings(loss=loss))
    assert found.item() == pytest.approx(torch.tensor([2.0, 4.0]).log().sum().item())


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_a_missing_label_has_no_gradient(loss):
    outputs = OUTPUTS.clone().requires_grad_()
    total_loss(outputs, LABELS, VALUES, FitSettings(loss=loss)).backward()
    assert outputs.grad[1, 0] == 0.0 and (outputs.grad != 0).sum() == 3
