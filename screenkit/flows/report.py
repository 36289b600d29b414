"""Report: what lies in the folder of a run -> report.html and figures/.

Every command calls this at its end; `screenkit report RUN` does it again, of any kind of run. What
a page needs and is not there is left out, and the page says why.

Not covered: runs that are not complete.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from screenkit.crystal.library import Library
from screenkit.errors import ScreenkitError, SourceError
from screenkit.flows.report_campaign import campaign
from screenkit.flows.report_explanation import explanation
from screenkit.flows.report_gcmc import simulations
from screenkit.flows.report_labels import METRICS
from screenkit.flows.report_library import cleaning, featurization, labelling
from screenkit.flows.report_screening import screening
from screenkit.flows.report_training import training
from screenkit.report.page import PAGE, Page
from screenkit.store.atoms_file import ATOMS_FILE
from screenkit.store.layout import CLEAN, GRAPHS, LABELS, PREDICTIONS
from screenkit.track import Track

_log = logging.getLogger("screenkit")

_KINDS: dict[str, Callable[[Path], Page]] = {
    "campaign.json": campaign,
    "results.csv": simulations,
    ATOMS_FILE: explanation,
    PREDICTIONS.file: screening,
    LABELS.file: labelling,
    CLEAN.file: cleaning,
    GRAPHS.file: featurization,
    METRICS: training,
}
"""Which file makes a folder that of a complete run, and who tells of it; the first one counts."""


def report(run: Path, sources: Sequence[Path] = (), library: Library | None = None) -> Path:
    """Write the page and its figures; return where the page is.

    Args:
        run: folder of a complete run of any kind.
        sources: its library, where that is no longer where it was.
        library: the same, where it is open already.

    Raises:
        SourceError: the folder is none of a complete run.
        StorageError: a file of it is damaged, or the page cannot be written.
        RecipeError: its recipe cannot be read.
    """
    kind = next((name for name in _KINDS if (run / name).is_file()), None)
    if kind is None:
        what = "is not the folder of a complete run" if run.is_dir() else "is no folder"
        raise SourceError(
            f"{run} {what}",
            hint=f"a page needs one of {', '.join(_KINDS)} there; RUN is the --output of a command",
        )
    page = (
        screening(run, sources, library) if kind == PREDICTIONS.file else _KINDS[kind](run)
    )  # fmt: skip
    page.write(run)
    return run / PAGE


def draw_report(run: Path, library: Library | None = None, track: Track | None = None) -> None:
    """Write the page at the end of a run, whose results are safe: a fault of a drawing ends here.

    Args:
        run: its folder.
        library: what it was made of.
        track: told where there is no page, and why.

    Raises:
        ScreenkitError: the disk is full, or a file cannot be read or written.
    """
    try:
        report(run, library=library)
    except ScreenkitError:
        raise
    except Exception as error:  # noqa: BLE001  a page is worth less than the run behind it
        _log.exception("the page could not be drawn")
        said = f"{type(error).__name__}: {error}"
        (track or Track()).note(
            f"{PAGE} could not be drawn ({said}); everything else is there. "
            f"screenkit report {run} tries again"
        )
