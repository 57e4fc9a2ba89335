"""Rate limits: of each API for itself, of all orders together, in real time."""

from __future__ import annotations

import pytest

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.limits import Limits
from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import broker
from tests.simulator.upstox.staged import CALL, NIFTY, RELIANCE, staged_world


class Stopwatch:
    """Real time, told by the test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def asked(limits: Limits, times: int, api: str = "quotes", *, order: bool = False) -> int:
    """How many of so many requests pass."""
    codes = [_code(limits, api, order) for _ in range(times)]
    assert set(codes) <= {"", "429 UDAPI10005"}
    return codes.count("")


def _code(limits: Limits, api: str, order: bool) -> str:
    try:
        limits.count_api(api, order)
    except UpstoxRefusal as refusal:
        return f"{refusal.status} {refusal.code}"
    return ""


def test_fifty_requests_pass_in_a_second_and_the_next_ones_a_second_later() -> None:
    watch = Stopwatch()
    limits = Limits(clock=watch)

    assert asked(limits, 60) == 50
    watch.now += 0.9
    assert asked(limits, 1) == 0
    watch.now += 0.2
    assert asked(limits, 60) == 50


def test_a_refused_request_does_not_count() -> None:
    watch = Stopwatch()
    limits = Limits([(2, 1.0)], [(1, 1.0)], watch)
    asked(limits, 100)
    watch.now += 1.01

    assert asked(limits, 3) == 2


def test_each_api_is_counted_for_itself() -> None:
    limits = Limits(clock=Stopwatch())

    assert asked(limits, 60, "quotes") == 50
    assert asked(limits, 60, "history") == 50


@pytest.mark.parametrize(("most", "seconds"), [(500, 60.0), (2_000, 1_800.0)])
def test_a_minute_and_half_an_hour_have_limits_of_their_own(most: int, seconds: float) -> None:
    watch = Stopwatch()
    limits = Limits(clock=watch)
    passed = 0
    for _ in range(int(seconds / 2) - 1):
        passed += asked(limits, 40)
        watch.now += 2.0

    assert passed == most


def test_ten_orders_pass_in_a_second() -> None:
    assert asked(Limits(clock=Stopwatch()), 60, "orders", order=True) == 10


def test_the_fifty_first_request_of_a_second_is_answered_with_429() -> None:
    with broker(staged_world(), Stopwatch()) as upstox:
        answers = [upstox.ask("/v2/market/timings/2026-01-13") for _ in range(51)]
        other = upstox.ask("/v2/market/holidays/2026-01-26")

    assert [answer.status for answer in answers] == [200] * 50 + [429]
    assert answers[-1].code == "UDAPI10005"
    assert "Retry-After" not in answers[-1].headers
    assert other.status == 200


def test_all_instruments_and_intervals_of_a_call_share_its_limit() -> None:
    asked_for = [(key, 1 + number) for key in (NIFTY, RELIANCE, CALL) for number in range(17)]
    with broker(staged_world(), Stopwatch()) as upstox:
        answers = [upstox.ask("/v3/historical-candle/intraday", key, "minutes", minutes) for key, minutes in asked_for]

    assert [answer.status for answer in answers] == [200] * 50 + [429]


def test_limits_can_be_switched_off() -> None:
    with broker(staged_world(strictness=Strictness(rate_limits=False)), Stopwatch()) as upstox:
        answers = [upstox.ask("/v2/market/timings/2026-01-13") for _ in range(60)]

    assert {answer.status for answer in answers} == {200}
