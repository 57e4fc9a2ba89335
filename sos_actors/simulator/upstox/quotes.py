"""Market quotes V2 and V3: last prices, candles of the day and minute, greeks, and the full quote with its depth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.moments import spoken
from sos_actors.simulator.upstox.answers import UpstoxRefusal, moment, success
from sos_actors.simulator.upstox.asked import DayList, needed_keys, unknown_instrument
from sos_actors.simulator.upstox.rows import exchange_symbol, quote_name
from sos_actors.simulator.view import Candle, Level, Listing, State
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_MINUTE, Segment

MOST_KEYS: Final = 500
MOST_GREEKS: Final = 50
_LEVELS: Final = 5
_NO_LEVEL: Final = Level(0, 0.0, 0, 0.0)
_YEAR_REACH: Final = (0.8, 1.15)
_INTERVALS: Final = {"1d": 0, "I1": 1, "I30": 30}
_INSTRUMENTS_AT_ONCE = 20
_Row = Callable[[Listing, State], dict[str, Any]]


class Quotes:
    """Serves the quotes.

    Args:
        world: the market and what time it is.
        listed: what is listed.
    """

    def __init__(self, world: World, listed: DayList) -> None:
        self._world, self._listed = world, listed

    def add_routes(self, app: web.Application) -> None:
        """Mount the quote calls."""
        routes: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
            "/v2/market-quote/ltp": self._ltp_v2,
            "/v3/market-quote/ltp": self._ltp_v3,
            "/v2/market-quote/ohlc": self._ohlc_v2,
            "/v3/market-quote/ohlc": self._ohlc_v3,
            "/v3/market-quote/option-greek": self._greeks,
            "/v2/market-quote/quotes": self._full_v2,
            "/v3/market-quote/quotes": self._full_v3,
        }
        for path, answer in routes.items():
            app.router.add_get(path, answer)

    async def _ltp_v2(self, request: web.Request) -> web.Response:
        return await self._answer(request, MOST_KEYS, _last_price)

    async def _ltp_v3(self, request: web.Request) -> web.Response:
        return await self._answer(request, MOST_KEYS, _last_trade)

    async def _ohlc_v2(self, request: web.Request) -> web.Response:
        minutes = _interval(request)

        def row(listing: Listing, state: State) -> dict[str, Any]:
            running = self._candles(listing, state, minutes)[1]
            ohlc = _ohlc(running, state)
            return _last_price(listing, state) | {"ohlc": {name: ohlc[name] for name in _PRICES}}

        return await self._answer(request, MOST_KEYS, row)

    async def _ohlc_v3(self, request: web.Request) -> web.Response:
        minutes = _interval(request)

        def row(listing: Listing, state: State) -> dict[str, Any]:
            previous, running = self._candles(listing, state, minutes)
            return _last_price(listing, state) | {
                "prev_ohlc": _ohlc(previous, state) if previous else None,
                "live_ohlc": _ohlc(running, state),
            }

        return await self._answer(request, MOST_KEYS, row)

    async def _greeks(self, request: web.Request) -> web.Response:
        return await self._answer(request, MOST_GREEKS, _greek_row)

    async def _full_v2(self, request: web.Request) -> web.Response:
        return await self._answer(request, MOST_KEYS, self._full_row)

    async def _full_v3(self, request: web.Request) -> web.Response:
        def row(listing: Listing, state: State) -> dict[str, Any]:
            high, low = _year(listing, state)
            return self._full_row(listing, state) | {
                "ohlc": _ohlc(state.day, state),
                "prev_close_price": state.previous_close,
                "year_high": high,
                "year_low": low,
                "previous_oi": state.previous_oi,
                "indicative_equilibrium_price": 0.0,
                "reference_price": 0.0,
                "indicative_equilibrium_quantity": 0,
                "indicative_imbalance_quantity_total": 0,
                "indicative_imbalance_quantity_market": 0,
                "cas_eligible": listing.segment is Segment.EQ,
            }

        return await self._answer(request, MOST_KEYS, row)

    async def _answer(self, request: web.Request, most: int, row: _Row) -> web.Response:
        """A quote of each instrument asked for; those nobody lists are left out, unless that leaves none."""
        now = moment(self._world, request.path)
        day = indian_day(now)
        known = [each for key in needed_keys(request, most) if (each := self._listed.get(key, day)) is not None]
        if not known:
            raise unknown_instrument()
        quotes = {}
        for number, listing in enumerate(known):
            quotes[quote_name(listing)] = row(listing, self._world.market.state(listing, now))
            if number % _INSTRUMENTS_AT_ONCE == _INSTRUMENTS_AT_ONCE - 1:
                await asyncio.sleep(0)
        return success(quotes)

    def _full_row(self, listing: Listing, state: State) -> dict[str, Any]:
        ohlc = _ohlc(state.day, state)
        return {
            "ohlc": {name: ohlc[name] for name in _PRICES},
            "depth": _depth(listing, state),
            "timestamp": _stamp(state.ts),
            "instrument_token": listing.key,
            "symbol": exchange_symbol(listing),
            "last_price": state.ltp,
            "volume": state.volume,
            "average_price": state.average_price,
            "oi": state.oi,
            "net_change": round(state.ltp - state.previous_close, 2),
            "total_buy_quantity": state.total_buy,
            "total_sell_quantity": state.total_sell,
            "lower_circuit_limit": state.lower_circuit,
            "upper_circuit_limit": state.upper_circuit,
            "last_trade_time": str(state.ltt // 1_000_000),
            "oi_day_high": max(state.oi, state.previous_oi),
            "oi_day_low": min(state.oi, state.previous_oi),
        }

    def _candles(self, listing: Listing, state: State, minutes: int) -> tuple[Candle | None, Candle | None]:
        """The completed candle before, and the running one; of the day there is only the latter."""
        if minutes == 0 or state.day is None:
            return None, state.day
        day = indian_day(state.day.ts)
        opened = self._world.market.calendar.session(day, listing.segment).open_ns
        bars = self._world.market.candles(listing, day)
        current = bars[(bars.ts <= state.ts) & (bars.ts + NANOS_PER_MINUTE > state.ts)]
        done = bars[bars.ts + NANOS_PER_MINUTE <= state.ts]
        candles = [Candle(*row) for row in _tuples(done)]
        if len(current):
            first = float(current.open[0])
            volume = max(state.volume - sum(candle.volume for candle in candles), 0)
            prices = (first, max(first, state.ltp), min(first, state.ltp), state.ltp)
            candles.append(Candle(int(current.ts[0]), *prices, volume))
        merged = _merged(candles, minutes, opened)
        return (merged[-2] if len(merged) > 1 else None), (merged[-1] if merged else None)


_PRICES: Final = ("open", "high", "low", "close")


def _last_price(listing: Listing, state: State) -> dict[str, Any]:
    return {"last_price": state.ltp, "instrument_token": listing.key}


def _last_trade(listing: Listing, state: State) -> dict[str, Any]:
    more = {"ltq": state.ltq, "volume": state.volume, "cp": state.previous_close}
    return _last_price(listing, state) | more


def _greek_row(listing: Listing, state: State) -> dict[str, Any]:
    delta, theta, gamma, vega, _ = state.greeks
    return _last_trade(listing, state) | {
        "iv": state.iv,
        "vega": round(vega, 4),
        "gamma": round(gamma, 4),
        "theta": round(theta, 4),
        "delta": round(delta, 4),
        "oi": state.oi,
    }


def _year(listing: Listing, state: State) -> tuple[float, float]:
    """Highest and lowest price of a year, (0, 0) for a contract. Looking back a year would take seconds: made up."""
    if listing.segment is Segment.FO:
        return 0.0, 0.0
    low, high = (round(state.previous_close * reach, 2) for reach in _YEAR_REACH)
    return max(high, state.day.high if state.day else high), min(low, state.day.low if state.day else low)


def _interval(request: web.Request) -> int:
    text = request.query.get("interval")
    if not text:
        raise UpstoxRefusal(400, "UDAPI1027", "interval is required", field="interval")
    if text not in _INTERVALS:
        raise UpstoxRefusal(400, "UDAPI1028", "Invalid interval", field="interval", value=text)
    return _INTERVALS[text]


def _ohlc(candle: Candle | None, state: State) -> dict[str, Any]:
    """A candle; before the first trade of the day, zeros and the close before, as the vendor has it."""
    if candle is None:
        return {"open": 0.0, "high": 0.0, "low": 0.0, "close": state.previous_close, "volume": 0, "ts": 0}
    prices = {"open": candle.open, "high": candle.high, "low": candle.low, "close": candle.close}
    return {**prices, "volume": candle.volume, "ts": candle.ts // 1_000_000}


def _depth(listing: Listing, state: State) -> dict[str, list[dict[str, Any]]]:
    """Five levels a side. How many orders stand behind a quantity nobody simulates: a plausible number does."""
    levels = [*state.depth[:_LEVELS], *[_NO_LEVEL] * (_LEVELS - len(state.depth))]
    return {
        "buy": [_depth_row(listing, level.bid_quantity, level.bid_price) for level in levels],
        "sell": [_depth_row(listing, level.ask_quantity, level.ask_price) for level in levels],
    }


def _depth_row(listing: Listing, quantity: int, price: float) -> dict[str, Any]:
    return {"quantity": quantity, "price": price, "orders": -(-quantity // (4 * max(listing.lot, 1)))}


def _stamp(ts: int) -> str:
    day, _, clock = spoken(ts).partition(" ")
    return f"{day}T{clock}.{ts // 1_000_000 % 1000:03d}+05:30"


def _tuples(bars: BarSeries) -> list[tuple[int, float, float, float, float, int]]:
    volume = [0 if each != each else int(each) for each in bars.volume.tolist()]
    columns = (bars.ts, bars.open, bars.high, bars.low, bars.close)
    return list(zip(*(column.tolist() for column in columns), volume, strict=True))


def _merged(candles: list[Candle], minutes: int, opened: int) -> list[Candle]:
    step = minutes * NANOS_PER_MINUTE
    merged: list[Candle] = []
    for candle in candles:
        start = opened + (candle.ts - opened) // step * step
        if merged and merged[-1].ts == start:
            last = merged[-1]
            high, low = max(last.high, candle.high), min(last.low, candle.low)
            merged[-1] = Candle(start, last.open, high, low, candle.close, last.volume + candle.volume)
        else:
            merged.append(candle._replace(ts=start))
    return merged
