"""A library of a few structures and a model that has learned nothing: enough to run a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crystals import rock_salt, supercell, write_cif
from tests.models.tiny import write_tiny


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five structures that can be predicted, one with an overlap, one that is no CIF."""
    folder = tmp_path_factory.mktemp("structures") / "hmof"
    folder.mkdir()
    for edge in (5.2, 5.4, 6.0):
        write_cif(rock_salt(edge), folder / f"NaCl-{edge}.cif")
    write_cif(rock_salt(), folder / "NaCl.cif")
    write_cif(supercell(rock_salt(5.8), (2, 1, 1)), folder / "double.cif")
    write_cif(rock_salt(1.2), folder / "crushed.cif")
    (folder / "broken.cif").write_text("data_broken\nloop_\n_atom_site_label\n")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with its first, random weights."""
    return write_tiny(tmp_path_factory.mktemp("models"))
