"""Which contracts of a session are wanted: those around the money, between its low and its high and some beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.symbols import parse_contract_symbol


@dataclass(frozen=True, slots=True)
class Span:
    """Where the underlying was in one session, rupees or points."""

    low: float
    high: float


def wanted_contracts(contracts: Sequence[str], spans: Mapping[date, Span], beyond: int | None) -> dict[str, set[date]]:
    """The sessions for which each contract is wanted; contracts wanted for none are left out.

    Args:
        contracts: canonical symbols of one expiry.
        spans: the underlying's range in each session.
        beyond: how many strikes below the low and above the high; None wants every contract.
    """
    strikes = {symbol: parse_contract_symbol(symbol).strike for symbol in contracts}
    listed = np.unique(np.array([strike for strike in strikes.values() if strike is not None]))
    wanted: dict[str, set[date]] = {}
    for day, span in spans.items():
        low, high = _limits(listed, span, beyond)
        for symbol, strike in strikes.items():
            if strike is not None and low <= strike <= high:
                wanted.setdefault(symbol, set()).add(day)
    return wanted


def _limits(listed: NDArray[np.float64], span: Span, beyond: int | None) -> tuple[float, float]:
    """The lowest and highest strike of a session, counted in listed strikes: they lie further apart off the money."""
    if beyond is None or not len(listed):
        return -np.inf, np.inf
    low = int(np.searchsorted(listed, span.low, side="left")) - beyond
    high = int(np.searchsorted(listed, span.high, side="right")) - 1 + beyond
    return float(listed[max(low, 0)]), float(listed[min(max(high, 0), len(listed) - 1)])
