"""Checkpoint: one trained model in one `.safetensors` file.

The file holds the weights; its header holds, as one JSON text under the key `screenkit`, all that
is needed to use them and to trust them. Nothing in the file is ever run: the model's class comes
from the catalogue, and its settings are checked like those of a recipe.

Not covered: other projects' files (`published.py` reads those of CGCNN).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from pydantic import ValidationError
from torch.overrides import TorchFunctionMode

from screenkit.errors import CheckpointError
from screenkit.graph.graph import GraphSettings
from screenkit.models.catalog import model_class
from screenkit.models.contract import Model, Target
from screenkit.settings import Settings

SCHEMA_VERSION = 1
_HEADER_KEY = "screenkit"
_DIGEST_KEY = "tensors_sha256"
_MAX_HEADER_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model, its targets, and the record of its training."""

    model: str
    """Name in the catalogue."""
    settings: Settings
    """Settings of the model's class."""
    graph: GraphSettings
    """The graphs it was trained on and must be given."""
    targets: tuple[Target, ...]
    """What it predicts, in the order of its outputs. The first is ranked by default."""
    means: np.ndarray
    """(T,) float64. Mean of each transformed label over the training set."""
    deviations: np.ndarray
    """(T,) float64. Standard deviation of the same."""
    weights: dict[str, torch.Tensor]
    """State of the network."""
    record: dict[str, Any]
    """How it was trained and how well it did, JSON-able: data and its hash, split, settings of
    the fit, versions, metrics beside the median baseline, licence of the data."""
    digest: str = ""
    """sha256 of the file, hexadecimal; empty before it is saved."""

    def __post_init__(self) -> None:
        wanted = model_class(self.model).graph_settings(self.settings)
        if wanted != self.graph:
            raise CheckpointError(
                f"{self.model} needs graphs of {wanted}, but the checkpoint was made with "
                f"{self.graph}",
                hint="the file was changed after training, or belongs to another version; "
                "train it again",
            )

    def build(self) -> Model:
        """Return the network with its weights, ready to predict (evaluation mode, CPU).

        Raises:
            CheckpointError: the weights are not those of such a network.
        """
        kind = model_class(self.model)
        # Shapes alone: settings may ask for more than memory holds.
        with torch.device("meta"), _Unfilled():
            shapes = kind(self.settings, len(self.targets)).state_dict()
        if misfit := _misfit(self.weights, shapes):
            raise CheckpointError(
                f"the weights do not fit a {self.model} of these settings: {misfit}",
                hint="the file is damaged or was edited; fetch or train it again",
            )
        model = kind(self.settings, len(self.targets))
        model.load_state_dict(self.weights)
        return model.eval()

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions (B, T) float64 in the targets' units from the network's outputs."""
        values = outputs.astype(np.float64) * self.deviations + self.means
        columns = [target.restore(values[:, t]) for t, target in enumerate(self.targets)]
        return np.stack(columns, axis=1)

    def to_bytes(self) -> bytes:
        """Return the file's content. Equal checkpoints give equal bytes."""
        header = {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "settings": self.settings.model_dump(mode="json"),
            "graph": self.graph.model_dump(mode="json"),
            "targets": [target.model_dump(mode="json") for target in self.targets],
            "means": self.means.tolist(),
            "deviations": self.deviations.tolist(),
            "record": self.record,
        }
        return to_safetensors(self.weights, header)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Return the checkpoint in a file; runs no code from it.

        Raises:
            CheckpointError: the file is missing, damaged, of another kind or version, or its
                graph settings are not those of its model.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(
                f"cannot read the checkpoint {path}: {error.strerror}",
                hint="`screenkit models` lists those that come with the package",
            ) from None
        try:
            weights, header = from_safetensors(data)
            return cls._from_header(header, weights, hashlib.sha256(data).hexdigest())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = _first_fault(error) if isinstance(error, ValidationError) else error
            raise CheckpointError(
                f"{path} is not a screenkit checkpoint, or is damaged: {reason}",
                hint="give --model the name of a model on the shelf or a .safetensors file that "
                "`screenkit train` wrote; `screenkit models import` reads published CGCNN weights",
            ) from None

    @classmethod
    def _from_header(
        cls, header: dict[str, Any], weights: dict[str, torch.Tensor], digest: str
    ) -> Checkpoint:
        version = header["schema_version"]
        if version != SCHEMA_VERSION:
            raise CheckpointError(
                f"checkpoint of schema {version}; this screenkit reads {SCHEMA_VERSION}",
                hint="install the version of screenkit that wrote it, or train it again",
            )
        checkpoint = cls(
            model=header["model"],
            settings=model_class(header["model"]).settings_class.model_validate(header["settings"]),
            graph=GraphSettings.model_validate(header["graph"]),
            targets=tuple(Target.model_validate(target) for target in header["targets"]),
            means=np.array(header["means"], dtype=np.float64),
            deviations=np.array(header["deviations"], dtype=np.float64),
            weights=weights,
            record=header["record"],
            digest=digest,
        )
        _require_sound(checkpoint)
        return checkpoint


def _require_sound(checkpoint: Checkpoint) -> None:
    """Raise ValueError where numbers are missing or not finite: all predictions would be wrong."""
    names = [target.name for target in checkpoint.targets]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"wanted targets of different names, found {names}")
    for what, values in (("means", checkpoint.means), ("deviations", checkpoint.deviations)):
        if values.shape != (len(names),) or not np.isfinite(values).all():
            raise ValueError(f"{what} should be {len(names)} finite numbers")
    if not (checkpoint.deviations > 0).all():
        raise ValueError("a deviation is not positive")
    if not isinstance(checkpoint.record, dict):
        raise ValueError("the record is no object")
    for name, tensor in checkpoint.weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds a number that is not finite")


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


def to_safetensors(tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> bytes:
    """Return a safetensors file that holds `tensors`, and `header` as JSON in its metadata.

    The SHA-256 of the tensors' bytes is added to the header: the format has no checksum, and a
    flipped bit in a weight would be believed.
    """
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    bare = safetensors.torch.save(plain)
    sealed = header | {_DIGEST_KEY: hashlib.sha256(bare[_data_start(bare) :]).hexdigest()}
    # One entry alone: safetensors writes several in no fixed order.
    return safetensors.torch.save(plain, {_HEADER_KEY: json.dumps(sealed, sort_keys=True)})


def from_safetensors(data: bytes) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return what `to_safetensors` put into a file; runs no code from it.

    Raises:
        ValueError: it is no safetensors file, is damaged, or has no header of ours.
    """
    start = _data_start(data)
    outer = json.loads(data[8:start])
    metadata = outer.get("__metadata__", {}) if isinstance(outer, dict) else {}
    text = metadata.get(_HEADER_KEY)
    header = json.loads(text) if isinstance(text, str) else None
    if not isinstance(header, dict):
        raise ValueError(f"its header has no entry {_HEADER_KEY!r}")
    if header.pop(_DIGEST_KEY, None) != hashlib.sha256(data[start:]).hexdigest():
        raise ValueError("the weights are not those that were saved (SHA-256 differs)")
    try:
        return safetensors.torch.load(data), header
    except safetensors.SafetensorError as error:
        raise ValueError(str(error)) from None


def _data_start(data: bytes) -> int:
    """Return where the tensors begin in a safetensors file; ValueError where it is none."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 0 < size <= min(_MAX_HEADER_BYTES, len(data) - 8):
        raise ValueError("no safetensors header")
    return 8 + size


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
