"""`screenkit models`: what is on the shelf, and how good it is."""

from __future__ import annotations

from screenkit.cli import options as opt


def models(debug: opt.Debug = False) -> None:
    """List the models that come with the package: targets, errors beside the median, licence."""
    from screenkit.cli import show
    from screenkit.models.checkpoint import Checkpoint  # torch wakes here, not at --help
    from screenkit.models.shelf import shipped

    show.shelf({name: Checkpoint.load(path) for name, path in shipped().items()})
