"""The order book the model shows: thirty levels about the last price, thicker and tighter the livelier the contract."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat

from sos_actors.simulator.view import Level

LEVELS = 30
PER_RUPEE = 100
"""Prices are counted in paise, so that they come out as the doubles nearest to the decimal numbers."""
_PATTERNS = 61
_TOTAL = 3
"""The whole book over its first thirty levels."""
Side = tuple[tuple[int, ...], int]


@dataclass(frozen=True, slots=True)
class Book:
    """Levels, best first, and all that is wanted and offered, units."""

    depth: tuple[Level, ...]
    wanted: int
    offered: int


EMPTY = Book((), 0, 0)


class BookShape:
    """One instrument's books.

    Args:
        tick: rupees.
        spread: ticks between the best bid and the best offer.
        unit: every quantity is a multiple of it.
        size: units at an ordinary level.
        uniform: ``model_tape.chances`` of the market.
    """

    def __init__(self, tick: float, spread: int, unit: int, size: float, uniform: list[float]) -> None:
        self._ticks, self._spread = round(tick * PER_RUPEE), spread
        self._unit, self._lots, self._uniform = unit, size / unit, uniform
        self._sides: dict[int, Side] = {}

    def book(self, price: float, salt: int) -> Book:
        """The book about a last price (rupees), which is the best bid or the best offer; another salt, another book."""
        ticks, reach = self._ticks, LEVELS * self._ticks
        last = round(price * PER_RUPEE)
        bid = last if salt & 1 else last - self._spread * ticks
        ask = bid + self._spread * ticks
        bids, wanted = self._side((salt >> 1) % _PATTERNS)
        asks, offered = self._side((salt >> 9) % _PATTERNS)
        prices = [paise / PER_RUPEE for paise in range(bid, bid - reach, -ticks)]
        if bid < reach:
            there = [price > 0.0 for price in prices]
            bids = tuple(quantity if good else 0 for quantity, good in zip(bids, there, strict=True))
            prices = [price if good else 0.0 for price, good in zip(prices, there, strict=True)]
            wanted = sum(bids) * _TOTAL
        offers = [paise / PER_RUPEE for paise in range(ask, ask + reach, ticks)]
        # Level(...) itself runs Python code; thirty of them on every change are what this function costs.
        rows = zip(bids, prices, asks, offers, strict=True)
        return Book(tuple(map(tuple.__new__, repeat(Level), rows)), wanted, offered)

    def _side(self, pattern: int) -> Side:
        side = self._sides.get(pattern)
        if side is None:
            draws = self._uniform[17 * pattern : 17 * pattern + LEVELS]
            parts = [(0.3 + 1.4 * draw) * (0.6 + 0.05 * level) for level, draw in enumerate(draws)]
            quantities = tuple(int(self._lots * part + 1.0) * self._unit for part in parts)
            side = self._sides[pattern] = (quantities, sum(quantities) * _TOTAL)
        return side
