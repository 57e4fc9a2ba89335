"""A trade is stored as that of its own position, whatever has closed since."""

from __future__ import annotations

from pathlib import Path

from sos_actors.app.backtest import charge_table
from sos_actors.app.live_trades import trade_record, trade_records
from tests.app.journals import CONFIG, header_of, play, stocks


def test_each_of_several_that_closed_together_is_stored_once(tmp_path: Path) -> None:
    header = header_of(())
    engine = play(tmp_path / "2026-01-13.sosj", stocks(bars=60), header, follow=True).engine
    charges = charge_table(CONFIG)
    every = trade_records(engine, header, charges)
    assert len(every) > 3
    ids = [int(trade["id"]) for trade in engine.trades]
    assert [trade_record(engine, header, charges, number) for number in ids] == every
    assert [one.id for one in every] == [f"2026-01-13-ab12-{number}" for number in ids]
