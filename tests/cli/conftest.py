"""A library of a few structures and a model that has learned nothing: enough to run a command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from screenkit.crystal.crystal import Crystal
from tests.crystals import rock_salt, supercell

SYMBOLS = {11: "Na", 17: "Cl"}


def write_cif(crystal: Crystal, path: Path) -> None:
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    a, b, c = crystal.lattice / lengths[:, None]
    angles = np.degrees(np.arccos([b @ c, a @ c, a @ b]))
    cell = zip(("length_a", "length_b", "length_c"), lengths, strict=True)
    turns = zip(("angle_alpha", "angle_beta", "angle_gamma"), angles, strict=True)
    lines = [f"data_{path.stem}", "_symmetry_space_group_name_H-M 'P 1'"]
    lines += [f"_cell_{key} {value:.6f}" for key, value in (*cell, *turns)]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    for i, (z, place) in enumerate(zip(crystal.numbers, crystal.fractional, strict=True)):
        symbol = SYMBOLS[int(z)]
        lines.append(f"{symbol}{i} {symbol} " + " ".join(f"{x:.6f}" for x in place))
    path.write_text("\n".join(lines) + "\n")


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
    import torch

    from screenkit.models.checkpoint import Checkpoint
    from screenkit.models.contract import Target
    from screenkit.models.knagcn import KNagcn, KNagcnSettings

    torch.manual_seed(0)
    settings = KNagcnSettings(k=8, width=8, edge_width=4, layers=1, head_width=8)
    targets = (Target(name="uptake", unit="mol/kg"), Target(name="heat", better="min"))
    checkpoint = Checkpoint(
        model="knagcn",
        settings=settings,
        graph=KNagcn.graph_settings(settings),
        targets=targets,
        means=np.zeros(2),
        deviations=np.ones(2),
        weights=KNagcn(settings, 2).state_dict(),
        record={},
    )
    path = tmp_path_factory.mktemp("models") / "untrained.safetensors"
    path.write_bytes(checkpoint.to_bytes())
    return path
