"""Every model by name, written out."""

from __future__ import annotations

from screenkit.errors import CheckpointError
from screenkit.models.contract import Model
from screenkit.models.knagcn import KNagcn

CATALOG: dict[str, type[Model]] = {"knagcn": KNagcn}


def model_class(name: str) -> type[Model]:
    """Return the class of a model.

    Raises:
        CheckpointError: there is no model of that name.
    """
    if name not in CATALOG:
        raise CheckpointError(
            f"no model named {name!r}", hint=f"there are {', '.join(sorted(CATALOG))}"
        )
    return CATALOG[name]
