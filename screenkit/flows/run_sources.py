"""Where the structures of a run are, so that they may be read again.

Not covered: structures one by one; `Library.keep` leaves those that are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from screenkit.crystal.library import Library
from screenkit.errors import MismatchError, SourceError, StorageError
from screenkit.flows.stage import PLAN
from screenkit.plan import Plan
from screenkit.store.store import Store


def library_of(run: Path, store: Store, sources: Sequence[Path], command: str) -> Library:
    """Return the structures that a run was made of, found where it was or under `sources`.

    Args:
        command: of `screenkit`, for a hint.

    Raises:
        SourceError: they are not there.
        MismatchError: they are others.
    """
    name_it = f"name the library behind the run: screenkit {command} {run} SOURCE"
    try:
        summary = json.loads((run / "summary.json").read_text("utf-8"))
        recorded = [Path(source) for source in summary["sources"]]
    except (OSError, ValueError, KeyError, TypeError):
        recorded = []
    if not sources and not recorded:
        raise SourceError(f"{run} does not say what it was made of", hint=name_it)
    try:
        library = Library.open(list(sources) or recorded).keep(set(store.names))
    except SourceError as error:
        raise SourceError(error.message, hint=name_it) from None
    try:
        plan = Plan.from_json((run / PLAN).read_text("utf-8"), str(run / PLAN))
    except OSError as error:
        raise StorageError(f"cannot read {run / PLAN}: {error.strerror}") from None
    if library.digest != plan.digest:
        raise MismatchError(
            f"{', '.join(map(str, sources or recorded))} does not hold the structures that {run} "
            "was made of",
            hint=name_it,
        )
    return library
