"""The store is locked, the disk is full: entries wait, exits go on, and afterwards nothing is missing."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sos_actors.errors import StoreFullError
from sos_actors.messages.records import Fact
from sos_actors.messages.trading import PositionClosed
from sos_actors.runtime.trading_gate import Rung
from sos_actors.store.database import Store
from sos_actors.store.recording import StoreRecorder
from tests.app.running.invariants import check
from tests.app.running.systems import Whole

STORE, JOURNAL = "store", "journal"
LOCK = """
import sqlite3, sys
held = [sqlite3.connect(path, isolation_level=None) for path in sys.argv[1:]]
for one in held:
    one.execute("PRAGMA busy_timeout = 5000")
    one.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def exits_go_on(whole: Whole) -> None:
    """Close everything, with entries held back; the test's own hold is taken back by the caller."""
    whole.system.machine.gate.hold("test", Rung.SQUARE_OFF, "exits must go on")
    whole.until(lambda: not any(one.quantity for one in whole.system.trading.broker.positions()), "nothing is held")


def every_trade_is_stored(whole: Whole) -> None:
    def stored() -> int:
        with Store.open(whole.place.folder, read_only=True) as store:
            return len(store.trades(0, int(whole.place.clock()) + 1))

    whole.until(
        lambda: stored() == sum(isinstance(one, PositionClosed) for one in whole.decided), "every trade is in the store"
    )
    assert whole.system.market.store_queue.dropped == 0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process has begun to write to every database of a folder, and does not end."""
    paths = [str(path) for path in folder.glob("*.db")]
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            yield
        finally:
            other.communicate()


def test_a_store_that_another_process_locks_holds_entries_and_gets_everything_later(healthy: Whole) -> None:
    with locked(healthy.place.folder):
        healthy.until(lambda: STORE in healthy.holds(), "entries wait for the store")
        exits_go_on(healthy)
    healthy.until(lambda: STORE not in healthy.holds(), "the store is written again")
    healthy.system.machine.gate.release("test")
    healthy.trades(1)
    every_trade_is_stored(healthy)
    check(healthy)


def test_a_full_store_holds_entries_and_gets_everything_later(healthy: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(_self: StoreRecorder, _facts: Sequence[Fact]) -> None:
        raise StoreFullError("the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(StoreRecorder, "record", record)
        healthy.until(lambda: STORE in healthy.holds(), "entries wait for the store")
        assert "the disk is full" in healthy.holds()[STORE]
        exits_go_on(healthy)
    healthy.until(lambda: STORE not in healthy.holds(), "the store is written again")
    healthy.system.machine.gate.release("test")
    healthy.trades(1)
    every_trade_is_stored(healthy)
    check(healthy)


def test_no_file_can_grow_so_nothing_is_entered_but_everything_is_closed(healthy: Whole) -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    healthy.until(lambda: _just_opened(healthy), "something is held")
    resource.setrlimit(resource.RLIMIT_FSIZE, (healthy.journal.stat().st_size, most))
    try:
        healthy.until(lambda: JOURNAL in healthy.holds(), "entries wait for the journal")
        exits_go_on(healthy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    healthy.until(lambda: not {STORE, JOURNAL} & healthy.holds().keys(), "journal and store are written again")
    healthy.system.machine.gate.release("test")
    healthy.trades(1)
    every_trade_is_stored(healthy)
    check(healthy)


def _just_opened(whole: Whole) -> bool:
    return any(one.quantity for one in whole.system.trading.broker.positions())
