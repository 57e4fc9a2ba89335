"""`sos stop`: ends the running system, in order, at once, or after everything it holds is closed."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sos_actors.app.kill_switch import FLAT_SIGNAL, clear_flat, flat_reason, request_flat
from sos_actors.app.run_lock import Holder, holder_of
from sos_actors.app.seeing import held_words, is_gone_with_its_run, whose_now
from sos_actors.app.status_file import read_status
from sos_actors.cli.arguments import Subparsers, new_command
from sos_actors.config import Config
from sos_actors.errors import DataError
from sos_actors.messages.status import SystemStatus
from sos_actors.runtime.clock import wall_time

FLAT_WITHIN_S = 30.0
LOOK_EVERY_S = 0.1
BETWEEN_SIGNALS_S = 0.3
"""Two signals of one kind that come together count once."""

EXAMPLE = """
sos stop                # clean: journal and store are written out
sos stop --flat         # close everything first
sos stop --now          # do not wait for anybody
sos stop --clear        # take a request to be flat back
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "stop",
        "End the running system; with --flat after everything it holds is closed.\n\n"
        "--flat works with a dead feed and a dead store. The request outlives a crash: until it is fulfilled, or taken "
        "back with --clear, every `sos live` closes what there is and does not trade. Exit status 0 when done, 1 when "
        "nothing runs or it was not done in time.",
        EXAMPLE,
    )  # fmt: skip
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--flat", action="store_true", help="close every position, withdraw every order, then stop")
    how.add_argument("--now", action="store_true", help="hurry, and kill it if that does not help")
    how.add_argument("--clear", action="store_true", help="take a request to be flat back")
    parser.add_argument(
        "--within", type=float, default=FLAT_WITHIN_S, metavar="S", help="seconds to wait for each step (default 30)"
    )


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when what was asked for is done."""
    data_dir = config.paths.data_dir
    if args.clear:
        there = clear_flat(data_dir)
        print("The request to be flat is taken back." if there else "No request to be flat is there.")
        return 0
    holder = holder_of(data_dir)
    if holder is None:
        return _nothing_runs(data_dir, args.flat)
    if args.flat and not _flat(data_dir, holder, args.within):
        return 1
    if not args.flat:
        _warn_of_positions(data_dir, holder)
    if args.now:
        return _end_now(data_dir, holder, config.runtime.stop_within_s)
    return _end(data_dir, holder, args.within)


def _nothing_runs(data_dir: Path, flat: bool) -> int:
    told = f"Nothing runs on {data_dir}."
    status = _news(data_dir)
    if status is not None and not status.holds_nothing:
        told += f" The last run held {held_words(status)}."
        gone = is_gone_with_its_run(status)
        told += f" {whose_now(status)}" if gone else " Close that with the broker, or let `sos live` do it."
        if flat and not gone:
            request_flat(data_dir, "sos stop --flat")
            told += " The next `sos live` will close it and not trade."
    return _complain(told)


def _flat(data_dir: Path, holder: Holder, within_s: float) -> bool:
    """Ask for flat by file and by signal, and wait until the run says that it is."""
    asked = wall_time()
    try:
        request_flat(data_dir, "sos stop --flat")
    except OSError as error:
        _say(f"The request cannot be written down ({error.strerror}); the signal alone must do.")
    _send(holder, FLAT_SIGNAL)
    _say(f"Run {holder.run_id} (pid {holder.pid}) closes everything.")
    held = ""

    def is_flat() -> bool:
        nonlocal held
        status = _news(data_dir, holder)
        if status is None or status.wall < asked:
            return False
        words = held_words(status)
        if words != held:
            _say(f"  it holds {words}")
        held = words
        return status.flat.confirmed and status.holds_nothing

    if _wait(lambda: is_flat() or holder_of(data_dir) != holder, within_s) and is_flat():
        _say("Everything is closed.")
        return True
    if holder_of(data_dir) != holder:
        _complain(f"The run ended before it said that everything is closed; it held {held or 'what nobody knows'}.")
        return False
    left = f"still holds {held}" if held else "has told nothing since"
    _complain(f"After {within_s:g} s it {left}. It goes on closing; `sos status` shows how far it is.")
    return False


def _end(data_dir: Path, holder: Holder, within_s: float) -> int:
    _send(holder, signal.SIGTERM)
    if _wait(lambda: holder_of(data_dir) != holder, within_s):
        print(f"Run {holder.run_id} has ended.")
        return 0
    return _complain(f"Run {holder.run_id} (pid {holder.pid}) still runs after {within_s:g} s: `sos stop --now`.")


def _end_now(data_dir: Path, holder: Holder, within_s: float) -> int:
    """Ask, hurry, kill."""

    def gone() -> bool:
        return holder_of(data_dir) != holder

    _send(holder, signal.SIGTERM)
    if not _wait(gone, BETWEEN_SIGNALS_S):
        _send(holder, signal.SIGTERM)
        if not _wait(gone, within_s):
            _send(holder, signal.SIGKILL)
            if not _wait(gone, within_s):
                return _complain(f"Process {holder.pid} does not even end when it is killed.")
            status = _news(data_dir, holder)
            simulated = status is not None and is_gone_with_its_run(status)
            then = "its simulated market is gone with it" if simulated else "`sos live` takes up where it was"
            print(f"Run {holder.run_id} was killed; {then}.")
            return 0
    print(f"Run {holder.run_id} has ended.")
    return 0


def _warn_of_positions(data_dir: Path, holder: Holder) -> None:
    status = _news(data_dir, holder)
    if status is not None and not status.holds_nothing:
        gone = is_gone_with_its_run(status)
        then = "That goes with its simulated market." if gone else "Nobody guards that until `sos live` runs again."
        _say(f"It holds {held_words(status)}. {then}")
    if flat_reason(data_dir) is not None:
        _say("A request to be flat stands: the next `sos live` closes everything and does not trade.")


def _news(data_dir: Path, holder: Holder | None = None) -> SystemStatus | None:
    """The status, of the holder's run only; a damaged one is none: stopping must work without it."""
    with suppress(DataError):
        status = read_status(data_dir)
        if status is None or holder is None or status.run.pid == holder.pid:
            return status
    return None


def _send(holder: Holder, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(holder.pid, number)


def _wait(done: Callable[[], bool], within_s: float) -> bool:
    until = time.monotonic() + within_s
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _complain(text: str) -> int:
    print(f"sos: {text}", file=sys.stderr, flush=True)
    return 1
