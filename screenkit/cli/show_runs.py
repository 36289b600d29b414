"""What `status`, `logs` and `verify` print of a run; and of a dry run, what it would do."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from screenkit.cli.show import open_console
from screenkit.cli.text import plain, plain_lines
from screenkit.report.words import duration, number

_EVERY = 2.0  # seconds between two looks
_DAMAGED, _MISFIT = 74, 65  # exit codes
_STYLES = {"running": "cyan", "complete": "green", "stopped": "yellow"}
_BLOCK = 2**16  # bytes
_FEW = 5  # lines on files that are missing: a run that has just begun misses all


def status(found: Any, as_json: bool) -> None:
    """Print how a run stands.

    Args:
        found: a `flows.status.Status`.
    """
    if as_json:
        print(json.dumps(found.facts(), ensure_ascii=False), flush=True)  # noqa: T201
        return
    console = open_console()
    console.print(_status(found))
    if found.state == "stopped" and found.again:
        # Not in the table: a command that is broken into lines cannot be copied.
        text = f"it goes on, in {found.again.folder}, by:\n  {found.again}"
        console.print(plain_lines(text), soft_wrap=True)


def watch(look: Callable[[], Any], as_json: bool) -> None:
    """Show how a run stands, again and again, until nobody is at work on it."""
    found = look()
    if as_json:
        status(found, as_json)
        while found.state == "running":
            time.sleep(_EVERY)
            found = look()
            status(found, as_json)
        return
    with Live(_status(found), console=open_console(), auto_refresh=False) as live:
        while found.state == "running":
            time.sleep(_EVERY)
            found = look()
            live.update(_status(found), refresh=True)


def _status(found: Any) -> Group:
    """Return a run as lines: state, bar, outcomes, who works, trouble."""
    table = Table.grid(padding=(0, 2))
    table.add_row("run", plain(str(found.run)))
    table.add_row("state", Text(found.state, style=_STYLES.get(found.state, "")))
    if found.structures:
        share = f"{found.done * 100 // found.structures}%"
        count = f"{number(found.done)} of {number(found.structures)} ({share})"
        bar = ProgressBar(total=found.structures, completed=found.done, width=28)
        table.add_row("done", Group(Text(count), bar))
        counts = ", ".join(f"{number(count)} {name}" for name, count in found.outcomes.items())
        table.add_row("outcomes", counts)
    if found.structures_per_second:
        left = duration(found.seconds_left or 0.0)
        table.add_row("rate", f"{found.structures_per_second:.3g} structures/s, {left} left")
    if found.driver:
        driver = found.driver
        alive = "" if driver.is_here else ", if it is alive"
        text = f"process {driver.pid} on {driver.host} since {driver.since}{alive}"
        table.add_row("driver", plain(text))
    if found.jobs:
        states = Counter(seen.state.lower() for seen in found.jobs.values())
        table.add_row("Slurm jobs", ", ".join(f"{n} {state}" for state, n in states.items()))
    lines = [plain(line) for line in found.trouble]
    return Group(table, *([Text("trouble", style="yellow"), *lines] if lines else []))


def log(paths: Sequence[Path]) -> None:
    """Print files as they are."""
    for path in paths:
        with path.open("r", encoding="utf-8", errors="backslashreplace") as file:
            while text := file.read(_BLOCK):
                sys.stdout.write(text)
    sys.stdout.flush()


def findings(found: Iterable[Any]) -> tuple[int, list[Any]]:
    """Print what is not ok, and how much is; return the exit code and all that is not ok.

    Args:
        found: `flows.mend.Finding`s.
    """
    console = open_console()
    states: Counter[str] = Counter()
    bad = []
    for one in found:
        states[one.state] += 1
        if one.state != "ok":
            bad.append(one)
            if one.state != "missing" or states["missing"] <= _FEW:
                console.print(f"{one.state:<8}", plain(one.reason), soft_wrap=True)
    if states["missing"] > _FEW:
        console.print(f"missing  and {number(states['missing'] - _FEW)} more")
    words = ("ok", "missing", "damaged", "foreign")
    console.print(", ".join(f"{number(states[word])} {word}" for word in words), style="bold")
    return (_DAMAGED if states["damaged"] else _MISFIT if bad else 0), bad


def rehearsal(told: Any) -> None:
    """Print what a run would do.

    Args:
        told: a `flows.rehearse.Rehearsal`.
    """
    console = open_console()
    table = Table.grid(padding=(0, 2))
    table.add_row("structures", f"{number(told.structures)} in {number(told.shards)} shards")
    table.add_row("executor", f"{told.executor}, on {told.device}")
    hours = f"{told.core_hours:.3g} core-hours"
    hours += f", {told.gpu_hours:.3g} GPU-hours" if told.gpu_hours else ""
    each = f"{told.core_seconds:.3g} s each, by {number(told.probed)} that were tried"
    table.add_row("estimate", f"{hours} ({each})")
    table.add_row("output", plain(str(told.output)))
    console.print(table)
    for name in told.files:
        console.print(plain(f"  {name}"), soft_wrap=True)
    if told.script:
        console.print("sent to sbatch:", style="bold")
        console.print(plain_script(told.script), soft_wrap=True)
    console.print("nothing was written", style="bold")


def plain_script(script: str) -> Text:
    """Return a script as it may be printed, indented."""
    return Text("\n").join(plain(f"  {line}") for line in script.splitlines())
