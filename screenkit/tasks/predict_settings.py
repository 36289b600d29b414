"""How to run a network, as a recipe says it; `tasks/predict.py` reads it, and wakes torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from screenkit.models.intervals import LEVEL
from screenkit.settings import Settings, worded

Precision = Literal["float32", "tf32", "bfloat16"]


class PredictSettings(Settings):
    """How to run the network."""

    batch_atoms: int | None = Field(default=None, ge=1)
    """Atoms per batch at most; a larger structure comes alone. Halved where memory runs out. When
    not said, 4096 on a CPU, whose cache holds that much, and 65536 on CUDA."""
    device: Annotated[str, worded(r"auto|cpu|cuda(:\d+)?", "auto, cpu, cuda or cuda:N")] = "auto"
    """`auto` is CUDA where there is a device, else the CPU."""
    precision: Precision = "float32"
    """Of the network's matrix products. `bfloat16` has 8 bits in the place of 24, and is faster on
    hardware that knows it; vectors between atoms are then float16. `tf32` has 11 bits, on CUDA
    devices alone. `docs/performance.md` says what they do to predictions."""
    level: float = Field(default=LEVEL, gt=0, lt=1)
    """Share of structures whose true value is to lie between `TARGET_low` and `TARGET_high`."""
