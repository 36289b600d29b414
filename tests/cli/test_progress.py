"""What is said while something happens. The clock is the test's."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from screenkit.cli.options import Progress
from screenkit.cli.progress import PlainTrack, RichTrack, track
from screenkit.track import Track


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def plain(said: list[str], clock: Clock) -> PlainTrack:
    return PlainTrack(said.append, clock)


def test_a_stage_begins_and_ends_with_a_line(plain: PlainTrack, said: list[str], clock: Clock):
    plain.start("Predicting", 1000, 200)
    clock.now += 4
    plain.advance(400, 3)
    plain.finish()
    assert said == [
        "Predicting: 200 of 1\u202f000 (20%)",
        "Predicting: 600 of 1\u202f000 (60%), 100 structures/s, 4.0 s left, 3 not ok",
    ]


def test_between_them_there_is_a_line_every_ten_seconds_at_most(
    plain: PlainTrack, said: list[str], clock: Clock
):
    plain.start("Predicting", 1000)
    for _ in range(35):
        clock.now += 1
        plain.advance(10)
    assert len(said) == 1 + 3


def test_the_end_is_not_said_twice(plain: PlainTrack, said: list[str], clock: Clock):
    plain.start("Predicting", 10)
    clock.now += 11
    plain.advance(10)
    plain.finish()
    assert len(said) == 2


def test_what_an_earlier_run_did_says_nothing_of_the_pace(
    plain: PlainTrack, said: list[str], clock: Clock
):
    plain.start("Predicting", 1_000_000, 999_900)
    clock.now += 10
    plain.advance(50)
    assert "5 structures/s, 10 s left" in said[-1]


def test_an_epoch_shows_its_figures(plain: PlainTrack, said: list[str], clock: Clock):
    plain.start("Training", 150)
    clock.now += 20
    plain.epoch({"epoch": 1, "train_loss": 0.5, "valid_mae": 0.25})
    assert said[-1].startswith(
        "Training: 1 of 150 (0%), train_loss 0.5, valid_mae 0.25, 20 s/epoch"
    )


def test_a_stage_without_work_says_only_that_it_began(plain: PlainTrack, said: list[str]):
    plain.start("Predicting", 10, 10)
    plain.finish()
    assert said == ["Predicting: 10 of 10 (100%)"]


def test_a_note_is_said_as_it_is(plain: PlainTrack, said: list[str]):
    plain.note("[red]x")
    assert said == ["[red]x"]


def test_how_jobs_stand_in_a_queue_is_said_before_anything_is_done(capsys, caplog):
    log = logging.getLogger("screenkit.executors.slurm")
    caplog.set_level(logging.INFO, log.name)
    with track(Progress.PLAIN, verbose=False, quiet=False) as told:
        told.start("Predicting", 10)
        log.info("slurm: jobs %s: 2 running, 2 pending (Resources)", 12)
    log.info("nobody hears")
    assert capsys.readouterr().err.splitlines() == [
        "Predicting: 0 of 10 (0%)",
        "slurm: jobs 12: 2 running, 2 pending (Resources)",
    ]


def test_the_bar_ends_with_all_it_counted():
    screen = io.StringIO()
    bar = RichTrack(Console(file=screen, force_terminal=True, width=150))
    bar.start("Predicting [x]", 20)
    bar.note("[red] is no colour")
    bar.advance(20, 2)
    bar.finish()
    shown = screen.getvalue()
    assert "20 of 20 (100%)" in shown
    assert "2 not ok" in shown
    assert "Predicting [x]" in shown
    assert "[red] is no colour" in shown


@pytest.mark.parametrize(("mode", "quiet"), [(Progress.NONE, False), (Progress.RICH, True)])
def test_none_and_quiet_are_silence(mode: Progress, quiet: bool):
    with track(mode, verbose=False, quiet=quiet) as told:
        assert type(told) is Track


def test_what_is_no_terminal_gets_lines():
    with track(None, verbose=False, quiet=False) as told:  # pytest has taken stderr
        assert isinstance(told, PlainTrack)


def test_a_stage_that_an_error_ends_is_finished(said: list[str]):
    with (
        pytest.raises(ZeroDivisionError),
        track(Progress.PLAIN, verbose=False, quiet=False) as told,
    ):
        told.start("Predicting", 10)
        told.advance(5)
        raise ZeroDivisionError


def test_how_well_devices_are_fed_stands_in_the_line(
    plain: PlainTrack, said: list[str], clock: Clock
):
    plain.start("Predicting", 1000)
    for busy, watched, queue in ((1.0, 1.0, 100.0), (5.0, 9.0, 300.0)):
        clock.now += 10
        plain.feed(busy, watched, queue)
        plain.advance(100)
    assert said[-1].endswith("0 not ok, devices 60% busy, 200 structures ready")


def test_where_nobody_feeds_a_device_the_line_does_not_speak_of_it(
    plain: PlainTrack, said: list[str], clock: Clock
):
    plain.start("Predicting", 1000)
    clock.now += 10
    plain.advance(100)
    assert "busy" not in said[-1]
