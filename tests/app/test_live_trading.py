"""The first look at the broker's books outlasts an outage, and gives one desk whoever asks."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sos_actors.app import live_trading
from sos_actors.app.live_reconcile import Reconciled
from sos_actors.app.live_trading import Trading
from sos_actors.config import Orders
from sos_actors.errors import VendorUnreachableError
from tests.engine.execution.rig import new_desk


def trading_of(released: list[str]) -> Trading:
    """What the books need of it, and nothing else."""
    made: Any = object.__new__(Trading)
    made.orders, made.reading, made.ending = None, threading.Lock(), threading.Event()
    gate, clock = SimpleNamespace(release=released.append), SimpleNamespace(speed=1.0)
    made.machine = SimpleNamespace(gate=gate, clock=clock)
    made.config = SimpleNamespace(orders=Orders())
    made.instruments = made.journal = made.broker = made.last_price = None
    found: Trading = made
    return found


class Books:
    """Unreadable so many times, then there."""

    def __init__(self, outages: int) -> None:
        self.outages, self.asked = outages, 0

    def __call__(self, *_: object) -> Reconciled:
        self.asked += 1
        if self.asked <= self.outages:
            raise VendorUnreachableError("upstox", "does not answer")
        return Reconciled(new_desk(), [])


def test_an_outage_at_the_start_is_outlasted_and_the_desk_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    books, released = Books(outages=7), list[str]()
    monkeypatch.setattr(live_trading, "BOOKS_AGAIN_S", 0.0)
    monkeypatch.setattr(live_trading, "reconciled", books)
    trading = trading_of(released)
    first, _ = trading._order_desk()
    again, outputs = trading._order_desk()
    assert (again is first, outputs, books.asked) == (True, [], 8)
    assert released == [live_trading.ORDERS]


def test_a_run_that_ends_does_not_wait_for_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    books, released = Books(outages=7), list[str]()
    monkeypatch.setattr(live_trading, "reconciled", books)
    trading = trading_of(released)
    trading.ending.set()
    with pytest.raises(VendorUnreachableError):
        trading._order_desk()
    assert (books.asked, released) == (1, [])
