"""What stands on the screen at the end of `screenkit featurize`."""

from __future__ import annotations

from screenkit.cli import show
from screenkit.cli.text import plain
from screenkit.flows.featurize import Featurization
from screenkit.report.words import number


def featurization(result: Featurization) -> None:
    """Print the outcomes by reason, what the graphs hold, the files, and what to type next."""
    console = show.open_console()
    console.print()
    console.print(show.outcomes(result))
    graph = result.graph
    extras = [name for name in ("frames", "charges") if getattr(graph, name)]
    facts = [
        f"graphs for {', '.join(result.models)}",
        f"{graph.k} neighbours",
        *extras,
        *graph.features,
        f"{number(result.atoms)} atoms",
        f"{number(round(result.size / 1e6))} MB",
    ]
    console.print(plain("; ".join(facts)))
    console.print()
    show.files(console, result.output)
    if result.counts.get("ok"):
        words = ["screenkit", "train", "LABELS.csv", "--graphs", str(result.output)]
        show.next_command(console, [*words, "--model", result.models[0], "--target", "COLUMN"])
