"""What `sos status` says, to the letter, at two widths; and which lines a small screen keeps."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sos_actors.app.status_lines import rendered
from sos_actors.app.status_view import blocks, fit, patterns, tree
from sos_actors.messages.status import FlatStatus, SystemStatus, TroubleStatus
from tests.app.statuses import a_position, at, bare_status, full_status, real_money

BARE = """\
 SIMULATED  prices are invented, paper orders
2026-01-13 10:00:00 x60, market open   run a1b2, pid 4711, up 60 s
Trading OPEN
Day net 0.00 INR (gross 0.00), 0 trades, 0 won, 0 lost
No position is open.
Feed up, last price 3 s ago, 12.5 frames/s, 24 instruments
Ring 0 events, 0 ticks (0 conflated), waited 0 times, at most 0 of 1,024 behind
Journal 0 records, 0 kB; store 0 pending
Bridge off
Process -, ? threads, ? descriptors
"""
FULL_80 = """\
 SIMULATED  prices are invented, paper orders
2026-01-13 10:00:00 x60, market open   run a1b2, pid 4711, up 60 s
Trading STOP ENTRIES, waiting for
  backfill: bars of RELIANCE (30 s)
Open +200.00; day net +913.25 INR (gross +1,234.50), 3 trades, 2 won, 1 lost
POSITION                  side  qty   entry    last   stop  target  net INR
NIFTY 25600 CE 13 JAN 26  buy    75  101.50  105.00  91.25  122.00  +200.00
ORDER   for    side  filled   limit  state        since
SHARE1  entry  buy    15/40  512.35  part filled  09:59:45
Actors: 4 of 5 run, 3 restarts
  mood                     restarting for 6 s, 2 restarts: VendorAnswerError: ..
IN PLAY (10)  state        since     rvol  chg %  mom  nearest pattern
NIFTY         following    09:15:00     -      -    -  2/3 orb_retest_long
RELIANCE      backfilling  09:59:30  2.41   1.25   88
SHARE0        following    10:00:00  1.50  -0.50   60
SHARE1        following    09:59:00  1.50  -0.50   60
SHARE2        following    09:58:00  1.50  -0.50   60
SHARE3        following    09:57:00  1.50  -0.50   60
SHARE4        following    09:56:00  1.50  -0.50   60
SHARE5        following    09:55:00  1.50  -0.50   60
SHARE6        following    09:54:00  1.50  -0.50   60
SHARE7        following    09:53:00  1.50  -0.50   60
SIGNAL    symbol  side  strategy         outcome  reason
09:58:00  NIFTY   buy   orb_retest_long  traded
09:40:00  NIFTY   sell  gap_fill_short   vetoed   regime is SIDEWAYS
Mood of NIFTY SIDEWAYS BULLISH, PCR 1.07, advances to declines 1.90, 60 s old
LATENCY             count     p50     p99    p99.9      max
published-decided  45,000   58 us  191 us  2.62 ms  9.10 ms
decided-sent            4  210 us  900 us   900 us   900 us
Feed up, last price 3 s ago, 12.5 frames/s, 24 instruments
Ring 0 events, 0 ticks (0 conflated), waited 0 times, at most 0 of 1,024 behind
Dispatcher's worst delay 430 us in the last minute, 9.10 ms at 09:58:00
Journal 45,210 records, 3.5 MB; store 12 pending
Bridge ws://127.0.0.1:8765, 1 engine, 230 sent
Process 212.0 MB, 31 threads, 58 descriptors
nse (chains) resting, left alone until 10:02:00
Vendors up: tradingview (screener)
RECENT TROUBLE
09:57:00 WARNING nse: too many requests (38 times)
"""
ACTOR_120 = "  mood                           restarting for 6 s, 2 restarts: VendorAnswerError: nse: HTML\n"


def whole(status: SystemStatus, width: int, *, colour: bool = False) -> str:
    lines = [one for block in blocks(status, width) for one in block.lines]
    return rendered(lines, width, colour)


@pytest.mark.parametrize("width", [80, 120])
def test_a_bare_status_is_these_lines(width: int) -> None:
    assert whole(bare_status(), width) == BARE


def test_a_full_status_is_these_lines_at_eighty_columns() -> None:
    assert whole(full_status(), 80) == FULL_80


def test_at_a_hundred_and_twenty_columns_what_was_cut_is_whole() -> None:
    cut = next(text for text in FULL_80.splitlines(keepends=True) if text.startswith("  mood"))
    assert whole(full_status(), 120) == FULL_80.replace(cut, ACTOR_120)


def test_what_money_is_at_stake_cannot_be_mistaken() -> None:
    def first(status: SystemStatus) -> str:
        return whole(status, 80, colour=True).splitlines()[0]

    bare = bare_status()
    assert first(real_money(bare)) == "\x1b[1;37;41m REAL MONEY \x1b[0m\x1b[31m orders go to upstox\x1b[0m"
    paper = replace(bare, run=replace(bare.run, simulated=False, source="upstox"))
    assert first(paper) == "\x1b[1;30;46m PAPER \x1b[0m prices of upstox, no order leaves this machine"
    rehearsal = replace(bare, run=replace(real_money(bare).run, simulated=True))
    assert first(rehearsal) == ("\x1b[1;30;43m SIMULATED \x1b[0m prices are invented, orders go to a simulated broker")


def test_a_request_to_be_flat_is_said_before_everything_but_the_time() -> None:
    asked = whole(bare_status(flat=FlatStatus(True, "sos stop --flat")), 80).splitlines()
    assert asked[2] == "FLAT: closing everything (sos stop --flat)"
    done = whole(bare_status(flat=FlatStatus(True, "sos stop --flat", True)), 80).splitlines()
    assert done[2] == "FLAT: everything is closed (sos stop --flat)"


def test_what_is_unknown_is_no_number() -> None:
    unknown = a_position(last=None, stop=None, target=None, gross=None)
    text = whole(bare_status(positions=(a_position(), unknown)), 80)
    assert "NIFTY 25600 CE 13 JAN 26  buy    75  101.50       -      -       -        -\n" in text
    assert "Open -; day net" in text
    assert "0.00 INR" in text


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    evil = TroubleStatus(at(0), "WARNING", "\x1b[2Jgone\r\nnot there")
    text = whole(bare_status(troubles=(evil,)), 80, colour=True)
    assert "?[2Jgone??not there" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("status", [bare_status(), full_status()], ids=["bare", "full"])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(status: SystemStatus, width: int) -> None:
    assert max(map(len, whole(status, width).splitlines())) <= width
    assert max(map(len, rendered(tree(status, width), width, False).splitlines() or [""])) <= width


def test_the_tree_shows_every_actor_under_its_supervisor() -> None:
    assert rendered(tree(full_status(), 120), 120, False) == (
        "system                           running for 45 min\n"
        "  feed                           running for 10 min, 1 restart: hung\n"
        "  cold                           running for 45 min\n"
        "    screener                     running for 45 min\n"
        "    mood                         restarting for 6 s, 2 restarts: VendorAnswerError: nse: HTML\n"
    )


@pytest.mark.parametrize("name", ["nifty", "NSE|INDEX|NIFTY"])
def test_the_patterns_of_a_symbol_are_found_by_either_name(name: str) -> None:
    assert rendered(patterns(full_status(), name, 80), 80, False) == (
        "STRATEGY           phase  waits in  bars\n"
        "orb_retest_long    2/3    RETEST       4\n"
        "vwap_reclaim_long  1/4    ARMED       11\n"
    )
    assert patterns(full_status(), "BANKNIFTY", 80) == []


def test_a_small_screen_keeps_what_matters_and_says_what_it_leaves_out() -> None:
    lines = rendered(fit(blocks(full_status(), 80), 17), 80, False).splitlines()
    assert lines == [
        *FULL_80.splitlines()[:11],
        *FULL_80.splitlines()[11:13], "  and 9 more",
        *FULL_80.splitlines()[22:25],
    ]  # fmt: skip


@pytest.mark.parametrize("height", range(1, 45))
def test_a_screen_is_never_higher_than_asked(height: int) -> None:
    assert len(fit(blocks(full_status(), 80), height)) <= height


def test_without_colour_there_is_no_escape_and_with_it_the_text_is_the_same() -> None:
    plain = whole(full_status(), 80)
    assert "\x1b" not in plain
    painted = re.sub(r"\x1b\[[\d;]*m", "", whole(full_status(), 80, colour=True))
    assert [text.rstrip() for text in painted.splitlines()] == plain.splitlines()
