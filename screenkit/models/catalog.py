"""Every model by name, written out."""

from __future__ import annotations

from screenkit.errors import CheckpointError
from screenkit.models.aecgcnn import AeCgcnn
from screenkit.models.cgcnn import Cgcnn
from screenkit.models.contract import Model
from screenkit.models.gcn3d import Gcn3d
from screenkit.models.geocgnn import GeoCgnn
from screenkit.models.icgcnn import ICgcnn
from screenkit.models.knagcn import KNagcn
from screenkit.models.megnet import Megnet
from screenkit.models.mofcgcnn import MofCgcnn
from screenkit.models.pore import Pore
from screenkit.models.trees import Trees

CATALOG: dict[str, type[Model]] = {
    "pore": Pore,
    "knagcn": KNagcn,
    "cgcnn": Cgcnn,
    "trees": Trees,
    "aecgcnn": AeCgcnn,
    "mofcgcnn": MofCgcnn,
    "icgcnn": ICgcnn,
    "megnet": Megnet,
    "geocgnn": GeoCgnn,
    "3dgcn": Gcn3d,
}


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
