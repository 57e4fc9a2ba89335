"""What the broker's risk system and the exchange refuse after an order was accepted: it ends as ``rejected``.

Two of the texts are the documentation's (funds, circuit limits); the others are ours.
"""

from __future__ import annotations

from math import ceil, floor, inf
from typing import NamedTuple

from sos_actors.simulator.upstox.exchange_orders import OrderTerms
from sos_actors.simulator.upstox.matching import paise
from sos_actors.simulator.view import Listing, State
from sos_actors.types import Side

_HAIR = 1e-6
_AUTOMATIC_OPTIONS = ((5.0, 15.0), (10.0, 10.0), (100.0, 5.0), (500.0, 3.0), (inf, 2.0))
_AUTOMATIC_OTHERS = ((100.0, 2.0), (500.0, 1.0), (inf, 0.5))
"""Percent of automatic protection below a price in rupees. Source: Upstox's announcement of March 2026 for options
below 10 rupees; the other figures are assumed."""


class Objection(NamedTuple):
    """Why an order is rejected: in the broker's words, and in those of the system that said so."""

    message: str
    raw: str


def funds(required: float, available: float) -> Objection:
    """Not enough money."""
    return Objection(
        f"You need to add Rs. {required - available:.2f} in your account to place this trade.",
        f"RMS:Margin Exceeds,Required:{required:.2f}, Available:{available:.2f} for entity account-****** "
        "across exchange across segment across product ",
    )


def holdings(asked: int, sellable: int) -> Objection:
    """Not enough shares."""
    return Objection(
        f"You can sell at most {max(sellable, 0)} shares for delivery.",
        f"RMS:Rule: Check holdings including T1,Required:{asked}, Available:{max(sellable, 0)} "
        "for entity account-****** across exchange across segment across product ",
    )


def risk_objection(terms: OrderTerms, listing: Listing, is_disabled: bool, is_late: bool) -> Objection | None:
    """What the risk system has against an order, money and shares aside.

    Args:
        terms: the order.
        listing: its instrument.
        is_disabled: whether the kill switch stands on its segment.
        is_late: whether intraday positions have been squared off already.
    """
    if is_disabled:
        segment = listing.upstox_segment
        return Objection("Trading in this segment is disabled.", f"RMS:Blocked for {segment}: kill switch")
    if terms.product == "MTF":
        return Objection("Margin trading is not available for this instrument.", "RMS:Blocked for product MTF")
    if 0 < listing.freeze < terms.quantity:
        return Objection(
            f"The quantity exceeds the freeze quantity of {listing.freeze}. Split the order.",
            f"RMS:Rule: Check freeze quantity,Order:{terms.quantity}, Freeze:{listing.freeze}",
        )
    if terms.product == "I" and is_late:
        return Objection("Intraday orders are closed for today.", "RMS:Blocked for product I after square-off time")
    return None


def price_objection(listing: Listing, state: State, *prices: float) -> Objection | None:
    """What the exchange has against the prices of an order; zeros are no prices."""
    for price in prices:
        if price and not on_tick(price, listing.tick):
            return Objection(
                f"The price should be a multiple of the tick size {listing.tick:g}.",
                "EXCHANGE:16283 : The order price is not multiple of the tick size.",
            )
        if price and not paise(state.lower_circuit) <= paise(price) <= paise(state.upper_circuit):
            return Objection(
                "The price set should be within the circuit limits. Please modify your order price.",
                f"EXCHANGE:16284 : Price is out of the current execution range "
                f"{state.lower_circuit:.2f} to {state.upper_circuit:.2f}.",
            )
    return None


def on_tick(price: float, tick: float) -> bool:
    """Whether a price is a whole number of ticks."""
    return tick <= 0 or abs(price / tick - round(price / tick)) < _HAIR


def protected_price(listing: Listing, state: State, side: Side, reference: float, percent: float) -> float:
    """The limit a protected market order gets: a share of the reference away, on the tick, within the price band.

    Args:
        reference: the last price or, for a stop order, its trigger; rupees.
        percent: 1 to 25, or -1 for the automatic one.
    """
    if percent < 0:
        steps = _AUTOMATIC_OPTIONS if listing.option_type is not None else _AUTOMATIC_OTHERS
        percent = next(share for below, share in steps if reference < below)
    ticks = reference * (1 + side * percent / 100) / listing.tick
    whole = floor(ticks + _HAIR) if side is Side.BUY else ceil(ticks - _HAIR)
    return round(min(max(max(whole, 1) * listing.tick, state.lower_circuit), state.upper_circuit), 2)
