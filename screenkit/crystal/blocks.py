"""CIF text -> blocks: its values by tag.

Not covered: what is no CIF, or one out of the ordinary; `read_blocks` returns None for it, and
`syntax.py` asks gemmi.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from screenkit.crystal.lexer import DATA, TAG, split
from screenkit.crystal.words import Words

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
            place = self.places.get(tag.lower())
            if place is not None and place.start + place.step >= place.stop:
                text = self.words.one(place.start).strip()
                if text not in _NULL:
                    return text
        return ""


def read_blocks(text: bytes) -> list[Block] | None:
    """Return the blocks of a CIF; None where anything is out of the ordinary."""
    tokens = split(text)
    if tokens is None:
        return None
    words, marks, kinds = tokens
    tags = words.at(marks).together().lower().split("\0")[:-1]
    what, ends = kinds.tolist(), [*marks.tolist(), len(words)]
    blocks: list[Block] = []
    places: dict[str, slice] = {}
    i = 0
    while i < len(what):
        start, after = ends[i] + 1, i + 1
        if what[i] == DATA:
            places = {}
            blocks.append(Block(words.one(start - 1), words, places))
            fine = ends[after] == start
        elif what[i] == TAG:
            fine = ends[after] == start + 1 and tags[i] not in places
            places[tags[i]] = slice(start, start + 1, 1)
        else:
            while after < len(what) and what[after] == TAG and ends[after] == start:
                start, after = start + 1, after + 1
            fine = _place(places, tags[i + 1 : after], start, ends[after])
        if not (fine and blocks):
            return None
        i = after
    fine = ends[0] == 0 and len({block.name.lower() for block in blocks}) == len(blocks)
    return blocks if blocks and fine else None


def _place(places: dict[str, slice], tags: list[str], start: int, stop: int) -> bool:
    """Note where the values of tags are; False where they do not fit, or a tag comes twice."""
    width, known = len(tags), len(places)
    if start == stop or not width or (stop - start) % width:
        return False
    for i, tag in enumerate(tags, start):
        places[tag] = slice(i, stop, width)
    return len(places) == known + width
