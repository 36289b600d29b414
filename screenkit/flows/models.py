"""What there is on the shelf, and others' weights as a checkpoint of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from screenkit.errors import CheckpointError, OutputError
from screenkit.models.catalog import CATALOG
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.published import read_published
from screenkit.models.shelf import SUFFIX, find_checkpoint, own, own_folder, shipped
from screenkit.store.publish import publish


@dataclass(frozen=True, slots=True, eq=False)
class Shelved:
    """One file on the shelf."""

    name: str
    path: Path
    shipped: bool
    """Whether it comes with the package; else it is the user's own."""
    checkpoint: Checkpoint | None
    trouble: str = ""
    """Why there is no checkpoint."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Everything that `--model` knows by name."""

    models: tuple[Shelved, ...]
    folder: Path
    """Where the user's own lie."""
    kinds: tuple[str, ...]
    """The kinds of network that can be trained."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A checkpoint, looked at closely."""

    path: Path
    checkpoint: Checkpoint
    parameters: int
    """Numbers that training has set."""


def look_around() -> Shelf:
    """Return all models on the shelf; one that cannot be read says why."""
    found = [_take(name, path, True) for name, path in shipped().items()]
    hidden = shipped()
    found += [_take(name, path, False) for name, path in own().items() if name not in hidden]
    return Shelf(tuple(found), own_folder(), tuple(sorted(CATALOG)))


def describe_model(model: str) -> Described:
    """Return what a checkpoint holds, given by name or path.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = find_checkpoint(model)
    checkpoint = Checkpoint.load(path)
    return Described(path, checkpoint, sum(p.numel() for p in checkpoint.build().parameters()))


def adopt(path: Path, atom_features: Path, output: Path | None) -> Described:
    """Write a checkpoint of the published CGCNN program as one of ours.

    Args:
        path: the `.pth.tar` file.
        atom_features: its `atom_init.json`.
        output: where to write it; None: the user's shelf, named after the file.

    Raises:
        CheckpointError: it is no such checkpoint, or `output` has another suffix.
        OutputError: its folder cannot be made, or another file has its name.
        StorageError: it cannot be written.
    """
    checkpoint = read_published(path, atom_features)
    name = path.name.removesuffix(".tar").removesuffix(".pth").removesuffix(".pt")
    place = output or own_folder() / f"{name}{SUFFIX}"
    if place.suffix != SUFFIX:
        raise CheckpointError(f"{place} should end in {SUFFIX}", hint="--model knows them by it")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {place.parent}: {error.strerror}") from None
    data = checkpoint.to_bytes()
    if not publish(place, data) and _content(place) != data:
        raise OutputError(
            f"{place} is there already and holds something else",
            hint="give another --output, or remove it first",
        )
    return describe_model(str(place))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _take(name: str, path: Path, is_shipped: bool) -> Shelved:
    try:
        return Shelved(name, path, is_shipped, Checkpoint.load(path))
    except CheckpointError as error:
        return Shelved(name, path, is_shipped, None, error.message)
