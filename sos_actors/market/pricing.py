"""Option values, volatilities implied by prices, and greeks: European options, as NSE's all are.

Compiled scalar functions; ``pricing_chain`` applies them to a chain. An unknown input (NaN), or one without meaning
(a negative strike), gives NaN, never a default. Pass floats: every other type compiles once more.
Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), 167-179;
F. Black, M. Scholes, Journal of Political Economy 81 (1973), 637-654.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sos_actors.compiled import brief

NANOS_PER_YEAR = 365 * 86_400 * 1_000_000_000
"""Calendar year of 365 days, the day count of NSE's own volatilities."""
_DAYS_PER_YEAR = 365.0
_LOWEST_VOLATILITY = 1e-6
_HIGHEST_VOLATILITY = 16.0
_SQRT2 = math.sqrt(2.0)
_SQRT_2PI = math.sqrt(2.0 * math.pi)


class Greeks(NamedTuple):
    """Sensitivities of one option, with respect to the forward.

    Attributes:
        delta: rupees per rupee of the forward; 0..1 for a call, -1..0 for a put.
        gamma: delta per rupee of the forward.
        theta: rupees per calendar day (negative: the option loses value).
        vega: rupees per percentage point of volatility.
    """

    delta: float
    gamma: float
    theta: float
    vega: float


@brief
def years_to_expiry(now_ns: int, expiry_close_ns: int) -> float:
    """Calendar time left in years of 365 days; 0 from the close of trading on, when the option is its intrinsic."""
    return max(expiry_close_ns - now_ns, 0) / NANOS_PER_YEAR


@brief
def normal_cdf(x: float) -> float:
    """Standard normal distribution function, accurate in both tails (erfc keeps what 1 - erf would cancel)."""
    return 0.5 * math.erfc(-x / _SQRT2)


@brief
def black76_price(
    forward: float, strike: float, years: float, volatility: float, is_call: bool, rate: float = 0.0
) -> float:
    """Value in rupees of a European option on a forward.

    Args:
        forward: price of the underlying for delivery at expiry, rupees.
        strike: rupees.
        years: time to expiry; 0 gives the intrinsic value.
        volatility: fraction per square root of a year (0.14 means 14 %); 0 gives the discounted intrinsic value.
        is_call: call or put.
        rate: continuously compounded interest, fraction per year.

    Source: Black (1976), equation 16.
    """
    if not (forward > 0.0 and strike > 0.0 and years >= 0.0 and volatility >= 0.0):
        return math.nan
    sign = 1.0 if is_call else -1.0
    discount = math.exp(-rate * years)
    deviation = volatility * math.sqrt(years)
    if deviation == 0.0:
        return discount * max(sign * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    return discount * sign * (forward * normal_cdf(sign * d1) - strike * normal_cdf(sign * (d1 - deviation)))


@brief
def black_scholes_price(
    spot: float, strike: float, years: float, volatility: float, is_call: bool, rate: float = 0.0
) -> float:
    """Value in rupees of a European option on a stock without dividends; arguments as in ``black76_price``.

    Source: Black & Scholes (1973), as Black (1976) on the forward ``spot * exp(rate * years)``.
    """
    return black76_price(spot * math.exp(rate * years), strike, years, volatility, is_call, rate)


@brief
def implied_volatility(
    price: float, forward: float, strike: float, years: float, is_call: bool, rate: float = 0.0
) -> float:
    """The volatility at which ``black76_price`` gives ``price``; a fraction per square root of a year.

    NaN where no volatility does: at or below the intrinsic value, at or above the bound (the discounted forward for
    a call, strike for a put), no time left, or outside 0.0001 %..1600 %. Newton's steps inside a bracket that only
    ever shrinks, on the out-of-the-money side (by parity), where prices carry no intrinsic value to cancel.
    """
    if not (forward > 0.0 and strike > 0.0 and years > 0.0 and price > 0.0):
        return math.nan
    sign = 1.0 if is_call else -1.0
    target = price * math.exp(rate * years) - max(sign * (forward - strike), 0.0)
    if not (0.0 < target < min(forward, strike)):
        return math.nan
    call = strike >= forward
    low, high = _LOWEST_VOLATILITY, _HIGHEST_VOLATILITY
    if not (
        black76_price(forward, strike, years, low, call, 0.0)
        < target
        <= black76_price(forward, strike, years, high, call, 0.0)
    ):
        return math.nan
    # Start where the value is steepest in volatility: Newton does not overshoot from there (Manaster, Koehler 1982).
    guess = min(max(math.sqrt(2.0 * abs(math.log(forward / strike)) / years), 0.02), 4.0)
    for _ in range(100):
        error = black76_price(forward, strike, years, guess, call, 0.0) - target
        if error > 0.0:
            high = guess
        else:
            low = guess
        slope = black76_vega(forward, strike, years, guess)
        step = guess - error / slope if slope > 0.0 else low
        if not (low < step < high):
            step = 0.5 * (low + high)
        if abs(step - guess) <= 1e-12 * guess:
            return step
        guess = step
    return guess


@brief
def black76_vega(forward: float, strike: float, years: float, volatility: float) -> float:
    """Undiscounted rupees per unit of volatility (1.0 = 100 points), the same for call and put."""
    deviation = volatility * math.sqrt(years)
    if not (deviation > 0.0):
        return 0.0
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    return forward * math.sqrt(years) * math.exp(-0.5 * d1 * d1) / _SQRT_2PI


@brief
def greeks(forward: float, strike: float, years: float, volatility: float, is_call: bool, rate: float = 0.0) -> Greeks:
    """Greeks of ``black76_price``; all NaN without time or volatility, where they are not defined."""
    deviation = volatility * math.sqrt(years) if volatility > 0.0 and years > 0.0 else 0.0
    if not (forward > 0.0 and strike > 0.0 and deviation > 0.0):
        return Greeks(math.nan, math.nan, math.nan, math.nan)
    sign = 1.0 if is_call else -1.0
    discount = math.exp(-rate * years)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    vega = discount * black76_vega(forward, strike, years, volatility)
    value = black76_price(forward, strike, years, volatility, is_call, rate)
    return Greeks(
        delta=discount * sign * normal_cdf(sign * d1),
        gamma=vega / (forward * forward * deviation * math.sqrt(years)),
        theta=(rate * value - 0.5 * vega * volatility / years) / _DAYS_PER_YEAR,
        vega=vega / 100.0,
    )
