"""`docs/outcomes.md` explains every code that a row may carry, and no other."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import screenkit

PACKAGE = Path(screenkit.__file__).parent
OUTCOMES = (PACKAGE.parent / "docs" / "outcomes.md").read_text(encoding="utf-8")
GIVE_A_CODE = {"CrystalError", "warn", "stopped"}


def explained() -> set[str]:
    """Return the codes in the first column of the tables."""
    rows = [line.split("|")[1] for line in OUTCOMES.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z0-9_]+)`", row)}


@functools.cache
def calls_and_texts() -> tuple[set[str], set[str]]:
    """Return the codes that calls give to rows, and every text of the program."""
    given, texts = set(), set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = ast.unparse(node.func).split(".")[-1]
                if name in GIVE_A_CODE and isinstance(node.args[0].value, str):
                    given.add(node.args[0].value)
    return given, texts


def test_each_code_that_is_given_is_explained():
    given, _ = calls_and_texts()
    assert len(given) > 50
    assert given - explained() == set()


def test_each_code_that_is_explained_is_in_the_program():
    _, texts = calls_and_texts()
    assert explained() - texts == set()
