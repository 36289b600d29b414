"""From the name of a model, its settings and weights to a network that is ready to predict.

Not covered: what the weights came from (`checkpoint.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from screenkit.errors import CheckpointError
from screenkit.models.catalog import model_class
from screenkit.models.contract import Model
from screenkit.settings import Settings


def network_of(
    name: str, settings: Settings, targets: int, weights: dict[str, torch.Tensor]
) -> Model:
    """Return a network in evaluation mode on the CPU; weights in 16 bits become those of 32.

    Raises:
        CheckpointError: the weights are not those of such a network.
    """
    kind = model_class(name)
    # Shapes alone: settings may ask for more than memory holds.
    with torch.device("meta"), _Unfilled():
        shapes = kind(settings, targets).state_dict()
    if misfit := _misfit(weights, shapes):
        raise CheckpointError(
            f"the weights do not fit a {name} of these settings: {misfit}",
            hint="the file is damaged or was edited; fetch or train it again",
        )
    model = kind(settings, targets)
    model.load_state_dict(weights)
    return model.eval()


class _Unfilled(TorchFunctionMode):
    """No first weights are drawn: where tensors have no numbers, torch wakes its compiler for it.

    That costs each process more than a second.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def _misfit(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> str:
    """Return the first way in which weights differ from what a network takes; empty: none."""
    if missing := set(wanted) - set(found):
        return f"{len(missing)} missing, such as {min(missing)}"
    if strange := set(found) - set(wanted):
        return f"{len(strange)} that belong to another network, such as {min(strange)}"
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            return f"{name} is {tuple(found[name].shape)}, wanted {tuple(tensor.shape)}"
        if found[name].is_floating_point() != tensor.is_floating_point():
            return f"{name} is {found[name].dtype}, wanted {tensor.dtype}"
    return ""
