"""Read one CIF, look at its nearest neighbours, and hand it to pymatgen."""

from pathlib import Path

from screenkit.crystal.cif import read_cif
from screenkit.crystal.neighbors import find_neighbors

path = Path(__file__).parent / "mofs" / "IRMOF-1.cif"
crystal = read_cif(path.read_bytes(), path.stem)
print(f"{crystal.name}: {crystal.formula()}, {crystal.density:.3f} g/cm3")

neighbors = find_neighbors(crystal, k=4)
first = neighbors.distances[0]
print("nearest four to the first atom, Å:", " ".join(f"{distance:.3f}" for distance in first))

structure = crystal.to_pymatgen()
print("pymatgen says:", structure.composition.reduced_formula)
