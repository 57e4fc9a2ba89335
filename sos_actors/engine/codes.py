"""The codes of ``records.py`` as plain integers: a compiled rule freezes them, enumerations it cannot."""

from __future__ import annotations

from sos_actors.engine.records import ExitReason, InstrumentKind, Outcome, PositionState, PriceSource, Reason

FREE, ENTRY_SENT, OPEN, EXIT_SENT = (int(state) for state in PositionState)
EQUITY, OPTION, INDEX = (int(kind) for kind in InstrumentKind)
NO_EXIT, STOP, TARGET, SQUARE_OFF, SESSION_END, FLAT, CORRECTED = (int(reason) for reason in ExitReason)
PENDING, TRADED, VETOED, DENIED, SKIPPED, REFUSED = (int(outcome) for outcome in Outcome)
REGIME_VETO = int(Reason.REGIME_VETO)
KILLED = int(Reason.KILLED)
AFTER_LAST_ENTRY = int(Reason.AFTER_LAST_ENTRY)
DAILY_LOSS = int(Reason.DAILY_LOSS)
TRADES_A_DAY = int(Reason.TRADES_A_DAY)
OPEN_POSITIONS = int(Reason.OPEN_POSITIONS)
PER_SYMBOL = int(Reason.PER_SYMBOL)
ZERO_QUANTITY = int(Reason.ZERO_QUANTITY)
RISK_NOT_POSITIVE = int(Reason.RISK_NOT_POSITIVE)
NOT_FILLED = int(Reason.NOT_FILLED)
QUARANTINED = int(Reason.QUARANTINED)
CHAIN = int(PriceSource.CHAIN)
