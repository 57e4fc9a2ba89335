"""The same warning again and again is one line and a count a minute."""

from __future__ import annotations

import logging
from dataclasses import replace

from sos_actors.app.folding import MOST_FOLDED, Folding, Said

BUSY = Said(0, 0, logging.WARNING, "sos_actors.vendors.nse", "cold", "nse: too many requests", "a traceback")
CALM = replace(BUSY, level=logging.INFO, text="a bar was late")


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def wholes(lines: list[Said]) -> list[str]:
    return [said.whole for said in lines]


def test_a_repeated_warning_is_written_once_and_counted_once_a_minute() -> None:
    seconds = Seconds()
    folding = Folding(60, seconds)
    assert folding.take(BUSY) == [BUSY]
    assert [folding.take(replace(BUSY, market_ns=again)) for again in range(37)] == [[]] * 37
    seconds.now = 60
    (told,) = folding.over()
    assert told.whole == "nse: too many requests ... 37 more in the last minute"
    assert (told.again, told.trace, told.market_ns) == (37, "", 36)


def test_a_warning_that_goes_on_is_counted_on_and_one_that_was_quiet_is_written_anew() -> None:
    seconds = Seconds()
    folding = Folding(60, seconds)
    folding.take(BUSY)
    folding.take(BUSY)
    seconds.now = 61
    assert wholes(folding.take(BUSY)) == ["nse: too many requests ... 1 more in the last minute"]
    seconds.now = 122
    assert wholes(folding.over()) == ["nse: too many requests ... 1 more in the last minute"]
    seconds.now = 183
    assert folding.over() == []
    assert folding.take(BUSY) == [BUSY]


def test_what_is_no_warning_or_says_something_else_is_never_folded() -> None:
    folding = Folding(60, Seconds())
    assert wholes(folding.take(CALM)) == wholes(folding.take(CALM)) == ["a bar was late"]
    others = [replace(BUSY, text="nse: HTML"), replace(BUSY, level=logging.ERROR), replace(BUSY, who="elsewhere")]
    assert [folding.take(said) for said in [BUSY, *others]] == [[said] for said in [BUSY, *others]]


def test_the_end_tells_what_is_still_counted() -> None:
    folding = Folding(60, Seconds())
    for _ in range(3):
        folding.take(BUSY)
    assert [said.again for said in folding.end()] == [2]
    assert folding.end() == []


def test_very_many_different_warnings_are_written_as_they_come_and_take_no_more_memory() -> None:
    folding = Folding(60, Seconds())
    for number in range(MOST_FOLDED):
        folding.take(replace(BUSY, text=str(number)))
    assert len(folding.take(BUSY)) == len(folding.take(BUSY)) == 1
