"""What may be asked of the candle calls: units, intervals, and how long a window may be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.windows import Span, last_complete, span_v2, span_v3, window


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(UpstoxRefusal) as refusal:
        call()
    assert refusal.value.status == 400
    return refusal.value.code


@pytest.mark.parametrize(
    ("unit", "interval", "span"),
    [
        ("minutes", "1", Span("minutes", 1)),
        ("minutes", "300", Span("minutes", 300)),
        ("hours", "5", Span("minutes", 300)),
        ("days", "1", Span("days", 1)),
        ("months", "1", Span("months", 1)),
    ],
)
def test_v3_takes_a_unit_and_a_number(unit: str, interval: str, span: Span) -> None:
    assert span_v3(unit, interval) == span


@pytest.mark.parametrize(
    ("unit", "interval", "code"),
    [
        ("minute", "1", "UDAPI1146"),
        ("minutes", "301", "UDAPI1147"),
        ("minutes", "0", "UDAPI1147"),
        ("minutes", "1.5", "UDAPI1147"),
        ("minutes", "²", "UDAPI1147"),
        ("hours", "6", "UDAPI1147"),
        ("days", "2", "UDAPI1147"),
    ],
)
def test_v3_refuses_other_units_and_numbers(unit: str, interval: str, code: str) -> None:
    assert code_of(lambda: span_v3(unit, interval)) == code


def test_today_has_no_weeks() -> None:
    assert code_of(lambda: span_v3("weeks", "1", intraday=True)) == "UDAPI1146"
    assert code_of(lambda: span_v2("day", intraday=True)) == "UDAPI1076"


def test_v2_and_expired_contracts_name_their_intervals() -> None:
    assert span_v2("30minute") == Span("minutes", 30)
    assert span_v2("5minute", expired=True) == Span("minutes", 5)
    assert code_of(lambda: span_v2("5minute")) == "UDAPI1020"
    assert code_of(lambda: span_v2("week", expired=True)) == "UDAPI1020"


@pytest.mark.parametrize(
    ("span", "first", "last", "allowed"),
    [
        (Span("minutes", 1), "2025-12-13", "2026-01-13", True),
        (Span("minutes", 15), "2025-12-12", "2026-01-13", False),
        (Span("minutes", 15), "2025-02-28", "2025-03-31", True),
        (Span("minutes", 16), "2025-10-13", "2026-01-13", True),
        (Span("minutes", 60), "2025-10-12", "2026-01-13", False),
        (Span("days", 1), "2016-01-13", "2026-01-13", True),
        (Span("days", 1), "2016-01-12", "2026-01-13", False),
        (Span("weeks", 1), "2000-01-01", "2026-01-13", True),
    ],
)
def test_a_window_may_be_a_month_a_quarter_a_decade_or_of_any_length(
    span: Span, first: str, last: str, allowed: bool
) -> None:
    if allowed:
        assert window(span, last, first) == (date.fromisoformat(first), date.fromisoformat(last))
    else:
        assert code_of(lambda: window(span, last, first)) == "UDAPI1148"


def test_without_a_first_day_the_longest_window_is_meant() -> None:
    assert window(Span("minutes", 1), "2026-03-31", None) == (date(2026, 2, 28), date(2026, 3, 31))
    assert window(Span("months", 1), "2026-03-31", None)[0] == date(2000, 1, 1)


@pytest.mark.parametrize(
    ("last", "first"), [("2026-01-12", "2026-01-13"), ("13-01-2026", "2026-01-01"), ("2026-02-30", "2026-02-01")]
)
def test_dates_must_be_dates_in_their_order(last: str, first: str) -> None:
    assert code_of(lambda: window(Span("minutes", 1), last, first)) == "UDAPI1015"


def test_a_last_day_is_needed() -> None:
    assert code_of(lambda: window(Span("minutes", 1), " ", None)) == "UDAPI1022"


def test_history_ends_yesterday() -> None:
    assert last_complete(date(2026, 1, 20), date(2026, 1, 13)) == date(2026, 1, 12)
    assert last_complete(date(2026, 1, 9), date(2026, 1, 13)) == date(2026, 1, 9)
