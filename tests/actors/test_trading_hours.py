"""A segment trades within its hours, on the days it has a session."""

from __future__ import annotations

import pytest

from sos_actors.actors.trading_hours import TradingHours
from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from tests.simulator.markets import moment


@pytest.mark.parametrize(
    ("at", "trades"),
    [
        ("2026-01-13 09:14:59", False), ("2026-01-13 09:15", True), ("2026-01-13 15:29:59", True),
        ("2026-01-13 15:30", False), ("2026-01-17 11:00", False), ("2026-01-26 11:00", False),
    ],
    ids=["before", "opens", "last second", "closes", "Saturday", "holiday"],
)  # fmt: skip
def test_it_trades_within_its_hours_only(at: str, trades: bool) -> None:
    assert TradingHours(Calendar.default())(moment(at)) is trades


def test_a_day_no_table_covers_is_no_guess() -> None:
    with pytest.raises(MarketRuleError):
        TradingHours(Calendar.default())(moment("2050-01-13 11:00"))
