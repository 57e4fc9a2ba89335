"""Every cell of the fault matrix as a test of its own: the clients over sockets against the simulated vendors."""

from __future__ import annotations

import gc
import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from sos_actors.errors import (
    MissingDataError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorUnreachableError,
)
from sos_actors.messages.broker import BrokerOrder, OrderState
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.faults import VENDORS, Fault, FaultKind
from sos_actors.vendors.trust import Ladder
from tests.simulator.markets import small_world
from tests.vendors.bench import (
    PLANTED,
    Bench,
    assert_no_secret,
    assert_says_so,
    bench,
    bounded,
    eventually,
    long_enough,
    nothing_left_over,
    same,
    within,
)
from tests.vendors.matrix import KNOWN, LADDER_ROWS, ORDER_CELLS, READING_CELLS, SOCKET_CELLS
from tests.vendors.outcomes import TIMEOUT_S, Cell, Ending, LadderRow
from tests.vendors.readings import (
    QUESTIONS,
    READINGS,
    UPSTOX_TRIES,
    WARM_S,
    Reading,
    later,
    sources,
    upstox,
    waiting_order,
)


def marked(cell: Cell) -> ParameterSet:
    reason = KNOWN.get(str(cell))
    marks = [] if reason is None else [pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)]
    return pytest.param(cell, id=str(cell), marks=marks)


@pytest.fixture(scope="module")
def standing() -> Iterator[Bench]:
    """All vendors, with a clock that stands."""
    gc.freeze()  # what is there already need not be looked at whenever a test waits for the collector
    with bench(small_world("2026-01-13 10:30:30", rate_limits=False, trendlyne_window=True), VENDORS) as made:
        for reading in READINGS.values():
            fault_free(made, reading)
        yield made
    gc.unfreeze()


def fault_free(bench: Bench, reading: Reading) -> Any:
    with reading.connect(bench, WARM_S) as client:
        return reading.ask(bench, client)


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"standing", "moving"} & set(request.fixturenames):
        request.getfixturevalue(name).heal()


@pytest.fixture(autouse=True)
def _debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def test_the_matrix_is_large_and_leaves_no_vendor_and_no_kind_of_fault_out() -> None:
    every = [*READING_CELLS, *ORDER_CELLS, *SOCKET_CELLS]
    names = set(map(str, every))
    assert len(names) == len(every) >= 60
    assert {cell.vendor for cell in every} == set(VENDORS)
    assert {cell.kind for cell in every} == set(FaultKind)
    assert set(KNOWN) <= names


@pytest.mark.parametrize("cell", [marked(cell) for cell in READING_CELLS])
def test_a_reading_call(standing: Bench, cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    reading = READINGS[cell.vendor, cell.call]
    at_handshake = bool(reading.door) and cell.kind is FaultKind.STATUS
    before = fault_free(standing, reading)
    with nothing_left_over(), reading.connect(standing, TIMEOUT_S) as client:
        if reading.used:
            reading.ask(standing, client)
        if at_handshake:
            client.close()  # which comes again with the next call
        try_it(standing, cell, reading, client, cell.made(reading.door if at_handshake else reading.path), before)
    assert_no_secret(caplog.text, secrets_of(standing))


def try_it(bench: Bench, cell: Cell, reading: Reading, client: Any, fault: Fault, before: Any) -> None:
    """The call during the fault, and afterwards."""
    begun, bound = bench.world.clock.now(), long_enough(reading.time_outs)
    with bench.fault(fault):
        if cell.kind is FaultKind.STALE:
            reading.pass_time(bench)
        answer = bounded(lambda: reading.ask(bench, client), bound)
    now = fault_free(bench, reading) if cell.kind is FaultKind.STALE else before
    if isinstance(answer, VendorError):
        assert_refused(cell, answer, secrets_of(bench))
    else:
        assert_right(cell, reading, answer, before, now, begun)
    assert eventually(
        lambda: reading.ask(bench, client), lambda got: same(reading.facts(got), reading.facts(now)), bound
    ), "it does not recover"
    if reading.pass_time is later:
        bench.world.clock.set(begun)


def assert_refused(cell: Cell, error: VendorError, secrets: Collection[str]) -> None:
    assert type(error) is cell.outcome.error, f"{type(error).__name__}: {error}"
    assert cell.outcome.ending is Ending.REFUSED
    assert_says_so(error, cell.vendor, secrets)


def assert_right(cell: Cell, reading: Reading, answer: Any, before: Any, now: Any, begun: int) -> None:
    """Whether data that came is what it had to be."""
    ending, told = cell.outcome.ending, reading.told_at(answer)
    known = before[slice(0, len(answer))] if isinstance(answer, BarSeries) else before
    is_old, is_new = (same(reading.facts(answer), reading.facts(other)) for other in (known, now))
    match ending:
        case Ending.RECOVERED:
            assert is_new, "not the answer there is without the fault"
        case Ending.DATED:
            assert is_old, "not what was known when the fault began"
            assert not is_new, "nothing was stale"
            assert told is not None
            assert told <= begun
        case Ending.UNTOLD:
            assert is_old, "not what was known when the fault began"
            assert not is_new, "nothing was stale"
            assert told is None
        case Ending.MISDATED:
            assert same(replace(answer, ts_event=now.ts_event), now), "not the figures of now"
            assert told is not None
            assert told < now.ts_event
        case _:
            pytest.fail(f"data came: {type(answer).__name__}")


def test_an_error_that_is_kept_keeps_no_connection(standing: Bench) -> None:
    with nothing_left_over(), upstox(standing, TIMEOUT_S) as client:
        with standing.fault(Fault("upstox", FaultKind.REFUSE)):
            kept = bounded(client.broker.funds, long_enough(UPSTOX_TRIES))
        assert eventually(client.broker.funds, lambda funds: funds.available > 0, WARM_S)
    assert isinstance(kept, VendorUnreachableError)


@pytest.fixture(scope="module")
def moving() -> Iterator[Bench]:
    """Upstox, with a clock that goes on by steps."""
    with bench(small_world("2026-01-13 10:30:30", rate_limits=False), ["upstox"]) as made:
        fault_free(made, READINGS["upstox", "funds"])
        later(made)
        yield made


ORDER_PATHS = {"place": "/v3/order/place", "cancel": "/v3/order/cancel"}


@pytest.mark.parametrize("cell", ORDER_CELLS, ids=str)
def test_an_order_call(moving: Bench, cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    tag, path = str(cell), ORDER_PATHS[cell.call]
    with nothing_left_over(), upstox(moving, WARM_S) as trader, upstox(moving, TIMEOUT_S) as client:
        number = "" if cell.call == "place" else trader.broker.place(waiting_order(tag))
        moving.world.clock.step(2.0)
        arrived = moving.asked(path) + (cell.kind is not FaultKind.REFUSE)
        with moving.fault(cell.made(path)):
            answer = bounded(
                lambda: client.broker.cancel(number) if number else client.broker.place(waiting_order(tag)),
                long_enough(UPSTOX_TRIES),
            )
        moving.world.clock.step(2.0)
        found = trader.broker.orders_by_tag(tag)
        assert within(WARM_S, lambda: moving.asked(path) >= arrived), "it never arrived"
        assert moving.asked(path) == arrived, "it was sent more than once"
        assert_order(cell, answer, found, secrets_of(moving))
        assert eventually(client.broker.funds, lambda funds: same(funds, trader.broker.funds()), WARM_S)
    assert_no_secret(caplog.text, secrets_of(moving))


def assert_order(cell: Cell, answer: object, found: list[BrokerOrder], secrets: Collection[str]) -> None:
    """Whether what the client said of an order, and what became of it, is as it had to be."""
    placing, ending = cell.call == "place", cell.outcome.ending
    done = cell.outcome.done or ending is Ending.RECOVERED
    if placing:
        assert len(found) == done, "orders with its tag"
        assert not found or found[0].state is OrderState.OPEN
    else:
        assert [order.state for order in found] == [OrderState.CANCELLED if done else OrderState.OPEN]
    if ending is Ending.RECOVERED:
        assert answer == (found[0].order_id if placing else None)
        return
    assert isinstance(answer, VendorError)
    assert_says_so(answer, cell.vendor, secrets)
    if ending is Ending.REFUSED:
        assert type(answer) is cell.outcome.error, str(answer)
    else:
        assert ending is Ending.UNSURE
        assert isinstance(answer, VendorUnreachableError | VendorAnswerError | VendorBusyError), str(answer)
        assert answer.code != "429"


def secrets_of(bench: Bench) -> tuple[str, ...]:
    return bench.token.reveal(), PLANTED


@pytest.mark.parametrize("row", LADDER_ROWS, ids=str)
def test_the_next_source_answers_and_the_refusals_are_told(standing: Bench, row: LadderRow) -> None:
    ask, failing = QUESTIONS[row.what], [cell.vendor for cell in row.failing]
    with sources(standing, row.what, WARM_S) as trusted:
        wanted = {source.name: ask(source) for source in trusted}
    with nothing_left_over(), sources(standing, row.what, TIMEOUT_S) as trusted:
        assert [source.name for source in trusted][: len(failing)] == failing
        for cell in row.failing:
            standing.add(cell.made("*"))
        ladder = Ladder(trusted, row.what)
        if row.answers == "nobody":
            with pytest.raises(MissingDataError) as caught:
                ladder.ask(ask)
            told = str(caught.value)
            del caught  # which leads to the clients' connections
            assert all(f"{vendor}: " in told for vendor in failing)
        else:
            answer = ladder.ask(ask)
            told = " ".join(answer.refusals)
            assert answer.source == row.answers
            assert same(answer.value, wanted[row.answers])
            assert [refusal.split(":")[0] for refusal in answer.refusals] == failing
        standing.heal()
    assert_no_secret(told, secrets_of(standing))
