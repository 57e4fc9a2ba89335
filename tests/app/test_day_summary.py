"""The summary at the end of a run, to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sos_actors.app.day_summary import day_summary, what_next
from sos_actors.app.status_lines import rendered
from sos_actors.messages.status import KeptStatus, SystemStatus
from sos_actors.messages.trading_status import DayStatus, OutcomeCount
from tests.app.statuses import bare_status, full_status, real_money

FULL_80 = """\
 SIMULATED  prices are invented, paper orders
13 Jan 2026, 09:15 to 10:00, run a1b2, took 60 s
Net +913.25 INR after charges, from 3 trades
Gross +1,234.50, charges -321.25, 2 won, 1 lost

In     out    instrument              qty   entry    exit    net INR  reason
09:20  09:29  NIFTY 25600 CE 13 JA..   75   95.00  110.00  +1,015.00  target
09:30  09:38  NIFTY 25600 CE 13 JA..   75  110.00  117.46    +448.25  square_off
09:45  09:52  SHARE3                  -90  700.00  705.00    -550.00  stop

13 signals: 9 vetoed by the market's regime, 4 traded

3 restarts of actors:
  feed 1, the last: hung
  mood 2, the last: VendorAnswerError: nse: HTML
Latency             count     p50     p99    p99.9
published-decided  45,000   58 us  191 us  2.62 ms
decided-sent            4  210 us  900 us   900 us
"""
TRADES_120 = """\
In     out    instrument                qty   entry    exit    net INR  reason      side  strategy
09:20  09:29  NIFTY 25600 CE 13 JAN 26   75   95.00  110.00  +1,015.00  target      buy   gap_and_go_long
09:30  09:38  NIFTY 25600 CE 13 JAN 26   75  110.00  117.46    +448.25  square_off  buy   orb_retest_long
09:45  09:52  SHARE3                     90  700.00  705.00    -550.00  stop        sell  gap_fill_short
"""


@pytest.fixture
def day_over() -> SystemStatus:
    """A day with three trades, nothing held at its end."""
    first, second, third = full_status().trades
    return full_status(positions=(), orders=(), trades=(first, replace(second, reason="square_off"), third))


def told(status: SystemStatus, width: int) -> str:
    return rendered(day_summary(status, width), width, False)


def test_a_day_with_trades_is_these_lines_at_eighty_columns(day_over: SystemStatus) -> None:
    assert told(day_over, 80) == FULL_80


def test_a_wide_terminal_has_room_for_side_and_strategy(day_over: SystemStatus) -> None:
    assert TRADES_120 in told(day_over, 120)


def test_what_is_still_held_stands_above_the_trades() -> None:
    assert "\n\nStill held; gone with the simulated market:\n  NIFTY" in told(full_status(), 80)
    text = told(real_money(full_status()), 80)
    assert (
        "STILL HELD, and nobody guards it:\n"
        "  NIFTY 25600 CE 13 JAN 26: buy 75 at 101.50\n"
        "  SHARE1: entry order, part filled\n\nIn "
    ) in text


def test_a_day_without_trades_says_why() -> None:
    assert told(bare_status(), 80).splitlines()[2] == "No trades: no strategy gave a signal."
    vetoed = bare_status(day=DayStatus(signals=(OutcomeCount("vetoed", 1),)))
    assert told(vetoed, 80).splitlines()[2:5] == [
        "No trades, from 1 signal.", "", "1 signal: 1 vetoed by the market's regime",
    ]  # fmt: skip


def test_charges_nobody_knows_make_the_net_unknown() -> None:
    text = told(bare_status(day=DayStatus(100.0, None, 1, 0, 0)), 80)
    assert "Net - INR after charges, from 1 trade\nGross +100.00, charges n/a" in text


def test_rows_that_were_lost_are_said() -> None:
    text = told(bare_status(kept=KeptStatus(store_dropped=3)), 80)
    assert "3 rows could not be stored; the journal has everything.\n" in text


def test_it_says_where_the_journal_is_and_what_to_type_next() -> None:
    kept = KeptStatus("var/journal/2026-01-13.sosj", 45_210)
    assert what_next(bare_status(kept=kept)) == [
        "Journal var/journal/2026-01-13.sosj (45,210 records)",
        "The same decisions again?",
        "  sos replay var/journal/2026-01-13.sosj",
        "What a backtest of the day does otherwise:",
        "  sos parity 2026-01-13",
    ]
    assert what_next(bare_status(kept=KeptStatus())) == []


def test_the_next_commands_can_be_typed_as_they_stand_however_long_they_are() -> None:
    folder = "/srv/my data/" + "x" * 200
    lines = what_next(bare_status(kept=KeptStatus(f"{folder}/j.sosj", 1)), "/srv/my sos.toml")
    assert lines[2] == f"  sos --config '/srv/my sos.toml' replay '{folder}/j.sosj'"
    assert lines[4] == "  sos --config '/srv/my sos.toml' parity 2026-01-13"
