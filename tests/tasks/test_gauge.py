"""How busy a device is. The clock is the test's."""

from __future__ import annotations

import threading
import time

import pytest

from screenkit.tasks.gauge import Gauge


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gauge(clock: Clock) -> Gauge:
    return Gauge(clock)


def test_time_counts_from_the_first_batch_on(gauge: Gauge, clock: Clock):
    clock.now += 50  # the worker starts
    for queue in (10, 30):
        with gauge.running(queue):
            clock.now += 3
        clock.now += 1
    assert gauge.read() == (6, 8, 20)


def test_each_reading_tells_of_the_time_since_the_last(gauge: Gauge, clock: Clock):
    with gauge.running(5):
        clock.now += 1
    gauge.read()
    clock.now += 3
    with gauge.running(7):
        clock.now += 1
    assert gauge.read() == (1, 4, 7)


def test_a_device_without_work_is_not_busy(gauge: Gauge, clock: Clock):
    assert gauge.read() == (0, 0, 0)
    clock.now += 2
    assert gauge.read() == (0, 2, 0)


def test_a_batch_that_fails_gives_the_device_back(gauge: Gauge, clock: Clock):
    with pytest.raises(ZeroDivisionError), gauge.running(0):
        clock.now += 1
        raise ZeroDivisionError
    assert gauge.read() == (1, 1, 0)


def test_one_batch_at_a_time_is_on_the_device():
    gauge, inside, most = Gauge(), [], []

    def work():
        for _ in range(20):
            with gauge.running(0):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
