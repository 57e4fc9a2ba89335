"""`sos replay`: a journal through the engine again; every decision must be the one that was made then, bit for bit."""

from __future__ import annotations

import argparse
import json
from collections import Counter, deque
from dataclasses import asdict, fields
from datetime import time
from typing import Any

from sos_actors.app.document import exchange_times
from sos_actors.app.headline import plural
from sos_actors.app.journaling import find_journal
from sos_actors.app.replay import Divergence, Made, Replayed, changes_since, replay
from sos_actors.app.session_header import SessionHeader
from sos_actors.cli.arguments import Subparsers, a_time, new_command
from sos_actors.cli.progress import Progress
from sos_actors.config import Config
from sos_actors.runtime.journal import JournalReader
from sos_actors.simulator.moments import moment_of
from sos_actors.types import UnixNanos

EXAMPLE = """
sos replay                       the latest journal
sos replay 2026-01-13 --until 10:30 --show 20
sos replay var/journal/2026-01-13.sosj --json
"""
_SKIPPED_NAMED = 5


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's flags."""
    parser = new_command(
        subparsers,
        "replay",
        "Run a session's journal through the engine again and compare every decision.\n"
        "Everything the engine was told stands in the journal, so the same code decides the same, bit for bit. The\n"
        "first decision that is another is named, with the event that caused it; the exit status is then 1.",
        EXAMPLE,
    )
    parser.add_argument("journal", nargs="?", default="", metavar="JOURNAL", help="a file or a day; default the latest")
    parser.add_argument(
        "--run", default="", metavar="NAME", help="which run, where a day has several; default the last"
    )
    parser.add_argument("--until", type=a_time, metavar="HH:MM", help="stop there, exchange time")
    parser.add_argument(
        "--show", type=_a_count, default=0, metavar="N", help="print the last N decisions and their cause"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when every decision is what it was, 1 when one is not."""
    path = find_journal(config, args.journal, args.run)
    header = SessionHeader.decode(JournalReader(path).header)
    changes = changes_since(header, config)
    shown: deque[Made] = deque(maxlen=args.show)
    if not args.json:
        print(_headline(header, str(path)))
        for change in changes:
            print(f"Changed since: {change}")
    with Progress("Replaying", unit="bytes") as progress:
        result = replay(path, until=_moment(header, args.until), show=shown.append, progress=progress.reach)
    if args.json:
        print(json.dumps(_document(result, str(path), changes, list(shown)), ensure_ascii=False, default=str))
    else:
        for made in shown:
            print("\n".join(_made_lines(made)))
        print("\n".join(_summary(result)))
    return 0 if result.identical else 1


def _a_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of decisions")
    return int(text)


def _moment(header: SessionHeader, at: time | None) -> UnixNanos | None:
    """The moment of the header's day at a time of the exchange's day."""
    return None if at is None else moment_of(header.day, at)


def _headline(header: SessionHeader, path: str) -> str:
    simulated = "SIMULATED DATA. " if header.origin == "simulated" else ""
    return (
        f"{simulated}{path}: {header.day}, {header.mode} with {header.broker}, run {header.run}, SOS {header.version}."
    )


def _time(ts: int) -> str:
    return exchange_times([ts])[0][11:19]


def describe(value: object) -> str:
    """A decision or an event on one line: its class and its fields, without columns of numbers."""
    kind = type(value).__name__
    parts = [f"{one.name}={_plain(getattr(value, one.name))}" for one in fields(value)[1:]]  # type: ignore[arg-type]
    return f"{kind} {' '.join(parts)}"


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int | float | None) else f"<{type(value).__name__}>"


def _made_lines(made: Made) -> list[str]:
    return [
        f"{_time(made.decision.ts_event)} {describe(made.decision)}",
        f"    <- event {made.number}: {_time(made.cause.ts_event)} {describe(made.cause)}",
    ]


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counted.most_common()) or "none"


def _summary(result: Replayed) -> list[str]:
    events, decisions = result.events.total(), result.decisions.total()
    rate = events / result.seconds if result.seconds > 0 else 0.0
    lines = [
        f"Events     {_counts(result.events)}",
        f"Decisions  {_counts(result.decisions)}",
        f"{plural(result.trades, 'trade')}; {events:,} events in {result.seconds:.2f} s, {rate:,.0f} a second.",
    ]
    if result.restarts:
        lines.append(f"The session was started again {plural(result.restarts, 'time')}.")
    if result.torn:
        lines.append(f"The journal's end is torn: {result.torn}")
    if result.unrecorded:
        lines.append(
            f"Cut off before they were recorded, and so never acted on: {plural(len(result.unrecorded), 'decision')}."
        )
    for number, said in list(result.skipped.items())[:_SKIPPED_NAMED]:
        lines.append(f"The engine could not take event {number} and went on without it: {said}")
    if result.divergence is None:
        return [*lines, f"Identical: all {decisions:,} decisions are what they were."]
    return lines + _divergence_lines(result.divergence)


def _divergence_lines(found: Divergence) -> list[str]:
    when = f" at {_time(found.cause.ts_event)}" if found.cause is not None else ""
    lines = [f"DIFFERENT from event {found.number}{when} on."]
    if found.cause is not None:
        lines.append(f"  event  {describe(found.cause)}")
    if found.error:
        return [*lines, f"  the engine could take it then, and cannot now: {found.error}"]
    lines.append(f"  then   {describe(found.then) if found.then is not None else 'nothing was decided'}")
    lines.append(f"  now    {describe(found.now) if found.now is not None else 'nothing is decided'}")
    return lines + [f"  {name}: {then!r} then, {now!r} now" for name, then, now in found.fields]


def _document(result: Replayed, path: str, changes: list[str], shown: list[Made]) -> dict[str, Any]:
    found = result.divergence
    return {
        "journal": path, "run": result.header.run, "day": str(result.header.day), "identical": result.identical,
        "changes": changes, "events": dict(result.events), "decisions": dict(result.decisions),
        "trades": result.trades, "seconds": result.seconds, "restarts": result.restarts, "torn": result.torn,
        "unrecorded": [asdict(made.decision) for made in result.unrecorded],
        "skipped": [{"event": number, "error": said} for number, said in result.skipped.items()],
        "divergence": None if found is None else {
            "event": found.number, "cause": describe(found.cause) if found.cause is not None else None,
            "then": _named(found.then), "now": _named(found.now), "error": found.error,
            "fields": [{"name": name, "then": then, "now": now} for name, then, now in found.fields],
        },
        "shown": [
            {"event": made.number, "cause": describe(made.cause), "decision": _named(made.decision)} for made in shown
        ],
    }  # fmt: skip


def _named(value: Any) -> dict[str, Any] | None:
    return None if value is None else {"kind": type(value).__name__, **asdict(value)}
