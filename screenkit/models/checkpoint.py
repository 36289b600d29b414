"""Checkpoint: one trained model in one `.safetensors` file.

The file holds the weights; its header holds, as one JSON text under the key `screenkit`, all that
is needed to use them and to trust them. Nothing in the file is ever run: the model's class comes
from the catalogue, and its settings are checked like those of a recipe.

Not covered: other projects' files (`published.py` reads those of CGCNN).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from screenkit.errors import CheckpointError
from screenkit.graph.graph import GraphSettings
from screenkit.models.calibration import Calibration, joint
from screenkit.models.catalog import model_class
from screenkit.models.contract import Model
from screenkit.models.domain import Domain
from screenkit.models.ensemble import Ensemble
from screenkit.models.network import network_of
from screenkit.models.shelf import SUFFIX
from screenkit.models.target import Target
from screenkit.models.weights_file import from_safetensors, to_safetensors
from screenkit.settings import Settings

SCHEMA_VERSION = 2
"""2: several members, a calibration and a domain may be there. Files of 1 are read as they are."""
_READ = (1, 2)
_USUAL = "checkpoint.safetensors"
_APART = "/"  # between the name of a part and that of its tensor; no network has it in a name


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One more network of a checkpoint that holds several of one kind."""

    means: np.ndarray
    """(T,) float64; see `Checkpoint`."""
    deviations: np.ndarray
    """(T,) float64."""
    weights: dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model, or several of one kind, its targets, and the record of its training."""

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
    """sha256 of the file, hexadecimal; empty before it is saved. Of a folder that of its files'."""
    others: tuple[Member, ...] = ()
    """The members beside the first, whose means, deviations and weights are above."""
    calibration: Calibration | None = None
    """Predictions and labels of structures kept apart; older files have none."""
    domain: Domain | None = None
    """Where the training set lies; older files have none."""

    def __post_init__(self) -> None:
        wanted = model_class(self.model).graph_settings(self.settings)
        if wanted != self.graph:
            raise CheckpointError(
                f"{self.model} needs graphs of {wanted}, but the checkpoint was made with "
                f"{self.graph}",
                hint="the file was changed after training, or belongs to another version; "
                "train it again",
            )

    @property
    def members(self) -> tuple[Member, ...]:
        """All members; one where it is a single model."""
        return (Member(self.means, self.deviations, self.weights), *self.others)

    def build(self) -> Model:
        """Return the network with its weights, ready to predict (evaluation mode, CPU).

        Raises:
            CheckpointError: the weights are not those of such a network.
        """
        networks = [
            network_of(self.model, self.settings, len(self.targets), member.weights)
            for member in self.members
        ]
        if len(networks) == 1:
            return networks[0]
        means = np.stack([member.means for member in self.members])
        deviations = np.stack([member.deviations for member in self.members])
        return Ensemble(networks, means, deviations).eval()

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions in the targets' units from the network's outputs, (..., T) float64."""
        values = outputs.astype(np.float64) * self.deviations + self.means
        columns = [target.restore(values[..., t]) for t, target in enumerate(self.targets)]
        return np.stack(columns, axis=-1)

    def judge(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return predictions (B, T) and spreads (B, T) float64 from outputs (B, M, T) of M members.

        The prediction is the mean of what the members say, in the target's own unit, also where
        they learned its logarithm: so it is the mean of `ranking.csv` files of the members, and in
        one unit with its spread. Of a class it is the mean probability. The spread is the standard
        deviation of a sample (over M - 1); None for a single model.
        """
        values = self.restore(outputs)
        if values.shape[1] == 1:
            return values[:, 0], None
        return values.mean(axis=1), values.std(axis=1, ddof=1)

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
        tensors = dict(self.weights)
        if self.others:
            header["members"] = [
                {"means": member.means.tolist(), "deviations": member.deviations.tolist()}
                for member in self.others
            ]
        for number, member in enumerate(self.others, 1):
            tensors |= _within(f"member-{number:02}", member.weights)
        for name, part in (("calibration", self.calibration), ("domain", self.domain)):
            if part is not None:
                header[name] = part.header()
                tensors |= _within(name, part.tensors())
        return to_safetensors(tensors, header)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Return the checkpoint in a file, or of all in a folder as members; runs no code from it.

        Raises:
            CheckpointError: the file is missing, damaged, of another kind or version, or its
                graph settings are not those of its model; those of a folder are not of one kind.
        """
        if path.is_dir():
            return combine(_files(path), path)
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
        if version not in _READ:
            raise CheckpointError(
                f"checkpoint of schema {version}; this screenkit reads "
                f"{' and '.join(map(str, _READ))}",
                hint="install the version of screenkit that wrote it, or train it again",
            )
        checkpoint = cls(
            model=header["model"],
            settings=model_class(header["model"]).settings_class.model_validate(header["settings"]),
            graph=GraphSettings.model_validate(header["graph"]),
            targets=tuple(Target.model_validate(target) for target in header["targets"]),
            means=np.array(header["means"], dtype=np.float64),
            deviations=np.array(header["deviations"], dtype=np.float64),
            weights={name: tensor for name, tensor in weights.items() if _APART not in name},
            record=header["record"],
            digest=digest,
            others=tuple(
                Member(
                    np.array(other["means"], dtype=np.float64),
                    np.array(other["deviations"], dtype=np.float64),
                    _of(f"member-{number:02}", weights),
                )
                for number, other in enumerate(header.get("members", ()), 1)
            ),
            calibration=Calibration.read(_of("calibration", weights), header["calibration"])
            if "calibration" in header
            else None,
            domain=Domain.read(_of("domain", weights), header["domain"])
            if "domain" in header
            else None,
        )
        _require_sound(checkpoint)
        return checkpoint


def _require_sound(checkpoint: Checkpoint) -> None:
    """Raise ValueError where numbers are missing or not finite: all predictions would be wrong."""
    names = [target.name for target in checkpoint.targets]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"wanted targets of different names, found {names}")
    if not isinstance(checkpoint.record, dict):
        raise ValueError("the record is no object")
    if (known := checkpoint.calibration) and known.labels.shape[1] != len(names):
        raise ValueError(f"a calibration of {known.labels.shape[1]} targets, not {len(names)}")
    for member in checkpoint.members:
        for what, values in (("means", member.means), ("deviations", member.deviations)):
            if values.shape != (len(names),) or not np.isfinite(values).all():
                raise ValueError(f"{what} should be {len(names)} finite numbers")
        if not (member.deviations > 0).all():
            raise ValueError("a deviation is not positive")
        for name, tensor in member.weights.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise ValueError(f"{name} holds a number that is not finite")


def combine(checkpoints: Sequence[Checkpoint], place: Path) -> Checkpoint:
    """Return one checkpoint that has others, of one kind, as its members.

    It is calibrated where all were, on the same structures; domain and embedding are those of the
    first.

    Args:
        checkpoints: the members, in order.
        place: where they are from, for messages.

    Raises:
        CheckpointError: they are not of one kind.
    """
    first = checkpoints[0]
    for other in checkpoints:
        for what in ("model", "settings", "graph", "targets"):
            mine, theirs = getattr(first, what), getattr(other, what)
            if mine != theirs:
                raise CheckpointError(
                    f"{place}: its models are not of one kind; one has {what} {_short(mine)}, "
                    f"another {_short(theirs)}",
                    hint="give --model a folder of models that differ in their weights alone",
                )
    if len(checkpoints) == 1:
        return first
    members = tuple(member for one in checkpoints for member in one.members)
    kept = ("data", "data_sha256", "label_range", "split_by", "structures", "fit")
    record = {key: first.record[key] for key in kept if key in first.record}
    digests = [one.digest for one in checkpoints]
    return replace(
        first,
        others=members[1:],
        record=record | {"members": len(members)},
        digest=hashlib.sha256("".join(digests).encode()).hexdigest() if all(digests) else "",
        calibration=joint(
            [one.calibration for one in checkpoints] if len(members) == len(checkpoints) else []
        ),
    )


def _files(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a folder, ordered by what they hold, not by what they are called.

    A training's own folder has one; another has them as files, or in folders of trainings.
    """
    usual = folder / _USUAL
    paths = [usual] if usual.is_file() else sorted(folder.glob(f"*{SUFFIX}"))
    paths = paths or sorted(folder.glob(f"*/{_USUAL}"))
    if not paths:
        raise CheckpointError(
            f"{folder} has no {SUFFIX} file",
            hint="`screenkit train --ensemble 4` leaves a folder of models in OUTPUT/members",
        )
    found = sorted((Checkpoint.load(path) for path in paths), key=lambda one: one.digest)
    if twice := next((a for a, b in pairwise(found) if a.digest == b.digest), None):
        raise CheckpointError(
            f"{folder} has the same model twice (sha256 {twice.digest[:12]}…)",
            hint="remove one of the two: a model that agrees with itself would seem sure",
        )
    return found


def _short(value: Any) -> str:
    text = ", ".join(target.name for target in value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _within(part: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{part}{_APART}{name}": tensor for name, tensor in tensors.items()}


def _of(part: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return what `_within` put there."""
    start = f"{part}{_APART}"
    return {k.removeprefix(start): tensor for k, tensor in tensors.items() if k.startswith(start)}


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
