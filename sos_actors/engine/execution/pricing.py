"""Limits: no order goes without one. The price is moved against us so that it fills, and bounds what is paid."""

from __future__ import annotations

import math

from sos_actors.types import Side

_MOST_HALVINGS = 4
_NEARLY = 1e-9
"""A price so near to a step, in steps, is on it: quotients of floats are not exact."""


def is_price(price: float | None) -> bool:
    """Whether it is a number that something can cost."""
    return price is not None and math.isfinite(price) and price > 0


def limit_price(side: Side, reference: float, percent: float, ticks: int, tick: float) -> float:
    """The reference moved against us by the larger of ``percent`` and ``ticks``, on the tick, outwards.

    Args:
        side: a buyer's limit lies above, a seller's below.
        reference: rupees, positive.
        percent: of the reference.
        ticks: at least so many, and never less than one.
        tick: rupees.

    Returns:
        Rupees; a seller's limit is at least one tick.

    Raises:
        ValueError: a reference that is no price, or no tick.
    """
    if not is_price(reference) or not is_price(tick):
        raise ValueError(f"no limit can be made of the price {reference} and the tick {tick}")
    distance = max(reference * percent / 100.0, max(ticks, 1) * tick)
    steps = (reference + int(side) * distance) / tick
    whole = math.ceil(steps - _NEARLY) if side is Side.BUY else max(math.floor(steps + _NEARLY), 1)
    return round(whole * tick, 2)


def tightened(percent: float, refusals: int) -> float:
    """The protection after so many refusals: halved each time, as a limit outside the price band is refused."""
    return float(percent / 2 ** min(refusals, _MOST_HALVINGS))


def is_bolder(side: Side, price: float, than: float) -> bool:
    """Whether a limit gives more to get a fill."""
    return price > than + _NEARLY if side is Side.BUY else price < than - _NEARLY


def in_paise(price: float, quantity: int) -> int:
    """What a quantity costs, in paise."""
    return round(price * quantity * 100)
