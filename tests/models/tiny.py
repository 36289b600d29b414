"""A small untrained checkpoint: quick, and its numbers differ between structures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from screenkit.models.checkpoint import Checkpoint
from screenkit.models.knagcn import KNagcn, KNagcnSettings
from screenkit.models.target import Target

SETTINGS = KNagcnSettings(k=6, width=8, edge_width=4, layers=2, head_width=8)


def tiny_checkpoint(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    return Checkpoint(
        model="knagcn",
        settings=SETTINGS,
        graph=KNagcn.graph_settings(SETTINGS),
        targets=(Target(name="uptake", unit="mol/kg"), Target(name="heat", better="min")),
        means=np.array([2.0, 20.0]),
        deviations=np.array([1.0, 5.0]),
        weights=KNagcn(SETTINGS, targets=2).state_dict(),
        record={"data": "none: random weights"},
    )


def write_tiny(folder: Path, seed: int = 0) -> Path:
    path = folder / f"tiny-{seed}.safetensors"
    path.write_bytes(tiny_checkpoint(seed).to_bytes())
    return path
