"""What every model promises, and what a target is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch

from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import Graph, GraphSettings
from screenkit.settings import Settings, worded

AtomWeights = Literal["site", "attention", "gradient", "none"]

_UNIT_SUFFIXES = {
    "_mol_kg_Pa": "mol/(kg Pa)",
    "_mol_kg": "mol/kg",
    "_mmol_g": "mmol/g",
    "_cm3STP_g": "cm3(STP)/g",
    "_cm3STP_cm3": "cm3(STP)/cm3",
    "_g_cm3": "g/cm3",
    "_kJ_mol": "kJ/mol",
    "_eV_atom": "eV/atom",
    "_eV": "eV",
}


CONDITION = r"(<=|>=|<|>) ?-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""What makes a value a class."""


class Target(Settings):
    """One property that a network predicts."""

    name: Annotated[
        str, worded(r"[A-Za-z_][A-Za-z0-9_.+-]{0,99}", "up to 100 letters, digits and _.+-")
    ]
    """Column of the ranking, such as `co2_uptake_0.15bar_298K`."""
    unit: str = ""
    """Unit of the column; empty where it has none."""
    column: str = ""
    """Column of the label table it was learned from; empty: the same as `name`."""
    transform: Literal["identity", "log10"] = "identity"
    """What the network learns instead of the value."""
    better: Literal["max", "min"] = "max"
    """Which end of the ranking is the good one."""
    class_if: Annotated[
        str, worded(f"({CONDITION})?", "<, <=, > or >= and a number, such as >2.5")
    ] = ""
    """Makes the target a class: a structure belongs to it if its label is so, such as `>2.5` or
    `<=0`. The network then predicts the probability of belonging; the unit is that of the label."""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target of `COLUMN[>NUMBER][:min|max]`; a known unit at the end moves to unit.

        `co2_uptake_16bar_298K_mol_kg` becomes `co2_uptake_16bar_298K` in mol/kg; with `>5` behind
        it, it becomes the class of those with more than 5 mol/kg. What cannot stand in a name
        becomes `_`: `Uptake [mol/kg]` is learned as `Uptake_mol_kg`.

        Raises:
            ValidationError: what stands behind the column is no condition, or neither end.
        """
        label, _, better = text.partition(":")
        column = re.split(r"[<>]", label, maxsplit=1)[0]
        name, unit = column, ""
        for suffix, known in _UNIT_SUFFIXES.items():
            if column.endswith(suffix):
                name, unit = column.removesuffix(suffix), known
                break
        return cls.model_validate(
            {
                "name": _name(name),
                "unit": unit,
                "column": column,
                "better": better or "max",
                "class_if": label.removeprefix(column),
            }
        )

    @property
    def is_class(self) -> bool:
        """Whether the prediction is a probability."""
        return bool(self.class_if)

    def learn(self, values: np.ndarray) -> np.ndarray:
        """Return what the network learns: `values` (any shape, in `unit`), transformed.

        For a class: 1 inside, 0 outside. Values outside the transform's domain become NaN.
        """
        if self.is_class:
            return self._members(values)
        if self.transform == "identity":
            return values
        return np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return predictions: in `unit`, the inverse of `learn`; for a class, its probability."""
        if self.is_class:
            return np.exp(-np.logaddexp(0.0, -values))
        return values if self.transform == "identity" else 10.0**values

    def _members(self, values: np.ndarray) -> np.ndarray:
        sign = self.class_if.rstrip("0123456789.eE+- ")
        bound = float(self.class_if.removeprefix(sign))
        inside = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[sign]
        return np.where(np.isfinite(values), inside(values, bound).astype(np.float64), np.nan)


def _name(column: str) -> str:
    """Return the nearest text to a column's heading that can be a target's name."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", column).strip("_")[:99]
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


class Model(torch.nn.Module):
    """A network over graphs: `forward(batch)` gives (B, targets), standardised.

    A model is made from its settings and the number of targets alone, so that a checkpoint can
    make it again.
    """

    settings_class: ClassVar[type[Settings]]
    """The class of its settings."""
    learned_by: ClassVar[Literal["gradient", "boosting"]] = "gradient"
    """Which room of `learn` fits it: `fit.py` by gradient descent, `trees.py` by boosting."""
    embedding: torch.nn.Module
    """Turns the elements of a batch into its first atom vectors, (N, F); called once a pass."""

    def __init__(self, settings: Settings, targets: int) -> None:
        super().__init__()
        self.settings = settings
        self.targets = targets

    @classmethod
    def graph_settings(cls, settings: Any) -> GraphSettings:
        """Return the graphs that a model with these settings, of its class, must be given."""
        raise NotImplementedError

    def prepare(self, graphs: Sequence[Graph]) -> None:
        """Learn from the training set's graphs, before the first epoch, what needs no labels."""

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs (B, targets) and embedding (B, E), float32, in one pass.

        Outputs are transformed labels, standardised by the training set; for a target that is a
        class, the logit of its probability. The embedding is the crystal as one vector, as the
        head reads it; of a model without a head what it asks about.
        """
        raise NotImplementedError

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        """Return (B, targets) float32: the outputs of `look`."""
        return self.look(batch)[0]

    def embed(self, batch: GraphBatch) -> torch.Tensor:
        """Return (B, E) float32: the embedding of `look`."""
        return self.look(batch)[1]

    def each(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs of each member (B, M, targets), of a single model with M = 1, and the
        embedding (B, E)."""
        outputs, embedding = self.look(batch)
        return outputs[:, None], embedding

    @classmethod
    def pack(cls, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return weights in about half the room: matrices in 16 bits, all else as it was.

        Predictions change by the rounding, a thousandth of a deviation or so.
        """
        return {
            name: tensor.half() if tensor.ndim > 1 and tensor.dtype == torch.float32 else tensor
            for name, tensor in weights.items()
        }

    @property
    def elements(self) -> frozenset[int] | None:
        """Atomic numbers that it knows; None: all. A structure with another one is refused."""
        return None

    @property
    def atom_weights_are(self) -> AtomWeights:
        """What `atom_weights` returns."""
        return "gradient"

    def atom_weights(self, batch: GraphBatch) -> torch.Tensor:
        """Return (N, targets) float32: how much of each prediction rests on each atom.

        - `site`: contributions; their mean over a crystal's atoms is its output.
        - `attention`: shares; they sum to 1 over a crystal.
        - `gradient`: gradient times input (Shrikumar et al. 2017), of the output with respect to
          the first vector of the atom.

        A model whose `atom_weights_are` is `none` looks at the crystal as a whole and has none.

        Raises:
            UsageError: the model has none.
        """
        first: list[torch.Tensor] = []

        def keep(module: torch.nn.Module, given: Any, made: torch.Tensor) -> torch.Tensor:
            first.append(made.detach().requires_grad_())
            return first[0]

        hook = self.embedding.register_forward_hook(keep)
        try:
            with torch.enable_grad():
                outputs = self(batch)
                columns = [
                    torch.autograd.grad(outputs[:, t].sum(), first[0], retain_graph=True)[0]
                    for t in range(self.targets)
                ]
        finally:
            hook.remove()
        return torch.stack([(column * first[0].detach()).sum(1) for column in columns], dim=1)
