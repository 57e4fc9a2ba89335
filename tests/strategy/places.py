"""Signals and standing of the compiled and of the reference machine in one form, so that ``==`` compares their bits."""

from __future__ import annotations

import math
import struct

import numpy as np

from sos_actors.strategy import opcodes as op
from sos_actors.strategy.assembler import OTHER_CODE, text_codes
from sos_actors.strategy.matcher import Matcher
from sos_actors.strategy.reference import ReferenceMachine, ReferenceSignal
from sos_actors.strategy.tree import Strategy

Signal = tuple[object, ...]


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def signal_of(match: np.void) -> Signal:
    prices = (match["entry"], match["stop"], match["target"], match["quantity_mod"])
    return int(match["strategy"]), int(match["regime"]), *(bits(float(price)) for price in prices)


def reference_signal(index: int, signal: ReferenceSignal) -> Signal:
    prices = (signal.entry, signal.stop, signal.target, signal.quantity_mod)
    return index, int(signal.regime), *(bits(price) for price in prices)


def names_captured(strategy: Strategy) -> list[str]:
    """In the order of their slots."""
    names = [
        name
        for phase in strategy.phases
        for name in [*(c.assigns for c in phase.conditions), *(name for name, _ in phase.captures)]
        if name is not None
    ]
    return list(dict.fromkeys(names))


def places(strategy: Strategy) -> list[str]:
    """Where the expressions of a strategy stand, in the order of their error counts."""
    found = []
    for number, phase in enumerate(strategy.phases):
        found += [f"phases[{number}].conditions[{k}]" for k in range(len(phase.conditions))]
        found += [f"phases[{number}].capture.{name}" for name, _ in phase.captures]
    return [*found, "execution.entry", "execution.sl", "execution.tp"]


def standing(matcher: Matcher, index: int) -> tuple[int, int, dict[str, float], dict[str, int]]:
    """Phase, bars counted, captures and failures of one strategy; texts as the numbers they are compiled to."""
    compiled, progress = matcher.strategies, matcher.progress
    strategy = compiled.strategies[index]
    first = compiled.program.patterns[index, op.PATTERN_CAPTURE]
    captures = {
        name: float(progress.captures[first + slot])
        for slot, name in enumerate(names_captured(strategy))
        if not math.isnan(progress.captures[first + slot])
    }
    own = [k for k, (owner, _) in enumerate(compiled.expressions) if owner == index]
    counts = {place: int(progress.errors[k]) for place, k in zip(places(strategy), own, strict=True)}
    state = progress.state[index]
    return int(state[op.STATE_PHASE]), int(state[op.STATE_COUNT]), captures, {k: n for k, n in counts.items() if n}


def reference_standing(machine: ReferenceMachine) -> tuple[int, int, dict[str, float], dict[str, int]]:
    assert machine.record is not None
    codes = text_codes()
    captures = {
        name: codes.get(value, OTHER_CODE + len(codes)) if isinstance(value, str) else value
        for name, value in machine.captures.items()
    }
    return machine.phase, machine.record.count, captures, dict(machine.errors)
