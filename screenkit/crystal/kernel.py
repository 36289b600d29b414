"""Kernel: a loop over numpy arrays that numba compiles when it is first called.

The machine code is kept beside the module, or in the user's cache folder, for the processes that
come after. Where neither can be written, as in a container without a home or with a quota used up,
each process compiles for itself, which takes it some 30 seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of arrays and numbers, compiled, and without the GIL while it runs."""
    return _compiled(function)


def kernel_of_sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel for long sums: their terms may be added in any order, several at a time.

    A division by zero gives infinity there, where in other kernels it raises.
    """
    return _compiled(function, fastmath={"reassoc", "contract"}, error_model="numpy")


def is_kept(function: Callable[..., Any]) -> bool:
    """Tell whether this machine's code of a kernel lies in the cache: then it begins at once."""
    # As numba's own `load_overload` looks; where that changes, a line for the eye is wrong.
    try:
        cache = function._cache  # type: ignore[attr-defined]
        machine = function.targetctx.codegen().magic_tuple()  # type: ignore[attr-defined]
        return any(machine in key for key in cache._cache_file._load_index())
    except (AttributeError, OSError):
        return False


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(nogil=True, **options)(function)
    # numba has no setting for this; without it a full disk would end the first call.
    if cache := getattr(compiled, "_cache", None):
        cache.save_overload = _forgiving(cache.save_overload)
    return compiled


def _forgiving(save: Callable[..., None]) -> Callable[..., None]:
    def keep(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    return keep
