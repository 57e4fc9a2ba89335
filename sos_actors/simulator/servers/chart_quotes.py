"""Quote sessions of the chart socket: all fields first, then only those that changed."""

from __future__ import annotations

from typing import Any

from sos_actors.simulator.servers.chart_series import Source, symbol_of
from sos_actors.simulator.servers.chart_words import message, symbol_type
from sos_actors.simulator.servers.times import trading
from sos_actors.simulator.view import Listing
from sos_actors.types import NANOS_PER_SECOND


class QuoteSession:
    """Symbols and fields of one ``quote_create_session``."""

    def __init__(self, source: Source, name: str) -> None:
        self._source, self._name = source, name
        self._fields: frozenset[str] = frozenset()
        self._sent: dict[str, dict[str, Any]] = {}

    def set_fields(self, fields: list[Any]) -> None:
        """Send these fields only; all without any."""
        self._fields = frozenset(str(field) for field in fields)

    def add(self, symbols: list[Any]) -> list[str]:
        """Quotes of more symbols; whatever is no text (flags) is passed over."""
        said = []
        for symbol in symbols:
            if not isinstance(symbol, str):
                continue
            listing = self._source.listing(symbol_of(symbol))
            if listing is None:
                said.append(self._say("qsd", {"n": symbol, "s": "error", "errmsg": "no such symbol"}))
                continue
            self._sent[symbol] = {}
            said += [*self._changed(symbol, listing), self._say("quote_completed", symbol)]
        return said

    def remove(self, symbols: list[Any]) -> None:
        """No more quotes of these symbols."""
        for symbol in symbols:
            self._sent.pop(str(symbol), None)

    def updates(self) -> list[str]:
        """Fields that changed since the last call."""
        said = []
        for symbol in list(self._sent):
            listing = self._source.listing(symbol_of(symbol))
            if listing is not None:
                said += self._changed(symbol, listing)
        return said

    def _changed(self, symbol: str, listing: Listing) -> list[str]:
        values = {
            field: value
            for field, value in self._values(symbol_of(symbol), listing).items()
            if not self._fields or field in self._fields
        }
        before = self._sent[symbol]
        new = {field: value for field, value in values.items() if field not in before or before[field] != value}
        self._sent[symbol] = values
        return [self._say("qsd", {"n": symbol, "s": "ok", "v": new})] if new else []

    def _values(self, ticker: str, listing: Listing) -> dict[str, Any]:
        at, world = self._source.at(), self._source.world
        now = trading(world.market.calendar, at.ts, listing.segment)
        state = world.market.state(listing, now.ts)
        change = state.ltp - state.previous_close
        day, best = state.day, state.depth[0] if state.depth else None
        return {
            "lp": state.ltp,
            "lp_time": ((state.ltt or now.ts) + at.shift) // NANOS_PER_SECOND,
            "ch": round(change, 2),
            "chp": round(change / state.previous_close * 100, 2) if state.previous_close else 0.0,
            "volume": float(state.volume) if state.volume else None,
            "open_price": day.open if day else None,
            "high_price": day.high if day else None,
            "low_price": day.low if day else None,
            "prev_close_price": state.previous_close,
            "bid": best.bid_price if best else None,
            "ask": best.ask_price if best else None,
            "short_name": ticker.partition(":")[2],
            "description": listing.name,
            "exchange": "NSE",
            "type": symbol_type(listing),
            "update_mode": self._source.mode(),
            "current_session": "market" if now.is_open else "out_of_session",
            "pricescale": 100,
            "minmov": max(round(listing.tick * 100), 1),
            "currency_code": "INR",
        }

    def _say(self, name: str, *parameters: Any) -> str:
        return message(name, [self._name, *parameters], self._source.stamp())
