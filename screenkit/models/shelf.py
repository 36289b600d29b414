"""The shelf: from a name such as `knagcn` to the checkpoint that the package ships."""

from __future__ import annotations

from pathlib import Path

from screenkit.errors import CheckpointError

_SHELF = Path(__file__).parent / "weights"


def shipped() -> dict[str, Path]:
    """Return the checkpoints that come with the package, by name."""
    return {path.stem: path for path in sorted(_SHELF.glob("*.safetensors"))}


def find_checkpoint(model: str) -> Path:
    """Return the file of a model given by name or by path.

    Raises:
        CheckpointError: it is neither a file nor a name on the shelf.
    """
    on_shelf = shipped()
    if model in on_shelf:
        return on_shelf[model]
    if Path(model).is_file():
        return Path(model)
    if "/" in model or model.endswith(".safetensors"):
        raise CheckpointError(
            f"there is no checkpoint file {model}",
            hint=f"`screenkit train` writes them; shipped are {', '.join(on_shelf) or 'none'}",
        )
    raise CheckpointError(
        f"no checkpoint named {model!r}",
        hint=f"there are {', '.join(on_shelf) or 'none shipped'}; or give --model the path of a "
        ".safetensors file",
    )
