from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.market.momentum import momentum_score

Six = tuple[float, float, float, float, float, float]
numbers = st.floats(-1e6, 1e6)
sixes = st.tuples(numbers, numbers, numbers, numbers, numbers, numbers)
ROW: Six = (3.0, 27.5, 2.5, 1.5, 2.25, 0.8)
"""Half of every part, and a MACD that agrees."""


def scored(row: Six) -> float:
    score = momentum_score(*row)
    assert score is not None
    return score


def test_half_of_every_part_gives_half_the_points_and_the_agreeing_macd_its_own() -> None:
    assert scored(ROW) == pytest.approx(0.5 * 95 + 5)


def test_everything_full_is_a_hundred_and_nothing_at_all_is_zero() -> None:
    assert scored((9.0, 60.0, -8.0, -5.0, 6.0, -0.1)) == pytest.approx(100.0)
    assert scored((0.5, 10.0, 0.0, 2.0, 0.2, 3.0)) == 0.0


def test_a_gap_that_is_being_filled_counts_less_than_one_that_runs_on() -> None:
    running, filled = scored((3.0, 27.5, 2.5, 3.0, 2.25, 1.0)), scored((3.0, 27.5, 2.5, -3.0, 2.25, 1.0))
    assert running - filled == pytest.approx(20.0)


@given(sixes)
def test_a_score_lies_between_nothing_and_a_hundred(row: Six) -> None:
    assert 0.0 <= scored(row) <= 100.0 + 1e-9


@given(sixes)
def test_a_falling_stock_scores_as_its_mirror_image(row: Six) -> None:
    volume, adx, change, from_open, atr, macd = row
    assert scored(row) == scored((volume, adx, -change, -from_open, atr, -macd))


@given(sixes, st.floats(0, 100), st.sampled_from([0, 1, 4]))
def test_more_of_what_has_no_direction_never_scores_less(row: Six, more: float, part: int) -> None:
    raised = list(row)
    raised[part] += more
    assert scored((raised[0], raised[1], raised[2], raised[3], raised[4], raised[5])) >= scored(row)


@given(st.floats(1, 5), st.floats(0.01, 9), st.floats(0, 9), st.floats(1, 3))
def test_a_larger_move_the_same_way_never_scores_less(volume: float, move: float, run: float, times: float) -> None:
    assert scored((volume, 20, move * times, run * times, 1, 1)) >= scored((volume, 20, move, run, 1, 1))


@pytest.mark.parametrize("part", range(6))
@pytest.mark.parametrize("unknown", [None, math.nan])
def test_an_unknown_part_leaves_the_score_unknown(part: int, unknown: float | None) -> None:
    row: list[float | None] = list(ROW)
    row[part] = unknown
    assert momentum_score(*row) is None
