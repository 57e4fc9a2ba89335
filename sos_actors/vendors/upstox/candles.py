"""One-minute candles from Upstox: past days, today, and contracts that have expired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
import numpy as np
from upstox_client import ExpiredInstrumentApi, HistoryV3Api

from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.symbols import is_contract_name, parse_contract_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.answers import UNKNOWN_KEY
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from sos_actors.vendors.upstox.rest_wire import VENDOR

WINDOW_DAYS = 28
"""Days in one request; Upstox allows a month of one-minute candles and refuses more. Source: its V3 history page."""
FIRST_DAY = date(2022, 1, 1)
"""Upstox has no minute before. Source: as above."""
SETTLES_S = 5
"""After its minute is over a candle is left alone for so long: the vendor, or its clock, may be so far behind ours."""
_UNLISTED = frozenset({UNKNOWN_KEY, "UDAPI1021", "UDAPI1011"})


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_UsualRow = tuple[_Moment, float, float, float, float, float | None, float | None]


class UpstoxCandles:
    """A ``CandleSource``. Thread-safe. Of indices and shares it needs no token: the SDK sends none for history.

    Args:
        connection: its clock decides what today is and which minute is still forming.
        master: names indices and shares.
        contracts: knows the keys of contracts, expired ones too.
    """

    def __init__(self, connection: UpstoxConnection, master: SymbolMaster, contracts: UpstoxContracts) -> None:
        self._connection, self._master, self._contracts = connection, master, contracts
        self._history, self._expired = HistoryV3Api(connection.sdk), ExpiredInstrumentApi(connection.sdk)

    @property
    def name(self) -> str:
        """``upstox``."""
        return VENDOR

    def candles(self, symbol: str, first: date, last: date) -> BarSeries:
        """Completed one-minute bars of the days ``first`` to ``last``, both included, oldest first.

        The past is asked in windows of 28 days, today from the running day's list; rows of another session, which that
        list has before the open, are left out. Volume is NaN for an index, open interest for whatever has none.

        Raises:
            UnknownSymbolError: Upstox does not list the symbol.
            VendorRefusedError: the contract has expired, and the plan does not include such.
            VendorError: no answer that is data; a row outside the days asked for is one, or one that cannot be read.
        """
        now = self._connection.clock()
        today = indian_day(now)
        first, past = max(first, FIRST_DAY), min(last, today - timedelta(days=1))
        try:
            key, segment, expiry = self._named(symbol)
            if expiry is not None and self._contracts.has_expired(expiry):
                parts = [self._gone(key, start, end) for start, end in _windows(first, min(past, expiry))]
            else:
                parts = [self._past(key, start, end) for start, end in _windows(first, past)]
                if first <= today <= last:
                    parts.append(self._running(key, today, now))
        except VendorError as error:
            if error.code in _UNLISTED:
                raise UnknownSymbolError(f"Upstox does not list {symbol!r}: {error}") from error
            raise
        return _series(np.concatenate([np.empty((0, 7)), *parts]), segment)

    def _named(self, symbol: str) -> tuple[str, Segment, date | None]:
        """Upstox's key, the segment and a contract's expiry."""
        if is_contract_name(symbol):
            return self._contracts.key_of(symbol), Segment.FO, parse_contract_symbol(symbol).expiry
        return self._contracts.underlying_key(symbol), self._master.resolve(symbol).segment, None

    def _past(self, key: str, first: date, last: date) -> Any:
        method = self._history.get_historical_candle_data1
        days = (last.isoformat(), first.isoformat())
        document = self._connection.call(method, key, "minutes", 1, *days, anonymous=True)
        return _within(candle_rows(document["data"]), first, last)

    def _gone(self, key: str, first: date, last: date) -> Any:
        method = self._expired.get_expired_historical_candle_data
        document = self._connection.call(method, key, "1minute", last.isoformat(), first.isoformat())
        return _within(candle_rows(document["data"]), first, last)

    def _running(self, key: str, today: date, now: int) -> Any:
        """Today's rows whose minute has ended, and settled, by ``now``."""
        method = self._history.get_intra_day_candle_data
        document = self._connection.call(method, key, "minutes", 1, anonymous=True)
        rows = candle_rows(document["data"])
        opens, settled = rows[:, 0], now - SETTLES_S * NANOS_PER_SECOND
        return rows[(opens >= _midnight_minute(today)) & ((opens + 1) * NANOS_PER_MINUTE <= settled)]


def candle_rows(data: object) -> Any:
    """Upstox's candles, sorted, each once.

    Args:
        data: ``{"candles": [[time, open, high, low, close, volume, oi], …]}``, any order.

    Returns:
        float64 (n, 7): minutes since 1970 UTC (exact), four prices in rupees, volume and open interest in units, NaN
        where null.

    Raises:
        VendorAnswerError: another form, a price that is none, a time off the minute, or two rows of one minute differ.
    """
    candles = fields.mapping(data, "The candles").get("candles")
    if not isinstance(candles, list):
        raise VendorAnswerError(VENDOR, "The candles cannot be read: there is no list of them.")
    try:
        usual = msgspec.convert(candles, list[_UsualRow])
        table = np.array([(row[0].timestamp() / 60, *row[1:]) for row in usual], np.float64).reshape(-1, 7)
        odd = bool((table[:, 0] % 1).any())
    except (msgspec.ValidationError, OverflowError):
        odd = True
    if odd:  # slower, and says which one cannot be read
        table = np.array([_candle(row) for row in candles], np.float64).reshape(-1, 7)
    prices = table[:, 1:5]
    with np.errstate(invalid="ignore"):
        broken = ~(np.isfinite(prices).all(axis=1) & (prices > 0).all(axis=1) & (table[:, 2] >= prices.max(axis=1)))
        broken |= (table[:, 3] > prices.min(axis=1)) | (table[:, 5:] < 0).any(axis=1)
    if broken.any():
        raise VendorAnswerError(VENDOR, f"A candle's prices contradict each other: {candles[int(broken.argmax())]}.")
    table = table[np.argsort(table[:, 0], kind="stable")]
    older, newer = table[:-1], table[1:]
    again = older[:, 0] == newer[:, 0]
    if (again & ~((older == newer) | (np.isnan(older) & np.isnan(newer))).all(axis=1)).any():
        raise VendorAnswerError(VENDOR, "Two candles of one minute differ; neither is used.")
    return table[~np.append(again, False)] if len(table) else table


def _candle(row: object) -> tuple[float, ...]:
    """One row as numbers."""
    try:
        if not isinstance(row, list) or not 6 <= len(row) <= 7:
            raise ValueError("its length")
        moment = datetime.fromisoformat(row[0])
        seconds = int(moment.timestamp())
        if moment.tzinfo is None or moment.second or moment.microsecond:
            raise ValueError("its time")
        if any(isinstance(value, (str, bool)) for value in row[1:]):
            raise ValueError("its numbers")
        rest = (*(float(value) for value in row[1:5]), *(float("nan") if v is None else float(v) for v in row[5:]))
        return (seconds // 60, *rest, *([float("nan")] * (7 - len(row))))
    except (ValueError, TypeError, OverflowError) as error:
        raise VendorAnswerError(VENDOR, f"A candle cannot be read: {str(row)[:100]}.") from error


def _within(rows: Any, first: date, last: date) -> Any:
    """The rows, all of which must lie in the days asked for."""
    start, end = _midnight_minute(first), _midnight_minute(last + timedelta(days=1))
    if len(rows) and not (rows[0, 0] >= start and rows[-1, 0] < end):
        raise VendorAnswerError(VENDOR, f"Candles of {first} to {last} were asked for, others came: not used.")
    return rows


def _windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days in stretches Upstox serves at once, oldest first; nothing when ``last`` lies before ``first``."""
    while first <= last:
        end = min(first + timedelta(days=WINDOW_DAYS - 1), last)
        yield first, end
        first = end + timedelta(days=1)


def _midnight_minute(day: date) -> int:
    """The minute since 1970 UTC at which a day begins in India."""
    return (day - date(1970, 1, 1)).days * 1440 - 330


def _series(rows: Any, segment: Segment) -> BarSeries:
    """Rows as columns; what a segment does not have is NaN, whatever the vendor writes there."""
    unknown = np.full(len(rows), np.nan)
    return BarSeries(
        ts=rows[:, 0].astype(np.int64) * NANOS_PER_MINUTE,
        open=rows[:, 1].copy(),
        high=rows[:, 2].copy(),
        low=rows[:, 3].copy(),
        close=rows[:, 4].copy(),
        volume=unknown if segment is Segment.INDEX else rows[:, 5].copy(),
        oi=rows[:, 6].copy() if segment is Segment.FO else unknown.copy(),
    )
