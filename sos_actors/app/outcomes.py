"""What became of a strategy's signals in a finished run, in words: for `sos explain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sos_actors.app.rupees import format_inr
from sos_actors.market.symbols import short_name_of

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SignalOutcome:
    """What became of one signal.

    Attributes:
        outcome: the document's word: traded, vetoed, denied, skipped or refused.
        text: a line, for example ``vetoed: the regime is vetoed (SIDEWAYS)``.
    """

    outcome: str
    text: str


def signal_outcomes(document: Record, pattern_id: str) -> dict[str, SignalOutcome]:
    """By the time of the signal (as in the document: the close of its bar), for a run on one symbol."""
    trades = {trade["id"]: trade for trade in document["trades"]}
    return {
        signal["time"]: SignalOutcome(signal["outcome"], _text(signal, trades.get(signal["trade"])))
        for signal in document["signals"]
        if signal["strategy"] == pattern_id
    }


def _text(signal: Record, trade: Record | None) -> str:
    if trade is not None:
        return (
            f"traded: {trade['side']} {trade['quantity']} {short_name_of(trade['instrument'])} "
            f"at {trade['entry_price']:.2f} ({_clock(trade['entry_time'])}), "
            f"out at {trade['exit_price']:.2f} ({_clock(trade['exit_time'])}, {trade['exit_reason']}), "
            f"net {format_inr(trade['net_inr'], plus=True)} INR"
        )
    about = signal["regime"] if signal["outcome"] == "vetoed" else short_name_of(signal.get("instrument") or "")
    ending = f" ({about})" if about and signal["outcome"] in ("vetoed", "skipped") else ""
    return f"{signal['outcome']}: {signal['reason']}{ending}"


def _clock(time: str) -> str:
    """``09:56`` of ``2026-01-12T09:56:00+05:30``."""
    return time[11:16]
