"""Read a run's predictions with h5py alone: one entry per structure, in the library's order."""

import tempfile
from pathlib import Path

import h5py
import numpy as np

from screenkit.flows.screen import screen
from screenkit.recipe import Recipe

library = Path(__file__).parent / "mofs"
with tempfile.TemporaryDirectory() as folder:
    screen([library], Recipe().override(executor="serial"), Path(folder))
    with h5py.File(Path(folder) / "predictions.h5") as file:
        names = file["name"].asstr()[:]
        outcomes = file["outcome"].asstr()[:]
        uptake = file["predictions/co2_uptake_16bar_298K"]
        print(f"{len(names)} rows; {uptake.name} in {uptake.attrs['unit']}")
        codes = file["code"].asstr()[:]
        for row in np.flatnonzero(outcomes != "ok"):
            print(f"  not ok: {names[row]} ({codes[row]})")
        print(f"  largest uptake: {names[np.nanargmax(uptake[:])]}")
