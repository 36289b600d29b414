"""The Pareto front: what no other structure beats in one objective without losing in another.

The front itself is moocore's: O(n log n) for two and three objectives, O(n log^(d-2) n) for d.
Equals stay together: a structure that has the same values as one of the front is on it.

Not covered: layers behind the front, and fronts of uncertain values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST = 31
"""Columns that a front may have."""


def front(values: np.ndarray, better: Sequence[str]) -> np.ndarray:
    """Return (n,) bool: who is on the Pareto front.

    A row is dominated where another is at least as good in every column and better in one
    (Emmerich and Deutz 2018, Natural Computing 17, 585).

    Args:
        values: (n, d) finite numbers, d at most `MOST`.
        better: (d,) `max` or `min`: which end of each column is good.
    """
    import moocore

    maximise = [end == "max" for end in better]
    return np.asarray(moocore.is_nondominated(values, maximise=maximise, keep_weakly=True))
