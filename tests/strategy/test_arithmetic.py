"""Compiled arithmetic against Python's own, to the last bit, on random and on awkward numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.strategy.arithmetic import EXPONENT_LIMIT, floor_modulo, power, round_half_even
from tests.strategy.places import bits

MANY = 40_000
FINITE = st.floats(allow_nan=False, allow_infinity=False)
DIGITS = range(-12, 13)


def same(found: float, expected: float) -> bool:
    return bits(found) == bits(expected)


def with_neighbours(values: Iterator[float]) -> Iterator[float]:
    for value in values:
        yield from (value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf), -value)


def ties(chance: random.Random, digits: int) -> Iterator[float]:
    """Numbers that stand half way between two roundings, as nearly as binary allows."""
    for _ in range(MANY // 25):
        half = chance.randrange(10 ** chance.randrange(1, 8)) + 0.5
        yield half / 10.0**digits if digits >= 0 else half * 10.0**-digits


@pytest.mark.parametrize("digits", DIGITS)
def test_rounding_equals_python_on_ties_and_their_neighbours(digits: int) -> None:
    for x in with_neighbours(ties(random.Random(digits), digits)):
        assert same(round_half_even(x, digits), round(x, digits)), (x, digits)


@pytest.mark.parametrize("digits", DIGITS)
def test_rounding_equals_python_where_a_float_runs_out_of_decimals(digits: int) -> None:
    chance = random.Random(digits)
    for x in with_neighbours(2.0**52 / 10.0**digits * chance.uniform(0.1, 9.0) for _ in range(500)):
        assert same(round_half_even(x, digits), round(x, digits)), (x, digits)


@given(FINITE, st.integers(-12, 12))
@settings(max_examples=2_000, deadline=None, derandomize=True)
def test_rounding_equals_python_on_any_float(x: float, digits: int) -> None:
    assert same(round_half_even(x, digits), round(x, digits))


@pytest.mark.parametrize(
    ("x", "digits", "expected"),
    [(25613.0, -2, 25600.0), (0.5, 0, 0.0), (1.5, 0, 2.0), (2.675, 2, 2.67), (-0.4, 0, -0.0)],
)
def test_rounding_known_numbers(x: float, digits: int, expected: float) -> None:
    assert same(round_half_even(x, digits), expected)


def operands(chance: random.Random) -> float:
    sign = chance.choice([1.0, -1.0])
    return chance.choice(
        [sign * chance.uniform(0, 100), sign * chance.randrange(50), sign * 10 ** chance.uniform(-300, 300),
         sign * 10 ** chance.uniform(-3, 20), sign * 0.1, sign * 0.05 * chance.randrange(600_000)]
    )  # fmt: skip


def test_floor_division_and_modulo_equal_python() -> None:
    chance = random.Random(1)
    for _ in range(5 * MANY):
        a, b = operands(chance), operands(chance)
        if b != 0.0:
            floor, modulo = floor_modulo(a, b)
            assert same(floor, a // b), (a, b)
            assert same(modulo, a % b), (a, b)


@pytest.mark.parametrize(("a", "b"), [(5.0, math.inf), (-5.0, math.inf), (5.0, -math.inf), (0.0, -3.0), (-0.0, 3.0)])
def test_floor_division_and_modulo_by_infinity_and_of_zero_equal_python(a: float, b: float) -> None:
    floor, modulo = floor_modulo(a, b)
    assert same(floor, a // b)
    assert same(modulo, a % b)


def python_power(a: float, b: float) -> float:
    """NaN where the language says error."""
    if abs(b) > EXPONENT_LIMIT:
        return math.nan
    try:
        value = a**b
    except ArithmeticError:
        return math.nan
    return value if isinstance(value, float) and math.isfinite(value) else math.nan


def test_powers_equal_python_or_are_errors_like_there() -> None:
    chance = random.Random(2)
    exponents = [0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, 1.5, 64.0, -64.0, 64.5, 65.0, 1e300]
    for _ in range(MANY):
        a = chance.choice([operands(chance), 0.0, -0.0])
        b = chance.choice([*exponents, chance.uniform(-64, 64)])
        found, expected = power(a, b), python_power(a, b)
        assert same(found, expected) or (math.isnan(found) and math.isnan(expected)), (a, b)
