"""What all settings classes share: frozen, checked at birth, no unknown key.

A settings class stands beside the code that reads it; `recipe.py` collects them. The default of
an option is the default of its field, and stands nowhere else.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from pydantic import AfterValidator, BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings; an unknown key or a value out of range raises pydantic's ValidationError."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, allow_inf_nan=False, validate_default=True
    )


def worded(pattern: str, wanted: str) -> AfterValidator:
    """Return what lets a text through that fits the whole `pattern`, and else says `wanted`."""

    def checked(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"wanted {wanted}")
        return text

    return AfterValidator(checked)


def one_of(names: Sequence[str], wanted: str) -> AfterValidator:
    """Return what lets one of these names through, and else says `wanted` and the nearest name."""

    def checked(text: str) -> str:
        if text not in names:
            hint = did_you_mean(text, names)
            raise ValueError(f"wanted {wanted}" + (f" ({hint})" if hint else ""))
        return text

    return AfterValidator(checked)


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return `did you mean X?` for a name that is not there; empty where no name is like it."""
    spelt = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(name.casefold(), spelt, n=1, cutoff=0.5)
    return f"did you mean {spelt[near[0]]}?" if near else ""
