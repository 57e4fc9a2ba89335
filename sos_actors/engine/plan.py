"""What a run follows: symbols, the strategies on each as programs, limits and vetoes, all turned into records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_actors.config import Fills, Mood, Risk, Sizing
from sos_actors.engine.records import LIMITS, InstrumentKind
from sos_actors.market.symbols import short_name_of
from sos_actors.strategy.program import CompiledStrategies, compile_strategies
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE, Regime


@dataclass(frozen=True, slots=True)
class FollowedSymbol:
    """A symbol whose bars are watched.

    Attributes:
        symbol: canonical.
        kind: EQUITY trades itself, INDEX through options.
        tick: rupees; of the stock (an index has none of its own: 0.05).
        lot: units of one lot of the stock, usually 1.
        freeze: largest order in units.
        also: other spellings by which a strategy file may name it, in capitals.
    """

    symbol: str
    kind: InstrumentKind
    tick: float = 0.05
    lot: int = 1
    freeze: int = 100_000
    also: frozenset[str] = frozenset()

    @property
    def short_name(self) -> str:
        """``NIFTY`` of ``NSE|INDEX|NIFTY``."""
        return short_name_of(self.symbol)


@dataclass(frozen=True, slots=True)
class Watch:
    """The strategies of one timeframe on one symbol.

    Attributes:
        symbol: index into ``Plan.symbols``.
        strategies: int64 (n,), index into ``Plan.strategies`` of each pattern of the program.
    """

    symbol: int
    compiled: CompiledStrategies
    strategies: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's fixed part.

    Attributes:
        veto: int64 (n_strategies, 8): 1 where the regime vetoes an entry of the strategy.
        limits: LIMITS (1,).
    """

    strategies: tuple[Strategy, ...]
    symbols: tuple[FollowedSymbol, ...]
    watches: tuple[Watch, ...]
    veto: NDArray[np.int64]
    limits: NDArray[np.void]

    def symbol_index(self, symbol: str) -> int:
        """Index of a followed canonical symbol.

        Raises:
            KeyError: it is not followed.
        """
        for index, followed in enumerate(self.symbols):
            if followed.symbol == symbol:
                return index
        raise KeyError(symbol)

    def with_symbol(self, followed: FollowedSymbol, programs: Programs) -> tuple[Self, int]:
        """The plan with one more symbol (or with a newer value of one it has), and the symbol's index."""
        symbols = list(self.symbols)
        for number, one in enumerate(symbols):
            if one.symbol == followed.symbol:
                symbols[number] = followed
                return replace(self, symbols=tuple(symbols)), number
        watches = watches_of(self.strategies, len(symbols), followed, programs)
        return replace(self, symbols=(*symbols, followed), watches=(*self.watches, *watches)), len(symbols)


Programs = dict[tuple[int, ...], CompiledStrategies]
"""Compiled strategies by their indices in the plan."""


def make_plan(
    strategies: Sequence[Strategy], symbols: Sequence[FollowedSymbol], risk: Risk, sizing: Sizing, mood: Mood,
    fills: Fills,
) -> Plan:  # fmt: skip
    """Compile every strategy for every symbol it names (all symbols when it names none)."""
    programs: Programs = {}
    watches = [
        watch for number, followed in enumerate(symbols) for watch in watches_of(strategies, number, followed, programs)
    ]
    veto = np.array([_vetoes(strategy, mood.veto_regimes) for strategy in strategies], np.int64)
    return Plan(
        tuple(strategies), tuple(symbols), tuple(watches), veto.reshape(-1, len(Regime)), _limits(risk, sizing, fills)
    )


def watches_of(
    strategies: Sequence[Strategy], number: int, followed: FollowedSymbol, programs: Programs
) -> list[Watch]:
    """What is watched on one symbol, a watch for each timeframe.

    Args:
        strategies: of the plan.
        number: the symbol's index.
        followed: the symbol.
        programs: compiled so far, by the indices of their strategies; grows.
    """
    mine = [i for i, strategy in enumerate(strategies) if follows(strategy, followed)]
    watches = []
    for minutes in sorted({strategies[i].timeframe_minutes for i in mine}):
        chosen = tuple(i for i in mine if strategies[i].timeframe_minutes == minutes)
        compiled = programs.get(chosen) or programs.setdefault(
            chosen, compile_strategies(tuple(strategies[i] for i in chosen))
        )
        watches.append(Watch(number, compiled, np.array(chosen, np.int64)))
    return watches


def follows(strategy: Strategy, followed: FollowedSymbol) -> bool:
    """Whether a strategy runs on a symbol: its file names it, in whatever spelling, or names none at all."""
    names = {name.strip().upper() for name in strategy.symbols}
    return not names or not names.isdisjoint({followed.short_name, followed.symbol, *followed.also})


def _vetoes(strategy: Strategy, vetoed: Sequence[Regime]) -> list[int]:
    """A vetoed regime blocks entries unless the strategy's own file names it with ``allow_entry: true``."""
    row = []
    for regime in Regime:
        own = strategy.regimes.get(regime.name)
        row.append(int(regime in vetoed and not (own is not None and own.allow_entry)))
    return row


def _limits(risk: Risk, sizing: Sizing, fills: Fills) -> NDArray[np.void]:
    limits = np.zeros(1, LIMITS)
    limits["max_open"] = risk.max_open_positions
    limits["max_per_symbol"] = risk.max_per_symbol
    limits["max_trades"] = risk.max_trades_per_day
    limits["max_loss"] = risk.max_daily_loss_inr
    limits["by_risk"] = sizing.mode == "risk"
    limits["lots"] = sizing.lots
    limits["risk_budget"] = sizing.risk_budget_inr
    limits["equity_value"] = sizing.equity_value_inr
    limits["slippage_ticks"] = fills.slippage_ticks
    limits["entry_valid_ns"] = fills.entry_valid_minutes * NANOS_PER_MINUTE
    return limits
