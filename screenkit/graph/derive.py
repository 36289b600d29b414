"""Which graphs hold those of another model: the same neighbours, and at least as much beside them.

Not covered: fewer neighbours out of more. Which of equals comes first hangs on all k of them
(`crystal.neighbors.find_neighbors`), so the first 12 of 16 are not always the 12 nearest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from screenkit.graph.features import FeatureName, feature_names
from screenkit.graph.graph import GraphSettings

_SHARED = ("k", "ties", "neighbors")


def misfit(have: GraphSettings, want: GraphSettings) -> str:
    """Return why graphs built as `have` do not hold those of `want`; empty where they do."""
    for name in _SHARED:
        here, wanted = getattr(have, name), getattr(want, name)
        if here != wanted:
            return f"{name} {here} there, {wanted} wanted"
    for name in ("frames", "charges"):
        if getattr(want, name) and not getattr(have, name):
            return f"no {name} there"
    if missing := [kind for kind in want.features if kind not in have.features]:
        return f"no features {', '.join(missing)} there"
    return ""


def union(several: Sequence[GraphSettings]) -> GraphSettings:
    """Return the graphs that hold all of these, which have one k, ties and neighbors."""
    kinds = dict.fromkeys(kind for one in several for kind in one.features)
    return several[0].model_copy(
        update={
            "frames": any(one.frames for one in several),
            "charges": any(one.charges for one in several),
            "features": tuple(kinds),
        }
    )


def kept_arrays(want: GraphSettings) -> frozenset[str]:
    """Return the arrays of `Graph` that a model with these settings is given."""
    extras = {"frames": want.frames, "charges": want.charges, "features": bool(want.features)}
    return frozenset(
        {"species", "neighbors", "distances", "vectors", *(name for name in extras if extras[name])}
    )


def feature_places(have: Sequence[FeatureName], want: Sequence[FeatureName]) -> np.ndarray:
    """Return (D,) int64: where the features of `want` stand among those of `have`."""
    widths = {kind: len(feature_names([kind])) for kind in have}
    starts = dict(zip(have, np.cumsum([0, *widths.values()]).tolist(), strict=False))
    places = [starts[kind] + i for kind in want for i in range(widths[kind])]
    return np.array(places, dtype=np.int64)
