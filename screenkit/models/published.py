"""Checkpoints of the published CGCNN program (github.com/txie-93/cgcnn) -> Checkpoint.

Those files are pickles. torch's `weights_only` reader builds tensors, numbers and containers from
them and runs nothing else; of numpy, one kind of number is let in, which the published classifier
holds. This is the one place of screenkit that reads a pickle in any form.

Not covered: networks of that program with other Gaussians than 41, with atom features of another
width than 92, or for more than two classes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from screenkit.crystal.elements import SYMBOLS
from screenkit.errors import CheckpointError
from screenkit.models.cgcnn import Cgcnn, CgcnnSettings
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target

SOURCE = "github.com/txie-93/cgcnn, MIT licence"
_MAX_BYTES = 256 * 2**20
_COLUMNS = 92
_SUFFIXES = (".tar", ".pth", ".pt")

_PUBLISHED = {
    "formation-energy-per-atom": ("formation_energy", "eV/atom", "min"),
    "final-energy-per-atom": ("final_energy", "eV/atom", "min"),
    "band-gap": ("band_gap", "eV", "max"),
    "efermi": ("fermi_energy", "eV", "max"),
    "bulk-moduli": ("log10_bulk_modulus", "log10(GPa)", "max"),
    "shear-moduli": ("log10_shear_modulus", "log10(GPa)", "max"),
    "poisson-ratio": ("poisson_ratio", "", "max"),
    "semi-metal-classification": ("is_metal", "", "max"),
}
"""Stem of each published file: target, unit, the better end."""


def read_published(path: Path, atom_features: Path) -> Checkpoint:
    """Return a checkpoint of the published CGCNN program as one of ours; runs no code from it.

    The network for two classes becomes one of a single logit, the difference of its two outputs:
    the probability of class 1 is the same.

    Args:
        path: the `.pth.tar` file.
        atom_features: the `atom_init.json` that it was trained with: atomic number -> features.

    Raises:
        CheckpointError: a file is missing, damaged, hostile or of another kind, or the two do
            not fit each other.
    """
    table = _read_table(atom_features)
    content = _read_pickle(path)
    state, args = content.get("state_dict"), content.get("args")
    normalizer = content.get("normalizer")
    if not (isinstance(state, Mapping) and isinstance(args, Mapping)):
        raise _strange(path, "it has no state_dict and args")
    tensors = {str(name): value for name, value in state.items()}
    for name, value in tensors.items():
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            if name.endswith("num_batches_tracked"):
                continue
            raise _strange(path, f"{name} is no tensor of numbers")
        if not torch.isfinite(value).all():
            raise _strange(path, f"{name} holds a number that is not finite")
    settings, is_class = _settings(tensors, args, path)
    mean, deviation = (0.0, 1.0) if is_class else _normalizer(normalizer, path)
    checkpoint = Checkpoint(
        model="cgcnn",
        settings=settings,
        graph=Cgcnn.graph_settings(settings),
        targets=(_target(path, is_class),),
        means=np.array([mean]),
        deviations=np.array([deviation]),
        weights=_translate(tensors, settings, is_class, path) | {"embedding.table": table},
        record=_record(path, atom_features, content, is_class),
    )
    checkpoint.build()
    return checkpoint


def _read_pickle(path: Path) -> Mapping[str, Any]:
    try:
        size = path.stat().st_size
        unpacked = size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                unpacked = max(size, sum(entry.file_size for entry in archive.infolist()))
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckpointError(f"cannot read {path}: {reason}", hint=_HINT) from None
    if path.is_dir():
        raise CheckpointError(f"cannot read {path}: it is a folder", hint=_HINT)
    if unpacked > _MAX_BYTES:
        raise _strange(path, f"it holds {unpacked / 2**20:.0f} MiB, more than {_MAX_BYTES >> 20}")
    numpy_number = (np._core.multiarray.scalar, "numpy.core.multiarray.scalar")  # type: ignore[attr-defined]
    allowed: list[Any] = [numpy_number, np.dtype, np.dtypes.Float64DType]
    try:
        # torch warns of pickle protocols that it reads all the same; nobody needs to see that.
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings(record=True):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  bytes made to harm may fail in any way
        reason = re.split(r"[.\n]", str(error))[0] or type(error).__name__
        raise _strange(path, f"torch cannot read it without running code ({reason})") from None
    if not isinstance(content, Mapping):
        raise _strange(path, "it holds no dictionary")
    return content


def _read_table(path: Path) -> torch.Tensor:
    """Return (119, 92) float32; rows of elements that the file leaves out are zero."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not content:
            raise ValueError("it is no JSON object")
        table = np.zeros((len(SYMBOLS), _COLUMNS), np.float32)
        for key, row in content.items():
            number = int(key)
            if not 1 <= number < len(SYMBOLS):
                raise ValueError(f"{key!r} is no atomic number")
            values = np.array(row, dtype=np.float64)
            if values.shape != (_COLUMNS,) or not np.isfinite(values).all() or not values.any():
                raise ValueError(f"element {key}: wanted {_COLUMNS} numbers, not all of them zero")
            table[number] = values
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        reason = str(error) or type(error).__name__
    else:
        return torch.from_numpy(table)
    raise CheckpointError(
        f"{path} is no table of atom features: {reason}",
        hint="give --atom-features the atom_init.json that comes with the published program",
    )


_HINT = "give a .pth.tar file as the published CGCNN program writes and its authors publish them"


def _strange(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path} is no checkpoint of the CGCNN program: {reason}", hint=_HINT)


def _settings(
    tensors: Mapping[str, torch.Tensor], args: Mapping[str, Any], path: Path
) -> tuple[CgcnnSettings, bool]:
    """Return the settings of the network, and whether it tells two classes apart."""
    convolutions = sum(bool(re.fullmatch(r"convs\.\d+\.fc_full\.weight", n)) for n in tensors)
    hidden = 1 + sum(bool(re.fullmatch(r"fcs\.\d+\.weight", name)) for name in tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in ("embedding.weight", "convs.0.fc_full.weight", "conv_to_fc.weight"):
        if len(shapes.get(name, ())) != 2:
            raise _strange(path, f"{name} is missing or no matrix")
    width, columns = shapes["embedding.weight"]
    if columns != _COLUMNS:
        raise _strange(path, f"it takes {columns} atom features, wanted {_COLUMNS}")
    gaussians = shapes["convs.0.fc_full.weight"][1] - 2 * width
    if gaussians != 41:
        raise _strange(path, f"it takes {gaussians} Gaussians, wanted 41 (0 to 8 Å)")
    is_class = args.get("task") == "classification"
    try:
        settings = CgcnnSettings(
            width=width,
            layers=convolutions,
            head_width=shapes["conv_to_fc.weight"][0],
            head_layers=hidden,
            dropout=0.5 if is_class else 0.0,
            ties="published",
            padding="compat",
        )
    except ValueError:
        raise _strange(path, "its network is larger than this program builds") from None
    return settings, is_class


def _names(settings: CgcnnSettings) -> dict[str, str]:
    """Return the name of each tensor there by its name here, convolutions' matrices left out."""
    names = {f"input.{part}": f"embedding.{part}" for part in ("weight", "bias")}
    for layer in range(settings.layers):
        for ours, theirs in (("gate_norm", "bn1"), ("sum_norm", "bn2")):
            for part in ("weight", "bias", "running_mean", "running_var"):
                names[f"convolutions.{layer}.{ours}.{part}"] = f"convs.{layer}.{theirs}.{part}"
        names[f"convolutions.{layer}.bias"] = f"convs.{layer}.fc_full.bias"
    for layer in range(settings.head_layers):
        theirs = "conv_to_fc" if layer == 0 else f"fcs.{layer - 1}"
        for part in ("weight", "bias"):
            names[f"hidden.{layer}.{part}"] = f"{theirs}.{part}"
    return names | {f"output.{part}": f"fc_out.{part}" for part in ("weight", "bias")}


def _translate(
    tensors: Mapping[str, torch.Tensor], settings: CgcnnSettings, is_class: bool, path: Path
) -> dict[str, torch.Tensor]:
    """Return the weights under our names."""
    names = _names(settings)
    matrices = {f"convs.{layer}.fc_full.weight" for layer in range(settings.layers)}
    known = set(names.values()) | matrices
    missing, strange = known - set(tensors), set(tensors) - known
    strange = {name for name in strange if not name.endswith("num_batches_tracked")}
    if missing or strange:
        what = f"{min(missing)} is missing" if missing else f"{min(strange)} belongs to another"
        raise _strange(path, what)
    weights = {ours: tensors[theirs].float() for ours, theirs in names.items()}
    width, expected = settings.width, 2 * settings.width + 41
    for layer in range(settings.layers):
        matrix = tensors[f"convs.{layer}.fc_full.weight"].float()
        if matrix.shape != (2 * width, expected):
            shape = tuple(matrix.shape)
            raise _strange(path, f"convs.{layer}.fc_full.weight is {shape}, wanted {expected} wide")
        parts = matrix.T.split([width, width, 41])
        for name, part in zip(("own", "neighbors", "edges"), parts, strict=True):
            weights[f"convolutions.{layer}.{name}"] = part.contiguous()
        for norm in ("gate_norm", "sum_norm"):
            count = torch.tensor(0, dtype=torch.int64)
            weights[f"convolutions.{layer}.{norm}.num_batches_tracked"] = count
    if is_class:
        for part in ("weight", "bias"):
            both = weights[f"output.{part}"]
            if len(both) != 2:
                raise _strange(path, f"it tells {len(both)} classes apart, wanted 2")
            weights[f"output.{part}"] = (both[1] - both[0])[None]
    return weights


def _normalizer(normalizer: Any, path: Path) -> tuple[float, float]:
    """Return mean and standard deviation of the labels that the network was trained on."""
    try:
        mean, deviation = float(normalizer["mean"]), float(normalizer["std"])
    except (TypeError, KeyError, ValueError, RuntimeError):
        raise _strange(path, "its normalizer has no mean and std") from None
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        raise _strange(path, f"its normalizer has mean {mean} and std {deviation}")
    return mean, deviation


def _stem(path: Path) -> str:
    stem = path.name
    while Path(stem).suffix in _SUFFIXES:
        stem = Path(stem).stem
    return stem


def _target(path: Path, is_class: bool) -> Target:
    """Return the target, named after the file."""
    stem = _stem(path)
    plain = re.sub(r"[^A-Za-z0-9_.+-]", "_", stem).replace("-", "_")[:90]
    name, unit, better = _PUBLISHED.get(stem, (plain, "", "max"))
    if not re.match(r"[A-Za-z_]", name):
        name = f"_{name}"
    return Target.model_validate(
        {"name": name, "unit": unit, "better": better, "class_if": ">0.5" if is_class else ""}
    )


def _record(
    path: Path, atom_features: Path, content: Mapping[str, Any], is_class: bool
) -> dict[str, Any]:
    """Return where the network comes from and what its file says of its error."""
    record: dict[str, Any] = {
        "imported_from": path.name,
        "imported_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "atom_features_sha256": hashlib.sha256(atom_features.read_bytes()).hexdigest(),
    }
    if _stem(path) in _PUBLISHED:
        record["source"] = SOURCE
        record["licence"] = "MIT"
        record["data"] = "Materials Project (Xie and Grossman 2018)"
    args = content["args"]
    for name in ("train_size", "val_size", "test_size"):
        if isinstance(args.get(name), int):
            record.setdefault("structures", {})[name.removesuffix("_size")] = args[name]
    best = content.get("best_mae_error")
    if isinstance(best, (int, float)) and math.isfinite(best):
        record["validation"] = {"auc" if is_class else "mae": float(best)}
    return record
