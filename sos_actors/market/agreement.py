"""Data integrity: our price of a symbol beside another source's. While they disagree the symbol is quarantined.

A quarantine forbids entries, nothing else, and never outlives its day: ``Quarantines.at`` is where that is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import QuarantineChanged
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Fraction, UnixNanos

KEPT = 1024
"""Changes that ``Quarantines.after`` remembers: far more than a day has, so a bar that comes late finds its own."""
_ROUNDING = 1e-12
"""Of the reference: what the difference of two prices may be off by in floating point."""
_NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two prices of one symbol side by side.

    Attributes:
        ts_event: when they were compared.
        symbol: canonical.
        ours: our feed's price, rupees; None or NaN where unknown.
        reference: the other source's, for example the screener's ``close``, rupees; None or NaN where unknown.
        ours_age_s, reference_age_s: seconds from the moment either is a price of to ``ts_event``; None where unknown.
        source: whose the reference is, for example ``tradingview``.
    """

    ts_event: UnixNanos
    symbol: str
    ours: float | None
    reference: float | None
    ours_age_s: float | None
    reference_age_s: float | None
    source: str

    def is_apart(self, tolerance: float) -> bool:
        """Whether both prices are known, and ours is further from the reference than ``tolerance`` of it."""
        ours, reference = _known(self.ours), _known(self.reference)
        if ours is None or reference is None:
            return False
        return abs(ours - reference) > (tolerance + _ROUNDING) * reference


@dataclass(frozen=True, slots=True)
class PriceAgreement:
    """Whether the prices of one symbol agree. A value: ``after`` gives the next one; keep one for each symbol.

    Prices disagree when ours is further than ``tolerance`` of the reference away from it. It takes several comparisons
    in a row to be quarantined or released, so one odd price does neither. A price that is unknown, stale, or of a
    comparison that comes out of turn compares nothing: it is counted and changes nothing. Each day starts afresh.

    Attributes:
        tolerance: of the reference; exactly so far apart still agrees.
        agree_times: comparisons in a row that release.
        disagree_times: comparisons in a row that quarantine.
        most_age_s: seconds; an older price is stale, and one dated further ahead than this is no better.
        compared: comparisons so far.
        left_out: how many more there would have been with known and fresh prices.

    Raises:
        ValueError: a setting makes no sense.
    """

    tolerance: Fraction
    agree_times: int = 2
    disagree_times: int = 2
    most_age_s: float = 60.0
    compared: int = 0
    left_out: int = 0
    _opposed: int = 0
    _compared_ts: UnixNanos | None = None
    _change: QuarantineChanged | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.tolerance < math.inf or not self.most_age_s >= 0.0:
            raise ValueError(f"tolerance {self.tolerance} and most_age_s {self.most_age_s} must be zero or more")
        if min(self.agree_times, self.disagree_times) < 1:
            raise ValueError(f"agree_times {self.agree_times}, disagree_times {self.disagree_times} must be 1 or more")

    def quarantined_at(self, ts: UnixNanos) -> bool:
        """Whether the symbol is quarantined at a moment not before the last comparison."""
        change = self._change
        return change is not None and change.quarantined and _day(change.ts_event) == _day(ts)

    def after(self, comparison: Comparison) -> tuple[PriceAgreement, QuarantineChanged | None]:
        """The state after one more comparison, and the event when it quarantined or released the symbol."""
        ours, reference = _known(comparison.ours), _known(comparison.reference)
        if ours is None or reference is None or not self._in_time(comparison):
            return replace(self, left_out=self.left_out + 1), None
        ts = comparison.ts_event
        quarantined = self.quarantined_at(ts)
        disagree = comparison.is_apart(self.tolerance)
        so_far = self._opposed if self._compared_ts is not None and _day(self._compared_ts) == _day(ts) else 0
        opposed = so_far + 1 if disagree != quarantined else 0
        later = replace(self, compared=self.compared + 1, _opposed=opposed, _compared_ts=ts)
        if opposed < (self.agree_times if quarantined else self.disagree_times):
            return later, None
        change = QuarantineChanged(ts, comparison.symbol, disagree, ours, reference, comparison.source)
        return replace(later, _opposed=0, _change=change), change

    def _in_time(self, comparison: Comparison) -> bool:
        ages = (comparison.ours_age_s, comparison.reference_age_s)
        fresh = all(age is not None and abs(age) <= self.most_age_s for age in ages)
        return fresh and (self._compared_ts is None or comparison.ts_event > self._compared_ts)


@dataclass(frozen=True, slots=True)
class Quarantines:
    """When one symbol was quarantined and released.

    Attributes:
        ts: int64 (n,), UnixNanos, not decreasing.
        on: bool (n,), whether it was quarantined from then on.
    """

    ts: NDArray[np.int64]
    on: NDArray[np.bool_]

    @classmethod
    def of(cls, changes: Iterable[QuarantineChanged] = ()) -> Self:
        """The changes of one symbol in any order; of two at one moment the one given later stands."""
        ordered = sorted(changes, key=lambda change: change.ts_event)
        return cls(
            np.array([change.ts_event for change in ordered], np.int64),
            np.array([change.quarantined for change in ordered], np.bool_),
        )

    def after(self, change: QuarantineChanged) -> Self:
        """With one more change, which may come out of turn; the oldest are forgotten beyond ``KEPT``."""
        place = int(np.searchsorted(self.ts, change.ts_event, side="right"))
        return type(self)(
            np.insert(self.ts, place, change.ts_event)[-KEPT:], np.insert(self.on, place, change.quarantined)[-KEPT:]
        )

    def at(self, moments: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a bar that closes at each moment is of a quarantined symbol.

        The last change at or before the moment counts, if it is of the same day in India: a quarantine nobody lifted
        ends with its day.

        Args:
            moments: int64 (m,), UnixNanos, any order.

        Returns:
            bool (m,).
        """
        found = np.zeros(len(moments), np.bool_)
        if len(self.ts):
            rows = np.searchsorted(self.ts, moments, side="right") - 1
            known = rows >= 0
            rows = rows[known]
            found[known] = self.on[rows] & (_days(self.ts[rows]) == _days(moments[known]))
        return found


def _known(price: float | None) -> float | None:
    return float(price) if price is not None and math.isfinite(price) and price > 0.0 else None


def _day(ts: int) -> int:
    """The day in India, counted from 1970."""
    return (ts + IST_OFFSET_S * NANOS_PER_SECOND) // _NANOS_PER_DAY


def _days(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    return (ts + IST_OFFSET_S * NANOS_PER_SECOND) // _NANOS_PER_DAY
