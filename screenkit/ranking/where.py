"""The small language of `--where`, which rows to keep, and `--derive`, what else to know of them.

    co2_uptake_0.15bar_298K > 2 and n_atoms < 500
    0.5 < density_g_cm3 <= 1.2 and not (warnings == "symmetry_missing")
    log_kh_co2_298K - log_kh_ch4_298K > 1.5 or name == "MOF-5"

A condition is made of columns, numbers, texts in quotes, `+ - * /`, `< <= > >= == !=`, `and`,
`or`, `not`, parentheses and the functions `abs exp log10 max min sqrt`. A column whose name is not
a plain word stands in back quotes. Comparisons may be chained, as in `0 < x < 1`. A formula is the
same without what is true or false; it gives a number, unknown where a column is, or where it is
not real (`log10(-1)`).

A missing value (NaN) is unknown, and so is what is compared with it: neither `x > 2` nor
`not (x > 2)` keeps a row without x, while `x > 2 or y > 2` does, when y is above 2. This is
SQL's three-valued logic.

Nothing is evaluated as Python. Not covered: other functions, assignments, patterns.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from screenkit.errors import UsageError
from screenkit.ranking.tokens import Token, as_written, read_tokens, trouble
from screenkit.settings import did_you_mean

NUMBER, TEXT = "number", "text"
"""The two kinds of column."""

_MAX_DEPTH = 50  # parentheses, `not` and minus signs around one value

_ORDER = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
_EQUAL = {"==": np.equal, "!=": np.not_equal}
_COMPARE = _ORDER | _EQUAL
_ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_FUNCTIONS: Mapping[str, tuple[Callable[..., np.ndarray], int]] = {
    "abs": (np.abs, 1),
    "exp": (np.exp, 1),
    "log10": (np.log10, 1),
    "max": (np.maximum, 2),  # of two or more; unknown where one of them is
    "min": (np.minimum, 2),
    "sqrt": (np.sqrt, 1),
}
_BOOL = "condition"

_Columns = Mapping[str, np.ndarray]
_Truth = tuple[np.ndarray, np.ndarray]  # (surely true, surely false); neither where unknown


@dataclass(frozen=True)
class Condition:
    """One `--where`, read and checked. Call it on columns of any length."""

    text: str
    """As the user wrote it."""
    columns: tuple[str, ...]
    """The columns it needs, each once, in order of appearance."""
    _truth: Callable[[_Columns], _Truth]

    def __call__(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return (n,) bool: the rows for which the condition surely holds.

        Args:
            columns: (n,) arrays by name, for at least the names in `columns`; float64 for numbers,
                object (str) for texts.
        """
        with np.errstate(all="ignore"):  # x / 0 is inf or unknown, as a user would read it
            return self._truth(columns)[0]


@dataclass(frozen=True)
class Formula:
    """One formula of a `--derive`, read and checked. Call it on columns of any length."""

    text: str
    """As the user wrote it."""
    columns: tuple[str, ...]
    """The columns it needs, each once, in order of appearance."""
    _compute: Callable[[_Columns], np.ndarray]

    def __call__(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return (n,) float64; the columns are (n,) float64 by name, as those of a Condition."""
        with np.errstate(all="ignore"):
            return np.asarray(self._compute(columns), dtype=np.float64)


def read_condition(text: str, columns: Mapping[str, str]) -> Condition:
    """Read the text of a `--where`.

    Args:
        text: the condition.
        columns: every column that may be named, and its kind, `NUMBER` or `TEXT`.

    Raises:
        UsageError: it does not parse, names an unknown column, or compares a number with a text.
            The message shows the place.
    """
    reader = _Reader(text, columns)
    value = reader.either(0)
    reader.expect_end()
    if value.kind != _BOOL:
        raise reader.trouble(value.place, f"this is a {value.kind}, a condition is wanted")
    if not reader.used:
        raise reader.trouble(0, "the condition names no column")
    return Condition(text, tuple(reader.used), value.truth)


def read_formula(text: str, columns: Mapping[str, str], option: str = "--derive") -> Formula:
    """Read a formula that gives a number.

    Args:
        text: the formula.
        columns: as for `read_condition`.
        option: that it was written behind, for messages.

    Raises:
        UsageError: as `read_condition`; or it gives no number.
    """
    reader = _Reader(text, columns, option)
    value = reader.either(0)
    reader.expect_end()
    if value.kind != NUMBER:
        raise reader.trouble(value.place, f"this is a {value.kind}, a number is wanted")
    if not reader.used:
        raise reader.trouble(0, "the formula names no column")
    return Formula(text, tuple(reader.used), value.compute)


@dataclass(frozen=True)
class _Value:
    """A part of the condition: how to compute it, what it gives, where it begins."""

    kind: str
    place: int
    compute: Callable[[_Columns], np.ndarray] = lambda columns: np.empty(0)
    """For numbers and texts: an array, or a scalar array for a constant."""
    truth: Callable[[_Columns], _Truth] = lambda columns: (np.empty(0), np.empty(0))
    """For conditions."""


def _both(first: _Truth, second: _Truth) -> _Truth:
    return first[0] & second[0], first[1] | second[1]


def _either(first: _Truth, second: _Truth) -> _Truth:
    return first[0] | second[0], first[1] & second[1]


class _Reader:
    """A recursive descent over the tokens; one method per level of binding."""

    def __init__(self, text: str, columns: Mapping[str, str], option: str = "--where") -> None:
        self.text = text
        self.columns = columns
        self.option = option
        self.used: dict[str, None] = {}
        self.tokens = read_tokens(text, option)
        self.position = 0

    def trouble(self, place: int, message: str, hint: str = "") -> UsageError:
        """Return an error that shows the text with a caret under the place."""
        return trouble(self.text, place, message, hint, self.option)

    def peek(self) -> Token:
        return self.tokens[self.position]

    def take(self, *texts: str) -> Token | None:
        """Return the next token if it is one of these words or signs, else None."""
        token = self.peek()
        if token.kind not in ("word", "sign") or token.text not in texts:
            return None
        self.position += 1
        return token

    def expect_end(self) -> None:
        token = self.peek()
        if token.kind != "end":
            what = "condition" if self.option == "--where" else "formula"
            raise self.trouble(token.place, f"unexpected {token.text!r} after the {what}")

    def either(self, depth: int) -> _Value:
        left = self.both(depth)
        while self.take("or"):
            right = self.both(depth)
            left = self._join(left, right, _either)
        return left

    def both(self, depth: int) -> _Value:
        left = self.negation(depth)
        while self.take("and"):
            right = self.negation(depth)
            left = self._join(left, right, _both)
        return left

    def _join(
        self, left: _Value, right: _Value, rule: Callable[[_Truth, _Truth], _Truth]
    ) -> _Value:
        for side in (left, right):
            self._want(side, _BOOL)
        first, second = left.truth, right.truth
        return _Value(_BOOL, left.place, truth=lambda c: rule(first(c), second(c)))

    def negation(self, depth: int) -> _Value:
        token = self.take("not")
        if token is None:
            return self.comparison(depth)
        self._descend(token, depth)
        inner = self.negation(depth + 1)
        self._want(inner, _BOOL)
        return _Value(_BOOL, token.place, truth=lambda c: inner.truth(c)[::-1])

    def comparison(self, depth: int) -> _Value:
        left = self.sum(depth)
        result: _Value | None = None
        while token := self.take(*_COMPARE):
            right = self.sum(depth)
            link = self._compare(left, token, right)
            result = link if result is None else self._join(result, link, _both)
            left = right
        return left if result is None else result

    def _compare(self, left: _Value, token: Token, right: _Value) -> _Value:
        for side in (left, right):
            if side.kind == _BOOL:
                raise self.trouble(side.place, f"{token.text!r} cannot compare a condition")
        if left.kind != right.kind:
            raise self.trouble(
                token.place, f"{token.text!r} cannot compare a {left.kind} with a {right.kind}"
            )
        if left.kind == TEXT and token.text in _ORDER:
            raise self.trouble(token.place, "texts have no order here", "use == or !=")
        numeric, rule = left.kind == NUMBER, _COMPARE[token.text]

        def truth(columns: _Columns) -> _Truth:
            a, b = left.compute(columns), right.compute(columns)
            holds = np.asarray(rule(a, b), dtype=bool)
            known = ~(np.isnan(a) | np.isnan(b)) if numeric else np.True_
            return holds & known, ~holds & known

        return _Value(_BOOL, left.place, truth=truth)

    def sum(self, depth: int) -> _Value:
        return self._chain(self.product, ("+", "-"), depth)

    def product(self, depth: int) -> _Value:
        return self._chain(self.signed, ("*", "/"), depth)

    def _chain(self, level: Callable[[int], _Value], signs: tuple[str, ...], depth: int) -> _Value:
        left = level(depth)
        while token := self.take(*signs):
            left = self._calculate(left, token, level(depth))
        return left

    def _calculate(self, left: _Value, token: Token, right: _Value) -> _Value:
        for side in (left, right):
            self._want(side, NUMBER)
        rule, a, b = _ARITHMETIC[token.text], left.compute, right.compute
        return _Value(NUMBER, left.place, compute=lambda c: rule(a(c), b(c)))

    def signed(self, depth: int) -> _Value:
        token = self.take("-", "+")
        if token is None:
            return self.atom(depth)
        self._descend(token, depth)
        inner = self.signed(depth + 1)
        self._want(inner, NUMBER)
        if token.text == "+":
            return inner
        return _Value(NUMBER, token.place, compute=lambda c: np.negative(inner.compute(c)))

    def atom(self, depth: int) -> _Value:
        token = self.peek()
        if self.take("("):
            self._descend(token, depth)
            inner = self.either(depth + 1)
            if not self.take(")"):
                raise self.trouble(token.place, "this parenthesis is never closed")
            return inner
        if token.kind not in ("number", "text", "word", "quoted"):
            found = "the end" if token.kind == "end" else repr(token.text)
            hint = "a power is a product: x * x" if token.text == "*" else ""
            raise self.trouble(token.place, f"a column or a value is wanted, found {found}", hint)
        if token.kind == "word" and token.text in ("and", "or", "not"):
            raise self.trouble(token.place, f"a column or a value is wanted, found {token.text!r}")
        self.position += 1
        if token.kind == "number":
            number = np.array(float(token.text))
            return _Value(NUMBER, token.place, compute=lambda c: number)
        if token.kind == "text":
            text = np.array(token.text[1:-1], dtype=object)
            return _Value(TEXT, token.place, compute=lambda c: text)
        if token.kind == "word" and (opening := self.take("(")):
            return self._call(token, opening, depth)
        return self._column(token)

    def _call(self, token: Token, opening: Token, depth: int) -> _Value:
        """Read what stands behind `name(`."""
        self._descend(token, depth)
        if token.text not in _FUNCTIONS:
            near = did_you_mean(token.text, tuple(_FUNCTIONS))
            hint = near or f"there are {', '.join(_FUNCTIONS)}; nothing runs as code"
            raise self.trouble(token.place, f"no function named {token.text!r}", hint)
        given = [self.either(depth + 1)]
        while self.take(","):
            given.append(self.either(depth + 1))
        if not self.take(")"):
            raise self.trouble(opening.place, "this parenthesis is never closed")
        for value in given:
            self._want(value, NUMBER)
        rule, least = _FUNCTIONS[token.text]
        if len(given) < least or (least == 1 and len(given) > 1):
            wanted = "one number" if least == 1 else "two numbers or more"
            raise self.trouble(token.place, f"{token.text} takes {wanted}, found {len(given)}")
        parts = [value.compute for value in given]
        if least == 1:
            return _Value(NUMBER, token.place, compute=lambda c: rule(parts[0](c)))
        return _Value(
            NUMBER, token.place, compute=lambda c: functools.reduce(rule, [p(c) for p in parts])
        )

    def _column(self, token: Token) -> _Value:
        name = token.text
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, n=3, cutoff=0.4)
            hint = ", ".join(as_written(column) for column in near or self.columns)
            hint = f"did you mean {hint}?" if near else f"there are {hint}"
            raise self.trouble(token.place, f"no column named {name!r}", hint)
        self.used.setdefault(name)
        return _Value(self.columns[name], token.place, compute=lambda c: c[name])

    def _want(self, value: _Value, kind: str) -> None:
        if value.kind != kind:
            raise self.trouble(value.place, f"this is a {value.kind}, a {kind} is wanted")

    def _descend(self, token: Token, depth: int) -> None:
        if depth >= _MAX_DEPTH:
            raise self.trouble(token.place, f"nested deeper than {_MAX_DEPTH}")
