"""Products: those of torch and their gradients, whatever the processor and whatever torch has."""

from __future__ import annotations

import pytest
import torch

from screenkit.models import product
from screenkit.models.product import affine, affine_of_rows, as_autocast, sum_of_slots

AMD = "vendor_id : AuthenticAMD\nflags : fpu avx2 avx512f avx512_bf16\n"
INTEL = "vendor_id : GenuineIntel\nflags : fpu avx2 avx512f amx_bf16\n"


@pytest.fixture(params=["as it is", "plain", "oneDNN"])
def way(request, monkeypatch, tmp_path):
    """Each way to multiply in float32."""
    if request.param != "as it is":
        told = tmp_path / "cpuinfo"
        told.write_text(AMD if request.param == "oneDNN" else INTEL)
        monkeypatch.setattr(product, "_CPUINFO", told)
    product._float32.cache_clear()
    yield request.param
    product._float32.cache_clear()


def close(made, wanted, tolerance=1e-5):
    size = wanted.abs().max().item()
    torch.testing.assert_close(made.double(), wanted, rtol=0, atol=tolerance * max(1.0, size))


@pytest.mark.parametrize("n", [0, 1, 31, 32, 128, 513, 1700])
def test_a_product_is_that_of_float64(way, n):
    torch.manual_seed(n)
    rows, weight = torch.randn(n, 37), torch.randn(37, 21)
    for added in (None, torch.randn(21), torch.randn(n, 21)):
        made = affine(rows, weight, added)
        wanted = rows.double() @ weight.double() + (0.0 if added is None else added.double())
        assert made.dtype == torch.float32 and made.shape == (n, 21)
        if n:
            close(made, wanted)


def test_columns_of_a_wider_weight_and_columns_of_wider_rows_are_multiplied_as_such(way):
    torch.manual_seed(0)
    rows, weight = torch.randn(300, 2, 60), torch.randn(50, 90)
    made = affine(rows[..., 7:57], weight[:, 13:70])
    close(made, rows[..., 7:57].double() @ weight[:, 13:70].double())


@pytest.mark.parametrize("n", [9, 200, 700])
def test_a_map_of_rows_side_by_side_is_the_map_of_their_concatenation(way, n):
    torch.manual_seed(n)
    rows, weight, added = torch.randn(50, 8), torch.randn(8, 5 * 6), torch.randn(6)
    places = torch.randint(0, 50, (n, 5))
    by_place = weight.view(8, 5, 6).transpose(0, 1).reshape(40, 6)
    wanted = rows[places].flatten(1).double() @ by_place.double() + added
    close(affine_of_rows(rows, places, weight, added), wanted)
    close(sum_of_slots((rows @ weight).view(50, 5, 6), places) + added, wanted)
    doubled = affine_of_rows(rows.double(), places, weight.double(), added.double())
    close(doubled, wanted, 1e-12)


@pytest.mark.parametrize("n", [7, 300, 1100])
def test_gradients_are_those_of_torch(way, n):
    torch.manual_seed(n)
    rows, wide = torch.randn(40, 24), torch.randn(n, 30)
    weight, other = torch.randn(24, 3 * 10), torch.randn(30, 10)
    bias, places = torch.randn(10), torch.randint(0, 40, (n, 3))
    given = [t.requires_grad_() for t in (rows, weight, bias, wide, other)]
    plain = [t.detach().double().requires_grad_() for t in given]

    def both(f, g):
        (f.sin() * torch.arange(10.0)).sum().backward()
        (g.sin() * torch.arange(10.0)).sum().backward()

    a, b, c, d, e = given
    made = affine(d, e, affine_of_rows(a, places, b, c))
    a, b, c, d, e = plain
    by_place = b.view(24, 3, 10).transpose(0, 1).reshape(72, 10)
    both(made, a[places].flatten(1) @ by_place + c + d @ e)
    for one, exact in zip(given, plain, strict=True):
        close(one.grad, exact.grad, 1e-4)


def test_a_gradient_that_is_one_number_repeated_is_multiplied_like_any(way):
    rows, weight = torch.randn(260, 20).requires_grad_(), torch.randn(20, 9).requires_grad_()
    affine(rows, weight).sum().backward()
    close(rows.grad, weight.detach().double().sum(1).expand(260, 20))
    close(weight.grad, rows.detach().double().sum(0)[:, None].expand(20, 9), 1e-4)


def test_what_needs_no_gradient_gets_none_and_outputs_may_be_changed_in_place(way):
    rows, weight = torch.randn(150, 20), torch.randn(20, 9).requires_grad_()
    made = affine(rows, weight).view(15, 10, 9)
    made += 1.0
    made.sum().backward()
    assert rows.grad is None and weight.grad is not None


def test_under_autocast_products_are_of_bfloat16_and_sums_of_float32():
    torch.manual_seed(0)
    rows, weight, bias = torch.randn(300, 64), torch.randn(64, 32), torch.randn(32)
    weight.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        assert affine(rows, weight).dtype == torch.bfloat16
        assert as_autocast(rows).dtype == torch.bfloat16
        made = affine(rows, weight, bias)
    assert made.dtype == torch.float32 and as_autocast(rows) is rows
    close(made.detach(), (rows @ weight + bias).detach().double(), 0.02)
    made.sum().backward()
    assert weight.grad is not None and weight.grad.dtype == torch.float32
    close(weight.grad, rows.double().sum(0)[:, None].expand(64, 32), 0.02)


def test_intel_and_unknown_processors_multiply_as_torch_does(monkeypatch, tmp_path):
    for told in (INTEL, "vendor_id : AuthenticAMD\nflags : avx2\n", None):
        path = tmp_path / "cpuinfo"
        path.unlink(missing_ok=True)
        if told is not None:
            path.write_text(told)
        monkeypatch.setattr(product, "_CPUINFO", path)
        product._float32.cache_clear()
        assert product._float32() is torch.mm
    product._float32.cache_clear()


@pytest.mark.parametrize("fault", ["missing", "another signature", "wrong"])
def test_a_torch_without_the_private_product_multiplies_as_ever(fault, monkeypatch, tmp_path):
    def changed(rows, weight):
        raise TypeError("no such signature")

    def wrong(rows, weight, *others):
        return rows @ weight.t() + 1.0

    class Overloads:
        if fault != "missing":
            default = staticmethod(changed if fault == "another signature" else wrong)

    path = tmp_path / "cpuinfo"
    path.write_text(AMD)
    monkeypatch.setattr(product, "_CPUINFO", path)
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", Overloads, raising=False)
    product._float32.cache_clear()
    assert product._float32() is torch.mm
    product._float32.cache_clear()


def test_few_numbers_of_rows_reach_the_product(monkeypatch):
    """Each new one costs oneDNN milliseconds, and memory that it keeps."""
    seen = set()

    def watched(rows, weight):
        seen.add(tuple(rows.shape))
        return rows @ weight

    monkeypatch.setattr(product, "_float32", lambda: watched)
    weight = torch.randn(40, 8)
    for n in range(100, 3000, 7):
        affine(torch.zeros(n, 40), weight)
        affine_of_rows(
            torch.zeros(9, 5), torch.zeros(n, 8, dtype=torch.int64), torch.zeros(5, 64), weight[0]
        )
    assert len(seen) < 40
