"""The option chain as Upstox has it now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
from numpy.typing import NDArray
from upstox_client import OptionsApi

from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.messages.snapshots import OptionChain
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.answers import UNKNOWN_KEY
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from sos_actors.vendors.upstox.fields import Row
from sos_actors.vendors.upstox.rest_wire import VENDOR

_LEGS = {"ce": "call_options", "pe": "put_options"}


class UpstoxChain:
    """A ``ChainSource``. Thread-safe.

    Upstox's answer carries no time at all: ``ts_event`` is the moment it came. Outside the session that is not the
    moment its figures are of.

    Args:
        connection: its clock stamps the chain.
        master: names the underlying.
        contracts: knows which expiry is the nearest.
    """

    def __init__(self, connection: UpstoxConnection, master: SymbolMaster, contracts: UpstoxContracts) -> None:
        self._connection, self._master, self._contracts = connection, master, contracts
        self._options = OptionsApi(connection.sdk)

    @property
    def name(self) -> str:
        """``upstox``."""
        return VENDOR

    def chain(self, underlying: str, expiry: date | None = None) -> OptionChain:
        """The chain of one expiry, the nearest unless said otherwise.

        Raises:
            UnknownSymbolError: no such underlying, or it has no options.
            VendorError: no answer that is data, an empty chain, or one of another expiry.
        """
        symbol, key = self._master.resolve(underlying).symbol, self._contracts.underlying_key(underlying)
        if expiry is None:
            expiry = next(iter(self._contracts.listed(underlying)), None)
        if expiry is None:
            raise UnknownSymbolError(f"Upstox lists no options of {underlying!r}.")
        try:
            document = self._connection.call(self._options.get_put_call_option_chain, key, expiry.isoformat())
        except VendorError as error:
            if error.code == UNKNOWN_KEY:
                raise UnknownSymbolError(f"Upstox has no chain of {underlying!r}: {error}") from error
            raise
        return option_chain(document["data"], symbol, key, expiry, self._connection.clock())


def option_chain(data: object, underlying: str, key: str, expiry: date, received: UnixNanos) -> OptionChain:
    """Upstox's rows as a chain.

    A price or volatility of 0 means there is none (a strike that never traded, an empty side of the book): NaN. An
    open interest or volume of 0 is a fact.

    Args:
        data: the rows, any order.
        underlying: canonical symbol.
        key: Upstox's key of the underlying, which every row must carry, as it must the expiry.
        received: when the answer came.

    Raises:
        VendorAnswerError: no rows, no open interest, or a row that cannot be read or belongs elsewhere.
    """
    what = f"The chain of {underlying}, expiry {expiry}"
    found: dict[float, Row] = {}
    for row in fields.rows(data, what):
        if fields.text(row, "underlying_key", what) != key:
            raise fields.bad(what, "underlying_key", row)
        if fields.day(row, "expiry", what) != expiry:
            raise fields.bad(what, "expiry", row)
        strike = fields.number(row, "strike_price", what)
        if strike in found:
            raise fields.bad(what, "strike_price", row)
        found[strike] = row
    if not found:
        raise VendorAnswerError(VENDOR, f"{what} came empty.")
    ordered = [found[strike] for strike in sorted(found)]
    columns: dict[str, NDArray[np.float64]] = {}
    for side, leg in _LEGS.items():
        columns |= {f"{side}_{name}": column for name, column in _leg(ordered, leg, what).items()}
    if np.isnan(columns["ce_oi"]).all() and np.isnan(columns["pe_oi"]).all():
        raise VendorAnswerError(VENDOR, f"{what} has no open interest at any strike.")
    spot = next((value for row in ordered if (value := _price(row, "underlying_spot_price", what)) == value), np.nan)
    return OptionChain(received, VENDOR, underlying, expiry, spot, np.array(sorted(found)), **columns)


def _leg(ordered: list[Row], leg: str, what: str) -> dict[str, NDArray[np.float64]]:
    """The columns of the calls or the puts."""
    market = [_part(row, leg, "market_data", what) for row in ordered]
    greeks = [_part(row, leg, "option_greeks", what) for row in ordered]

    def column(parts: list[Row], key: str, read: Callable[[Row, str, str], float]) -> NDArray[np.float64]:
        return np.array([read(part, key, f"{what}, {leg}") for part in parts])

    oi = column(market, "oi", _count)
    return {
        "ltp": column(market, "ltp", _price),
        "oi": oi,
        "oi_change": oi - column(market, "prev_oi", _count),
        "volume": column(market, "volume", _count),
        "iv": column(greeks, "iv", _price),
        "bid": column(market, "bid_price", _price),
        "ask": column(market, "ask_price", _price),
    }


def _part(row: Row, leg: str, name: str, what: str) -> Row:
    """A part of one leg; empty where the leg or the part is absent."""
    side = row.get(leg)
    part = None if side is None else fields.mapping(side, what).get(name)
    return {} if part is None else fields.mapping(part, what)


def _price(part: Row, key: str, what: str) -> float:
    """A number above 0, else NaN."""
    value = fields.number_or_none(part, key, what)
    if value is not None and value < 0:
        raise fields.bad(what, key, part)
    return value or np.nan


def _count(part: Row, key: str, what: str) -> float:
    """A number from 0 on; NaN where it is missing or null."""
    value = fields.number_or_none(part, key, what)
    if value is not None and value < 0:
        raise fields.bad(what, key, part)
    return np.nan if value is None else value
