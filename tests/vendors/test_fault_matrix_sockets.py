"""The cells of the fault matrix that are about sockets: what is told, and that true data come again."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from aiohttp import web

from sos_actors.messages.feed import FeedState
from sos_actors.simulator.faults import FaultKind
from tests.simulator.markets import small_world
from tests.vendors.bench import Bench, assert_no_secret, bench, nothing_left_over
from tests.vendors.matrix import SOCKET_CELLS
from tests.vendors.outcomes import Cell, Ending
from tests.vendors.streams import DOORS, FeedWatch, Watch, until, watching

MORE = 5
"""Quotes or updates that are waited for before nothing is said to have happened."""


@pytest.fixture(scope="module")
def moving() -> Iterator[Bench]:
    """Upstox, with a clock that goes on by steps."""
    with bench(small_world("2026-01-13 10:30:30", rate_limits=False), ["upstox"]) as made:
        for channel in DOORS:
            with watching(made, channel) as watch:
                assert_it_goes_on(made, watch)
        yield made


@pytest.fixture(autouse=True)
def _healed(moving: Bench) -> Iterator[None]:
    yield
    moving.heal()


@pytest.mark.parametrize("cell", SOCKET_CELLS, ids=str)
def test_a_stream(moving: Bench, cell: Cell, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    with nothing_left_over(), watching(moving, cell.call) as watch:
        until(moving, watch, lambda: watch.heard > 0, "the first data")
        told = len(watch.states)
        with monkeypatch.context() as library:
            if cell.kind is FaultKind.MUTE and not cell.once:
                library.setattr(web.WebSocketResponse, "pong", no_pong)
            suffer(moving, cell, watch, told)
        if cell.kind is FaultKind.TOKEN_EXPIRED:
            watch.log_in(moving.new_token())
        moving.heal()
        assert_it_goes_on(moving, watch)
        assert_no_secret(" ".join((*watch.reasons, caplog.text)), [moving.token.reveal(), "code="])


async def no_pong(_: web.WebSocketResponse, __: bytes = b"") -> None:
    """The library of the simulator answers pings by itself, faults or not."""


def suffer(bench: Bench, cell: Cell, watch: Watch, told: int) -> None:
    """Put the fault in force and wait for what must come of it."""
    at_door, begun, heard = cell.kind is FaultKind.STATUS, bench.world.clock.now(), watch.heard
    fault = bench.add(cell.made(DOORS[cell.call] if at_door else cell.call))
    if at_door or cell.kind is FaultKind.TOKEN_EXPIRED:
        bench.reset_connections("upstox")  # what is wrong is met when connecting
    state = cell.outcome.state
    if cell.outcome.ending is Ending.DEGRADED:
        until(bench, watch, lambda: is_told(watch, told, state), f"{state}")
        return
    until(bench, watch, lambda: bench.has_struck(fault) or cell.kind in (FaultKind.STALE, FaultKind.CLOCK_SKEW), "it")
    until(bench, watch, lambda: watch.heard >= heard + MORE, "more data")
    since = watch.states[told:]
    late = cell.kind is FaultKind.DELAY and since[-1:] == [FeedState.UP]  # a busy machine makes a slow frame a silence
    assert since == [] or late, "nothing was to be told"
    if cell.kind is FaultKind.STALE:
        assert isinstance(watch, FeedWatch)
        assert all(quote.ltt <= begun for quote in watch.listener.quotes[heard:])


def is_told(watch: Watch, told: int, state: FeedState | None) -> bool:
    """Whether a state has been told since, up only with advice."""
    since = zip(watch.states[told:], watch.reasons[told:], strict=False)
    return any(one is state and (state is not FeedState.UP or "ask the order book" in why) for one, why in since)


def assert_it_goes_on(bench: Bench, watch: Watch) -> None:
    """Connected, new data, and all that ever came was true."""
    until(bench, watch, lambda: watch.states[-1:] == [FeedState.UP], "a connection")
    heard = watch.heard
    until(bench, watch, lambda: watch.heard > heard, "data again")
    watch.assert_true()
