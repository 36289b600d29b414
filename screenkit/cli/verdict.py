"""How a complete run ends that is not what was hoped for: exit code 3, and where to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import typer

_TOO_MANY_FAILURES = 3


def judge(result: Any, limit: int | None) -> None:
    """End the command where nothing is `ok`, or more structures failed than the limit allows.

    Args:
        result: a `flows.account.Account`.
        limit: `max_failures` of the recipe.
    """
    failed = result.counts.get("failed", 0)
    if result.counts.get("ok", 0) == 0:
        _complain("no structure is ok", result.output)
    if limit is not None and failed > limit:
        _complain(f"{failed} failed, and --max-failures allows {limit}", result.output)


def _complain(reason: str, folder: Path) -> NoReturn:
    typer.echo(f"error: {reason}\nhint:  {folder / 'failures.csv'} says why", err=True)
    raise typer.Exit(_TOO_MANY_FAILURES)
