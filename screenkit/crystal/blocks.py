"""CIF text -> blocks: its values by tag.

Not covered: what is no CIF, or one out of the ordinary; `read_blocks` returns None for it, and
`syntax.py` asks gemmi.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from screenkit.crystal.lexer import DATA, LOOP, TAG, Words, split

_NULL = {"?", "."}


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One data block."""

    name: str
    words: Words
    """All values of the file."""
    places: Mapping[str, slice]
    """Where the values of each tag are, by tag in lower case; the columns of one loop stop at one
    place."""
    has_empty_loop: bool = False

    def column(self, tag: str) -> Words | None:
        """Return the values of a tag; None where it has none."""
        place = self.places.get(tag.lower())
        return None if place is None else self.words[place]

    def beside(self, tag: str) -> dict[str, slice]:
        """Return the tags of the loop that a tag is in, and where their values are."""
        stop = self.places[tag.lower()].stop
        return {tag: place for tag, place in self.places.items() if place.stop == stop}

    def pairs(self) -> dict[str, slice]:
        """Return the tags that have one value and no neighbours, and where it is."""
        return {
            tag: place
            for tag, place in self.places.items()
            if place.step == 1 and place.stop == place.start + 1
        }

    def texts(self, tag: str) -> list[str]:
        """Return the values of a tag without `?` and `.`; empty where it has none."""
        column = self.column(tag)
        return [] if column is None else [text for text in column.texts() if text not in _NULL]

    def value(self, *tags: str) -> str:
        """Return the value of the first of these tags that has one, and no other; else nothing."""
        for tag in tags:
            column = self.column(tag)
            if column is not None and len(column) == 1:
                text = column.texts()[0].strip()
                if text not in _NULL:
                    return text
        return ""


def read_blocks(text: bytes) -> list[Block] | None:
    """Return the blocks of a CIF; None where anything is out of the ordinary."""
    tokens = split(text)
    if tokens is None:
        return None
    words, kinds = tokens
    marks = np.flatnonzero(kinds >= TAG)
    names, what = words[marks].texts(), kinds[marks].tolist()
    ends = [*marks.tolist(), len(kinds)]
    blocks: list[Block] = []
    places: dict[str, slice] = {}
    i = 0
    while i < len(what):
        after = i + 1
        if what[i] == DATA:
            places = {}
            blocks.append(Block(names[i], words, places))
            fine = ends[after] == ends[i] + 1
        else:
            tags = after if what[i] == LOOP else i
            while what[i] == LOOP and after < len(what) and ends[after] == ends[after - 1] + 1:
                if what[after] != TAG:
                    break
                after += 1
            fine = bool(blocks) and _place(
                places, names[tags:after], ends[after - 1] + 1, ends[after], what[i] == LOOP
            )
        if not fine:
            return None
        i = after
    fine = ends[0] == 0 and len({block.name.lower() for block in blocks}) == len(blocks)
    return blocks if blocks and fine else None


def _place(places: dict[str, slice], tags: list[str], start: int, stop: int, loop: bool) -> bool:
    """Note where the values of tags are; False where they do not fit, or a tag comes twice."""
    width = len(tags)
    if start == stop or not width or (stop - start) % width or (stop - start > 1 and not loop):
        return False
    for i, tag in enumerate(tags):
        if tag.lower() in places:
            return False
        places[tag.lower()] = slice(start + i, stop, width)
    return True
