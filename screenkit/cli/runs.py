"""Commands that work on a RUN from any shell: status, logs, cancel, retry, verify, merge."""

from __future__ import annotations

import shlex

import typer

from screenkit.cli import options as opt
from screenkit.cli import options_runs as of


def status(
    run: of.Run, watch: of.Watch = False, json: of.Json = False, debug: opt.Debug = False
) -> None:
    """Say how far RUN is, who works on it, and what went wrong of late.

    Example: screenkit status hmof-pore --watch
    """
    from screenkit.cli import show_runs
    from screenkit.flows.status import Watch

    look = Watch(run).look
    if watch:
        show_runs.watch(look, json)
    else:
        show_runs.status(look(), json)


def logs(run: of.Run, shard: of.ShardNumber = None, debug: opt.Debug = False) -> None:
    """Print the log of RUN; with --shard, of the Slurm job that had the shard.

    Example: screenkit logs hmof-pore --shard 7
    """
    from screenkit.cli import show_runs
    from screenkit.flows.driver import find_log

    show_runs.log(find_log(run, shard))


def cancel(run: of.Run, debug: opt.Debug = False) -> None:
    """Stop RUN: end its driver, if it is on this machine, and its Slurm jobs.

    What is finished is kept, and the command of the run goes on from there.

    Example: screenkit cancel hmof-pore
    """
    from screenkit.flows.driver import stop

    for line in stop(run):
        typer.echo(line)


def retry(
    run: of.Run, failed: of.Failed = False, codes: of.Codes = None, debug: opt.Debug = False
) -> None:
    """Try again what failed in RUN for a reason that may have gone.

    Shards that hold such rows are done anew by the command of the run; all
    other rows come out as they were.

    Example: screenkit retry hmof-pore --failed
    """
    from screenkit.cli.again import start_again
    from screenkit.errors import UsageError
    from screenkit.flows.again import Command
    from screenkit.flows.mend import MENDABLE, set_aside_failed
    from screenkit.flows.runs import Run

    if not failed and not codes:
        raise UsageError("say what to try again", hint="--failed, or --code CODE")
    found, command = Run.idle(run), Command.of(run)
    again = set_aside_failed(found, codes or MENDABLE)
    rows = ", ".join(f"{count} {code}" for code, count in sorted(again.rows.items()))
    typer.echo(f"trying again: {rows}, in {again.shards} shards", err=True)
    raise typer.Exit(start_again(run, command))


def verify(run: of.Run, repair: of.Repair = False, debug: opt.Debug = False) -> None:
    """Check every file of RUN that has a seal, byte by byte.

    Ends with 74 where a file is damaged, with 65 where one is missing or of
    another run.

    Example: screenkit verify hmof-pore --repair
    """
    from screenkit.cli import show_runs
    from screenkit.cli.again import start_again
    from screenkit.flows.again import Command
    from screenkit.flows.mend import clear_away
    from screenkit.flows.mend import verify as check
    from screenkit.flows.runs import Run

    found = Run.idle(run) if repair else Run.open(run)
    code, bad = show_runs.findings(check(found))
    if repair and bad:
        command = Command.of(run)
        clear_away(found, bad)
        code = start_again(run, command)
    elif bad:
        again = f"screenkit verify {shlex.quote(str(run))} --repair"
        typer.echo(f"hint:  what is not ok is put aside, and done again, by: {again}", err=True)
    raise typer.Exit(code)


def merge(run: of.Run, debug: opt.Debug = False) -> None:
    """Make the tables and the page of RUN from its shards, where all of them are there.

    Example: screenkit merge hmof-pore
    """
    from screenkit.cli.again import start_again
    from screenkit.flows.again import Command
    from screenkit.flows.mend import refuse_gaps
    from screenkit.flows.runs import Run

    found, command = Run.idle(run), Command.of(run)
    refuse_gaps(found, command)
    raise typer.Exit(start_again(run, command))
