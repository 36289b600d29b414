"""The YAML of a recipe. ruamel.yaml, which reads YAML 1.2, and hypothesis are the oracles."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screenkit.errors import RecipeError
from screenkit.recipe_yaml import Document, dump_lines, read_text


def values(text: str) -> dict:
    return Document.parse(text, "r.yaml").values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("1.5e-4", 1.5e-4),
        (".5", 0.5),
        ("10", 10),
        ("-3", -3),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("12:30:45", "12:30:45"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("off", "off"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("'10'", "10"),
        ('"true"', "true"),
        ("5%", "5%"),
        ("<<", "<<"),
        ("=", "="),
        (".nan", ".nan"),
        ("[1, a, 2.5]", [1, "a", 2.5]),
        ("{a: 1, b: [c]}", {"a": 1, "b": ["c"]}),
    ],
)
def test_a_value_is_what_the_core_schema_of_yaml_1_2_says(text: str, value: object):
    found = values(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "word", ["1e3", "0o17", "no", "12:30:45", "1.5e-4", "2.", "+12", "-.5", "x"]
)
def test_it_agrees_with_ruamel(word: str):
    ruamel = pytest.importorskip("ruamel.yaml")
    assert values(f"key: {word}") == ruamel.YAML(typ="safe", pure=True).load(f"key: {word}")


def test_a_key_is_a_text_even_where_it_looks_like_something_else():
    assert values("no: 1\n3: 2\n") == {"no": 1, "3": 2}


def test_an_empty_file_and_one_of_comments_are_empty_recipes():
    assert values("") == values("# nothing\n") == values("---\n") == {}


def test_every_value_knows_its_line():
    document = Document.parse("# head\nfit:\n  seed: 1\n\n  epochs: 2\n", "r.yaml")
    assert document.where(("fit", "epochs")) == "r.yaml, line 5"
    assert document.where(("fit", "unknown")) == "r.yaml, line 2"
    assert document.where(("unknown",)) == "r.yaml"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a stands twice, first in line 1"),
        ("fit:\n  seed: 1\n  seed: 1\n", 3, "fit.seed stands twice"),
        ("a: &x 1\n", 1, "an anchor, &x"),
        ("a: 1\nb: *x\n", 2, "an alias, *x"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "a tag"),
        ("a: !!int '3'\n", 1, "a tag"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a: b: c\n", 1, "not YAML"),
        ("\ta: 1\n", 1, "not YAML"),
        ("? [a]\n: 1\n", 1, "a key must be a word"),
        ("- a\n- b\n", 1, "wanted a list of `key: value`"),
        ("only words\n", 1, "wanted a list of `key: value`"),
        ("a: " + "[" * 20_000, 1, "nesting deeper than 20"),
        ("a: " + "{b: " * 50, 1, "nesting deeper than 20"),
        ("? " * 3000, 1, "a key must be a word"),
    ],
)
def test_what_a_recipe_has_no_use_for_is_refused_with_its_line(text: str, line: int, words: str):
    with pytest.raises(RecipeError) as caught:
        values(text)
    assert caught.value.message.startswith(f"r.yaml, line {line}: ")
    assert words in caught.value.message


def test_a_character_that_yaml_forbids_is_refused():
    with pytest.raises(RecipeError, match=r"r\.yaml: not YAML"):
        values("a: \x07\n")


def test_a_bomb_of_aliases_does_not_go_off():
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*a, *a]\n" for c in "bcdefghij")
    with pytest.raises(RecipeError, match="an anchor"):
        values(bomb)


def test_a_file_above_one_mebibyte_is_refused(tmp_path: Path):
    (tmp_path / "big.yaml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(RecipeError, match="larger than 1 MiB"):
        read_text(tmp_path / "big.yaml")


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(RecipeError, match="line 2: not UTF-8"):
        read_text(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_dropped(tmp_path: Path):
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert values(read_text(tmp_path / "bom.yaml")) == {"a": 1}


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused_or_empty_and_never_waited_for(tmp_path: Path, kind: str):
    import os

    path = tmp_path / "recipe.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
        assert read_text(path) == ""
        return
    with pytest.raises(RecipeError, match="cannot read"):
        read_text(path)


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(st.characters(codec=None)),
    st.sampled_from(["no", "null", "1e3", "0x1F", "- a", "a: b", "#", "x # y", "%", "@", "*a"]),
)
_KEYS = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
_TREES = st.dictionaries(
    _KEYS,
    st.one_of(_LEAVES, st.lists(_LEAVES, max_size=3), st.dictionaries(_KEYS, _LEAVES, max_size=3)),
    max_size=5,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(_TREES)
def test_what_is_written_is_read_again_unchanged(tree: dict):
    text = "\n".join(dump_lines(tree)) + "\n"
    again = values(text)
    assert again == tree
    assert repr(again) == repr(tree)  # 1 and 1.0 and True are equal, and not the same
