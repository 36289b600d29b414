"""What all settings classes share: frozen, checked at birth, no unknown key.

A settings class stands beside the code that reads it; `recipe.py` collects them. The default of
an option is the default of its field, and stands nowhere else.
"""

from __future__ import annotations

import re

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
