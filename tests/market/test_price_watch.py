"""Our prices beside another vendor's: who hears of a quarantine, and what no comparison changes."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from sos_actors.errors import VendorUnreachableError
from sos_actors.market.price_watch import PriceWatch
from sos_actors.messages.market import QuarantineChanged
from sos_actors.types import NANOS_PER_SECOND, Fraction, UnixNanos

NOON = 1_768_285_800 * NANOS_PER_SECOND
RELIANCE, SBIN = "NSE|EQ|RELIANCE", "NSE|EQ|SBIN"


class Reference:
    """Another vendor: its prices, or the error it meets."""

    name = "tradingview"

    def __init__(self, prices: dict[str, tuple[float, UnixNanos | None]]) -> None:
        self.told, self.error = prices, None

    error: Exception | None

    def prices(self, symbols: Collection[str]) -> dict[str, tuple[float, UnixNanos | None]]:
        if self.error is not None:
            raise self.error
        return {symbol: price for symbol, price in self.told.items() if symbol in symbols}


def at(seconds: int) -> UnixNanos:
    return UnixNanos(NOON + seconds * NANOS_PER_SECOND)


def test_a_symbol_is_quarantined_when_prices_stay_apart_and_released_when_they_agree_again() -> None:
    changes: list[QuarantineChanged] = []
    reference = Reference({})
    watch = PriceWatch(reference, Fraction(0.005), changes.append)

    for step, price in enumerate((1_400.0, 1_400.0, 1_480.0, 1_480.0)):
        now = at(step * 15)
        reference.told = {RELIANCE: (price, now)}
        watch.look({RELIANCE: (1_480.0, now)}, now)

    assert [(change.symbol, change.quarantined, change.ts_event) for change in changes] == [
        (RELIANCE, True, at(15)), (RELIANCE, False, at(45)),
    ]  # fmt: skip
    assert (changes[0].ours, changes[0].reference, changes[0].source) == (1_480.0, 1_400.0, "tradingview")
    assert watch.counts(RELIANCE) == (4, 0)


def test_a_stale_or_missing_reference_compares_nothing() -> None:
    changes: list[QuarantineChanged] = []
    watch = PriceWatch(Reference({RELIANCE: (1_000.0, at(-900))}), Fraction(0.005), changes.append)

    for step in range(5):
        looks = watch.look({RELIANCE: (1_480.0, at(step)), SBIN: (1_000.0, at(step))}, at(step))
        assert [look.symbol for look in looks] == [RELIANCE]

    assert changes == []
    assert watch.counts(RELIANCE) == (0, 5)
    assert watch.counts(SBIN) == (0, 0)


def test_a_vendor_that_fails_changes_nothing() -> None:
    reference = Reference({})
    reference.error = VendorUnreachableError("tradingview", "no answer.")
    watch = PriceWatch(reference, Fraction(0.005), lambda _change: pytest.fail("nothing was compared"))

    with pytest.raises(VendorUnreachableError):
        watch.look({RELIANCE: (1_480.0, at(0))}, at(0))
    assert watch.look({}, at(0)) == []


def test_prices_that_were_asked_for_elsewhere_are_compared_the_same_way() -> None:
    changes: list[QuarantineChanged] = []
    reference = Reference({})
    reference.error = VendorUnreachableError("tradingview", "nobody is asked.")
    watch = PriceWatch(reference, Fraction(0.005), changes.append)
    for step in range(2):
        now = at(step * 15)
        assert len(watch.compare({RELIANCE: (1_480.0, now)}, {RELIANCE: (1_400.0, now)}, now)) == 1
    assert [(change.symbol, change.source) for change in changes] == [(RELIANCE, "tradingview")]
