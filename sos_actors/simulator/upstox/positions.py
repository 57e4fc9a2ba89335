"""What the simulated account holds of one instrument, counted as Upstox's position rows count it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sos_actors.simulator.view import Listing
from sos_actors.types import OptionType, Segment, Side

SPAN_RATE = 0.10
EXPOSURE_RATE = 0.02
"""Of the underlying's value: what a sold option or a future blocks here. The exchange's own figures come from scenarios
of a day's risk; these are of their size and nothing more."""
INTRADAY_RATE = 0.20
"""Of a share's value, for intraday positions."""


class Need(NamedTuple):
    """Rupees a position or an order blocks, by kind."""

    span: float = 0.0
    exposure: float = 0.0
    equity: float = 0.0
    premium: float = 0.0
    delivery: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.span + self.exposure + self.equity + self.premium + self.delivery

    def times(self, factor: float) -> Need:
        """The same for another quantity."""
        return Need(*(part * factor for part in self))

    def plus(self, other: Need) -> Need:
        """Both together."""
        return Need(*(a + b for a, b in zip(self, other, strict=True)))


def need_of_unit(listing: Listing, side: Side, product: str, price: float, underlying: float) -> Need:
    """What opening one unit blocks.

    Args:
        listing: the instrument.
        side: BUY opens a long, SELL a short position.
        product: ``I`` or ``D``.
        price: rupees.
        underlying: rupees; the price of a contract's underlying.
    """
    if listing.option_type is not None and side is Side.BUY:
        return Need(premium=price)
    if listing.segment is Segment.FO:
        return Need(span=SPAN_RATE * underlying, exposure=EXPOSURE_RATE * underlying)
    return Need(delivery=price) if product == "D" else Need(equity=INTRADAY_RATE * price)


def intrinsic(listing: Listing, underlying: float) -> float:
    """What a contract is worth when it expires, rupees."""
    if listing.option_type is OptionType.CE:
        return max(underlying - listing.strike, 0.0)
    return max(listing.strike - underlying, 0.0) if listing.option_type is OptionType.PE else underlying


NOTHING = Need()


@dataclass(slots=True)
class Position:
    """One instrument held under one product. Quantities in units, a short position negative; money in rupees.

    Attributes:
        overnight: carried over from the session before, at ``overnight_price``.
        average: of what is open now.
        realised: of what was closed today.
        settled: paid out when the contract expired; no trade.
        need: what one open unit blocks.
    """

    listing: Listing
    product: str
    overnight: int = 0
    overnight_price: float = 0.0
    day_bought: int = 0
    day_bought_value: float = 0.0
    day_sold: int = 0
    day_sold_value: float = 0.0
    average: float = 0.0
    realised: float = 0.0
    settled: int = 0
    need: Need = NOTHING

    @property
    def quantity(self) -> int:
        """Units open now."""
        return self.overnight + self.day_bought - self.day_sold - self.settled

    @property
    def is_delivery(self) -> bool:
        """A share held under ``D``: it goes to the holdings, and only what is held can be sold."""
        return self.listing.segment is Segment.EQ and self.product == "D"

    @property
    def blocked(self) -> Need:
        """What it blocks."""
        if self.is_delivery and self.quantity < 0:
            return NOTHING
        return self.need.times(abs(self.quantity))

    def trade(self, side: Side, quantity: int, price: float, need: Need) -> None:
        """Count a fill: first it closes what is open on the other side, then it opens.

        Args:
            side: of the order.
            quantity: units.
            price: rupees.
            need: what one unit blocks where it opens.
        """
        before = self.quantity
        closing = min(quantity, abs(before)) if before * side < 0 else 0
        opening = quantity - closing
        self.realised += closing * (price - self.average) * -side
        kept = abs(before) - closing
        if opening:
            self.average = (self.average * kept + price * opening) / (kept + opening)
            self.need = self.need.times(kept / (kept + opening)).plus(need.times(opening / (kept + opening)))
        if side is Side.BUY:
            self.day_bought += quantity
            self.day_bought_value += quantity * price
        else:
            self.day_sold += quantity
            self.day_sold_value += quantity * price
        if not self.quantity:
            self.average, self.need = 0.0, NOTHING

    def unrealised(self, price: float) -> float:
        """What is open at a price, against what it cost."""
        return self.quantity * (price - self.average)

    def rolled(self) -> Position:
        """The position on the next day: all of it overnight."""
        return Position(
            self.listing, self.product, self.quantity, self.average, average=self.average, need=self.need
        )  # fmt: skip


@dataclass(slots=True)
class Holding:
    """Shares held in the demat account.

    Attributes:
        average: rupees paid a share.
    """

    listing: Listing
    quantity: int
    average: float
