"""Compiled arithmetic that must equal Python's own to the last bit: floor division, modulo, power, rounding."""

from __future__ import annotations

import math

import numpy as np

from sos_actors.compiled import compiled

EXPONENT_LIMIT = 64.0
"""Larger exponents are an error: no trading rule needs them, and they are how files try to stall an engine."""
SPLITTER = 134217729.0
"""2**27 + 1, Veltkamp's constant. Source: T. J. Dekker, A floating-point technique for extending precision, 1971."""

INTEGERS_ONLY = 4503599627370496.0
"""2**52: floats this large have no fraction."""


@compiled
def floor_modulo(a: float, b: float) -> tuple[float, float]:
    """``a // b`` and ``a % b`` for ``b != 0``. Source: CPython, Objects/floatobject.c, _float_div_mod."""
    mod = np.fmod(a, b)
    div = (a - mod) / b
    if mod != 0.0:
        if (b < 0.0) != (mod < 0.0):
            mod += b
            div -= 1.0
    else:
        mod = math.copysign(0.0, b)
    if div != 0.0:
        floor = np.floor(div)
        if div - floor > 0.5:
            floor += 1.0
    else:
        floor = math.copysign(0.0, a / b)
    return floor, mod


@compiled
def power(a: float, b: float) -> float:
    """``a ** b``, NaN where the language says it is an error."""
    if abs(b) > EXPONENT_LIMIT or (a == 0.0 and b < 0.0) or (a < 0.0 and np.floor(b) != b):
        return math.nan
    result = a**b
    return result if math.isfinite(result) else math.nan


@compiled
def _product_error(a: float, b: float, product: float) -> float:
    """What ``a * b`` lost to rounding, exactly (Dekker's product)."""
    t = SPLITTER * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = SPLITTER * b
    b_high = t - (t - b)
    b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@compiled
def round_half_even(x: float, digits: int) -> float:
    """Python's ``round(x, digits)`` for ``-12 <= digits <= 12``: half to even on the exact binary value of x.

    Python rounds by way of the exact decimal expansion; here the product with a power of ten carries its rounding
    error along, so that ties and near-ties are told apart.
    """
    magnitude = abs(x)
    scale = 10.0 ** abs(digits)
    if digits >= 0:
        product = magnitude * scale
        if product >= INTEGERS_ONLY:
            # From twice the limit on, the nearest decimal is nearer to x than to any other float.
            return math.copysign(product / scale, x) if product < 2.0 * INTEGERS_ONLY else x
        floor = np.floor(product)
        distance = (product - floor) - 0.5
        up = distance > 0.0
        if distance == 0.0:
            error = _product_error(magnitude, scale, product)
            up = error > 0.0 or (error == 0.0 and floor % 2.0 != 0.0)
        return math.copysign((floor + 1.0 if up else floor) / scale, x)
    remainder = np.fmod(magnitude, scale)
    below = magnitude - remainder
    half = scale / 2.0
    up = remainder > half or (remainder == half and np.fmod(below / scale, 2.0) != 0.0)
    return math.copysign(magnitude + (scale - remainder) if up else below, x)
