"""Two sources' prices side by side: when a symbol is quarantined, when it is released, how long it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.market.agreement import KEPT, Comparison, PriceAgreement, Quarantines
from sos_actors.messages.market import QuarantineChanged
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Fraction, UnixNanos
from tests.engine.markets import FIRST, SECOND, minute

TCS = "NSE|EQ|TCS"
OPEN = minute(FIRST, 0)
RULE = PriceAgreement(Fraction(0.005))
FAR, NEAR = 101.0, 100.2


def compared(at_s: float, ours: float | None, day: date = FIRST, **more: Any) -> Comparison:
    ts = UnixNanos(minute(day, 0) + round(at_s * NANOS_PER_SECOND))
    return replace(Comparison(ts, TCS, ours, 100.0, 1.0, 5.0, "tradingview"), **more)


def fed(rule: PriceAgreement, *comparisons: Comparison) -> tuple[PriceAgreement, list[QuarantineChanged]]:
    events = []
    for comparison in comparisons:
        rule, event = rule.after(comparison)
        events += [event] if event else []
    return rule, events


def test_two_comparisons_in_a_row_beyond_the_tolerance_quarantine_and_say_so() -> None:
    rule, events = fed(RULE, compared(0, NEAR), compared(5, FAR), compared(10, FAR))
    assert events == [QuarantineChanged(UnixNanos(OPEN + 10 * NANOS_PER_SECOND), TCS, True, FAR, 100.0, "tradingview")]
    assert rule.quarantined_at(UnixNanos(OPEN + 11 * NANOS_PER_SECOND))
    assert (rule.compared, rule.left_out) == (3, 0)


def test_one_odd_price_neither_quarantines_nor_releases() -> None:
    rule, events = fed(RULE, *(compared(k, price) for k, price in enumerate((FAR, NEAR, FAR, NEAR))))
    assert (rule.quarantined_at(UnixNanos(OPEN)), events) == (False, [])
    held, _ = fed(RULE, compared(0, FAR), compared(1, FAR))
    rule, events = fed(held, *(compared(k + 2, price) for k, price in enumerate((NEAR, FAR, NEAR, FAR))))
    assert (rule.quarantined_at(UnixNanos(OPEN)), events) == (True, [])


def test_prices_that_agree_again_as_often_as_asked_release() -> None:
    rule = PriceAgreement(Fraction(0.005), agree_times=3, disagree_times=1)
    _, events = fed(rule, compared(0, FAR), *(compared(k, NEAR) for k in (1, 2, 3)))
    assert [(event.ts_event - OPEN, event.quarantined) for event in events] == [
        (0, True), (3 * NANOS_PER_SECOND, False),
    ]  # fmt: skip


@pytest.mark.parametrize(("ours", "disagree"), [(100.5, False), (99.5, False), (100.51, True), (99.49, True)])
def test_exactly_the_tolerance_still_agrees_on_either_side(ours: float, disagree: bool) -> None:
    rule = PriceAgreement(Fraction(0.005), disagree_times=1)
    assert rule.after(compared(0, ours))[0].quarantined_at(UnixNanos(OPEN)) is disagree
    exact = PriceAgreement(Fraction(0.0), disagree_times=1)
    assert exact.after(compared(0, ours))[1] is not None
    assert exact.after(compared(0, 100.0))[1] is None


NOTHING: list[dict[str, Any]] = [
    {"ours": None}, {"ours": np.nan}, {"ours": 0.0}, {"ours": -FAR}, {"ours": np.inf}, {"reference": None},
    {"reference": 0.0}, {"reference": np.nan}, {"ours_age_s": None}, {"reference_age_s": None},
    {"ours_age_s": 61.0}, {"reference_age_s": 61.0}, {"reference_age_s": np.nan}, {"ours_age_s": -61.0},
    {"ts_event": UnixNanos(OPEN)},
]  # fmt: skip


@pytest.mark.parametrize("doubt", NOTHING, ids=str)
def test_unknown_stale_and_late_prices_compare_nothing_and_are_counted(doubt: dict[str, Any]) -> None:
    once, _ = RULE.after(compared(1, FAR))
    rule, event = once.after(replace(compared(2, FAR), **doubt))
    assert (event, rule) == (None, replace(once, left_out=1))
    _, events = fed(rule, compared(3, FAR))
    assert len(events) == 1


def test_a_quarantine_ends_with_its_day_and_a_new_day_counts_afresh() -> None:
    held, _ = fed(RULE, compared(0, FAR), compared(1, FAR))
    assert not held.quarantined_at(UnixNanos(minute(SECOND, 0)))
    again, events = fed(held, compared(0, FAR, SECOND))
    assert events == []
    again, events = fed(again, compared(1, FAR, SECOND))
    assert [event.quarantined for event in events] == [True]
    one, _ = fed(RULE, compared(0, FAR))
    assert fed(one, compared(0, FAR, SECOND))[1] == []


def test_numbers_of_numpy_make_a_plain_event() -> None:
    price: Any = np.float64(FAR)
    _, events = fed(RULE, compared(0, price), compared(1, price))
    assert (type(events[0].quarantined), type(events[0].ours)) == (bool, float)


@pytest.mark.parametrize(
    "wrong",
    [{"tolerance": -0.1}, {"tolerance": np.nan}, {"agree_times": 0}, {"disagree_times": 0}, {"most_age_s": np.nan}],
)
def test_settings_without_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        PriceAgreement(**{"tolerance": 0.005, **wrong})


prices = st.sampled_from((NEAR, FAR, None, 100.0, 90.0))
feeds = st.lists(st.tuples(prices, st.sampled_from((1.0, 60.0, 61.0, None))), max_size=40)


@given(feeds, st.integers(1, 4), st.integers(1, 4))
def test_the_state_is_that_of_the_last_long_enough_run_of_comparisons(
    feed: Sequence[tuple[float | None, float | None]], agree: int, disagree: int
) -> None:
    rule = PriceAgreement(Fraction(0.005), agree, disagree)
    state, run, valid = False, 0, 0
    for k, (ours, age) in enumerate(feed):
        rule, event = rule.after(compared(k, ours, ours_age_s=age))
        before = state
        if ours is not None and age in (1.0, 60.0):
            valid += 1
            run = run + 1 if (ours in (FAR, 90.0)) != state else 0
            if run == (agree if state else disagree):
                state, run = not state, 0
        assert rule.quarantined_at(UnixNanos(minute(FIRST, 1))) is state
        assert (event.quarantined if event else None) == (state if state != before else None)
    assert (rule.compared, rule.left_out) == (valid, len(feed) - valid)


def changes(*rows: tuple[int, bool]) -> list[QuarantineChanged]:
    return [QuarantineChanged(UnixNanos(ts), TCS, on, FAR, 100.0, "tradingview") for ts, on in rows]


def test_a_change_counts_for_bars_that_close_then_or_later_on_its_day() -> None:
    found = Quarantines.of(changes((minute(FIRST, 10), True), (minute(FIRST, 20), False), (minute(FIRST, 30), True)))
    moments = [minute(FIRST, 10) - 1, *(minute(FIRST, k) for k in (10, 19, 20, 30, 375)), minute(SECOND, 1)]
    assert found.at(np.array(moments)).tolist() == [False, True, True, False, True, True, False]
    assert Quarantines.of().at(np.array(moments)).tolist() == [False] * 7


times = st.integers(OPEN - 3 * 3600 * NANOS_PER_SECOND, OPEN + 40 * 3600 * NANOS_PER_SECOND)


@given(st.lists(st.tuples(times, st.booleans()), max_size=12, unique_by=lambda row: row[0]), st.lists(times))
def test_whatever_order_changes_come_in_the_last_one_of_the_day_counts(
    rows: list[tuple[int, bool]], moments: list[int]
) -> None:
    told = changes(*rows)
    one_by_one = Quarantines.of()
    for change in told:
        one_by_one = one_by_one.after(change)
    at = np.array(moments, np.int64)
    found = Quarantines.of(told).at(at)
    assert found.tolist() == one_by_one.at(at).tolist()
    for moment, state in zip(moments, found.tolist(), strict=True):
        midnight = OPEN - (9 * 60 + 15) * NANOS_PER_MINUTE
        midnight += (moment - midnight) // (1440 * NANOS_PER_MINUTE) * 1440 * NANOS_PER_MINUTE
        known = [(ts, on) for ts, on in rows if midnight <= ts <= moment]
        assert state is (max(known)[1] if known else False)


def test_of_two_changes_at_one_moment_the_later_told_stands() -> None:
    both = changes((OPEN, True), (OPEN, False))
    assert not Quarantines.of(both).at(np.array([OPEN]))[0]
    assert not Quarantines.of().after(both[0]).after(both[1]).at(np.array([OPEN]))[0]


def test_only_so_many_changes_are_remembered() -> None:
    found = Quarantines.of()
    for change in changes(*((OPEN + k, True) for k in range(KEPT + 5))):
        found = found.after(change)
    assert (len(found.ts), int(found.ts[0]) - OPEN) == (KEPT, 5)
