"""Trendlyne's open interest and chain of one expiry, in units (shares), as SmartOptions answers them.

Source: captured ``live-oi-data`` of 2 and 21 January 2026. Strikes within five per cent of the money are shown one by
one, totals are the whole chain's; ``spotPrice`` and ``lastUpdatedDateTime`` are those of the call whatever the window.
"""

from __future__ import annotations

from datetime import date, time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.chain import ChainSnapshot, max_pain_of
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.times import Shown, Trading, indian, mark, plain, trading
from sos_actors.simulator.view import ChainRows, Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE, Segment

REFRESH_MIN = 3
"""Open interest moves about every three minutes. Source: polled answers of January 2026."""
_AGE = NANOS_PER_MINUTE
_REACH = 0.05
_SETTLED_AFTER = 10 * NANOS_PER_MINUTE


class Moments(NamedTuple):
    """The session shown, the moment of its open interest and what ``lastUpdatedDateTime`` says, UnixNanos."""

    now: Trading
    oi: int
    updated: int


class InterestDesk:
    """Open interest of an underlying at the moment shown."""

    def __init__(self, market: MarketView, board: Board) -> None:
        self._market, self._board = market, board

    def moments(self, at: Shown) -> Moments:
        """What is shown at a moment: a few minutes old in the session, the close after it."""
        now = trading(self._market.calendar, at.ts, Segment.FO)
        if now.is_open:
            oi = mark(now.ts - _AGE, now.session.open_ns, REFRESH_MIN)
            return Moments(now, oi, oi)
        settled = now.ts + _SETTLED_AFTER
        return Moments(now, now.ts, settled if at.ts >= settled else now.ts)

    def chain(self, underlying: str, expiry: date, ts: int) -> ChainRows | None:
        """The chain of an expiry at a moment; None when it is not listed."""
        return self._market.chain(underlying, expiry, ts)

    def open_interest(
        self, underlying: Listing, name: str, expiry: date, window: tuple[str, str] | None, at: Shown
    ) -> dict[str, Any] | None:
        """The body of ``live-oi-data``; None when the expiry is not listed.

        Args:
            underlying: its listing.
            name: its short name.
            expiry: the options' last day.
            window: first and last time asked for where the window is honoured, else None.
            at: the moment shown.
        """
        moments = self.moments(at)
        session = moments.now
        first, last = int(session.session.open_ns), moments.oi
        if window is not None:
            first, last = (min(max(_clock(session.day, text, first), first), moments.oi) for text in window)
        chain = self.chain(name, expiry, mark(last, session.session.open_ns, REFRESH_MIN) if window else last)
        if chain is None:
            return None
        before = chain.ce_previous_oi, chain.pe_previous_oi
        if first > session.session.open_ns:
            earlier = self.chain(name, expiry, mark(first, session.session.open_ns, REFRESH_MIN))
            before = (earlier.ce_oi, earlier.pe_oi) if earlier is not None else before
        state = self._market.state(underlying, moments.updated)
        atm = float(chain.strike[np.argmin(np.abs(chain.strike - state.ltp))])
        shown_until = min(f"{indian(session.ts + at.shift):%H:%M}", f"{indian(session.session.close_ns):%H:%M}")
        lowest, highest = int(atm * (1 - _REACH)), int(atm * (1 + _REACH))
        overall = _totals(chain, before) | {
            "spotPrice": round(state.ltp, 2),
            "spotChange": round(state.ltp - state.previous_close, 2),
            "spotChangeP": round((state.ltp / state.previous_close - 1) * 100, 2),
            "atm": plain(atm),
            "hideTimeSlider": window is None,
            "strikePriceList": [plain(strike) for strike in chain.strike.tolist()],
        }
        asked = {
            "tradingDate": session.day.isoformat(),
            "lastUpdatedDateTime": indian(moments.updated + at.shift).isoformat(),
            "minTime": window[0] if window else f"{indian(session.session.open_ns):%H:%M}",
            "maxTime": window[1] if window else shown_until,
            "minStrikePrice": lowest,
            "maxStrikePrice": highest,
            "expDateList": [expiry.isoformat()],
        }
        return {"overallData": overall, "oiData": _by_strike(chain, before, lowest, highest), "inputData": asked}

    def summary(self, name: str, ts: int, expiries: list[date]) -> dict[str, float]:
        """Put/call ratio by expiry; an expiry without call interest is left out."""
        ratios = {}
        for expiry in expiries:
            chain = self.chain(name, expiry, ts)
            if chain is not None and (calls := float(np.nansum(chain.ce_oi))) > 0:
                ratios[expiry.isoformat()] = round(float(np.nansum(chain.pe_oi)) / calls, 4)
        return ratios


def max_pain(chain: ChainRows) -> float:
    """The strike at which option writers pay least, rupees."""
    none = np.full(len(chain.strike), np.nan)
    return max_pain_of(
        ChainSnapshot(chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_ltp, chain.pe_ltp, none, none, chain.spot)
    )


def percent(change: float, before: float) -> float:
    """A change in per cent of what was before; 0.0 where nothing was, as the site writes it."""
    return change / before * 100 if before else 0.0


def _clock(day: date, text: str, default: int) -> int:
    """The moment of ``9:15`` on a day; the default for what is no time."""
    hours, _, minutes = text.partition(":")
    if not (hours.isdecimal() and minutes.isdecimal() and int(hours) < 24 and int(minutes) < 60):
        return default
    return moment_of(day, time(int(hours), int(minutes)))


_Sides = tuple[NDArray[np.float64], NDArray[np.float64]]


def _totals(chain: ChainRows, before: _Sides) -> dict[str, Any]:
    calls, puts = float(np.nansum(chain.ce_oi)), float(np.nansum(chain.pe_oi))
    call_before, put_before = float(np.nansum(before[0])), float(np.nansum(before[1]))
    return {
        "totalVol": float(np.nansum(chain.ce_volume) + np.nansum(chain.pe_volume)),
        "totalCallOi": calls,
        "totalCallOiChange": calls - call_before,
        "totalCallOiChangeP": percent(calls - call_before, call_before),
        "totalPutOi": puts,
        "totalPutOiChange": puts - put_before,
        "totalPutOiChangeP": percent(puts - put_before, put_before),
        "totalPCR": puts / calls if calls else None,
    }


def _by_strike(chain: ChainRows, before: _Sides, lowest: int, highest: int) -> dict[str, dict[str, float]]:
    columns = zip(
        chain.strike.tolist(), chain.ce_oi.tolist(), chain.pe_oi.tolist(), before[0].tolist(), before[1].tolist(),
        strict=True,
    )  # fmt: skip
    return {
        str(plain(strike)): {
            "putOi": put,
            "putPrevOi": put_before,
            "putOiChange": put - put_before,
            "putOiChangeP": percent(put - put_before, put_before),
            "callOi": call,
            "callPrevOi": call_before,
            "callOiChange": call - call_before,
            "callOiChangeP": percent(call - call_before, call_before),
        }
        for strike, call, put, call_before, put_before in columns
        if lowest <= strike <= highest
    }
