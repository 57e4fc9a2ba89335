"""Asking in the order of trust: who is asked, who no longer is, and what is said when nobody has anything."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from sos_actors.errors import (
    MissingDataError,
    TokenRefusedError,
    UnknownSymbolError,
    VendorAnswerError,
    VendorUnreachableError,
)
from sos_actors.vendors.trust import STRIKES, Ladder


class Source:
    """Answers with a number, or raises."""

    def __init__(self, name: str, answer: int | Exception) -> None:
        self.name, self.answer, self.asked = name, answer, 0

    def number(self) -> int:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def number(source: Source) -> int:
    return source.number()


positive: Callable[[int], bool] = lambda value: value > 0  # noqa: E731


def test_the_most_trusted_source_with_data_is_taken_and_named() -> None:
    first, second = Source("upstox", 3), Source("tradingview", 4)

    answer = Ladder([first, second], "numbers").ask(number)

    assert (answer.value, answer.source, answer.refusals) == (3, "upstox", ())
    assert second.asked == 0


def test_a_source_that_fails_is_followed_by_the_next_and_its_reason_is_kept() -> None:
    first = Source("upstox", VendorAnswerError("upstox", "a page instead of data."))

    answer = Ladder([first, Source("tradingview", 4)], "numbers").ask(number)

    assert (answer.value, answer.source) == (4, "tradingview")
    assert answer.refusals == ("upstox: a page instead of data.",)


def test_a_source_without_data_is_followed_by_the_next() -> None:
    answer = Ladder([Source("upstox", 0), Source("tradingview", 4)], "numbers").ask(number, positive)

    assert (answer.value, answer.source) == (4, "tradingview")


def test_when_all_answer_and_none_has_data_the_most_trusted_nothing_is_the_answer() -> None:
    answer = Ladder([Source("upstox", 0), Source("tradingview", -1)], "numbers").ask(number, positive)

    assert (answer.value, answer.source, answer.refusals) == (0, "upstox", ())


def test_whoever_failed_after_an_answer_that_is_no_data_is_told_too() -> None:
    second = Source("tradingview", VendorUnreachableError("tradingview", "no answer."))

    answer = Ladder([Source("upstox", 0), second], "numbers").ask(number, positive)

    assert (answer.value, answer.source, answer.refusals) == (0, "upstox", ("tradingview: no answer.",))


def test_when_nobody_answers_every_reason_is_told() -> None:
    first = Source("upstox", TokenRefusedError("upstox", "the token has expired."))
    second = Source("tradingview", UnknownSymbolError("no such symbol."))

    with pytest.raises(MissingDataError, match=r"No numbers: upstox: the token has expired\. no such symbol\."):
        Ladder([first, second], "numbers").ask(number)


def test_without_any_source_that_is_said() -> None:
    nobody: list[Source] = []
    with pytest.raises(MissingDataError, match="no source is configured"):
        Ladder(nobody, "numbers").ask(number)


def test_a_source_that_refuses_us_is_not_asked_again() -> None:
    first = Source("upstox", TokenRefusedError("upstox", "the token has expired."))
    ladder = Ladder([first, Source("tradingview", 4)], "numbers")

    refusals = [ladder.ask(number).refusals for _ in range(3)]

    assert first.asked == 1
    assert refusals == [("upstox: the token has expired.",)] * 3
    assert list(ladder.retired) == ["upstox"]


def test_a_source_that_cannot_be_reached_is_given_up_after_some_tries_in_a_row_only() -> None:
    first = Source("upstox", VendorUnreachableError("upstox", "no answer."))
    ladder = Ladder([first, Source("tradingview", 4)], "numbers")

    ladder.ask(number)
    first.answer = 3
    ladder.ask(number)  # it is back: the count begins anew
    first.answer = VendorUnreachableError("upstox", "no answer.")
    for _ in range(STRIKES + 2):
        ladder.ask(number)

    assert first.asked == 2 + STRIKES


def test_failures_of_questions_asked_at_once_count_as_one() -> None:
    first = Source("upstox", VendorUnreachableError("upstox", "no answer."))
    ladder, together = Ladder([first, Source("tradingview", 4)], "numbers"), Barrier(2 * STRIKES)

    def at_once(source: Source) -> int:
        if source is first:
            together.wait(5)
        return source.number()

    with ThreadPoolExecutor(2 * STRIKES) as pool:
        answers = list(pool.map(lambda _: ladder.ask(at_once), range(2 * STRIKES)))

    assert {answer.source for answer in answers} == {"tradingview"}
    assert ladder.retired == {}
