"""CIF bytes -> blocks: encoding, syntax, and the slips that may be mended.

What is out of the ordinary is read by gemmi, a strict CIF 1.1. Three slips that widespread programs
make, and that have one reading only, are mended and leave the warning `syntax_repaired`:

- a comma after a closing quote (RASPA): `_citation_author_name 'A. B. Cee',`
- several bare words as the one value of a tag (CoRE MOF, fapswitch): `_symmetry... P 1`
- a loop with values too many or too few that has nothing to do with the structure.

Not covered: CIF2, mmCIF. Nothing is mended inside the atom sites or where a quote does not end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gemmi import cif

from screenkit.crystal.blocks import Block, read_blocks
from screenkit.crystal.document import SIZE_LIMIT
from screenkit.crystal.words import Words
from screenkit.errors import CrystalError

_MAX_REPAIRS = 20
_MAX_REPAIRED_BYTES = 4 * 1024 * 1024
_NOT_UTF8 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
_CIF_LINE = re.compile(
    r"(?:^|\r)[ \t]*(?:data_|loop_|_cell[_.]|_atom_site[_.])", re.IGNORECASE | re.MULTILINE
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_QUOTE_COMMA = re.compile(r"([ \t]*_\S+[ \t]+(['\"]).*\2),")
_BARE_WORDS = re.compile(r"([ \t]*_\S+[ \t]+)([^'\"#;_$\[\]\s][^'\"#]*[^'\"#\s])")
_RESERVED = re.compile(r"(?:^|\s)(?:_|data_|loop_|save_|stop_|global_)", re.IGNORECASE)
_ENDS_LOOP = re.compile(r"[ \t]*(?:loop_|data_|save_|_)", re.IGNORECASE)
_STRUCTURAL = (
    "_atom_site",
    "_atom_type",
    "_cell",
    "_symmetry",
    "_space_group",
    "_chemical_formula",
)

_REASONS = {
    "Wrong number of values": "the values of a loop do not fill its columns",
    "duplicate tag": "a tag is given twice",
    "duplicate block name": "two data blocks have one name",
    "has no value": "a tag has no value",
    "unterminated": "a quote or text field does not end",
    "expected block header": "there is no data_ line before it",
}


def read_document(data: bytes, warn: Callable[[str], None]) -> list[Block]:
    """Return the data blocks of a CIF.

    Args:
        data: the whole file, not compressed.
        warn: takes the code of what is odd but accepted.

    Raises:
        CrystalError: too_large, empty_file, nul_bytes, encoding, not_cif or parse_error.
    """
    text = _decode(data, warn)
    return read_blocks(text) or _read_by_gemmi(text.decode("ascii"), warn)


def _read_by_gemmi(text: str, warn: Callable[[str], None]) -> list[Block]:
    for _ in range(_MAX_REPAIRS):
        try:
            return [_block(block) for block in cif.read_string(text)]
        except (ValueError, RuntimeError) as error:
            complaint = str(error)
        if not _CIF_LINE.search(text):
            raise CrystalError("not_cif", "the file has no line of a CIF in it")
        mended = _mend(text, _line_of(complaint))
        if mended is None:
            break
        warn("syntax_repaired")
        text = mended
    raise _syntax_error(complaint)


def _block(found: cif.Block) -> Block:
    """Return one of gemmi's blocks as one of ours."""
    texts: list[str] = []
    places: dict[str, slice] = {}
    has_empty_loop = False
    for item in found:
        if isinstance(pair := item.pair, Sequence):
            tags, values = list(pair[:1]), list(pair[1:])
        elif item.loop is not None:
            tags, values = item.loop.tags, item.loop.values
            has_empty_loop = has_empty_loop or not values
        else:
            continue  # a save frame
        stop = len(texts) + len(values)
        places |= {
            tag.lower(): slice(len(texts) + i, stop, len(tags))
            for i, tag in enumerate(tags)
            if values
        }
        texts += [cif.as_string(v) if v[:1] in ("'", '"', ";") else v for v in values]
    return Block(found.name, Words.of(texts), places, has_empty_loop)


def _decode(data: bytes, warn: Callable[[str], None]) -> bytes:
    """Return the text in ASCII."""
    if len(data) > SIZE_LIMIT:
        raise CrystalError("too_large", f"{len(data)} bytes of text, at most {SIZE_LIMIT} are read")
    if not data or data.isspace():
        raise CrystalError("empty_file", "the file is empty")
    if data.startswith(_NOT_UTF8):
        raise CrystalError("encoding", "the file is UTF-16 or UTF-32; save it as UTF-8")
    if data.startswith(_UTF8_MARK):
        data = data[len(_UTF8_MARK) :]
    if b"\0" in data:
        if data.strip(b"\0") and not _CIF_LINE.search(data.decode("latin-1")):
            raise CrystalError("not_cif", "the file is binary")
        raise CrystalError("nul_bytes", f"{data.count(0)} NUL bytes; the file is damaged")
    if data.isascii():
        return data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        warn("encoding")
        text = data.decode("latin-1")
    # gemmi takes other letters in quotes only. No number and no element has one, so any will do.
    return _NOT_ASCII.sub("~", text).encode("ascii")


def _line_of(complaint: str) -> int:
    """Return the line in one of gemmi's messages, 0 if there is none."""
    match = re.match(r"\w+:(\d{1,9})", complaint)
    return int(match.group(1)) if match else 0


def _syntax_error(complaint: str) -> CrystalError:
    line = _line_of(complaint)
    reason = next(
        (text for key, text in _REASONS.items() if key in complaint), "this is not CIF syntax"
    )
    return CrystalError("parse_error", f"line {line}: {reason}" if line else reason)


# ---------------------------------------------------------------- mending


def _mend(text: str, line: int) -> str | None:
    """Return the text with the slip on one line mended, or None if it is not a known slip."""
    if len(text) > _MAX_REPAIRED_BYTES:
        return None
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return None
    here = lines[line - 1].rstrip()
    if match := _QUOTE_COMMA.fullmatch(here):
        lines[line - 1] = match.group(1)
    elif (match := _BARE_WORDS.fullmatch(here)) and not _RESERVED.search(match.group(2)):
        lines[line - 1] = f"{match.group(1)}'{match.group(2)}'"
    elif here.strip().lower() == "loop_":
        end = _end_of_stray_loop(lines, line)
        if end is None:
            return None
        lines[line - 1 : end] = [""] * (end - line + 1)
    else:
        return None
    return "\n".join(lines)


def _end_of_stray_loop(lines: list[str], start: int) -> int | None:
    """Return where a loop about something else than the structure ends; None if it may not go."""
    here = start
    while here < len(lines) and lines[here].lstrip().startswith("_"):
        if lines[here].lstrip().lower().startswith(_STRUCTURAL):
            return None
        here += 1
    while here < len(lines) and not _ENDS_LOOP.match(lines[here]):
        if lines[here].startswith(";"):
            return None
        here += 1
    return here
