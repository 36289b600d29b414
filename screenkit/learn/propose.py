"""Search: which settings to try next, given how well those before did.

Proposals are those of Optuna's tree-structured Parzen estimator (Bergstra et al. 2011). They hang
on the seed, the number of the trial and the trials before it alone, so that a search that is begun
again proposes the same; nothing but the trials themselves needs to be kept.

Not covered: stopping a trial early; several aims at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from screenkit.settings import Settings

Value = int | float | str | bool | None
_FIXED = {"fit.seed", "fit.valid_fraction", "fit.test_fraction"}


class Range(Settings):
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    """Whether the logarithm is spread evenly instead of the number."""
    whole: bool = False
    """Whether only whole numbers are meant."""

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 where log is true")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high must be whole where whole is true")
        return self

    @property
    def ends(self) -> tuple[Value, ...]:
        """Both ends, as they would be proposed."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


class SearchSettings(Settings):
    """Which settings to search, by the validation error; the test set is left alone."""

    trials: int | None = Field(default=None, ge=1)
    """How many settings are tried; None: no search."""
    together: int = Field(default=4, ge=1)
    """Trials that are proposed at once and may run side by side; the next learn from them. Unlike
    the number of workers, this changes what is proposed."""
    seed: int = Field(default=0, ge=0)
    """Draws the proposals."""
    ranges: dict[str, Range | tuple[Value, ...]] = Field(default_factory=dict)
    """By setting, such as `fit.learning_rate` or `network.width`: a range or a list of values."""

    @field_validator("ranges")
    @classmethod
    def _searchable(cls, ranges: dict[str, Any]) -> dict[str, Any]:
        for key, values in ranges.items():
            if not re.fullmatch(r"(fit|network)\.\w+", key) or key in _FIXED:
                raise ValueError(
                    f"{key} cannot be searched; settings of the network and of the fit can, "
                    "such as fit.learning_rate, but not what decides the split"
                )
            if not isinstance(values, Range) and not values:
                raise ValueError(f"{key} has no values")
        return ranges


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One point of the search."""

    number: int
    values: Mapping[str, Value]
    """By setting."""
    valid_error: float
    """Of its best epoch (`learn.fit.valid_error`); infinite where it did not come to one."""


def propose(settings: SearchSettings, number: int, past: Sequence[Trial]) -> dict[str, Value]:
    """Return the values that trial `number` tries.

    Args:
        settings: what may be tried.
        number: counted from 0.
        past: trials that are done, in order.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {key: _space(optuna.distributions, values) for key, values in settings.ranges.items()}
    seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False)
    study = optuna.create_study(sampler=sampler)
    for trial in past:
        value = trial.valid_error if math.isfinite(trial.valid_error) else math.inf
        study.add_trial(
            optuna.trial.create_trial(params=dict(trial.values), distributions=spaces, value=value)
        )
    return dict(study.ask(spaces).params)


def _space(distributions: Any, values: Range | tuple[Value, ...]) -> Any:
    if not isinstance(values, Range):
        return distributions.CategoricalDistribution(values)
    if values.whole:
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return distributions.FloatDistribution(values.low, values.high, log=values.log)
