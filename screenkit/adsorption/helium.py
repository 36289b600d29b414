"""Helium: how much of a crystal is empty to it, as an experiment would measure.

Not covered: other gases and temperatures for this purpose; quantum corrections.
"""

from __future__ import annotations

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.henry import measure_henry
from screenkit.crystal.crystal import Crystal

SETTINGS = AdsorptionSettings(
    gases=("He",), temperatures=(298.15,), force_field="uff", tolerance=0.02, spacing=1.0
)
"""Always these, whatever else is computed: a void fraction is to be one number."""


def helium_void_fraction(crystal: Crystal) -> float:
    """Return the Henry coefficient of helium at 298.15 K in UFF, dimensionless, to 2 %.

    About the share of the cell that is empty; where pores are as tight as helium it is attracted
    and counts for more, so that the number may exceed 1.

    Raises:
        CrystalError: `element_without_parameters`.

    Source: Talu and Myers 2001, AIChE J. 47, 1160.
    """
    field = find_force_field(SETTINGS.force_field)
    gases = [field.gas(name) for name in SETTINGS.gases]
    henry = measure_henry(crystal, gases, SETTINGS.temperatures, field, SETTINGS)
    return float(henry.coefficient[0, 0])
