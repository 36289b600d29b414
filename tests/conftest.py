"""Fixtures that many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Small networks lose more by sharing a product among threads than they gain. Set before torch
# wakes, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real structures that SCREENKIT_DATA names."""
    folder = os.environ.get("SCREENKIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SCREENKIT_DATA names no folder of real structures")
    return Path(folder)
