"""Trendlyne's tables: the option chain by position, build-up and the market's filter.

Only positions that independent clients agree on carry data; the others are null. Source: clients of the site, 2026.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from sos_actors.market.chain import smart_trend
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.times import Shown, dashed, plain
from sos_actors.simulator.servers.trendlyne_oi import InterestDesk, max_pain, percent
from sos_actors.simulator.view import ChainRows, Listing, MarketView, State

_STRIKE = 17
"""Calls stand in 0 to 14, the strike in 17, puts in 18 to 32."""
_LEG = 15
_MOST_EXPIRIES = 4


class TableDesk:
    """Tables of one underlying at the moment shown."""

    def __init__(self, market: MarketView, board: Board, interest: InterestDesk) -> None:
        self._market, self._board, self._interest = market, board, interest

    def option_chain(self, name: str, expiry: date, expiries: list[date], at: Shown) -> dict[str, Any] | None:
        """The body of ``fno/option/chain``; None when the expiry is not listed."""
        moments = self._interest.moments(at)
        chain = self._interest.chain(name, expiry, moments.oi)
        if chain is None:
            return None
        contracts = self._board.options(name, expiry)
        rows, volatility = [], {"ce": np.nan, "pe": np.nan}
        money = int(np.argmin(np.abs(chain.strike - chain.spot)))
        for row, strike in enumerate(chain.strike.tolist()):
            call, put = (self._leg(contracts.get((strike, side)), chain, row, moments.oi) for side in ("CE", "PE"))
            rows.append([*call, None, None, plain(strike), *put])
            if row == money:
                volatility = {"ce": call[7], "pe": put[7]}
        return {
            "tableData": rows,
            "maxPain": plain(max_pain(chain)),
            "atTheMoney": plain(float(chain.strike[money])),
            "MWPL": None,
            "IV": volatility,
            "expiryLevelPCRValues": self._interest.summary(name, moments.oi, expiries[:_MOST_EXPIRIES]),
            "futureData": self._future(name, moments.now.day, moments.oi),
            "expDate": expiry.isoformat(),
        }

    def buildup(self, name: str, expiry: date, side: str, strike: float | None, at: Shown) -> dict[str, Any] | None:
        """The body of ``fno/buildup-5`` and ``-15``: one row an instrument; None when nothing is listed.

        Args:
            name: of the underlying.
            expiry: last day of the contracts.
            side: ``CE``, ``PE``, or ``FUT`` for the future.
            strike: rupees; None for all.
            at: the moment shown.
        """
        moments = self._interest.moments(at)
        if side == "FUT":
            futures = self._board.day(moments.now.day).futures.get(name, [])
            found = [future for future in futures if future.expiry == expiry]
        else:
            contracts = self._board.options(name, expiry)
            found = [c for (k, kind), c in sorted(contracts.items()) if kind == side and strike in (None, k)]
        if not found:
            return None
        rows = [_buildup_row(contract, self._market.state(contract, moments.oi)) for contract in found]
        return {"data_v2": rows, "tableData": [list(row.values()) for row in rows]}

    def gainers(self, kind: str, expiry: date, at: Shown) -> dict[str, Any]:
        """The body of ``fno/market/filter``: futures of an expiry by change of open interest, largest first."""
        moments = self._interest.moments(at)
        listed = self._board.day(moments.now.day)
        groups = listed.futures.values() if kind == "futures" else ()
        futures = [future for group in groups for future in group if future.expiry == expiry]
        rows = [list(_buildup_row(future, self._market.state(future, moments.oi)).values()) for future in futures]
        return {"tableData": sorted(rows, key=lambda row: -row[5])}

    def _leg(self, contract: Listing | None, chain: ChainRows, row: int, ts: int) -> list[Any]:
        if contract is None:
            return [None] * _LEG
        side = contract.kind.lower()
        state = self._market.state(contract, ts)
        price, volume, oi, before = (
            float(getattr(chain, f"{side}_{name}")[row]) for name in ("ltp", "volume", "oi", "previous_oi")
        )
        delta, theta, gamma, vega, rho = (round(greek, 6) for greek in state.greeks)
        change = percent(price - state.previous_close, state.previous_close)
        trend = smart_trend(price - state.previous_close, oi - before).text
        traded = round(volume * state.average_price, 2)
        implied = round(state.iv * 100, 2)
        return [
            price, round(change, 2), volume, None, traded, oi, oi - before, implied, None,
            delta, gamma, rho, theta, vega, trend,
        ]  # fmt: skip

    def _future(self, name: str, day: date, ts: int) -> list[dict[str, Any]]:
        futures = self._board.day(day).futures.get(name, [])
        return [_buildup_row(future, self._market.state(future, ts)) for future in futures]


def _buildup_row(contract: Listing, state: State) -> dict[str, Any]:
    change = state.ltp - state.previous_close
    return {
        "symbol": contract.trading_symbol,
        "expiry": dashed(contract.expiry) if contract.expiry else None,
        "price": state.ltp,
        "change": round(percent(change, state.previous_close), 2),
        "oi": state.oi,
        "oiChange": state.oi - state.previous_oi,
        "oiChangeP": round(percent(state.oi - state.previous_oi, state.previous_oi), 2),
        "volume": float(state.volume),
        "buildup": smart_trend(change, state.oi - state.previous_oi).text,
    }
