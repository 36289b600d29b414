"""A kernel is compiled, whether there is a place to keep it or not."""

from __future__ import annotations

import resource
from types import FunctionType

import numba
import numpy as np
import pytest

from screenkit.crystal.kernel import is_kept, kernel
from screenkit.crystal.nearest import nearest
from screenkit.crystal.neighbors import find_neighbors
from tests.crystals import rock_salt


def total(values):
    result = 0.0
    for value in values:
        result += value
    return result


def product(values):
    result = 1.0
    for value in values:
        result *= value
    return result


def test_a_kernel_runs_where_no_more_can_be_written():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    compiled = kernel(product)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        assert compiled(np.arange(1.0, 5.0)) == 24.0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_other_threads_may_run_while_a_kernel_does():
    assert kernel(product).targetoptions["nogil"]


def test_a_kernel_that_was_never_compiled_is_not_kept():
    assert not is_kept(kernel(product))
    assert not is_kept(product)


def test_the_search_for_neighbours_is_kept_once_it_has_run():
    find_neighbors(rock_salt(5.64), 12)
    assert is_kept(nearest)


def test_a_kernel_runs_where_its_machine_code_cannot_be_kept():
    homeless = FunctionType(total.__code__.replace(co_filename="/proc/none/x.py"), {})
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(cache=True)(homeless)
    assert kernel(homeless)(np.arange(4.0)) == 6.0
