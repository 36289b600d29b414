"""Tensors and a header as one `.safetensors` file, and back; sealed, and nothing in it is run.

Not covered: what they mean (`checkpoint.py`, `learn/fit.py`).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import safetensors
import safetensors.torch
import torch

_HEADER_KEY = "screenkit"
_DIGEST_KEY = "tensors_sha256"
_MAX_HEADER_BYTES = 16 * 2**20


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
