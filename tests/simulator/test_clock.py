"""Simulated time: stepped, set, sped up, and slept through."""

from __future__ import annotations

import asyncio
import time
from datetime import date

import pytest

from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.moments import moment_of, read_moment, spoken
from sos_actors.types import NANOS_PER_SECOND

START = 1_768_275_900 * NANOS_PER_SECOND


def test_a_stopped_clock_moves_only_when_it_is_told() -> None:
    clock = SimulatedClock(START, 0)
    assert clock.now() == clock.now() == START
    clock.step(1.5)
    assert clock.now() == START + 1_500_000_000
    clock.set(START)
    assert clock.now() == START


def test_a_running_clock_runs_as_fast_as_it_is_told() -> None:
    clock = SimulatedClock(START, 1000)
    begun = clock.now()
    time.sleep(0.01)
    assert clock.now() - begun >= 10 * NANOS_PER_SECOND
    clock.set(speed=0)
    assert clock.now() == clock.now()


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_clock_refuses_what_is_no_speed(speed: float) -> None:
    with pytest.raises(ValueError, match="not allowed"):
        SimulatedClock(START, speed)
    clock = SimulatedClock(START, 0)
    with pytest.raises(ValueError, match="not allowed"):
        clock.set(START + 1, speed)
    with pytest.raises(ValueError, match="not allowed"):
        clock.step(speed)
    assert clock.now() == START


def test_sleepers_wake_in_the_order_of_their_times_when_the_clock_steps() -> None:
    clock, woken = SimulatedClock(START, 0), list[int]()

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async def run() -> None:
        tasks = [asyncio.create_task(sleep(seconds)) for seconds in (30, 10, 90, 20)]
        await asyncio.sleep(0)
        clock.step(60)
        await asyncio.gather(tasks[0], tasks[1], tasks[3])
        assert not tasks[2].done()
        await asyncio.to_thread(clock.step, 30)
        await tasks[2]

    asyncio.run(run())
    assert woken == [10, 20, 30, 90]


def test_a_sleeper_of_a_fast_clock_wakes_by_itself_and_one_of_a_stopped_clock_when_it_starts() -> None:
    clock = SimulatedClock(START, 6000)

    async def run() -> None:
        await clock.sleep(60)
        assert clock.now() >= START + 60 * NANOS_PER_SECOND
        clock.set(speed=0)
        sleeper = asyncio.create_task(clock.sleep(60))
        await asyncio.sleep(0)
        clock.set(speed=60_000)
        await asyncio.wait_for(sleeper, 1)

    asyncio.run(run())


def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = SimulatedClock(START, 0)

    async def run() -> None:
        sleeper = asyncio.create_task(clock.sleep(60))
        await asyncio.sleep(0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper

    asyncio.run(run())
    clock.step(60)  # its loop is closed by now
    assert clock.now() == START + 60 * NANOS_PER_SECOND


def test_moments_are_read_and_written_in_india() -> None:
    day = date(2026, 1, 13)
    assert spoken(START) == "2026-01-13 09:15:00"
    assert read_moment("09:15", day) == read_moment("2026-01-13 09:15:00", date(2020, 1, 1)) == START
    assert spoken(moment_of(day)) == "2026-01-13 00:00:00"


@pytest.mark.parametrize("text", ["", "9", "25:00", "2026-02-30 10:00", "tomorrow 10:00", "2026-01-13"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        read_moment(text, date(2026, 1, 13))
