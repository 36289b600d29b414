"""Whether two merged files say the same of every structure, to the last bit."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def differences(ours: Path, theirs: Path) -> dict[str, int]:
    """Return in how many rows each column of two merged files differs; empty where none does.

    Names, outcomes, codes, messages, facts and values count, and NaN equals NaN of the same bits.
    A column that only one file has, or of another length or type, differs in all its rows.
    """
    with h5py.File(ours) as first, h5py.File(theirs) as second:
        columns = [_columns(file) for file in (first, second)]
        found = {}
        for name in sorted(columns[0].keys() | columns[1].keys()):
            count = _differing(columns[0].get(name), columns[1].get(name))
            if count:
                found[name] = count
    return found


def _columns(file: h5py.File) -> dict[str, np.ndarray]:
    columns = {}

    def take(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            columns[name] = item[()]

    file.visititems(take)
    return columns


def _differing(ours: np.ndarray | None, theirs: np.ndarray | None) -> int:
    if ours is None or theirs is None or (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        return max(1, *(len(column) for column in (ours, theirs) if column is not None))
    if ours.dtype == object:
        return int(np.count_nonzero(ours != theirs))
    raw = [np.ascontiguousarray(column).view(np.uint8) for column in (ours, theirs)]
    unlike = (raw[0] != raw[1]).reshape(len(ours), -1)
    return int(np.count_nonzero(unlike.any(axis=1)))
