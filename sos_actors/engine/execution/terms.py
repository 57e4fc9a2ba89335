"""What an exchange asks of an order in an instrument, and how a quantity is divided by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sos_actors.types import Segment


@dataclass(frozen=True, slots=True)
class InstrumentTerms:
    """The terms of one instrument.

    Attributes:
        instrument_key: the broker's key.
        lot: units in a lot, at least 1.
        tick: smallest price step, rupees.
        freeze: most units the exchange takes in one order; 0 where there is no such limit.
        segment: where it trades.
    """

    instrument_key: str
    lot: int
    tick: float
    freeze: int
    segment: Segment


TermsOf = Callable[[str], InstrumentTerms | None]
"""The terms of a canonical symbol; None when nobody knows them."""
NameOf = Callable[[str], str | None]
"""The canonical symbol of a broker's key; None when nobody knows it."""


def slices(quantity: int, terms: InstrumentTerms) -> list[int]:
    """The quantities of the orders that a quantity has to be sent as, largest first; their sum is the quantity.

    Every slice but the last is a whole number of lots; so is the last when the quantity is. The freeze quantity may be
    given as the largest allowed or, as exchanges' files have it, as one more than that only if it is no multiple of
    the lot: what counts is the whole lots in it.
    """
    if quantity <= 0:
        return []
    if terms.freeze <= 0:
        return [quantity]
    most = max(terms.freeze // terms.lot * terms.lot, terms.lot)
    whole, rest = divmod(quantity, most)
    return [most] * whole + ([rest] if rest else [])
