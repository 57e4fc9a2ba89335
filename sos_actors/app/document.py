"""The document of a backtest: what `--json` prints, the store keeps and the report draws. Same run, same bytes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from sos_actors import __version__
from sos_actors.app.backtest import Backtest, orders_for
from sos_actors.app.headline import simulated_note
from sos_actors.app.histories import LoadedSymbol, bars_document
from sos_actors.app.rupees import to_rupees
from sos_actors.app.summary import summarise
from sos_actors.config import Config
from sos_actors.engine.options import ChosenContract, NoContract
from sos_actors.engine.records import REASON_TEXT, ExitReason, InstrumentKind, Outcome, PriceSource, Reason
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import CHARGE_LINES, ChargeKind
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, Segment, Side

UNKNOWN_WORTH_SAYING = 0.05
"""Share of a symbol's minutes."""
_EXIT_TEXT = {
    ExitReason.STOP: "stop", ExitReason.TARGET: "target", ExitReason.SQUARE_OFF: "square_off",
    ExitReason.SESSION_END: "session_end", ExitReason.FLAT: "flat", ExitReason.CORRECTED: "corrected",
}  # fmt: skip
_PRICED_TEXT = {PriceSource.CANDLES: "candles", PriceSource.CHAIN: "chain", PriceSource.MODEL: "model"}


def exchange_times(ts: Any) -> list[str]:
    """ISO times of the exchange's clock (+05:30) of UnixNanos int64 (n,)."""
    local = np.asarray(ts, np.int64) // NANOS_PER_SECOND + IST_OFFSET_S
    return [f"{text}+05:30" for text in np.datetime_as_string(local.astype("datetime64[s]"))]


def make_document(
    run: Backtest, config: Config, calendar: Calendar, *, seed: int | None, simulated: bool = False
) -> dict[str, Any]:
    """Everything a run decided, without anything that differs between two equal runs.

    Args:
        run: finished.
        config: what it ran with.
        calendar: for the expected bars of a session.
        seed: of the simulated market; None for real data, or another simulator's.
        simulated: whether the data was invented; it was when there is a seed.
    """
    signals = _signals(run)
    trades = _trades(run)
    sessions = _sessions(run, calendar)
    errors = [
        {"strategy": run.plan.strategies[strategy].pattern_id, "expression": source, "count": count}
        for (strategy, source), count in sorted(run.result.errors.items())
    ]
    document: dict[str, Any] = {
        "run": _run(run, config, seed, simulated or seed is not None),
        "sessions": sessions,
        "trades": trades,
        "signals": signals,
        "summary": summarise(trades, signals, sessions, errors),
    }
    document["run"]["notes"] += _mood_notes(sessions)
    document["run"]["id"] = _identity(document)
    return document


def with_candles(document: Mapping[str, Any], run: Backtest) -> dict[str, Any]:
    """The document with the candles of the run's days, for the report."""
    candles = {}
    for symbol, loaded in zip(run.plan.symbols, run.loaded, strict=True):
        inside = loaded.history.session_rows >= 0
        candles[symbol.short_name] = bars_document(loaded.history.bars[inside])
    return {**document, "candles": candles}


def _run(run: Backtest, config: Config, seed: int | None, simulated: bool) -> dict[str, Any]:
    days = run.request.days
    notes = [*_price_notes(run), *run.notes]
    if simulated:
        notes.insert(0, simulated_note(seed))
    return {
        "version": __version__,
        "symbols": [symbol.short_name for symbol in run.plan.symbols],
        "from": str(days[0]),
        "to": str(days[-1]),
        "strategies": [
            {"pattern_id": strategy.pattern_id, "hash": strategy.content_hash, "file": strategy.source_path}
            for strategy in run.plan.strategies
        ],
        "config": config.as_document(),
        "price_model": run.request.price_model,
        "data_fingerprint": run.fingerprint,
        "simulated": simulated,
        "seed": seed,
        "notes": notes,
    }


def _mood_notes(sessions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the mood was unknown it vetoed nothing: a reader must know how much of the run that is."""
    notes = []
    for symbol in sorted({str(row["symbol"]) for row in sessions}):
        counts: Counter[str] = Counter()
        for row in sessions:
            if row["symbol"] == symbol:
                counts.update(row["regime_minutes"])
        unknown, total = counts[Regime.UNKNOWN.name], counts.total()
        if unknown > total * UNKNOWN_WORTH_SAYING:
            notes.append(
                f"{symbol}: the market's mood is UNKNOWN in {unknown / total:.0%} of the minutes, for want of option "
                "chains. There it vetoes nothing."
            )
    return notes


def _price_notes(run: Backtest) -> list[str]:
    """What a reader must know of the prices before the figures."""
    result, notes = run.result, []
    model = int((result.priced[result.trades["instrument"]] == PriceSource.MODEL).sum())
    if model:
        notes.append(
            f"MODEL PRICES: {model} of {len(result.trades)} trades are in contracts priced by Black-76 at one fixed "
            "volatility. No market ever quoted these prices."
        )
    late = int((result.trades["reason"] == ExitReason.SESSION_END).sum())
    if late:
        notes.append(
            f"{late} of {len(result.trades)} positions did not trade again before the close and are valued at their "
            "last price."
        )
    unpriced = [signal for signal in result.signals["reason"] if signal == Reason.NO_PRICE]
    if unpriced:
        example = next(
            chosen.symbol for chosen in result.contracts.values()
            if isinstance(chosen, NoContract) and chosen.reason is Reason.NO_PRICE
        )  # fmt: skip
        notes.append(
            f"{len(unpriced)} signals found no price of their contract, for example {example}. Import option candles "
            "or chain snapshots of those sessions, or add --price-model."
        )
    return notes


def _identity(document: Mapping[str, Any]) -> str:
    """Dates and a hash of all the run was given: the same run has the same id."""
    run = document["run"]
    digest = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
    return f"{run['from']}_{run['to']}_{'-'.join(run['symbols'][:3])}_{digest[:10]}"


def _signals(run: Backtest) -> list[dict[str, Any]]:
    records = run.result.signals
    columns = {name: records[name].tolist() for name in records.dtype.names or ()}
    times = exchange_times(records["ts"])
    plan = run.plan
    traded = set(run.result.trades["signal"].tolist())
    rows = []
    for i, time in enumerate(times):
        outcome, reason = Outcome(columns["outcome"][i]), Reason(columns["reason"][i])
        rows.append(
            {
                "id": i,
                "time": time,
                "strategy": plan.strategies[columns["strategy"][i]].pattern_id,
                "symbol": plan.symbols[columns["symbol"][i]].short_name,
                "instrument": _wanted(run, i, columns["symbol"][i]),
                "side": Side(columns["side"][i]).name,
                "regime": Regime(columns["regime"][i]).name,
                "entry": _price(columns["entry"][i]),
                "stop": _price(columns["stop"][i]),
                "target": _price(columns["target"][i]),
                "outcome": outcome.name.lower(),
                "reason": REASON_TEXT[reason],
                "trade": columns["trade"][i] if i in traded else None,
            }
        )
    return rows


def _wanted(run: Backtest, signal: int, symbol: int) -> str | None:
    """What a signal traded or would have: None when it never came to choosing."""
    if run.plan.symbols[symbol].kind is InstrumentKind.EQUITY:
        return run.plan.symbols[symbol].symbol
    chosen = run.result.contracts.get(signal)
    return chosen.symbol or None if chosen is not None else None


def _price(value: float) -> float:
    return round(value, 4)


def _trades(run: Backtest) -> list[dict[str, Any]]:
    result, plan = run.result, run.plan
    records = result.trades
    columns = {name: records[name].tolist() for name in records.dtype.names or ()}
    entry_times, exit_times = exchange_times(records["entry_ts"]), exchange_times(records["exit_ts"])
    charges, gross = _money(run)
    signals = {name: result.signals[name][records["signal"]].tolist() for name in ("entry", "regime")}
    rows = []
    for i, entry_time in enumerate(entry_times):
        instrument = columns["instrument"][i]
        lines = {line: to_rupees(int(paise)) for line, paise in zip(CHARGE_LINES, charges[i], strict=True)}
        total = int(charges[i][CHARGE_LINES.index("total")])
        chosen = result.contracts.get(columns["signal"][i])
        rows.append(
            {
                "id": columns["id"][i],
                "strategy": plan.strategies[columns["strategy"][i]].pattern_id,
                "symbol": plan.symbols[columns["symbol"][i]].short_name,
                "instrument": result.instruments[instrument],
                "side": Side(columns["side"][i]).name,
                "quantity": columns["quantity"][i],
                "lots": columns["quantity"][i] // int(result.lots[instrument]),
                "entry_time": entry_time,
                "entry_price": _price(columns["entry_price"][i]),
                "exit_time": exit_times[i],
                "exit_price": _price(columns["exit_price"][i]),
                "exit_reason": _EXIT_TEXT[ExitReason(columns["reason"][i])],
                "stop": _price(columns["stop"][i]),
                "target": _price(columns["target"][i]),
                "delta": round(chosen.delta, 4) if isinstance(chosen, ChosenContract) else None,
                "underlying_entry": _price(signals["entry"][i]),
                "regime": Regime(signals["regime"][i]).name,
                "gross_inr": to_rupees(gross[i]),
                "charges": lines,
                "net_inr": to_rupees(gross[i] - total),
                "priced_from": _PRICED_TEXT[PriceSource(int(result.priced[instrument]))],
                "signal": columns["signal"][i],
            }
        )
    return rows


def _money(run: Backtest) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[int]]:
    """Charges int64 (n, 8), columns as in CHARGE_LINES, and gross results, in paise."""
    result = run.result
    records = result.trades
    days = np.array([day.toordinal() for day in run.request.days], np.int64)
    options = np.array([name.startswith("NSE|FO|") for name in result.instruments], np.bool_)
    kinds = np.where(options[records["instrument"]], int(ChargeKind.OPTION), int(ChargeKind.EQUITY_INTRADAY))
    long = records["side"] > 0
    bought = np.where(long, records["entry_price"], records["exit_price"])
    sold = np.where(long, records["exit_price"], records["entry_price"])
    quantity = records["quantity"]
    orders = np.array(
        [
            orders_for(units, freeze)
            for units, freeze in zip(
                quantity.tolist(), result.freezes[records["instrument"]].tolist(), strict=True
            )
        ],
        np.int64,
    )
    charges = run.charges.itemise_many(
        days[result.signals["session"][records["signal"]]], kinds, bought, quantity, sold, quantity, orders, orders
    )
    gross = (np.rint(sold * 100.0) - np.rint(bought * 100.0)).astype(np.int64) * quantity
    return charges, gross.tolist()


def _sessions(run: Backtest, calendar: Calendar) -> list[dict[str, Any]]:
    rows = []
    for symbol, loaded in zip(run.plan.symbols, run.loaded, strict=True):
        segment = Segment.INDEX if symbol.kind is InstrumentKind.INDEX else Segment.EQ
        by_day = _regimes(loaded, len(run.request.days))
        for number, day in enumerate(run.request.days):
            rows.append(
                {
                    "date": str(day),
                    "symbol": symbol.short_name,
                    "bars": loaded.bars_of_day.get(day, 0),
                    "expected": _expected(calendar, day, segment),
                    "regime_minutes": by_day[number],
                    "source": ", ".join(loaded.sources),
                }
            )
    return sorted(rows, key=lambda row: (row["date"], row["symbol"]))


def _expected(calendar: Calendar, day: date, segment: Segment) -> int:
    return calendar.session(day, segment).minutes


def _regimes(loaded: LoadedSymbol, n_days: int) -> list[dict[str, int]]:
    """Minutes of each regime on each day of the run."""
    history = loaded.history
    inside = history.session_rows >= 0
    regime = history.surroundings(history.bars.ts[inside] + NANOS_PER_MINUTE).regime
    counts = np.zeros((n_days, len(Regime)), np.int64)
    np.add.at(counts, (history.session_rows[inside], regime), 1)
    return [
        {Regime(code).name: int(count) for code, count in enumerate(row) if count} for row in counts
    ]
