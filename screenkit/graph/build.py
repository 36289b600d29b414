"""Crystal and its neighbours -> Graph."""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.neighbors import Neighbors
from screenkit.crystal.voronoi import keep_bonded
from screenkit.graph.features import describe
from screenkit.graph.frames import local_frames
from screenkit.graph.graph import Graph, GraphSettings


def build_graph(crystal: Crystal, neighbors: Neighbors, settings: GraphSettings) -> Graph:
    """Return the graph of a crystal whose neighbours were found with the same settings.

    Raises:
        ValueError: `neighbors` holds another number of neighbours than `settings.k`.
    """
    if neighbors.indices.shape != (len(crystal), settings.k):
        raise ValueError(
            f"{crystal.name}: neighbours {neighbors.indices.shape}, "
            f"wanted ({len(crystal)}, {settings.k})"
        )
    if settings.neighbors == "voronoi":
        neighbors = keep_bonded(crystal, neighbors)
    frames, fraction = None, math.nan
    if settings.frames:
        exact, ambiguous = local_frames(neighbors)
        frames, fraction = exact.astype(np.float32), np.count_nonzero(ambiguous) / len(crystal)
    charges = None
    if settings.charges:
        known = crystal.charges
        charges = np.zeros(len(crystal), np.float32) if known is None else known.astype(np.float32)
    return Graph(
        name=crystal.name,
        species=crystal.numbers,
        neighbors=neighbors.indices,
        distances=neighbors.distances.astype(np.float32),
        vectors=neighbors.vectors.astype(np.float32),
        frames=frames,
        frame_ambiguous_fraction=fraction,
        charges=charges,
        features=describe(crystal, settings.features) if settings.features else None,
    )
