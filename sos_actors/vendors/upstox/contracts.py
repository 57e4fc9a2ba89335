"""Which contracts of an underlying there are and were, and the key of each: the broker's own list, not a file's.

A key is kept with its expiry: the exchange gives a token to another contract after an expiry.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from threading import Lock

from upstox_client import ExpiredInstrumentApi, OptionsApi

from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorRefusedError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.symbols import (
    ContractSpec,
    contract_symbol,
    expiry_text,
    future_symbol,
    parse_contract_symbol,
)
from sos_actors.runtime.clock import indian_day
from sos_actors.types import OptionType
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.answers import PLUS_PLAN
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.fields import Row
from sos_actors.vendors.upstox.rest_wire import VENDOR

Keys = Mapping[str, str]
"""Upstox keys by canonical symbol."""

logger = logging.getLogger(__name__)


class UpstoxContracts:
    """A ``ContractSource``. Thread-safe.

    What is listed is asked once a day for each underlying, what has expired once for each expiry.

    Args:
        connection: its clock decides what is listed and what has expired.
        master: names the underlyings, and the futures that are listed.
    """

    def __init__(self, connection: UpstoxConnection, master: SymbolMaster) -> None:
        self._connection, self._master = connection, master
        self._options, self._expired = OptionsApi(connection.sdk), ExpiredInstrumentApi(connection.sdk)
        self._listed: dict[str, tuple[date, dict[date, Keys]]] = {}
        self._gone: dict[tuple[str, date, bool], Keys] = {}
        self._lock = Lock()

    def expiries(self, underlying: str) -> list[date]:
        """Expiries with contracts, ascending: those listed, and those of about half a year that have expired.

        Without the Plus plan the listed ones only.

        Raises:
            UnknownSymbolError: no such underlying.
            VendorError: no answer that is data.
        """
        found = set(self.listed(underlying))
        try:
            found |= self._expired_days(self.underlying_key(underlying))
        except VendorRefusedError as error:
            if error.code != PLUS_PLAN:
                raise
            logger.warning("Expired contracts of %s are not to be had: %s", underlying, error)
        return sorted(found)

    def contracts(self, underlying: str, expiry: date) -> list[str]:
        """Canonical symbols of the options of one expiry, by strike, then CE before PE.

        Raises:
            UnknownSymbolError: no such underlying.
            VendorRefusedError: it has expired, and the plan does not include expired contracts.
            VendorError: no answer that is data.
        """
        keys = self._options_of(underlying, expiry)
        return sorted(keys, key=_by_strike)

    def listed(self, underlying: str) -> dict[date, Keys]:
        """The options that have not expired, by expiry, ascending.

        Raises:
            UnknownSymbolError: no such underlying.
            VendorError: no answer that is data.
        """
        today, key = indian_day(self._connection.clock()), self.underlying_key(underlying)
        with self._lock:
            held = self._listed.get(key)
        if held is None or held[0] != today:
            data = self._connection.call(self._options.get_option_contracts, key)["data"]
            by_expiry = _keys_by_expiry(data, key)
            held = (today, {day: by_expiry[day] for day in sorted(by_expiry) if day >= today})
            if held[1]:  # an empty list may be a vendor that is not ready yet
                with self._lock:
                    self._listed[key] = held
        return held[1]

    def underlying_key(self, underlying: str) -> str:
        """Upstox's key of an index or a share, in any spelling.

        Raises:
            UnknownSymbolError: not known, or without a key.
        """
        instrument = self._master.resolve(underlying)
        if instrument.instrument_key is None:
            raise UnknownSymbolError(f"{instrument.symbol} has no Upstox key: it is known from imported data only.")
        return instrument.instrument_key

    def has_expired(self, expiry: date) -> bool:
        """Whether contracts of that expiry are no longer listed; on its last day a contract still is."""
        return expiry < indian_day(self._connection.clock())

    def key_of(self, contract: str) -> str:
        """Upstox's key of a contract; of an expired one with its date: ``NSE_FO|54452|24-04-2025``.

        Raises:
            UnknownSymbolError: no such contract.
            VendorError: no answer that is data.
        """
        spec = parse_contract_symbol(contract)
        if spec.strike is not None and spec.option_type is not None:
            symbol = contract_symbol(spec.underlying, spec.strike, spec.option_type, spec.expiry)
            key = self._options_of(spec.underlying, spec.expiry).get(symbol)
        else:
            key = self._future_key(spec)
        if key is None:
            raise UnknownSymbolError(f"Upstox lists no contract {contract!r} (expiry {expiry_text(spec.expiry)}).")
        return key

    def _options_of(self, underlying: str, expiry: date) -> Keys:
        if self.has_expired(expiry):
            return self._gone_keys(underlying, expiry, options=True)
        return self.listed(underlying).get(expiry, {})

    def _future_key(self, spec: ContractSpec) -> str | None:
        symbol = future_symbol(spec.underlying, spec.expiry)
        if self.has_expired(spec.expiry):
            return self._gone_keys(spec.underlying, spec.expiry, options=False).get(symbol)
        return self._master.resolve(symbol).instrument_key

    def _gone_keys(self, underlying: str, expiry: date, *, options: bool) -> Keys:
        """The keys of one expired expiry."""
        key = self.underlying_key(underlying)
        with self._lock:
            held = self._gone.get((key, expiry, options))
        if held is None:
            api = self._expired
            method = api.get_expired_option_contracts if options else api.get_expired_future_contracts
            by_expiry = _keys_by_expiry(self._connection.call(method, key, expiry.isoformat())["data"], key)
            if set(by_expiry) - {expiry}:
                raise VendorAnswerError(VENDOR, f"Asked for contracts of {expiry}, other expiries came: not used.")
            held = by_expiry.get(expiry, {})
            ending = f"|{expiry:%d-%m-%Y}"
            if not all(each.endswith(ending) for each in held.values()):
                raise VendorAnswerError(VENDOR, f"Keys of expired contracts must end with {ending}; these do not.")
            if held:  # an empty list may be a vendor that is not ready yet
                with self._lock:
                    self._gone[key, expiry, options] = held
        return held

    def _expired_days(self, key: str) -> set[date]:
        data = self._connection.call(self._expired.get_expiries, key)["data"]
        if not isinstance(data, list):
            raise VendorAnswerError(VENDOR, "The list of expiries is no list.")
        return {fields.day({"expiry": item}, "expiry", "The list of expiries") for item in data}


def _keys_by_expiry(data: object, underlying_key: str) -> dict[date, dict[str, str]]:
    """Keys by canonical symbol, by expiry, of a list of contracts."""
    found: dict[date, dict[str, str]] = {}
    for row in fields.rows(data, "The list of contracts"):
        key = fields.text(row, "instrument_key", "A contract")
        what = f"The contract {key}"
        if fields.text(row, "underlying_key", what) != underlying_key:
            raise fields.bad(what, "underlying_key", row)
        expiry = fields.day(row, "expiry", what)
        symbol = _symbol(row, expiry, what)
        if found.setdefault(expiry, {}).setdefault(symbol, key) != key:
            raise VendorAnswerError(VENDOR, f"The list of contracts has two keys of {symbol}: neither is used.")
    return found


def _symbol(row: Row, expiry: date, what: str) -> str:
    """The canonical symbol of a contract's row."""
    underlying, kind = fields.text(row, "underlying_symbol", what), fields.text(row, "instrument_type", what)
    if kind == "FUT":
        return future_symbol(underlying, expiry)
    if kind not in ("CE", "PE"):
        raise fields.bad(what, "instrument_type", row)
    return contract_symbol(underlying, fields.number(row, "strike_price", what), OptionType(kind), expiry)


def _by_strike(symbol: str) -> tuple[float, str]:
    spec = parse_contract_symbol(symbol)
    return spec.strike or 0.0, str(spec.option_type)
