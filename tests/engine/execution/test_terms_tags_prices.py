"""Slices, tags, limits and the request budget, each by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.config.running import Orders
from sos_actors.engine.execution.budget import RequestBudget
from sos_actors.engine.execution.pricing import is_bolder, is_price, limit_price, tightened
from sos_actors.engine.execution.tags import MOST_TAG_LETTERS, Tag, is_ours, parse_tag
from sos_actors.engine.execution.terms import InstrumentTerms, slices
from sos_actors.types import NANOS_PER_SECOND, Segment, Side

NIFTY = InstrumentTerms("NSE_FO|1", 65, 0.05, 1800, Segment.FO)
S = NANOS_PER_SECOND


def test_a_quantity_is_divided_into_whole_lots_below_the_freeze_quantity() -> None:
    assert slices(65 * 60, NIFTY) == [1755, 1755, 390]
    assert slices(1755, NIFTY) == [1755]
    assert slices(0, NIFTY) == []
    assert slices(130, replace(NIFTY, freeze=0)) == [130]
    assert slices(130, replace(NIFTY, freeze=10)) == [65, 65]


@given(st.integers(1, 500), st.integers(1, 200), st.integers(0, 5000))
def test_slices_sum_up_and_none_is_too_large(lots: int, lot: int, freeze: int) -> None:
    terms = replace(NIFTY, lot=lot, freeze=freeze)
    pieces = slices(lots * lot, terms)
    assert sum(pieces) == lots * lot
    assert all(piece % lot == 0 for piece in pieces)
    if freeze >= lot:
        assert max(pieces) <= freeze


@given(st.integers(1, 10**12), st.integers(0, 999), st.integers(0, 99_999))
def test_a_tag_is_read_back_as_it_was_made(order_id: int, piece: int, attempt: int) -> None:
    tag = Tag("aZ09", order_id, piece, attempt)
    assert len(tag.text) <= MOST_TAG_LETTERS
    assert parse_tag(tag.text) == tag


def test_what_is_no_tag_of_ours_is_not_read_as_one() -> None:
    for text in ("", "intent-7", "SOSab1-1-0-0", "SOSab12-1-0", "SOSab12-1-0-0-0", "sosab12-1-0-0", "SOSab12--1-0-0"):
        assert parse_tag(text) is None
    assert is_ours("SOSold-format")
    assert not is_ours("mine")
    with pytest.raises(ValueError, match="no tag"):
        _ = Tag("toolong", 1, 0, 0).text


@pytest.mark.parametrize(
    ("side", "reference", "percent", "ticks", "limit"),
    [
        (Side.BUY, 100.0, 1.0, 2, 101.0),
        (Side.SELL, 100.0, 3.0, 2, 97.0),
        (Side.BUY, 100.02, 1.0, 2, 101.05),
        (Side.SELL, 100.02, 1.0, 2, 99.0),
        (Side.BUY, 0.5, 1.0, 2, 0.6),
        (Side.SELL, 0.05, 3.0, 2, 0.05),
        (Side.BUY, 100.0, 0.0, 0, 100.05),
        (Side.SELL, 100.0, 0.0, 0, 99.95),
    ],
)
def test_a_limit_is_moved_against_us_and_lies_on_the_tick(
    side: Side, reference: float, percent: float, ticks: int, limit: float
) -> None:
    assert limit_price(side, reference, percent, ticks, 0.05) == limit


@given(
    st.sampled_from(Side), st.floats(0.05, 60_000), st.floats(0, 25), st.sampled_from((0.01, 0.05, 0.1, 0.5, 1.0, 5.0))
)
def test_a_limit_is_never_on_the_wrong_side(side: Side, reference: float, percent: float, tick: float) -> None:
    limit = limit_price(side, reference, percent, 2, tick)
    assert limit >= round(tick, 2)
    assert abs(limit / tick - round(limit / tick)) < 1e-6
    assert limit >= reference if side is Side.BUY else limit <= max(reference, tick)


def test_no_limit_is_made_of_what_is_no_price() -> None:
    for price in (0.0, -1.0, float("nan"), float("inf")):
        assert not is_price(price)
        with pytest.raises(ValueError, match="no limit"):
            limit_price(Side.BUY, price, 1.0, 2, 0.05)


def test_bolder_is_higher_for_a_buyer_and_lower_for_a_seller() -> None:
    assert is_bolder(Side.BUY, 101.0, 100.0)
    assert not is_bolder(Side.BUY, 100.0, 100.0)
    assert is_bolder(Side.SELL, 99.0, 100.0)
    assert [tightened(3.0, refusals) for refusals in (0, 1, 2, 9)] == [3.0, 1.5, 0.75, 0.1875]


def test_entries_leave_a_part_of_the_budget_to_exits() -> None:
    budget = RequestBudget.of(Orders())
    assert [budget.take(0, exit_class=False) for _ in range(8)] == [True] * 6 + [False] * 2
    assert [budget.take(0, exit_class=True) for _ in range(6)] == [True] * 4 + [False] * 2
    assert not budget.take(S - 1, exit_class=True)
    assert budget.take(S, exit_class=False)


def test_no_window_is_ever_overdrawn() -> None:
    budget = RequestBudget([(10, 1.0), (30, 60.0), (50, 1800.0)], 0.4)
    sent = [at for at in range(0, 4000 * S, S // 20) if budget.take(at, exit_class=True)]
    for most, length in ((10, S), (30, 60 * S), (50, 1800 * S)):
        assert max(sum(start <= at < start + length for at in sent) for start in sent) == most


def test_after_a_429_nothing_is_sent_for_a_while_that_grows() -> None:
    budget = RequestBudget([(1000, 1.0)], 0.0)
    budget.refused(0)
    assert not budget.take(S // 2 - 1, exit_class=True)
    assert budget.take(S // 2, exit_class=True)
    budget.refused(S)
    assert not budget.take(2 * S - 1, exit_class=True)
    assert budget.take(2 * S, exit_class=True)
    budget.refused(2 * S, retry_after_s=30.0)
    assert not budget.take(31 * S, exit_class=True)
    budget.answered()
    budget.refused(40 * S)
    assert budget.take(40 * S + S // 2, exit_class=True)


def test_a_clock_that_is_set_back_opens_no_budget() -> None:
    budget = RequestBudget([(2, 1.0)], 0.0)
    assert budget.take(10 * S, exit_class=True)
    assert budget.take(5 * S, exit_class=True)
    assert not budget.take(5 * S + S, exit_class=True)
    assert budget.take(11 * S, exit_class=True)


def test_everything_may_be_kept_for_exits() -> None:
    assert not RequestBudget([(10, 1.0)], 1.0).take(0, exit_class=False)
    assert RequestBudget([(1, 1.0)], 0.4).take(0, exit_class=False)


def test_what_an_earlier_run_sent_counts() -> None:
    budget = RequestBudget([(3, 1.0)], 0.0)
    for at in (0, S // 2, S // 2, S // 2):
        budget.note(at)
    assert not budget.take(S, exit_class=True)
    assert budget.take(S + S // 2, exit_class=True)
