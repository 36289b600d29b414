"""Small files as the published CGCNN program writes them, with random weights."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import torch

from screenkit.models.atom_tables import published_table


def write_atom_features(folder: Path) -> Path:
    path = folder / "atom_init.json"
    table = published_table()
    path.write_text(json.dumps({str(z): table[z].tolist() for z in range(1, 101)}))
    return path


def official_state(layers=2, width=6, hidden=5, more_hidden=1, outputs=1, seed=0):
    """Return weights under the names of the published program."""
    torch.manual_seed(seed)
    state = OrderedDict()

    def linear(name, inputs, made):
        state[f"{name}.weight"] = torch.randn(made, inputs) * 0.3
        state[f"{name}.bias"] = torch.randn(made) * 0.1

    linear("embedding", 92, width)
    for layer in range(layers):
        linear(f"convs.{layer}.fc_full", 2 * width + 41, 2 * width)
        for norm, columns in (("bn1", 2 * width), ("bn2", width)):
            for part in ("weight", "bias", "running_mean", "running_var"):
                state[f"convs.{layer}.{norm}.{part}"] = torch.rand(columns) + 0.5
    linear("conv_to_fc", width, hidden)
    for layer in range(more_hidden):
        linear(f"fcs.{layer}", hidden, hidden)
    linear("fc_out", hidden, outputs)
    return state


def official_file(folder: Path, name="mine.pth.tar", **changes) -> Path:
    """Write a checkpoint as the published program does."""
    content = {
        "epoch": 3,
        "state_dict": official_state(),
        "best_mae_error": torch.tensor(0.25),
        "optimizer": {"param_groups": [{"lr": 0.01}]},
        "normalizer": {"mean": torch.tensor(-1.5), "std": torch.tensor(2.0)},
        "args": {"task": "regression", "n_conv": 2, "train_size": 100},
    }
    torch.save({k: v for k, v in (content | changes).items() if v is not None}, folder / name)
    return folder / name
