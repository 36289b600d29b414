"""Readers answer in order, and one that dies costs no call but its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from screenkit.errors import CrystalError, ReaderLostError
from screenkit.executors.readers import Parcel, Readers


def double(number: int) -> int:
    time.sleep(0.001 * (number % 3))
    return 2 * number


def die_at_seven(number: int) -> int:
    if number == 7:
        os._exit(9)
    return number


def refuse(number: int) -> int:
    raise CrystalError("overlap", f"{number} is too close")


def take_memory(size: int) -> int:
    return len(bytearray(size))


def arrays_of(size: int) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(size).normal(size=(size, 3))
    return {
        "wide": numbers,
        "turned": numbers.T.astype(np.float16),
        "narrow": np.arange(size, dtype=np.int16),
        "none": np.empty((0, 12), np.int32),
    }


def send_arrays(size: int) -> Parcel:
    return Parcel(f"{size} rows", arrays_of(size))


def send_a_bare_parcel(_: int) -> Parcel:
    return Parcel("nothing beside", {})


def die_halfway(_: int) -> Parcel:
    write = os.write

    def write_a_little(file: int, data: memoryview) -> int:
        write(file, data[:100])
        os._exit(9)

    os.write = write_a_little
    return send_arrays(1000)


def pid(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


@pytest.fixture
def readers() -> Iterator[Readers]:
    crew = Readers(2)
    yield crew
    crew.close()


def test_answers_come_in_the_order_of_the_questions(readers):
    assert list(readers.each(double, range(50))) == [2 * i for i in range(50)]


def test_no_more_is_read_ahead_than_two_answers_per_reader(readers):
    asked = []

    def items():
        for i in range(50):
            asked.append(i)
            yield i

    for taken, _ in enumerate(readers.each(double, items()), start=1):
        assert len(asked) - taken < 4


def test_what_a_call_raises_is_raised_to_who_asked(readers):
    with pytest.raises(CrystalError, match="3 is too close"):
        next(readers.each(refuse, [3]))
    assert list(readers.each(double, [1])) == [2]


def test_a_reader_that_dies_costs_its_own_call_alone(readers):
    answers = readers.each(die_at_seven, range(10))
    with pytest.raises(ReaderLostError, match="status 9"):
        list(answers)
    assert list(readers.each(double, range(20))) == [2 * i for i in range(20)]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_arrays_arrive_as_they_were_sent(readers, size):
    (parcel,) = readers.each(send_arrays, [size])
    assert parcel.head == f"{size} rows"
    assert list(parcel.arrays) == list(arrays_of(size))
    for name, array in arrays_of(size).items():
        assert parcel.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(parcel.arrays[name], array)


def test_a_parcel_without_arrays_stays_one(readers):
    (parcel,) = readers.each(send_a_bare_parcel, [0])
    assert (parcel.head, dict(parcel.arrays)) == ("nothing beside", {})


def test_a_reader_that_dies_in_the_middle_of_an_array_costs_its_own_call_alone(readers):
    with pytest.raises(ReaderLostError, match="status 9"):
        list(readers.each(die_halfway, [0]))
    assert [parcel.head for parcel in readers.each(send_arrays, [5, 6])] == ["5 rows", "6 rows"]


def test_where_there_is_no_memory_for_an_array_the_next_answer_is_not_mixed_with_it(
    readers, monkeypatch
):
    def no_memory(*_: object) -> np.ndarray:
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr("screenkit.executors.readers.np.empty", no_memory)
        list(readers.each(send_arrays, [1000]))
    assert [parcel.head for parcel in readers.each(send_arrays, [5, 6])] == ["5 rows", "6 rows"]


def test_others_do_not_notice_that_a_reader_died(readers):
    quiet = readers.each(double, range(40))
    assert next(quiet) == 0
    with pytest.raises(ReaderLostError):
        list(readers.each(die_at_seven, range(10)))
    assert list(quiet) == [2 * i for i in range(1, 40)]


def test_a_call_that_needs_more_memory_than_a_reader_may_hold_is_an_error_of_that_call():
    crew = Readers(1, memory_limit=2**29)
    try:
        with pytest.raises(MemoryError):
            list(crew.each(take_memory, [2**30]))
        assert list(crew.each(take_memory, [2**20])) == [2**20]
    finally:
        crew.close()


def test_no_reader_is_left_when_they_are_closed():
    crew = Readers(2)
    pids = set(crew.each(pid, range(8)))
    assert len(pids) == 2
    crew.close()
    assert not any(map(psutil.pid_exists, pids))
