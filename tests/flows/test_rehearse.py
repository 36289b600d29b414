"""A rehearsal tries a few structures of the whole library and leaves nothing behind."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from screenkit.crystal.library import Library
from screenkit.executors.hire import RunSettings
from screenkit.flows.rehearse import PROBE, Rehearsal, rehearse
from screenkit.plan import Plan
from tests.executors.stand_ins import StandIn
from tests.flows.test_stage import make_library


class Remembering(StandIn):
    def attempt(self, documents):
        tried.append([document.name for document in documents])
        super().attempt(documents)


tried: list[list[str]] = []


def rehearsed(library: Library, folder: Path, device: str = "cpu") -> Rehearsal:
    tried.clear()
    plan = Plan(len(library), library.digest, 50)
    task = Remembering(folder / "shards", plan.stamp)
    settings = RunSettings(executor="serial")
    return rehearse(library, plan, task, settings, folder, ["ranking.csv"], device)


def test_structures_are_tried_from_the_first_to_the_last(tmp_path):
    library = make_library(tmp_path / "source", ["ok"] * 200)
    told = rehearsed(library, tmp_path / "run")
    first, all_of_them = tried
    assert first == all_of_them[:1]
    assert told.probed == len(all_of_them) == PROBE
    assert (all_of_them[0], all_of_them[-1]) == ("m0000", "m0199")
    places = [int(name[1:]) for name in all_of_them]
    gaps = {b - a for a, b in pairwise(places)}
    assert gaps == {3, 4}
    assert (told.structures, told.shards) == (200, 4)
    assert not (tmp_path / "run").exists()


def test_a_library_of_one_is_tried_as_a_whole(tmp_path):
    assert rehearsed(make_library(tmp_path / "source", ["ok"]), tmp_path / "run").probed == 1


def test_hours_are_those_of_all_structures(tmp_path):
    library = make_library(tmp_path / "source", ["sleep 0.01"] * 10)
    on_cpu = rehearsed(library, tmp_path / "run")
    assert on_cpu.seconds >= 0.01
    assert on_cpu.core_hours == pytest.approx(10 * on_cpu.core_seconds / 3600)
    assert on_cpu.gpu_hours == 0
    on_gpu = rehearsed(library, tmp_path / "run", "cuda:1")
    assert on_gpu.gpu_hours == pytest.approx(10 * on_gpu.seconds / 3600)
