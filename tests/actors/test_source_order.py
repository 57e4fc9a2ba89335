"""Sources are asked in the order of trust; whoever fails rests, longer each time, and is asked again."""

from __future__ import annotations

import pytest

from sos_actors.actors.source_order import Found, SourceOrder
from sos_actors.errors import (
    UnknownSymbolError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.runtime.clock import ManualClock


class Source:
    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0
        self.error: Exception | None = None

    def ask(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return f"of {self.name}"


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.first, self.second = Source("nse"), Source("upstox")
        self.order = SourceOrder([self.first, self.second], "chains", self.clock, first_rest_s=10, most_rest_s=100)

    def ask(self) -> Found[str]:
        return self.order.ask(Source.ask)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_most_trusted_is_asked_and_nobody_else(desk: Desk) -> None:
    assert desk.ask() == Found("of nse", "nse", ())
    assert desk.second.asked == 0


def test_the_next_one_answers_for_whoever_fails_and_that_is_said(desk: Desk) -> None:
    desk.first.error = VendorUnreachableError("nse", "no answer.")
    assert desk.ask() == Found("of upstox", "upstox", ("nse: no answer.",))
    assert desk.ask() == Found("of upstox", "upstox", ("nse: no answer.",)), "the reason is told while it rests"
    assert desk.first.asked == 1


def test_each_failure_lets_it_rest_twice_as_long_up_to_a_bound(desk: Desk) -> None:
    desk.first.error = VendorAnswerError("nse", "a page.")
    asked = []
    for _ in range(400):
        desk.ask()
        asked.append(desk.first.asked)
        desk.clock.advance(1)
    moments = [second for second in range(1, 400) if asked[second] > asked[second - 1]]
    assert moments == [10, 30, 70, 150, 250, 350]


def test_one_that_answers_again_begins_afresh(desk: Desk) -> None:
    for _ in range(3):
        desk.first.error = VendorAnswerError("nse", "a page.")
        desk.ask()
        assert desk.order.rests["nse"].failures == 1
        desk.clock.advance(10)
        desk.first.error = None
        assert desk.ask().source == "nse"
        assert desk.order.rests == {}


@pytest.mark.parametrize(
    ("error", "rest_s"),
    [
        (VendorRefusedError("nse", "blocked.", "403"), 100),
        (VendorBusyError("nse", "429.", "429", 42.0), 42),
        (VendorBusyError("nse", "503.", "503"), 10),
    ],
    ids=["blocked", "asked to wait", "busy"],
)
def test_it_is_left_alone_as_long_as_its_words_deserve(desk: Desk, error: VendorError, rest_s: float) -> None:
    desk.first.error = error
    desk.ask()
    desk.clock.advance(rest_s - 0.001)
    desk.ask()
    assert desk.first.asked == 1
    desk.clock.advance(0.001)
    desk.ask()
    assert desk.first.asked == 2


def test_one_that_does_not_know_a_symbol_is_asked_for_the_next_one_at_once(desk: Desk) -> None:
    desk.first.error = UnknownSymbolError("Trendlyne knows no stock with the code X.")
    assert desk.ask().source == "upstox"
    desk.first.error = None
    assert desk.ask().source == "nse"


def test_an_answer_of_no_use_is_no_failure(desk: Desk) -> None:
    found = desk.order.ask(Source.ask, lambda said: "nse: it is of yesterday." if said == "of nse" else "")
    assert found == Found("of upstox", "upstox", ("nse: it is of yesterday.",))
    assert desk.order.rests == {}


def test_when_nobody_answers_every_reason_is_told(desk: Desk) -> None:
    desk.first.error = VendorUnreachableError("nse", "no answer.")
    desk.second.error = VendorRefusedError("upstox", "no token.")
    assert desk.ask() == Found(None, "", ("nse: no answer.", "upstox: no token."))


def test_what_is_no_vendors_error_is_not_hidden(desk: Desk) -> None:
    desk.first.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        desk.ask()
