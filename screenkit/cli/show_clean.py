"""What stands on the screen at the end of `screenkit clean`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from screenkit.cli import show
from screenkit.flows.clean import KEPT, Cleaning
from screenkit.report.words import number


def cleaning(result: Cleaning, sources: Sequence[Path], ids: Path | None = None) -> None:
    """Print the outcomes by reason, what is kept, the files, and what to type next.

    Args:
        sources: as the user gave them.
        ids: as the user gave it.
    """
    console = show.open_console()
    console.print()
    console.print(show.outcomes(result))
    console.print(_kept(result))
    show.files(console, result.output)
    if not result.kept:
        return
    names = ids if result.kept == result.structures else result.output / KEPT
    only = ["--ids", str(names)] if names else []
    show.next_command(console, ["screenkit", "rank", *show.as_arguments(sources), *only])


def _kept(result: Cleaning) -> Text:
    """Return how many are kept, and of them how many are odd or there twice."""
    share = result.kept / result.structures
    text = Text(f"{number(result.kept)} kept ({share:.1%})\n", style="bold")
    for code, count in sorted(result.flagged.items(), key=lambda item: (-item[1], item[0])):
        text.append(f"  {number(count):>9}  {code}\n", style="not bold")
    if result.duplicates:
        left_out = "left out of kept.txt" if result.dropped else "kept"
        text.append(
            f"  {number(result.duplicates):>9}  duplicate_of an earlier one, {left_out}\n",
            style="not bold",
        )
    return text
