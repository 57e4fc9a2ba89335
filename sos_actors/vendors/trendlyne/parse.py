"""SmartOptions' JSON in our words. Its envelope, and snapshots that say themselves which moment they describe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np

from sos_actors.errors import VendorAnswerError, VendorRefusedError
from sos_actors.messages.snapshots import OptionChain
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

VENDOR = "trendlyne"
CLOSE = "15:30"
_INDIA = timezone(timedelta(seconds=IST_OFFSET_S))


@dataclass(frozen=True, slots=True)
class Interest:
    """One answer of ``live-oi-data``.

    Attributes:
        chain: the open interest; ``ts_event`` is the answer's ``lastUpdatedDateTime``.
        day: the trading day it describes.
        until: the end of the window it describes, ``HH:MM``; ``15:30`` is the whole day.
        window_hidden: whether the site shows its reader no choice of times, as to whoever is not logged in.
        updated_at: ``lastUpdatedDateTime`` as ``HH:MM`` in India.
        updated_on: its day in India.
    """

    chain: OptionChain
    day: date
    until: str
    window_hidden: bool
    updated_at: str
    updated_on: date


def body_of(answer: Any) -> Mapping[str, Any]:
    """The body of an envelope.

    Raises:
        VendorRefusedError: the head is a text: the site does not know our session.
        VendorAnswerError: no envelope, or a status other than success.
    """
    head = answer.get("head") if isinstance(answer, dict) else None
    if isinstance(head, str):
        raise VendorRefusedError(VENDOR, f"The site does not answer callers it does not know: {head[:80]!r}.")
    if not isinstance(head, dict):
        raise VendorAnswerError(VENDOR, "An answer has no head, so it is not what was asked for.")
    if str(head.get("status")) != "0":
        told = str(head.get("statusDescription"))[:80]
        raise VendorAnswerError(VENDOR, f"The site has no answer: {told!r}.", str(head.get("status"))[:20])
    body = answer.get("body")
    if not isinstance(body, dict):
        raise VendorAnswerError(VENDOR, "An answer has a head and no body.")
    return body


def stock_id_of(body: Mapping[str, Any], short_name: str) -> int | None:
    """The id of exactly that stock code; the search also finds names that merely contain it."""
    for row in _list(body, "data"):
        if isinstance(row, dict) and str(row.get("stock_code", "")).upper() == short_name:
            number = row.get("stock_id")
            if isinstance(number, int) and not isinstance(number, bool):
                return number
    return None


def expiries_of(body: Mapping[str, Any]) -> list[date]:
    """The expiries, ascending.

    Raises:
        VendorAnswerError: none, or one that is no date.
    """
    try:
        days = sorted({date.fromisoformat(text) for text in _list(body, "expiryDates")})
    except (TypeError, ValueError):
        raise VendorAnswerError(VENDOR, "The list of expiries has one that is no date.") from None
    if not days:
        raise VendorAnswerError(VENDOR, "The list of expiries is empty.")
    return days


def interest_of(body: Mapping[str, Any], underlying: str, expiry: date) -> Interest:
    """One snapshot of open interest. Units; strikes within five per cent of the spot only; prices are not told.

    The totals of the answer cover the whole chain: a ratio summed over these strikes differs from theirs by some
    per cent, and is never to be mixed with one of another source.

    Args:
        body: of ``live-oi-data``.
        underlying: canonical symbol.
        expiry: the only one it may describe.

    Raises:
        VendorAnswerError: no strikes, no open interest, another expiry, or no moment.
    """
    described = _dict(body, "inputData")
    if described.get("expDateList") != [expiry.isoformat()]:
        raise VendorAnswerError(VENDOR, f"An answer describes other expiries than {expiry}.")
    updated = _moment(described.get("lastUpdatedDateTime"))
    told = _dict(body, "oiData")
    legs = {_strike(text): leg for text, leg in told.items()}
    if not legs or len(legs) != len(told):
        raise VendorAnswerError(VENDOR, "An answer has no strike, as outside of trading, or one twice.")
    strikes = sorted(legs)
    columns = {
        f"{side}_{ours}": np.array([_number(legs[strike], f"{theirs}{key}") for strike in strikes])
        for side, theirs in (("ce", "call"), ("pe", "put"))
        for ours, key in (("oi", "Oi"), ("oi_change", "OiChange"))
    }
    if np.isnan(columns["ce_oi"]).all() and np.isnan(columns["pe_oi"]).all():
        raise VendorAnswerError(VENDOR, "An answer has strikes and no open interest at any of them.")
    unknown = np.full(len(legs), math.nan)
    columns |= {f"{side}_{name}": unknown for side in ("ce", "pe") for name in ("ltp", "volume", "iv", "bid", "ask")}
    overall = _dict(body, "overallData")
    spot = _number(overall, "spotPrice")
    chain = OptionChain(
        UnixNanos(int(updated.timestamp()) * NANOS_PER_SECOND), VENDOR, underlying, expiry,
        spot if spot > 0 else math.nan, np.array(strikes), **columns,
    )  # fmt: skip
    try:
        day = date.fromisoformat(str(described.get("tradingDate")))
    except ValueError:
        raise VendorAnswerError(VENDOR, "An answer says no trading day.") from None
    hidden = overall.get("hideTimeSlider") is not False
    return Interest(chain, day, _clock(described.get("maxTime")), hidden, f"{updated:%H:%M}", updated.date())


def _moment(text: Any) -> datetime:
    """A moment with a zone, in India's."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise VendorAnswerError(VENDOR, "An answer does not say when its figures were updated.")
    return moment.astimezone(_INDIA)


def _clock(text: Any) -> str:
    """``9:15`` as ``09:15``."""
    hour, _, minute = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not (hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise VendorAnswerError(VENDOR, "An answer does not say until when its figures go.")
    return f"{int(hour):02d}:{int(minute):02d}"


def _strike(text: Any) -> float:
    try:
        strike = float(text)
    except (TypeError, ValueError):
        strike = math.nan
    if not 0 < strike < math.inf:
        raise VendorAnswerError(VENDOR, f"An answer has a strike that is none: {str(text)[:20]!r}.")
    return strike


def _number(row: Any, key: str) -> float:
    value = row.get(key) if isinstance(row, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return math.nan
    return float(value)


def _dict(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise VendorAnswerError(VENDOR, f"An answer has no {key}, so it is not what was asked for.")
    return value


def _list(body: Mapping[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    if not isinstance(value, list):
        raise VendorAnswerError(VENDOR, f"An answer has no {key}, so it is not what was asked for.")
    return value
