"""NSE's option chain, version 3 of the site's interface: the snapshot of the last three-minute mark.

Open interest and volume count contracts, the book counts units. Source: the site's own scripts and captured answers
of its predecessor, December 2025; version 3 renames the row's expiry and the best bid and ask.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from typing import Any

import numpy as np

from sos_actors.market.symbols import strike_text
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.times import Shown, dashed, mark, plain, read_dashed, rounded, stamp, trading
from sos_actors.simulator.view import ChainRows, Listing, MarketView, State
from sos_actors.types import Segment

REFRESH_MIN = 3
_KEPT_CHAINS = 24
_SIDES = ("CE", "PE")


class ChainDesk:
    """Answers about option chains; what is shown of one three-minute mark is computed once."""

    def __init__(self, market: MarketView, board: Board) -> None:
        self._market, self._board = market, board
        self._rows: OrderedDict[tuple[str, date, int], list[dict[str, Any]]] = OrderedDict()

    def contract_info(self, symbol: str, at: Shown) -> dict[str, Any]:
        """Expiries and strikes of an underlying; empty for one without options."""
        expiries = self._expiries(symbol, at)
        if not expiries:
            return {}
        strikes = sorted({strike for expiry in expiries for strike, _ in self._board.options(symbol, expiry)})
        return {"expiryDates": [dashed(day) for day in expiries], "strikePrice": [strike_text(k) for k in strikes]}

    def chain(self, kind: str, symbol: str, expiry: str, strike: str, at: Shown) -> dict[str, Any]:
        """The chain of one expiry, or one strike of every expiry; empty whenever the site answers ``{}``."""
        expiries, listed = self._expiries(symbol, at), self._board.day(indian_day(at.ts))
        fits = symbol in (listed.indices if kind == "Indices" else listed.shares if kind == "Equity" else ())
        wanted = [read_dashed(expiry)] if expiry else expiries if strike else []
        wanted = [day for day in wanted if day in expiries]
        if not fits or not wanted:
            return {}
        moment = self._mark(at.ts)
        rows = [row for day in wanted if day is not None for row in self._chain_rows(symbol, day, moment)]
        if strike:
            rows = [row for row in rows if strike_text(float(row["strikePrice"])) == strike]
        if not rows:
            return {}
        return {
            "records": {
                "expiryDates": [dashed(day) for day in expiries],
                "data": rows,
                "timestamp": stamp(moment + at.shift),
                "underlyingValue": _spot(rows),
                "strikePrices": sorted({strike_text(float(row["strikePrice"])) for row in rows}, key=float),
            },
            "filtered": {"data": rows, **{side: _totals(rows, side) for side in _SIDES}},
        }

    def _expiries(self, symbol: str, at: Shown) -> list[date]:
        return self._board.day(indian_day(at.ts)).expiries.get(symbol, [])

    def _mark(self, ts: int) -> int:
        now = trading(self._market.calendar, ts, Segment.FO)
        return mark(now.ts, now.session.open_ns, REFRESH_MIN) if now.is_open else now.ts

    def _chain_rows(self, symbol: str, expiry: date, moment: int) -> list[dict[str, Any]]:
        key = (symbol, expiry, moment)
        if key not in self._rows:
            chain = self._market.chain(symbol, expiry, moment)
            self._rows[key] = [] if chain is None else self._make_rows(symbol, chain, moment)
            while len(self._rows) > _KEPT_CHAINS:
                self._rows.popitem(last=False)
        return self._rows[key]

    def _make_rows(self, symbol: str, chain: ChainRows, moment: int) -> list[dict[str, Any]]:
        contracts = self._board.options(symbol, chain.expiry)
        rows = []
        for row, strike in enumerate(chain.strike.tolist()):
            legs: dict[str, Any] = {}
            for side in _SIDES:
                contract = contracts.get((strike, side))
                if contract is None or np.isnan(_column(chain, side, "oi")[row]):
                    legs[side] = _missing_leg()
                else:
                    legs[side] = _leg(contract, chain, row, side, self._market.state(contract, moment))
            rows.append({"expiryDates": dashed(chain.expiry), "strikePrice": plain(strike), **legs})
        return rows


def _leg(contract: Listing, chain: ChainRows, row: int, side: str, state: State) -> dict[str, Any]:
    oi, before = _column(chain, side, "oi")[row] / contract.lot, _column(chain, side, "previous_oi")[row] / contract.lot
    volume = _column(chain, side, "volume")[row] / contract.lot
    price = float(_column(chain, side, "ltp")[row]) if volume > 0 else 0.0
    change = price - state.previous_close if volume > 0 else 0.0
    expiry = f"{chain.expiry:%d-%m-%Y}"
    best = state.depth[0] if state.depth else None
    return {
        "strikePrice": plain(contract.strike),
        "expiryDate": expiry,
        "underlying": contract.underlying,
        "identifier": f"{_family(contract)}{contract.underlying}{expiry}{side}{contract.strike:.2f}",
        "openInterest": plain(float(oi)),
        "changeinOpenInterest": plain(float(oi - before)),
        "pchangeinOpenInterest": plain(float((oi - before) / before * 100)) if before else 0,
        "totalTradedVolume": round(float(volume)),
        "impliedVolatility": rounded(state.iv * 100) if volume > 0 else 0,
        "lastPrice": plain(price),
        "change": plain(change),
        "pchange": plain(change / state.previous_close * 100) if state.previous_close else 0,
        "totalBuyQuantity": int(state.total_buy),
        "totalSellQuantity": int(state.total_sell),
        "buyPrice1": plain(best.bid_price) if best else 0,
        "buyQuantity1": int(best.bid_quantity) if best else 0,
        "sellPrice1": plain(best.ask_price) if best else 0,
        "sellQuantity1": int(best.ask_quantity) if best else 0,
        "underlyingValue": rounded(chain.spot),
        "optionType": None,
    }


def _missing_leg() -> dict[str, Any]:
    """What stands in the place of a contract that is not listed: zeros, told by ``identifier`` alone."""
    zeros = (
        "openInterest changeinOpenInterest pchangeinOpenInterest totalTradedVolume impliedVolatility lastPrice change "
        "pchange totalBuyQuantity totalSellQuantity buyPrice1 buyQuantity1 sellPrice1 sellQuantity1 underlyingValue"
    )
    named = {"strikePrice": 0, "expiryDate": None, "underlying": None, "identifier": None}
    return {**named, **dict.fromkeys(zeros.split(), 0), "optionType": None}


def _family(contract: Listing) -> str:
    return "OPTIDX" if "INDEX" in contract.underlying_key else "OPTSTK"


def _column(chain: ChainRows, side: str, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    column: np.ndarray[Any, np.dtype[np.float64]] = getattr(chain, f"{side.lower()}_{name}")
    return column


def _spot(rows: list[dict[str, Any]]) -> int | float:
    values = [row[side]["underlyingValue"] for row in rows for side in _SIDES if row[side]["identifier"] is not None]
    spot: int | float = values[0] if values else 0
    return spot


def _totals(rows: list[dict[str, Any]], side: str) -> dict[str, Any]:
    return {
        "totOI": plain(sum(row[side]["openInterest"] for row in rows)),
        "totVol": plain(sum(row[side]["totalTradedVolume"] for row in rows)),
    }
