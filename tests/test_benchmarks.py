"""The bench: its arithmetic, its drawings and tables, and one short run of all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

from benchmarks.timing import quickest, ratio, straight_line

ROOT = Path(__file__).parents[1]


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_that_of_medians():
    seconds = {"peer": [10.0, 10.0, 40.0], "ours": [1.0, 2.0, 1.0]}
    assert ratio(seconds, ["peer"], ["ours"]) == {"median": 10.0, "least": 5.0, "most": 40.0}


def test_what_was_not_timed_has_no_ratio():
    assert ratio({"ours": [1.0]}, ["peer"], ["ours"]) is None


def test_stages_of_a_path_are_summed_round_by_round():
    seconds = {"read": [1.0, 2.0], "sort": [3.0, 2.0], "ours": [2.0, 1.0]}
    assert ratio(seconds, ["read", "sort"], ["ours"]) == {"median": 3.0, "least": 2.0, "most": 4.0}


def test_the_ceiling_is_the_quicker_of_two_in_each_round():
    assert quickest({"a": [1.0, 4.0], "b": [2.0, 3.0]}, "a", "b", "not installed") == [1.0, 3.0]


def test_a_straight_line_gives_back_its_start_and_its_slope():
    sizes = [1, 1000, 10_000, 100_000]
    line = straight_line(sizes, [2.0 + 0.003 * size for size in sizes])
    assert (line.start, line.slope) == pytest.approx((2.0, 0.003))
    assert line.off < 1e-6


def test_what_grows_with_the_square_is_no_straight_line():
    sizes = np.array([400, 800, 1600, 3200])
    assert straight_line(sizes, 1e-6 * sizes**2.0).off > 0.1


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "SCREENKIT_DATA"} | environment
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500
    )


def test_without_sources_and_data_the_bench_says_what_it_needs():
    done = run("benchmarks")
    assert done.returncode == 1
    assert "SCREENKIT_DATA is not set" in done.stderr
    assert "hint:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_short_run_of_everything_ends_in_drawings_and_tables(data: Path, tmp_path: Path):
    kept, docs = tmp_path / "results", tmp_path / "docs"
    docs.mkdir()
    page = docs / "performance.md"
    page.write_text((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"))
    few = ("--rounds", "1", "--results", str(kept))
    environment = {"SCREENKIT_DATA": str(data)}
    library = str(data / "pormake" / "pormake.tar.xz")
    done = run("benchmarks", library, "--structures", "2", *few, **environment)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads((kept / "stages.jsonl").read_text())["sources"]
    assert told["structures"] + sum(told["left out"].values()) == 2
    for precision in ("float32", "bfloat16"):
        assert 0 < told["ratios"][f"share of a plain product, knagcn {precision}"]["median"] < 5
        faster = told["ratios"][f"published path over ours, end to end knagcn {precision}"]
        assert faster["median"] > 1
    assert all(memory > 50 for memory in told["peak memory, MiB"].values())

    done = run("benchmarks.linear", "--largest", "1000", *few, **environment)
    assert done.returncode == 0, done.stderr
    done = run("benchmarks.plots", "--results", str(kept), "--docs", str(docs))
    assert done.returncode == 0, done.stderr
    for name in ("ceilings", "library-size", "atoms"):
        drawing = docs / f"{name}.svg"
        assert drawing.stat().st_size < 60_000
        assert xml.etree.ElementTree.parse(drawing).getroot().tag.endswith("svg")
    assert "| reading and graph, all of it" in page.read_text()
