"""What the machine itself needs for the least that a stage must do.

- reading: the files read plainly, and each of their bytes touched (summed in words of eight);
- graphs: as many bytes copied in memory as the graphs hold;
- a forward pass: plain matrix products of the shapes of the paper's equations, nothing left out,
  in blocks of 400 atoms, by `torch.mm` and by oneDNN; the ceiling is the quicker of the two;
- writing: as many bytes as a shard has, written and flushed to the disk.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from benchmarks.sample import Sample
from benchmarks.timing import Stage
from screenkit.graph.graph import Graph
from screenkit.models.cgcnn import CgcnnSettings
from screenkit.models.knagcn import KNagcnSettings

BLOCK = 400
"""Atoms."""
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def shapes(model: str) -> tuple[int, int, int, int] | None:
    """Return rows per atom, inputs, outputs and layers of the products of a model's equations."""
    if model == "knagcn":
        k = KNagcnSettings()
        inputs = k.own_width + k.k * (k.edge_width + k.geometry_width + k.width)
        return 1, inputs, k.width, k.layers
    if model == "cgcnn":
        c = CgcnnSettings()
        return c.k, 2 * c.width + round(c.radius / c.step) + 1, 2 * c.width, c.layers
    return None


def gflop(model: str, atoms: float) -> float:
    """Return what the products of a model come to for so many atoms, GFLOP."""
    rows, inputs, outputs, layers = shapes(model) or (0, 0, 0, 0)
    return 2e-9 * atoms * rows * inputs * outputs * layers


def products(model: str, atoms: int, count: int) -> dict[str, Stage]:
    """Return the products of a model for so many atoms, in each precision by each library."""
    if (found := shapes(model)) is None:
        return {}
    rows, inputs, outputs, layers = found
    blocks = [BLOCK] * (atoms // BLOCK) + [atoms % BLOCK] * (atoms % BLOCK > 0)
    stages = {}
    for precision, kind in PRECISIONS.items():
        given = torch.randn(BLOCK * rows, inputs).to(kind)
        weight = torch.randn(inputs, outputs).to(kind)
        turned = weight.T.contiguous()

        def by_torch(given: torch.Tensor = given, weight: torch.Tensor = weight) -> None:
            for block in blocks * layers:
                torch.mm(given[: block * rows], weight)

        def by_onednn(given: torch.Tensor = given, turned: torch.Tensor = turned) -> None:
            for block in blocks * layers:
                torch.ops.mkldnn._linear_pointwise(
                    given[: block * rows], turned, None, "none", [], ""
                )

        stages[f"product {model} {precision}, torch.mm"] = Stage(by_torch, count)
        if torch.backends.mkldnn.is_available():
            stages[f"product {model} {precision}, oneDNN"] = Stage(by_onednn, count)
    return stages


def ceilings(
    sample: Sample, files: Sequence[Path], graphs: Sequence[Graph], shard: Path, rows: int
) -> dict[str, Stage]:
    """Return reading, touching, copying and writing; `products` are apart.

    Args:
        shard: file of a full shard of so many rows; as many bytes are written beside it.
    """
    count = len(sample)
    text = b"".join(sample.texts)
    words = np.frombuffer(text[: len(text) // 8 * 8], np.uint64)
    arrays = [getattr(graph, field.name) for graph in graphs for field in fields(graph)]
    held = np.concatenate([a.ravel().view(np.uint8) for a in arrays if isinstance(a, np.ndarray)])
    into = np.empty_like(held)
    blob = shard.read_bytes()
    names = (shard.with_name(f"plain-{i}") for i in itertools.count())

    def write() -> None:
        with next(names).open("wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())

    return {
        "ceiling: read the files": Stage(lambda: [path.read_bytes() for path in files], count),
        "ceiling: touch each byte": Stage(words.sum, count),
        "ceiling: copy the graphs": Stage(lambda: np.copyto(into, held), count),
        "ceiling: write the bytes": Stage(write, rows),
    }
