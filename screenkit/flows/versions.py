"""The versions that numbers depend on; kept with every checkpoint and every run."""

from __future__ import annotations

import platform

import numpy as np
import torch

import screenkit


def versions() -> dict[str, str]:
    """Return the version of each program by name."""
    return {
        "screenkit": screenkit.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
