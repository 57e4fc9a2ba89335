"""A paper account after a restart, at whatever point the run before was killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos_actors.app.paper_account import PaperAccount
from sos_actors.errors import JournalError, VendorUnreachableError
from sos_actors.messages.broker import BrokerFill, BrokerOrder, OrderChange, OrderKind, OrderState
from sos_actors.messages.feed import FeedState
from sos_actors.types import Side
from tests.app.papers import NIFTY, Paper, paper, request


def book(here: Paper) -> tuple[list[BrokerOrder], list[BrokerFill], list[int], float]:
    broker = here.broker
    return broker.orders(), broker.fills(), [each.quantity for each in broker.positions()], broker.funds().available


def test_a_restarted_run_finds_its_orders_fills_and_positions_again(tmp_path: Path) -> None:
    path = tmp_path / "account"
    with paper(path) as here:
        here.broker.place(request("filled"))
        here.wait(2)
        resting = here.broker.place(request("resting", price=95.0))
        here.wait(2)
        here.broker.modify(OrderChange(resting, 130, OrderKind.LIMIT, 94.0))
        gone = here.broker.place(request("gone", price=90.0))
        here.wait(2)
        here.broker.cancel(gone)
        here.wait(2)
        before, clock = book(here), here.clock
    with paper(path, clock, priced=False) as here:
        assert book(here) == before
        assert here.order("filled").state is OrderState.COMPLETE
        assert (here.order("resting").state, here.order("resting").quantity) == (OrderState.OPEN, 130)
        assert here.order("gone").state is OrderState.CANCELLED


def test_an_order_that_waited_fills_in_the_next_run_and_new_ids_are_new(tmp_path: Path) -> None:
    path = tmp_path / "account"
    with paper(path) as here:
        first = here.broker.place(request("waits", price=95.0))
        here.wait(2)
        clock = here.clock
    with paper(path, clock, priced=False) as here:
        here.wait(60)
        assert here.order("waits").state is OrderState.OPEN  # nobody has said a price
        here.market.on_feed_state(here.clock(), FeedState.UP, "")
        here.show(25_500.0, key=NIFTY)
        here.show(94.0)
        here.wait(2)
        assert here.order("waits").state is OrderState.COMPLETE
        assert here.broker.place(request("second")) != first


def test_an_order_on_its_way_arrives_after_the_restart(tmp_path: Path) -> None:
    path = tmp_path / "account"
    with paper(path) as here:
        order_id = here.broker.place(request("on its way"))
        clock = here.clock
    with paper(path, clock) as here:
        assert here.order("on its way").order_id == order_id
        assert here.order("on its way").state is OrderState.PENDING
        here.wait(2)
        assert here.order("on its way").state is OrderState.COMPLETE


def test_a_torn_end_of_the_file_costs_only_what_was_never_answered(tmp_path: Path) -> None:
    path = tmp_path / "account"
    with paper(path) as here:
        here.broker.place(request("first", price=95.0))
        here.wait(2)
        clock, whole = here.clock, path.stat().st_size
        here.broker.place(request("second", price=95.0))
    with path.open("r+b") as file:
        file.truncate(whole + 7)
    with paper(path, clock, priced=False) as here:
        assert [order.tag for order in here.broker.orders()] == ["first"]
        here.broker.place(request("third", price=95.0))
        assert [order.tag for order in here.broker.orders()] == ["first", "third"]


def test_a_file_in_use_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account"
    with paper(path) as here, pytest.raises(JournalError):
        PaperAccount.opened(path, here.market, here.clock, 1.0)
    other = tmp_path / "other"
    other.write_bytes(b"{}")
    with pytest.raises(JournalError), paper(other):
        pass


def test_a_disk_that_refuses_leaves_the_outcome_in_doubt_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paper(tmp_path / "account") as here:
        with monkeypatch.context() as patched:

            def full() -> None:
                raise JournalError("The disk is full.")

            patched.setattr(here.account._writer, "flush", full)
            with pytest.raises(VendorUnreachableError, match="not certain"):
                here.broker.place(request("in doubt"))
        here.wait(2)
        assert here.order("in doubt").state is OrderState.COMPLETE


steps = st.lists(
    st.tuples(st.sampled_from(("place", "sell", "cancel", "price", "wait", "restart")), st.integers(-20, 20)),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_restarts_change_nothing_but_that_nobody_offers_until_the_feed_is_back(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("paper") / "account"
    clock, known = None, None
    for what, number in [*plan, ("restart", 0)]:
        with paper(path, clock, priced=clock is None) as here:
            clock = here.clock
            if known is not None:
                assert book(here) == known
            here.market.on_feed_state(here.clock(), FeedState.UP, "")
            here.show(25_600.0, key=NIFTY)
            here.show(100.0 + number / 10 if what == "price" else 100.0)
            if what in ("place", "sell"):
                side = Side.BUY if what == "place" else Side.SELL
                tag = f"tag-{len(here.broker.orders())}"
                here.broker.place(request(tag, side, 100.0 + number / 20, quantity=130))
            if what == "cancel":
                for order in here.broker.orders():
                    if not order.state.terminal:
                        here.broker.cancel(order.order_id)
            here.wait(0.03 if what == "restart" else 2.0)
            known = book(here)
