"""Option chain, contract lists, and what the broker still knows of contracts that have expired."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from math import log, sqrt
from statistics import NormalDist
from typing import Any

from aiohttp import web

from sos_actors.errors import MarketRuleError
from sos_actors.market.pricing import NANOS_PER_YEAR
from sos_actors.market.symbols import future_symbol, short_name_of
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.upstox.answers import UpstoxRefusal, moment, success
from sos_actors.simulator.upstox.asked import DayList, day_of, needed_day, needed_key
from sos_actors.simulator.upstox.history import reachable, require_plus
from sos_actors.simulator.upstox.rows import contract_row
from sos_actors.simulator.view import Listing, State
from sos_actors.simulator.world import World
from sos_actors.types import OptionType, Segment

_STRIKES_AT_ONCE = 20
_NORMAL = NormalDist()
_OLDEST = timedelta(days=3_650)


class Options:
    """Serves the option calls.

    Args:
        world: the market and what time it is.
        listed: what is listed.
    """

    def __init__(self, world: World, listed: DayList) -> None:
        self._world, self._listed = world, listed

    def add_routes(self, app: web.Application) -> None:
        """Mount the option calls."""
        app.router.add_get("/v2/option/chain", self._chain)
        app.router.add_get("/v2/option/contract", self._contracts)
        app.router.add_get("/v2/expired-instruments/expiries", self._expiries)
        app.router.add_get("/v2/expired-instruments/option/contract", self._expired_options)
        app.router.add_get("/v2/expired-instruments/future/contract", self._expired_futures)

    async def _contracts(self, request: web.Request) -> web.Response:
        key = needed_key(request)
        text = request.query.get("expiry_date")
        expiry = day_of(text) if text else None
        if text and expiry is None:
            raise UpstoxRefusal(400, "UDAPI100038", "Invalid input passed to the API", field="expiry_date", value=text)
        today = indian_day(moment(self._world, request.path))
        self._listed.find(key, today)
        return success([contract_row(each) for each in self._listed.options(key, today, expiry)])

    async def _chain(self, request: web.Request) -> web.Response:
        key, expiry = needed_key(request), needed_day(request, "expiry_date")
        now = moment(self._world, request.path)
        today = indian_day(now)
        underlying = self._listed.find(key, today)
        strikes: dict[float, dict[OptionType, Listing]] = {}
        for each in self._listed.options(key, today, expiry):
            strikes.setdefault(each.strike, {})[each.option_type or OptionType.CE] = each
        spot = self._world.market.state(underlying, now).ltp
        years = self._years_left(expiry, now)
        rows = []
        for number, (strike, pair) in enumerate(sorted(strikes.items())):
            if len(pair) == len(OptionType):
                rows.append(self._strike_row(strike, pair, spot, years, now))
            if number % _STRIKES_AT_ONCE == _STRIKES_AT_ONCE - 1:
                await asyncio.sleep(0)
        return success(rows)

    def _strike_row(
        self, strike: float, pair: dict[OptionType, Listing], spot: float, years: float, now: int
    ) -> dict[str, Any]:
        call, put = pair[OptionType.CE], pair[OptionType.PE]
        call_state, put_state = (self._world.market.state(each, now) for each in (call, put))
        expiry = call.expiry.isoformat() if call.expiry else None
        return {
            "expiry": expiry,
            "pcr": round(put_state.oi / call_state.oi, 4) if call_state.oi else 0.0,
            "strike_price": strike,
            "underlying_key": call.underlying_key,
            "underlying_spot_price": spot,
            "call_options": _leg(call, call_state, spot, years),
            "put_options": _leg(put, put_state, spot, years),
        }

    def _years_left(self, expiry: date, now: int) -> float:
        try:
            close = self._world.market.calendar.session(expiry, Segment.FO).close_ns
        except MarketRuleError:
            return 0.0
        return max(close - now, 0) / NANOS_PER_YEAR

    async def _expiries(self, request: web.Request) -> web.Response:
        require_plus(self._world)
        key = needed_key(request)
        today = indian_day(moment(self._world, request.path))
        underlying = self._listed.find(key, today)
        reach = self._world.strictness.expired_reach_days
        calendar = self._world.market.calendar
        first = max(calendar.first, today - (timedelta(days=reach) if reach is not None else _OLDEST))
        last = min(calendar.last, today - timedelta(days=1))
        try:
            days = self._world.market.expiries(short_name_of(underlying.symbol), first, last)
        except MarketRuleError:
            days = []  # an underlying without options
        return success([day.isoformat() for day in days])

    async def _expired_options(self, request: web.Request) -> web.Response:
        short, expiry, _ = self._expired(request)
        if short is None:
            return success([])
        try:
            contracts = self._world.market.contracts(short, expiry)
        except MarketRuleError:
            contracts = ()
        return success([contract_row(each, expired=True) for each in contracts if each.option_type is not None])

    async def _expired_futures(self, request: web.Request) -> web.Response:
        short, expiry, today = self._expired(request)
        future = self._world.market.named(future_symbol(short, expiry), today) if short is not None else None
        return success([contract_row(future, expired=True)] if future is not None else [])

    def _expired(self, request: web.Request) -> tuple[str | None, date, date]:
        """Short name of the underlying, None where the expiry is out of reach, the expiry, and today."""
        require_plus(self._world)
        key, expiry = needed_key(request), needed_day(request, "expiry_date")
        today = indian_day(moment(self._world, request.path))
        underlying = self._listed.find(key, today)
        return (short_name_of(underlying.symbol) if reachable(self._world, expiry, today) else None), expiry, today


def _leg(listing: Listing, state: State, spot: float, years: float) -> dict[str, Any]:
    best = state.depth[0] if state.depth else None
    delta, theta, gamma, vega, _ = state.greeks
    return {
        "instrument_key": listing.key,
        "market_data": {
            "ltp": state.ltp,
            "volume": state.volume,
            "oi": state.oi,
            "close_price": state.previous_close,
            "bid_price": best.bid_price if best else 0.0,
            "bid_qty": best.bid_quantity if best else 0,
            "ask_price": best.ask_price if best else 0.0,
            "ask_qty": best.ask_quantity if best else 0,
            "prev_oi": state.previous_oi,
        },
        "option_greeks": {
            "vega": round(vega, 4),
            "theta": round(theta, 4),
            "gamma": round(gamma, 4),
            "delta": round(delta, 4),
            "iv": round(state.iv * 100, 2),
            "pop": round(100 * _profit_probability(listing, state, spot, years), 2),
        },
    }


def _profit_probability(listing: Listing, state: State, spot: float, years: float) -> float:
    """How probably the buyer at the last price gains by the expiry, without drift."""
    sign = 1 if listing.option_type is OptionType.CE else -1
    even = listing.strike + sign * state.ltp
    if even <= 0:
        return 0.0
    deviation = state.iv * sqrt(years)
    if not deviation > 0:
        return 1.0 if sign * (spot - even) > 0 else 0.0
    return _NORMAL.cdf(sign * (log(spot / even) / deviation - deviation / 2))
