"""What every model promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch

from screenkit.errors import UsageError
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import Graph, GraphSettings
from screenkit.settings import Settings

AtomWeights = Literal["site", "attention", "gradient", "none"]


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
        if self.atom_weights_are == "none":
            raise UsageError(
                "this model looks at a crystal as a whole and has no weights of atoms",
                hint="take a network of atoms, such as --model knagcn",
            )
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
