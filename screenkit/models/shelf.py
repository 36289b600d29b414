"""The shelf: from a name such as `knagcn` to a checkpoint, the package's or the user's own.

The user's own lie in the folder that the environment variable SCREENKIT_MODELS names, else where
the system keeps the data of programs, such as `~/.local/share/screenkit/models`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from screenkit.errors import CheckpointError

SUFFIX = ".safetensors"
USUAL = "pore"
"""The model of who names none."""
_PACKAGE = Path(__file__).parent / "weights"


def shipped() -> dict[str, Path]:
    """Return the checkpoints that come with the package, by name."""
    return _checkpoints(_PACKAGE)


def own() -> dict[str, Path]:
    """Return the checkpoints on the user's own shelf, by name."""
    return _checkpoints(own_folder())


def own_folder() -> Path:
    """Return the folder of the user's own shelf; it need not exist."""
    if said := os.environ.get("SCREENKIT_MODELS"):
        return Path(said)
    home = Path(os.path.expanduser("~"))  # not Path.home(): it raises for a user without a home
    if sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "screenkit" / "models"


def find_checkpoint(model: str) -> Path:
    """Return the file of a model given by name or by path, or the folder of several.

    A name of the package beats one of the user's shelf, and that a file of the working folder.

    Raises:
        CheckpointError: it is neither a file, nor a folder, nor a name on the shelf.
    """
    on_shelf = own() | shipped()
    if model in on_shelf:
        return on_shelf[model]
    if Path(model).is_file() or Path(model).is_dir():
        return Path(model)
    known = ", ".join(on_shelf) or "none"
    if "/" in model or model.endswith(SUFFIX):
        raise CheckpointError(
            f"there is no checkpoint file {model}",
            hint=f"`screenkit train` writes them; on the shelf are {known}",
        )
    raise CheckpointError(
        f"no checkpoint named {model!r}",
        hint=f"there are {known}; or give --model the path of a {SUFFIX} file, or of a folder of "
        "them",
    )


def _checkpoints(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
