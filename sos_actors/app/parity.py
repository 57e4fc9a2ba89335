"""Holds the decisions of a session against a run over the stored day, and says of each difference where it comes from.

Two comparisons. The signals of the journal against those that the sweep finds in the journal's own bars: any difference
is unexplained. The journal against the run over the store: data, timing, fill or configuration, or unexplained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from sos_actors.app.backtest import BacktestRequest, run_backtest
from sos_actors.app.board import DAY_NS, StoreBoard, day_start
from sos_actors.app.journaling import code_fingerprint, listed_contracts
from sos_actors.app.parity_data import Evidence
from sos_actors.app.parity_fates import Fate, Key, Levels, fates_of
from sos_actors.app.parity_heard import Heard, hear
from sos_actors.app.parity_signals import SweptSignals, swept_signals
from sos_actors.app.session_header import SessionHeader
from sos_actors.config import Config
from sos_actors.engine.records import REASON_TEXT, InstrumentKind, Reason
from sos_actors.errors import MarketRuleError, MissingDataError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.symbols import short_name_of
from sos_actors.store.database import Store

_BUSY = frozenset(
    REASON_TEXT[one] for one in (Reason.DAILY_LOSS, Reason.TRADES_A_DAY, Reason.OPEN_POSITIONS, Reason.PER_SYMBOL)
)
"""Refusals that follow from what else was traded."""
_UNPRICED = frozenset(
    REASON_TEXT[one] for one in (Reason.NO_CONTRACT, Reason.NO_PRICE, Reason.NO_DELTA, Reason.STALE_PRICE)
)


class Cause(StrEnum):
    """Where a difference comes from."""

    UNEXPLAINED = "unexplained"
    DATA = "data"
    """What the engine was told is not what is stored."""
    TIMING = "timing"
    """It was told too late, or entries were stopped."""
    FILL = "fill"
    """Orders filled otherwise, and what follows from that."""
    CONFIGURATION = "configuration"
    """The terms of contracts or the code are not those of the session any more."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One signal that went differently.

    Attributes:
        then: in the session; empty when there was no such signal.
        stored: in the run over the store (or in the sweep over the journal's own bars); empty likewise.
        why: the evidence.
    """

    cause: Cause
    key: Key
    then: str
    stored: str
    why: str


@dataclass(frozen=True, slots=True)
class Parity:
    """What came of it.

    Attributes:
        alike: signals that went the same way in both.
        signals, stored_signals: of the session and of the run over the store.
        trades, stored_trades: likewise.
        differences: unexplained ones first, then by time.
        configuration: what of code and terms has changed since, a sentence each.
        torn: what of the journal was left out.
    """

    header: SessionHeader
    alike: int
    signals: int
    stored_signals: int
    trades: int
    stored_trades: int
    differences: tuple[Difference, ...]
    configuration: tuple[str, ...]
    torn: str

    @property
    def counts(self) -> Mapping[Cause, int]:
        """Differences by cause, all causes named."""
        counted = Counter(one.cause for one in self.differences)
        return {cause: counted[cause] for cause in Cause}

    @property
    def explained(self) -> bool:
        """Whether every difference has a cause."""
        return not self.counts[Cause.UNEXPLAINED]


def find_parity(path: Path, config: Config, store: Store, calendar: Calendar, master: SymbolMaster) -> Parity:
    """Compare a journal with the stored day.

    Args:
        path: of the journal.
        config: says where things are; what was decided by stands in the journal.
        store: of the session's market.
        calendar: sessions.
        master: names instruments.

    Raises:
        JournalError: the journal cannot be read.
        MissingDataError: the store has nothing of the day.
    """
    heard = hear(path, calendar)
    header = heard.header
    symbols = list(dict.fromkeys(one.followed.symbol for one in heard.stretches))
    if not any(header.day in store.candle_days(symbol) for symbol in symbols):
        raise MissingDataError(
            f"The store in {store.folder} has no candles of {header.day} of what the session followed: 'sos ingest' "
            "brings them in."
        )
    settings = replace(header.settings, paths=config.paths)
    request = BacktestRequest([master.resolve(symbol) for symbol in symbols], heard.strategies, [header.day])
    run = run_backtest(request, settings, store, calendar)
    loaded = {symbol.symbol: one for symbol, one in zip(run.plan.symbols, run.loaded, strict=True)}
    first = day_start(header.day) - 30 * DAY_NS
    alerts = store.screener_alerts(first, day_start(header.day) + DAY_NS)
    evidence = Evidence(heard, loaded, alerts, StoreBoard(store, calendar), calendar)
    stored = fates_of(run.plan, run.result)
    now = {one.symbol: (one.tick, one.lot, one.freeze) for one in run.plan.symbols}
    comparison = _Comparison(heard, stored, evidence, swept_signals(heard, calendar), now)
    differences = comparison.run()
    return Parity(
        header, comparison.alike, len(heard.fates.by_key), len(stored),
        sum(fate.traded for fate in heard.fates.by_key.values()), sum(fate.traded for fate in stored.values()),
        tuple(sorted(differences, key=lambda one: (one.cause is not Cause.UNEXPLAINED, one.key))),
        tuple(comparison.configuration), heard.torn,
    )  # fmt: skip


@dataclass(slots=True)
class _Comparison:
    """One comparison on its way through the day.

    Attributes:
        terms: tick, lot and freeze quantity of each symbol in the run over the store.
        disturbed: a trade went differently already: what is held and what may be entered need not be the same.
    """

    heard: Heard
    stored: Mapping[Key, Fate]
    evidence: Evidence
    swept: SweptSignals
    terms: Mapping[str, tuple[float, int, int]]
    alike: int = 0
    disturbed: bool = False
    configuration: list[str] = field(default_factory=list)

    def run(self) -> list[Difference]:
        self.configuration = [*_configuration(self.heard.header), *self._other_terms().values()]
        told = self.heard.fates.by_key
        differences = self._against_sweep({key: fate.levels for key, fate in told.items()})
        known = {one.key for one in differences}
        for key in sorted(told.keys() | self.stored.keys()):
            then, now = told.get(key), self.stored.get(key)
            if then == now:
                self.alike += 1
                continue
            if key not in known:
                differences.append(self._explained(key, then, now))
            self.disturbed = self.disturbed or any(one is not None and one.traded for one in (then, now))
        return differences

    def _other_terms(self) -> dict[str, str]:
        """Stocks whose terms are not those of the session, and how."""
        told = {}
        for one in self.heard.stretches:
            then, symbol = (one.followed.tick, one.followed.lot, one.followed.freeze), one.followed.symbol
            if one.followed.kind is InstrumentKind.EQUITY and then != self.terms[symbol]:
                words = "; ".join("tick {}, lot {}, freeze {}".format(*it) for it in (then, self.terms[symbol]))
                told[symbol] = f"{symbol}, then and now: {words}"
        return told

    def _against_sweep(self, told: Mapping[Key, Levels]) -> list[Difference]:
        """The journal's signals against those of the sweep over the journal's own bars."""
        differences = []
        for key in sorted(told.keys() | self.swept.levels.keys()):
            then, now = told.get(key), self.swept.levels.get(key)
            if then == now:
                continue
            split = self.swept.split.get((key.symbol, key.strategy))
            if split is not None and key.ts >= split:
                why = "a minute reached the engine after the clock had closed its longer bar"
                cause = Cause.TIMING
            else:
                why = "the same bars give another signal when they are swept all at once"
                cause = Cause.UNEXPLAINED
            differences.append(Difference(cause, key, _levels_text(then), _levels_text(now), why))
        return differences

    def _explained(self, key: Key, then: Fate | None, now: Fate | None) -> Difference:
        if then is None or now is None or then.levels != now.levels:
            cause, why = self._signal_cause(key)
            texts = [_levels_text(one.levels if one is not None else None) for one in (then, now)]
        else:
            cause, why = self._fate_cause(key, then, now)
            texts = [_fate_text(then), _fate_text(now)]
        return Difference(cause, key, texts[0], texts[1], why)

    def _signal_cause(self, key: Key) -> tuple[Cause, str]:
        if why := self.evidence.data(key.symbol, key.ts):
            return Cause.DATA, why
        if why := self.evidence.timing(key.symbol, key.ts):
            return Cause.TIMING, why
        return Cause.UNEXPLAINED, "bars and sentiment are the stored ones"

    def _fate_cause(self, key: Key, then: Fate, now: Fate) -> tuple[Cause, str]:
        """The signal is the same; what became of it is not."""
        reasons = {then.reason, now.reason} - {""}
        if then.reason == REASON_TEXT[Reason.KILLED]:
            stops = [one for one in self.heard.stops if one.ts_event <= key.ts and one.stopped]
            return Cause.TIMING, f"entries were stopped{f': {stops[-1].reason}' if stops else ''}"
        if REASON_TEXT[Reason.QUARANTINED] in reasons:
            return Cause.DATA, "the symbol's price was in doubt in one and not in the other"
        if REASON_TEXT[Reason.NOT_FILLED] in reasons:
            return Cause.FILL, "the entry filled in one only"
        if reasons & _BUSY:
            if self.disturbed:
                return Cause.FILL, "an earlier trade went differently"
            return Cause.UNEXPLAINED, "all earlier trades are the same"
        for name in (
            sorted({then.instrument, now.instrument, now.wanted} - {""}) if reasons & _UNPRICED or not reasons else ()
        ):
            differs = reasons & _UNPRICED or then.instrument != now.instrument
            if differs and (why := self.evidence.contract(name, key.ts)):
                return Cause.DATA, why
            if differs and (why := self.evidence.late_contract(name, key.ts)):
                return Cause.TIMING, why
        if reasons or then.instrument != now.instrument:
            listed = [one for one in self.configuration if "contract" in one]
            return (Cause.CONFIGURATION, listed[0]) if listed else (Cause.UNEXPLAINED, "nothing known differs")
        for name in (key.symbol, short_name_of(key.symbol)):
            changed = [one for one in self.configuration if name in one.replace(",", " ").split()]
            if changed:
                return Cause.CONFIGURATION, changed[0]
        return Cause.FILL, _filled_differently(then, now)


def _configuration(header: SessionHeader) -> list[str]:
    """What of code and terms is not as it was in the session."""
    told = []
    if header.code != (code := code_fingerprint()):
        told.append(f"the code that decides has changed since: {header.code} then, {code} now")
    for one in header.contracts:
        try:
            now = listed_contracts(one.underlying, [one.expiry], header.day)[0]
        except MarketRuleError as error:
            told.append(f"contracts of {one.underlying} {one.expiry}: {error}")
            continue
        if now != one:
            then_and_now = "; ".join(f"lot {it.lot}, tick {it.tick}, freeze {it.freeze}" for it in (one, now))
            told.append(f"contracts of {one.underlying} {one.expiry}, then and now: {then_and_now}")
    return told


def _filled_differently(then: Fate, now: Fate) -> str:
    names = {
        "quantity": "quantity", "entry_price": "entry", "exit_price": "exit", "exit_reason": "reason of the exit",
        "entry_ts": "time of the entry", "exit_ts": "time of the exit",
    }  # fmt: skip
    return ", ".join(words for name, words in names.items() if getattr(then, name) != getattr(now, name))


def _levels_text(levels: Levels | None) -> str:
    if levels is None:
        return ""
    side = "BUY" if levels.side > 0 else "SELL"
    return f"{side} {levels.entry:g} stop {levels.stop:g} target {levels.target:g} regime {levels.regime}"


def _fate_text(fate: Fate) -> str:
    if not fate.traded:
        return f"{fate.outcome}: {fate.reason}"
    text = f"{fate.quantity} at {fate.entry_price:g}"
    return f"{text}, {fate.exit_reason} at {fate.exit_price:g}" if fate.exit_ts else f"{text}, open"
