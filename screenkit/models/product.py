"""Products with weights, at the rate of the processor's matrix units, trained through or not.

MKL, which torch asks for products in float32, stays on AVX2 where an AMD processor knows AVX-512;
oneDNN, which torch brings along, does not. Each new number of rows costs oneDNN milliseconds, and
memory that it keeps. So rows come in pieces of few sizes, which also fit into caches better.

Not covered: devices other than CPUs, and float64; torch multiplies these as ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import embedding, embedding_bag, pad

_PIECE = 2**19  # numbers
_ROWS, _STEP, _FEW = 512, 128, 32
_CPUINFO = Path("/proc/cpuinfo")
Multiply = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def affine(
    rows: torch.Tensor, weight: torch.Tensor, added: torch.Tensor | None = None
) -> torch.Tensor:
    """Return (..., O): rows (..., I) times weight (I, O), plus `added`.

    Args:
        added: (O) or (..., O); None: nothing.
    """
    rows, weight = as_autocast(rows), as_autocast(weight)
    flat = rows.flatten(0, -2)
    if added is not None and added.ndim > 2:
        added = added.flatten(0, -2)
    if _in_pieces(rows):
        made = _run(flat, None, weight, added)
    else:
        made = flat @ weight if added is None else torch.addmm(added, flat, weight)
    return made.view(*rows.shape[:-1], weight.shape[1])


def affine_of_rows(
    rows: torch.Tensor, places: torch.Tensor, weight: torch.Tensor, added: torch.Tensor
) -> torch.Tensor:
    """Return (N, O): of each line of `places` the rows there side by side, mapped, plus `added`.

    Args:
        rows: (M, F).
        places: (N, k) int64.
        weight: (F, k * O); what a row says in the first, second, ... place.
        added: (O) or (N, O).
    """
    k = places.shape[1]
    rows, weight = as_autocast(rows), as_autocast(weight)
    if not _in_pieces(rows):
        return sum_of_slots((rows @ weight).view(len(rows), k, -1), places) + added
    by_place = weight.view(len(weight), k, -1).transpose(0, 1).flatten(0, 1)
    return _run(rows, places, by_place, added)


def as_autocast(given: torch.Tensor) -> torch.Tensor:
    """Return it in the type that products have, on CPUs; elsewhere as it is."""
    kind = given.device.type
    if kind == "cpu" and torch.is_autocast_enabled(kind):
        return given.to(torch.get_autocast_dtype(kind))
    return given


def sum_of_slots(slots: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return (N, O): for each line of `places` (N, k), the sum over m of row m of `slots`
    (M, k, O) at its m-th place.

    This equals a linear map of the k rows side by side and never writes them so.
    """
    n, k, width = slots.shape
    rows = places * k + torch.arange(k, device=places.device)
    return embedding_bag(rows, slots.reshape(n * k, width), mode="sum")


def _in_pieces(rows: torch.Tensor) -> bool:
    return rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.bfloat16)


def _run(
    rows: torch.Tensor,
    places: torch.Tensor | None,
    weight: torch.Tensor,
    added: torch.Tensor | None,
) -> torch.Tensor:
    if torch.is_grad_enabled():
        made: torch.Tensor = _Affine.apply(rows, places, weight, added)
        return made
    return _forward(rows, places, weight, added)


class _Affine(torch.autograd.Function):
    """`_forward` and its first derivatives."""

    @staticmethod
    def forward(
        context: Any,
        rows: torch.Tensor,
        places: torch.Tensor | None,
        weight: torch.Tensor,
        added: torch.Tensor | None,
    ) -> torch.Tensor:
        context.save_for_backward(rows, places, weight)
        context.added = None if added is None else added.shape
        return _forward(rows, places, weight, added)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, places, weight = context.saved_tensors
        of_rows, _, of_weight, of_added = context.needs_input_grad
        multiply = _multiply(rows.dtype)
        row_gradient = torch.zeros_like(rows, dtype=torch.float32) if of_rows else None
        weight_gradient = weight.new_zeros(weight.shape, dtype=torch.float32) if of_weight else None
        for piece in _pieces(len(gradient), weight):
            given = gradient[piece].to(rows.dtype)
            if weight_gradient is not None:
                weight_gradient += _outer(_taken(rows, places, piece), given, multiply)
            if row_gradient is None:
                continue
            back = _rowwise(multiply, given, weight.t())
            if places is None:
                row_gradient[piece] = back
            else:
                back = back.view(-1, rows.shape[1]).to(row_gradient.dtype)
                row_gradient.index_add_(0, places[piece].flatten(), back)
        return (
            None if row_gradient is None else row_gradient.to(rows.dtype),
            None,
            None if weight_gradient is None else weight_gradient.to(weight.dtype),
            gradient.sum_to_size(context.added) if of_added else None,
        )


def _forward(
    rows: torch.Tensor,
    places: torch.Tensor | None,
    weight: torch.Tensor,
    added: torch.Tensor | None,
) -> torch.Tensor:
    """Return (N, O): the rows, or of each line of `places` the rows there side by side, times
    `weight`; `added` to it."""
    multiply = _multiply(rows.dtype)
    n = len(rows) if places is None else len(places)
    pieces = list(_pieces(n, weight))
    if len(pieces) == 1 and added is None and n % _STEP == 0:
        return _rowwise(multiply, _taken(rows, places, pieces[0]), weight)
    dtype = rows.dtype if added is None else added.dtype
    made = torch.empty(n, weight.shape[1], dtype=dtype)
    for piece in pieces:
        product = _rowwise(multiply, _taken(rows, places, piece), weight)
        if added is None:
            made[piece] = product
        else:
            torch.add(product, added[piece] if added.ndim > 1 else added, out=made[piece])
    return made


def _pieces(n: int, weight: torch.Tensor) -> Iterator[slice]:
    """Yield parts of n rows: some hundreds or, where these are short, more."""
    rows = max(_ROWS, _PIECE // sum(weight.shape) // _ROWS * _ROWS) * torch.get_num_threads()
    for start in range(0, n, rows):
        yield slice(start, min(start + rows, n))


def _taken(rows: torch.Tensor, places: torch.Tensor | None, piece: slice) -> torch.Tensor:
    return rows[piece] if places is None else embedding(places[piece], rows).flatten(1)


def _rowwise(multiply: Multiply, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    if len(rows) < _FEW and rows.dtype == torch.float32:
        return rows @ weight
    made = multiply(_whole(rows), weight)
    return made if len(made) == len(rows) else made[: len(rows)]


def _outer(rows: torch.Tensor, others: torch.Tensor, multiply: Multiply) -> torch.Tensor:
    """Return (I, O): the sum over the rows (n, I) and (n, O) of their outer products."""
    rows, others = _whole(rows), _whole(others)
    if rows.shape[1] > others.shape[1]:  # the longer side as the rows of a product is slower
        return multiply(others.t(), rows).t()
    return multiply(rows.t(), others)


def _whole(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows, and zeros up to one of few numbers of rows."""
    missing = -len(rows) % _STEP
    return pad(rows, (0, 0, 0, missing)) if missing else rows


def _multiply(dtype: torch.dtype) -> Multiply:
    """Return the quickest product; in bfloat16 torch asks oneDNN by itself."""
    return torch.mm if dtype != torch.float32 else _float32()


@functools.cache
def _float32() -> Multiply:
    """Return oneDNN's product where it is quicker and torch offers it, else torch's own."""
    if not (torch.backends.mkl.is_available() and _stays_on_avx2()):
        return torch.mm
    try:
        linear = torch.ops.mkldnn._linear_pointwise.default

        def multiply(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = linear(_dense(rows), _dense(weight).t(), None, "none", [], "")
            return made

        given = torch.arange(6.0).view(2, 3)
        right = torch.equal(multiply(given, given.t()), torch.tensor([[5.0, 14.0], [14.0, 50.0]]))
    except (AttributeError, RuntimeError, TypeError):  # no part of torch that it promises to keep
        return torch.mm
    return multiply if right else torch.mm


def _dense(matrix: torch.Tensor) -> torch.Tensor:
    """Return it by rows or by columns without gaps; with others oneDNN is 400 times as slow."""
    return matrix if matrix.t().is_contiguous() else matrix.contiguous()


def _stays_on_avx2() -> bool:
    """Tell whether this is an AMD processor with AVX-512, of which MKL uses AVX2 alone."""
    try:
        told = _CPUINFO.read_text()
    except OSError:
        return False
    return "AuthenticAMD" in told and "avx512f" in told
