"""The sentences at the top of a run's report and terminal table: what ran, when, on which data, why nothing traded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sos_actors.app.rupees import format_count

SIMULATED = "SIMULATED DATA"
OUTCOME_WORDS = {
    "vetoed": "vetoed by the market's regime",
    "denied": "denied by the risk gate",
    "skipped": "skipped for want of data",
    "refused": "refused as impossible",
}


def simulated_note(seed: int | None) -> str:
    """What must stand above invented figures; without a seed they came from a simulator of the user's."""
    made = "it came from a simulator on this machine"
    if seed is not None:
        made = f"the store has no market data for this, so a seeded model made it up (seed {seed})"
    return f"{SIMULATED}: {made}. Prices, volumes and results are invented."


def format_day(day: str) -> str:
    """``'2026-01-12'`` as ``'12 Jan 2026'``; text that is no date stays as it is."""
    try:
        return f"{date.fromisoformat(day):%d %b %Y}".lstrip("0")
    except ValueError:
        return day


def period(run: Mapping[str, Any]) -> str:
    """First and last day of the run, one of them when they are the same."""
    first, last = format_day(str(run["from"])), format_day(str(run["to"]))
    return first if first == last else f"{first} to {last}"


def ordered_notes(run: Mapping[str, Any]) -> list[str]:
    """The run's notes, the one on simulated data first; it is added when the run forgot it."""
    notes = [str(note) for note in run.get("notes") or ()]
    first = [note for note in notes if note.startswith(SIMULATED)]
    if run.get("simulated") and not first:
        first = [f"{SIMULATED}: no market ever traded at these prices."]
    return first + [note for note in notes if not note.startswith(SIMULATED)]


def plural(count: int, noun: str) -> str:
    """``'1 trade'``, ``'2 trades'``."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{format_count(count)} {noun if count == 1 else many}"


def why_no_trades(document: Mapping[str, Any]) -> str:
    """A sentence or two that explain a run without trades; empty when there are trades."""
    summary, run = document["summary"], document["run"]
    if summary["trades"]:
        return ""
    if not run["strategies"]:
        return "No trades: no strategy was loaded."
    if not any(session["bars"] for session in document["sessions"]):
        return "No trades: there is not one bar of data for these symbols and dates."
    if not summary["signals"]:
        looked = plural(len(run["strategies"]), "strategy")
        bars = plural(sum(session["bars"] for session in document["sessions"]), "bar")
        return f"No trades: {looked} looked at {bars} and none gave a signal."
    parts = [f"{format_count(summary[name])} {words}" for name, words in OUTCOME_WORDS.items() if summary.get(name)]
    return f"No trades: {plural(summary['signals'], 'signal')}, of which {', '.join(parts)}."
