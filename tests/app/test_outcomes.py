"""What became of a signal, as a line: every outcome of a run's document has one."""

from __future__ import annotations

from typing import Any

from sos_actors.app.outcomes import signal_outcomes

TRADE: dict[str, Any] = {
    "id": 3, "side": "BUY", "quantity": 75, "instrument": "NSE|FO|NIFTY 25600 CE 13 JAN 26", "entry_price": 120.5,
    "entry_time": "2026-01-12T09:56:00+05:30", "exit_price": 131.0, "exit_time": "2026-01-12T10:12:00+05:30",
    "exit_reason": "target", "net_inr": 750.12,
}  # fmt: skip


def told(outcome: str, reason: str = "", **more: Any) -> str:
    signal = {
        "time": "T", "strategy": "P", "regime": "SIDEWAYS", "outcome": outcome, "reason": reason, "trade": None,
        "instrument": None,
    } | more  # fmt: skip
    others = [signal | {"strategy": "OTHER", "outcome": "denied"}]
    found = signal_outcomes({"signals": [signal, *others], "trades": [TRADE]}, "P")
    assert found["T"].outcome == outcome
    return found["T"].text


def test_a_veto_names_the_regime() -> None:
    assert told("vetoed", "the regime is vetoed") == "vetoed: the regime is vetoed (SIDEWAYS)"


def test_a_denial_has_its_reason() -> None:
    assert told("denied", "too many open positions") == "denied: too many open positions"


def test_a_skipped_signal_names_its_contract_once_one_was_chosen() -> None:
    reason = "the contract has no price yet in this session"
    assert told("skipped", reason) == f"skipped: {reason}"
    assert told("skipped", reason, instrument=TRADE["instrument"]) == f"skipped: {reason} (NIFTY 25600 CE 13 JAN 26)"


def test_a_trade_has_both_prices_both_times_and_its_result() -> None:
    assert told("traded", trade=3) == (
        "traded: BUY 75 NIFTY 25600 CE 13 JAN 26 at 120.50 (09:56), out at 131.00 (10:12, target), net +750.12 INR"
    )
