"""Graph hash: one number for what is bonded to what in a crystal, however it was written down.

It depends on neither the order of the atoms, the origin, the orientation nor the cell: a supercell
has the hash of its primitive cell. Three things go into it:

- colours of the atoms, their elements at first, refined by those of the bonded atoms until no more
  can be told apart (Weisfeiler and Leman 1968), each with its share of all atoms;
- the shells of the rarest atoms: which colours are 1, 2, ... bonds away in the endless crystal.
  They see rings, and tell nets apart whose atoms all have alike neighbours, as those of ZIFs;
- how many nets of three dimensions there are: frameworks differ by their interpenetration.

Not covered: where atoms stand. Enantiomers, stereoisomers, conformers and the open and closed form
of a framework that breathes share a hash, as do layers stacked or chains woven in another way.
Atoms at the very limit of a bond may have it in one refinement of a structure and not in the next.
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.environments import MOST_BONDS, bonded
from screenkit.crystal.kernel import kernel
from screenkit.crystal.neighbors import Neighbors

HASH_BITS = 52
"""A float64 holds such a number exactly."""

_SHELLS = 24
"""Bonds; rings of up to twice as many atoms are seen."""
_ENOUGH = 2000
"""Atoms; no further shell is looked at once so many are seen."""
_IMAGE_BITS = 13  # of the place of an image along each axis
_HOME = (1 | 1 << _IMAGE_BITS | 1 << (2 * _IMAGE_BITS)) << (_IMAGE_BITS - 1)  # 0, 0, 0
_ROOM = 1 << 16  # of the table of images seen: twice MOST_BONDS times _ENOUGH
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def graph_hash(crystal: Crystal, neighbors: Neighbors) -> int:
    """Return a number below 2^52 that equal bonded graphs share, and others do not but by chance.

    Args:
        crystal: of at least one atom.
        neighbors: of this crystal, `MOST_BONDS` each; what is bonded beyond them is not seen.
    """
    indices = neighbors.indices[:, :MOST_BONDS]
    bonds = bonded(crystal.numbers, indices, neighbors.distances[:, :MOST_BONDS])
    begin = np.concatenate([[0], np.cumsum(bonds.sum(axis=1))])
    ends = indices[bonds].astype(np.int64)
    offsets = neighbors.offsets[:, :MOST_BONDS][bonds].astype(np.int64)
    dimensions, nets = _find_nets(begin, ends, offsets)
    colours = _refined(crystal.numbers.astype(np.uint64), indices, bonds)
    rare = np.flatnonzero(_rarest(colours, dimensions == dimensions.max()))
    colours[rare] = _shells(begin, ends, offsets, colours, rare)
    kinds, counts = np.unique(_refined(colours, indices, bonds), return_counts=True)
    shares = (counts // math.gcd(*counts.tolist())).astype(np.uint64)
    parts = np.append(kinds + _mixed(shares), np.uint64(nets))
    return int(_mixed(_mixed(parts).sum(keepdims=True))[0]) >> (64 - HASH_BITS)


def _refined(colours: np.ndarray, indices: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Return (n,) uint64: colours that know those around, as far as this tells more apart."""
    told_apart = 0
    while (kinds := len(np.unique(colours))) > told_apart:
        told_apart = kinds
        colours = _mixed(colours)
        around = np.where(bonds, colours[indices], np.uint64(0))
        colours = _mixed(colours + _mixed(around.sum(axis=1)))
    return colours


def _rarest(colours: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return (n,) bool: the atoms of the rarest colour; of several the smallest."""
    kinds, counts = np.unique(colours[among], return_counts=True)
    return among & (colours == kinds[np.argmin(counts)])


@kernel
def _mix(number):
    """Return 64 bits that look like chance. Source: Steele et al. 2014, SplitMix64."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


@kernel
def _mixed(numbers):
    mixed = np.empty_like(numbers)
    for i in range(numbers.shape[0]):
        mixed[i] = _mix(numbers[i] + _GOLDEN)
    return mixed


@kernel
def _shells(begin, ends, offsets, colours, starts):
    """Return for some atoms a number that tells the colours so and so many bonds away."""
    found = np.empty(starts.shape[0], np.uint64)
    steps = np.empty(ends.shape[0], np.int64)
    for b in range(ends.shape[0]):
        steps[b] = ((offsets[b, 0] << _IMAGE_BITS) + offsets[b, 1] << _IMAGE_BITS) + offsets[b, 2]
    table = np.full(_ROOM, -1, np.int64)
    places = np.empty(_ROOM // 2, np.int64)  # in the table, of what was seen, in order
    for s in range(starts.shape[0]):
        first, last, seen = 0, 1, 1
        start = starts[s] << (3 * _IMAGE_BITS) | _HOME
        places[0] = _place(table, start)
        table[places[0]] = start
        colour = colours[starts[s]]
        for _ in range(_SHELLS):
            if first == last or last > _ENOUGH:
                break
            shell = np.uint64(0)
            for p in range(first, last):
                here = table[places[p]]
                atom = here >> (3 * _IMAGE_BITS)
                image = here & ((1 << (3 * _IMAGE_BITS)) - 1)
                for b in range(begin[atom], begin[atom + 1]):
                    there = ends[b] << (3 * _IMAGE_BITS) | (image + steps[b])
                    place = _place(table, there)
                    if table[place] < 0:
                        table[place] = there
                        places[seen] = place
                        seen += 1
                        shell += _mix(colours[ends[b]])
            colour = _mix(colour * np.uint64(3) + shell + _GOLDEN)
            first, last = last, seen
        for p in range(seen):
            table[places[p]] = -1
        found[s] = colour
    return found


@kernel
def _place(table, key):
    """Return where a key stands in a table, or may be put."""
    place = np.int64(_mix(np.uint64(key)) & np.uint64(_ROOM - 1))
    while table[place] >= 0 and table[place] != key:
        place = (place + 1) & (_ROOM - 1)
    return place


@kernel
def _find_nets(begin, ends, offsets):
    """Return in how many dimensions each atom's net is endless, and how many are so in three.

    Within one connected part of the cell, the rings of bonds that end in another image span the
    translations that lead from an atom to atoms of the same net. Their index among all translations
    is how many nets the images of the part form.
    """
    n = begin.shape[0] - 1
    dimensions = np.empty(n, np.int64)
    home = np.zeros((n, 3), np.int64)  # image of each atom, on the way from the first
    seen = np.zeros(n, np.bool_)
    waiting = np.empty(n, np.int64)
    nets = 0
    for start in range(n):
        if seen[start]:
            continue
        basis = np.zeros((3, 3), np.int64)  # upper triangular
        seen[start] = True
        waiting[0], first, last = start, 0, 1
        while first < last:
            atom = waiting[first]
            first += 1
            for b in range(begin[atom], begin[atom + 1]):
                other = ends[b]
                there = home[atom] + offsets[b]
                if seen[other]:
                    _span(basis, there - home[other])
                else:
                    seen[other] = True
                    home[other] = there
                    waiting[last] = other
                    last += 1
        diagonal = np.abs(np.diag(basis))
        dimensions[waiting[:last]] = (diagonal > 0).sum()
        nets += diagonal.prod()
    return dimensions, nets


@kernel
def _span(basis, vector):
    """Let the basis of a lattice of whole numbers reach one more vector."""
    for axis in range(3):
        while vector[axis] != 0:  # Euclid's algorithm
            if basis[axis, axis] != 0:
                vector -= vector[axis] // basis[axis, axis] * basis[axis]
                if vector[axis] == 0:
                    break
            for x in range(axis, 3):
                basis[axis, x], vector[x] = vector[x], basis[axis, x]
