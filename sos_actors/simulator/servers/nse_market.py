"""NSE's answers about the whole market: indices, advances and declines, and whether it is open."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any, NamedTuple
from zlib import crc32

from sos_actors.simulator.servers.board import Board, short_name
from sos_actors.simulator.servers.times import Shown, Trading, dashed, mark, plain, rounded, stamp, trading
from sos_actors.simulator.view import Listing, MarketView, State
from sos_actors.types import NANOS_PER_SECOND, Segment

_DERIVATIVES, _BROAD = "INDICES ELIGIBLE IN DERIVATIVES", "BROAD MARKET INDICES"
_NAMES = {
    "NIFTY": (_DERIVATIVES, "NIFTY 50", "NIFTY 50"),
    "NIFTYNXT50": (_DERIVATIVES, "NIFTY NEXT 50", "NIFTY NEXT 50"),
    "BANKNIFTY": (_DERIVATIVES, "NIFTY BANK", "NIFTY BANK"),
    "FINNIFTY": (_DERIVATIVES, "NIFTY FINANCIAL SERVICES", "NIFTY FIN SERVICE"),
    "MIDCPNIFTY": (_DERIVATIVES, "NIFTY MIDCAP SELECT", "NIFTY MID SELECT"),
    "INDIA VIX": (_BROAD, "INDIA VIX", "INDIA VIX"),
}
"""Group, name and symbol of an index on the site. Source: captured ``allIndices`` of 21 August 2026."""
_ARCHIVE = "https://nsearchives.nseindia.com"
_YEAR_DAYS = 370
_REFRESH_MIN = 1
_AT_A_TIME = 16
_SISTERS = {
    "advance": ("advance", "Advances"),
    "decline": ("decline", "Declines"),
    "unchanged": ("Unchange", "Unchange"),
}


class _Daily(NamedTuple):
    """One session of an index."""

    high: float
    low: float
    close: float


class MarketDesk:
    """Answers about indices and breadth; each minute's is computed once."""

    def __init__(self, market: MarketView, board: Board) -> None:
        self._market, self._board = market, board
        self._past: dict[str, dict[date, _Daily]] = {}
        self._states: tuple[int, list[tuple[Listing, State]]] = (-1, [])
        self._looked_at: date | None = None

    async def look_at_shares(self, at: Shown) -> None:
        """Look at every share once a day, a few at a time: a first look makes a share's day. May precede any answer."""
        now = self._now(at.ts)
        if self._looked_at == now.day:
            return
        self._looked_at = now.day
        for number, listing in enumerate(self._board.day(now.day).shares.values()):
            self._market.state(listing, now.ts)
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)

    async def remember(self, at: Shown) -> None:
        """Look up the indices' daily bars of the year before, a few sessions at a time; precedes ``all_indices``."""
        now = self._now(at.ts)
        calendar = self._market.calendar
        first = max(now.day - timedelta(days=_YEAR_DAYS), calendar.first)
        for name, listing in self._board.day(now.day).indices.items():
            known = self._past.setdefault(name, {})
            for day in calendar.sessions(first, calendar.previous_session(now.day)):
                if day in known:
                    continue
                bars = self._market.daily(listing, day, 1)
                if len(bars):
                    known[day] = _Daily(float(bars.high[-1]), float(bars.low[-1]), float(bars.close[-1]))
                await asyncio.sleep(0)

    def all_indices(self, at: Shown) -> dict[str, Any]:
        """``allIndices``: figures of an index are numbers, its counts are strings, the market's counts are numbers."""
        now = self._now(at.ts)
        listed = self._board.day(now.day).indices
        days = _days_ago(now.day)
        counts = self._counts(now)
        return {
            "data": [self._index(listing, now, days) for name, listing in listed.items() if name in _NAMES],
            "timestamp": stamp(now.ts + at.shift)[:-3],
            "advances": counts["Advances"],
            "declines": counts["Declines"],
            "unchanged": counts["Unchange"],
            "dates": {
                "previousDay": dashed(now.day),
                "oneWeekAgo": dashed(days[0]),
                "oneMonthAgo": dashed(days[1]),
                "oneYearAgo": dashed(days[2]),
            },
        }

    def movers(self, sister: str, at: Shown) -> dict[str, Any]:
        """``live-analysis-advance`` and its sisters: every one has all the counts, and its own securities."""
        now = self._now(at.ts)
        key, identifier = _SISTERS[sister]
        sign = {"advance": 1, "decline": -1, "unchanged": 0}[sister]
        rows = [_security(listing, state) for listing, state in self._of_shares(now) if _direction(state) == sign]
        rows.sort(key=lambda row: (-sign * row["pchange"], row["symbol"]))
        told = now.ts if now.is_open else now.ts + 1800 * NANOS_PER_SECOND
        body = {"count": self._counts(now), "data": rows, "indetifier": identifier}
        return {"timestamp": stamp(told + at.shift), key: body}

    def status(self, at: Shown) -> dict[str, Any]:
        """``marketStatus``: ``last`` is a number, a numeric text or empty; one entry names no market."""
        now = self._now(at.ts)
        word = "Open" if now.is_open else "Closed"
        nifty = self._board.day(now.day).indices["NIFTY"]
        state = self._market.state(nifty, now.ts)
        variation = state.ltp - state.previous_close
        last, percent = rounded(state.ltp), rounded(variation / state.previous_close * 100)
        traded = stamp(now.ts + at.shift)[:-3]
        cash: dict[str, Any] = {"market": "Capital Market", "marketStatus": word, "tradeDate": traded}
        cash |= {"index": "NIFTY 50", "last": last, "variation": plain(variation), "percentChange": percent}
        others = [_other_market(name, dashed(now.day)) for name in ("Currency", "Commodity", "Debt")]
        nameless = {"currency": "USDINR", "last": "95.9600", "updated_time": traded}
        return {
            "marketState": [cash | {"marketStatusMessage": f"Normal Market is {word}"}, *others, nameless],
            "marketcap": {"timeStamp": dashed(now.day), "underlying": "Nifty 50"},
            "indicativenifty50": {"dateTime": traded, "indexName": "NIFTY 50", "closingValue": last, "change": 0},
            "giftnifty": {"INSTRUMENTTYPE": "FUTIDX", "SYMBOL": "NIFTY", "LASTPRICE": last, "TIMESTMP": traded},
        }

    def _now(self, ts: int) -> Trading:
        now = trading(self._market.calendar, ts, Segment.INDEX)
        return now._replace(ts=mark(now.ts, now.session.open_ns, _REFRESH_MIN)) if now.is_open else now

    def _index(self, listing: Listing, now: Trading, days: tuple[date, date, date]) -> dict[str, Any]:
        name = short_name(listing)
        group, index, symbol = _NAMES[name]
        state, past = self._market.state(listing, now.ts), self._past.get(name, {})
        day = state.day
        week, month, year = (_close_on(past, ago) for ago in days)
        row = {"key": group, "index": index, "indexSymbol": symbol, "last": rounded(state.ltp)}
        row |= {
            "variation": rounded(state.ltp - state.previous_close),
            "percentChange": rounded((state.ltp / state.previous_close - 1) * 100),
            "open": rounded(day.open if day else state.ltp),
            "high": rounded(day.high if day else state.ltp),
            "low": rounded(day.low if day else state.ltp),
            "previousClose": rounded(state.previous_close),
            "yearHigh": rounded(max([state.ltp, *(bar.high for bar in past.values())])),
            "yearLow": rounded(min([state.ltp, *(bar.low for bar in past.values())])),
            "indicativeClose": 0,
        }
        row |= {"pe": "0", "pb": "0", "dy": "0"} if name == "INDIA VIX" else {"pe": "22.1", "pb": "3.42", "dy": "1.3"}
        if name == "NIFTY":
            counts = self._market.breadth(now.ts)
            row |= {"declines": str(counts.declines), "advances": str(counts.advances)}
            row |= {"unchanged": str(counts.unchanged)}
        path = f"{index.replace(' ', '-')}.svg"
        return row | {
            "perChange365d": rounded((state.ltp / year - 1) * 100) if year else 0,
            "perChange30d": float(round((state.ltp / month - 1) * 100, 2)) if month else 0.0,
            "date365dAgo": dashed(days[2]) if year else None,
            "date30dAgo": dashed(days[1]),
            "previousDay": dashed(now.day),
            "oneWeekAgo": dashed(days[0]),
            "oneMonthAgoVal": rounded(month),
            "oneWeekAgoVal": rounded(week),
            "oneYearAgoVal": rounded(year),
            "previousDayVal": rounded(state.ltp),
            "chart365dPath": f"{_ARCHIVE}/365d/{path}" if year else None,
            "chart30dPath": f"{_ARCHIVE}/30d/{path}",
            "chartTodayPath": f"{_ARCHIVE}/today/{path}",
        }

    def _of_shares(self, now: Trading) -> list[tuple[Listing, State]]:
        if self._states[0] != now.ts:
            shares = self._board.day(now.day).shares.values()
            self._states = (now.ts, [(listing, self._market.state(listing, now.ts)) for listing in shares])
        return self._states[1]

    def _counts(self, now: Trading) -> dict[str, int]:
        directions = [_direction(state) for _, state in self._of_shares(now)]
        ups, downs, still = (directions.count(sign) for sign in (1, -1, 0))
        return {"Advances": ups, "Unchange": still, "Declines": downs, "Total": len(directions)}


def _direction(state: State) -> int:
    return (state.ltp > state.previous_close) - (state.ltp < state.previous_close)


def _security(listing: Listing, state: State) -> dict[str, Any]:
    """One security; volume in lakh shares, value in crore rupees."""
    symbol = short_name(listing)
    issued = 50_000_000 + crc32(symbol.encode()) % 2_000_000_000
    change = state.ltp - state.previous_close
    return {
        "identifier": f"{symbol}EQN",
        "symbol": symbol,
        "series": "EQ",
        "marketType": "N",
        "pchange": rounded(change / state.previous_close * 100),
        "change": rounded(change),
        "basePrice": 0,
        "previousClose": rounded(state.previous_close),
        "lastPrice": rounded(state.ltp),
        "totalTradedVolume": state.volume / 1e5,
        "issuedCap": issued,
        "totalTradedValue": state.volume * state.average_price / 1e7,
        "totalMarketCap": plain(issued * state.ltp / 1e7),
    }


def _other_market(name: str, day: str) -> dict[str, Any]:
    closed = {"market": name, "marketStatus": "Closed", "tradeDate": day, "index": "", "last": ""}
    return closed | {"variation": "", "percentChange": "", "marketStatusMessage": "Market is Closed"}


def _days_ago(day: date) -> tuple[date, date, date]:
    return day - timedelta(days=7), day - timedelta(days=31), day - timedelta(days=366)


def _close_on(past: dict[date, _Daily], day: date) -> float:
    """The last close not after a day; 0.0 where that is longer ago than what is known."""
    before = [known for known in past if known <= day]
    return past[max(before)].close if before else 0.0
