"""The elements: symbols and properties. Index = atomic number, 0 is no element.

Not covered: isotopes (D is hydrogen, and `crystal/cif.py` says so in a warning), radii by charge,
coordination, hybridisation or spin state: each element has one.
"""

from __future__ import annotations

import numpy as np

_SYMBOLS = """
    X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br
    Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er
    Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md
    No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS: tuple[str, ...] = tuple(_SYMBOLS.split())
"""Symbol of each atomic number; `SYMBOLS[0]` is "X", a site without an element."""


def _table(text: str) -> np.ndarray:
    values = np.array([0.0, *map(float, text.split())])
    if values.shape != (119,):
        raise ValueError(f"a table of the elements needs 118 values, got {len(values) - 1}")
    values.setflags(write=False)
    return values


ATOMIC_MASSES: np.ndarray = _table(
    """
    1.008 4.002602 6.94 9.0121831 10.81 12.011 14.007 15.999 18.998403162 20.1797
    22.98976928 24.305 26.9815384 28.085 30.973761998 32.06 35.45 39.95 39.0983 40.078
    44.955907 47.867 50.9415 51.9961 54.938043 55.845 58.933194 58.6934 63.546 65.38
    69.723 72.630 74.921595 78.971 79.904 83.798 85.4678 87.62 88.905838 91.224
    92.90637 95.95 97 101.07 102.90549 106.42 107.8682 112.414 114.818 118.710
    121.760 127.60 126.90447 131.293 132.90545196 137.327 138.90547 140.116 140.90766 144.242
    145 150.36 151.964 157.25 158.925354 162.500 164.930329 167.259 168.934219 173.045
    174.9668 178.486 180.94788 183.84 186.207 190.23 192.217 195.084 196.966570 200.592
    204.38 207.2 208.98040 209 210 222 223 226 227 232.0377
    231.03588 238.02891 237 244 243 247 247 251 252 257
    258 259 262 267 268 269 270 269 277 281
    282 285 286 290 290 293 294 294
    """
)
"""(119,) float64, g/mol. Index 0 is 0. Element without a stable isotope: its longest-lived one.

Source: IUPAC standard atomic weights 2021 (Prohaska et al. 2022, Pure Appl. Chem. 94, 573),
conventional values where IUPAC gives an interval.
"""

COVALENT_RADII: np.ndarray = _table(
    """
    0.31 0.28 1.28 0.96 0.84 0.76 0.71 0.66 0.57 0.58
    1.66 1.41 1.21 1.11 1.07 1.05 1.02 1.06 2.03 1.76
    1.70 1.60 1.53 1.39 1.39 1.32 1.26 1.24 1.32 1.22
    1.22 1.20 1.19 1.20 1.20 1.16 2.20 1.95 1.90 1.75
    1.64 1.54 1.47 1.46 1.42 1.39 1.45 1.44 1.42 1.39
    1.39 1.38 1.39 1.40 2.44 2.15 2.07 2.04 2.03 2.01
    1.99 1.98 1.98 1.96 1.94 1.92 1.92 1.89 1.90 1.87
    1.87 1.75 1.70 1.62 1.51 1.44 1.41 1.36 1.36 1.32
    1.45 1.46 1.48 1.40 1.50 1.50 2.60 2.21 2.15 2.06
    2.00 1.96 1.90 1.87 1.80 1.69 1.68 1.68 1.65 1.67
    1.73 1.76 1.61 1.57 1.49 1.43 1.41 1.34 1.29 1.28
    1.21 1.22 1.36 1.43 1.62 1.75 1.65 1.57
    """
)
"""(119,) float64, Å. Index 0 is 0. Carbon is sp3; Mn, Fe and Co are low-spin, the smaller value.

Source: Cordero et al. 2008, Dalton Trans. 2832, table 2, to curium (96); from berkelium on the
single-bond radii of Pyykkö and Atsumi 2009, Chem. Eur. J. 15, 186.
"""

_BONDI = """
    H 1.09 He 1.40 Li 1.82 C 1.70 N 1.55 O 1.52 F 1.47 Ne 1.54 Na 2.27 Mg 1.73 Si 2.10 P 1.80 S 1.80
    Cl 1.75 Ar 1.88 K 2.75 Ni 1.63 Cu 1.40 Zn 1.39 Ga 1.87 As 1.85 Se 1.90 Br 1.85 Kr 2.02 Pd 1.63
    Ag 1.72 Cd 1.58 In 1.93 Sn 2.17 Te 2.06 I 1.98 Xe 2.16 Pt 1.72 Au 1.66 Hg 1.55 Tl 1.96 Pb 2.02
    U 1.86
"""


def _van_der_waals() -> np.ndarray:
    words = _BONDI.split()
    known = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    values = np.array([0.0, *(known.get(symbol, 2.0) for symbol in SYMBOLS[1:])])
    values.setflags(write=False)
    return values


VAN_DER_WAALS_RADII: np.ndarray = _van_der_waals()
"""(119,) float64, Å. Index 0 is 0. Elements without a value have 2.0.

Source: Bondi 1964, J. Phys. Chem. 68, 441, with hydrogen 1.09 after Rowland and Taylor 1996,
J. Phys. Chem. 100, 7384; the selection, and 2.0 for the rest, are those of the Cambridge
Crystallographic Data Centre, which Zeo++ takes too.
"""

_SHANNON = """
    Li1+ 0.76 Be2+ 0.45 N3- 1.46 O2- 1.40 F1- 1.33 Na1+ 1.02 Mg2+ 0.72 Al3+ 0.535 S2- 1.84
    Cl1- 1.81 K1+ 1.38 Ca2+ 1.00 Sc3+ 0.745 Ti4+ 0.605 V5+ 0.54 Cr3+ 0.615 Mn2+ 0.83 Fe3+ 0.645
    Co2+ 0.745 Ni2+ 0.69 Cu2+ 0.73 Zn2+ 0.74 Ga3+ 0.62 Se2- 1.98 Br1- 1.96 Rb1+ 1.52 Sr2+ 1.18
    Y3+ 0.90 Zr4+ 0.72 Nb5+ 0.64 Mo6+ 0.59 Tc4+ 0.645 Ru4+ 0.62 Rh3+ 0.665 Pd2+ 0.86 Ag1+ 1.15
    Cd2+ 0.95 In3+ 0.80 Sn4+ 0.69 Te2- 2.21 I1- 2.20 Cs1+ 1.67 Ba2+ 1.35 La3+ 1.032 Ce3+ 1.01
    Pr3+ 0.99 Nd3+ 0.983 Pm3+ 0.97 Sm3+ 0.958 Eu3+ 0.947 Gd3+ 0.938 Tb3+ 0.923 Dy3+ 0.912
    Ho3+ 0.901 Er3+ 0.89 Tm3+ 0.88 Yb3+ 0.868 Lu3+ 0.861 Hf4+ 0.71 Ta5+ 0.64 W6+ 0.60 Re7+ 0.53
    Os4+ 0.63 Ir4+ 0.625 Pt4+ 0.625 Au3+ 0.85 Hg2+ 1.02 Tl1+ 1.50 Pb2+ 1.19 Bi3+ 1.03 Po4+ 0.94
    Fr1+ 1.80 Ra2+ 1.48 Ac3+ 1.12 Th4+ 0.94 Pa5+ 0.78 U6+ 0.73 Np5+ 0.75 Pu4+ 0.86 Am3+ 0.975
    Cm3+ 0.97 Bk3+ 0.96 Cf3+ 0.95 No2+ 1.10
"""


def _ionic() -> np.ndarray:
    words = _SHANNON.split()
    known = {ion[:-2]: float(radius) for ion, radius in zip(words[::2], words[1::2], strict=True)}
    values = [known.get(symbol, COVALENT_RADII[z]) for z, symbol in enumerate(SYMBOLS)]
    radii = np.array(values)
    radii.setflags(write=False)
    return radii


IONIC_RADII: np.ndarray = _ionic()
"""(119,) float64, Å. Index 0 is 0. Metals as cations of one common charge, N, O, S, Se, Te and the
halogens as anions; for six neighbours (N four, Ra eight), high spin. All others, such as H, B, C,
Si and P, are no free ions in crystals and have their covalent radius.

Source: Shannon 1976, Acta Cryst. A32, 751, effective ionic radii.
"""

ELECTRONEGATIVITIES: np.ndarray = _table(
    """
    2.20 0 0.98 1.57 2.04 2.55 3.04 3.44 3.98 0
    0.93 1.31 1.61 1.90 2.19 2.58 3.16 0 0.82 1.00
    1.36 1.54 1.63 1.66 1.55 1.83 1.88 1.91 1.90 1.65
    1.81 2.01 2.18 2.55 2.96 3.00 0.82 0.95 1.22 1.33
    1.60 2.16 1.90 2.20 2.28 2.20 1.93 1.69 1.78 1.96
    2.05 2.10 2.66 2.60 0.79 0.89 1.10 1.12 1.13 1.14
    1.13 1.17 1.20 1.20 1.10 1.22 1.23 1.24 1.25 1.10
    1.27 1.30 1.50 2.36 1.90 2.20 2.20 2.28 2.54 2.00
    1.62 2.33 2.02 2.00 2.20 2.20 0.70 0.90 1.10 1.30
    1.50 1.38 1.36 1.28 1.30 1.30 1.30 1.30 1.30 1.30
    1.30 1.30 1.30 0 0 0 0 0 0 0
    0 0 0 0 0 0 0 0
    """
)
"""(119,) float64, Pauling's scale. 0 where there is no value.

Source: Pauling 1960, The Nature of the Chemical Bond, 3rd edition, with the revisions of Allred
1961, J. Inorg. Nucl. Chem. 17, 215, as the CRC Handbook of Chemistry and Physics lists them.
"""


def _places() -> tuple[np.ndarray, np.ndarray]:
    groups, periods = np.zeros(119, np.int64), np.zeros(119, np.int64)
    noble = (0, 2, 10, 18, 36, 54, 86, 118)
    for period in range(1, 8):
        first, last = noble[period - 1] + 1, noble[period]
        for number in range(first, last + 1):
            place, left = number - first + 1, last - number
            # Two from the left, the rest as far from the right as they stand: f elements in 3.
            group = place if place <= 2 and (period > 1 or place == 1) else max(3, 18 - left)
            groups[number], periods[number] = group, period
    groups.setflags(write=False)
    periods.setflags(write=False)
    return groups, periods


GROUPS, PERIODS = _places()
"""(119,) int64 each. Column and row of the periodic table; all lanthanides and actinides are in
column 3."""


_NO_METALS = " H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn Ts Og "


def _metals() -> np.ndarray:
    metals = np.array([False, *(f" {symbol} " not in _NO_METALS for symbol in SYMBOLS[1:])])
    metals.setflags(write=False)
    return metals


IS_METAL: np.ndarray = _metals()
"""(119,) bool. All but hydrogen, the noble gases, the halogens, C, N, O, P, S, Se and the
metalloids B, Si, Ge, As, Sb, Te."""

_NUMBER_OF = {symbol: number for number, symbol in enumerate(SYMBOLS) if number}


def atomic_number(symbol: str) -> int | None:
    """Return the atomic number of an element's symbol in any case, or None if it is none.

    Only the bare symbol counts: "Zn", "ZN" and "zn" are 30; "Zn2+", "X" and "D" are None.
    """
    return _NUMBER_OF.get(symbol.capitalize())
