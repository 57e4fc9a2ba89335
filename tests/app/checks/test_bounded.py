"""Examinations side by side: in order, bounded, and a bug is not swallowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from sos_actors.app.checks.bounded import Examination, Examinations
from sos_actors.app.checks.finding import Finding, Status, spoken_s


def one(name: str) -> Finding:
    return Finding("vendors", name, Status.OK, "fine")


def test_findings_come_in_the_order_of_the_examinations() -> None:
    first_goes_on = threading.Event()

    def slow() -> Iterator[Finding]:
        assert first_goes_on.wait(5)
        yield one("first")

    def quick() -> Iterator[Finding]:
        yield one("second")
        first_goes_on.set()

    both = Examinations([Examination("vendors", "slow", slow), Examination("vendors", "quick", quick)], 10.0)
    assert [finding.name for finding in both.findings()] == ["first", "second"]


def test_what_does_not_end_is_told_with_what_was_found_before() -> None:
    over = threading.Event()

    def stuck() -> Iterator[Finding]:
        yield one("reached")
        over.wait(10)

    begun = time.monotonic()
    found = list(Examinations([Examination("vendors", "nse", stuck, serves=("chain",))] * 3, 0.05).findings())
    over.set()
    assert time.monotonic() - begun < 5
    assert [(finding.name, finding.status) for finding in found] == [("reached", "ok"), ("nse", "FAIL")] * 3
    assert found[1].serves == ("chain",)
    assert "within 0.05 s" in found[1].text


def test_a_bug_in_one_is_raised() -> None:
    def broken() -> Iterator[Finding]:
        yield one("before")
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        list(Examinations([Examination("vendors", "broken", broken)], 5.0).findings())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0 s"), (4.5, "4.5 s"), (99, "99 s"), (720, "12 min"), (12_000, "3 h 20 min"), (300_000, "3 days")],
)
def test_spans_of_time_are_spoken(seconds: float, said: str) -> None:
    assert spoken_s(seconds) == said
