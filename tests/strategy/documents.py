"""Random whole strategies as the documents traders write."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.tree import Strategy
from tests.strategy.expressions import number, truth

NAMES = ("a", "b", "c", "flag", "move", "missing")
"""Captures may be made under any of these, and read whether made or not."""
REGIMES = (
    "COMPLETE_BULLISH", "BULLISH", "SIDEWAYS_BULLISH", "SIDEWAYS", "SIDEWAYS_BEARISH", "BEARISH", "COMPLETE_BEARISH",
)  # fmt: skip
OFTEN_TRUE = st.sampled_from([
    "close >= open", "True", "close > prev_candle.low", "high <= prev_candle.high", "vars.a < vars.b",
    "close > vars.a", "vars.word == 'Neutral'", "sentiment.pcr > 0.5", "volume > 0", "1 < 2 and close > low",
    "25 > close or close > 25", "low <= close",
])  # fmt: skip
WORDS = st.sampled_from(["sentiment.smart_trend", "sentiment.regime", "'Neutral'"])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """A strategy file of one to four phases; the first makes the texts that comparisons of texts may read."""
    condition = st.one_of(OFTEN_TRUE, OFTEN_TRUE, truth(1), truth(2))
    value = st.one_of(number(0), number(1), truth(1))
    assignment = st.builds("{} = {}".format, st.sampled_from(NAMES), value)
    words = st.builds("word = {}".format, WORDS)
    phases = []
    for index in range(draw(st.integers(1, 4))):
        first = ["hi = 25600.5", "other = 'never heard of'", draw(words)] if index == 0 else []
        phase: dict[str, object] = {
            "id": f"P{index}",
            "conditions": first + draw(st.lists(st.one_of(condition, condition, assignment, words), max_size=3)),
            "capture": draw(st.dictionaries(st.sampled_from(NAMES), value, max_size=3)),
            "timeout": draw(st.integers(0, 4)),
        }
        phases.append(phase)
    return {
        "pattern_id": "RANDOM",
        "regime_config": draw(st.dictionaries(st.sampled_from(REGIMES), _settings(), max_size=4)),
        "phases": phases,
        "execution": {
            "side": draw(st.sampled_from(["BUY", "SHORT"])),
            "entry": draw(st.one_of(st.just("close"), value)),
            "sl": draw(st.one_of(st.sampled_from(["low", "entry - atr", "entry * buffer_atr"]), value)),
            "tp": draw(st.one_of(st.sampled_from(["entry + risk * tp_mult", "entry / (entry - sl)"]), value)),
        },
    }


def _settings() -> st.SearchStrategy[dict[str, object]]:
    small = st.floats(0.0, 3.0, allow_nan=False)
    keys: dict[str, st.SearchStrategy[object]] = {
        "allow_entry": st.booleans(), "tp_mult": small, "quantity_mod": small, "buffer_atr": small,
    }  # fmt: skip
    return st.fixed_dictionaries({}, optional=keys)


def loaded(document: dict[str, object]) -> Strategy:
    """The strategy of a document without errors."""
    file = load_bytes(json.dumps(document).encode(), "random.json")
    assert file.strategy is not None, file.errors
    return file.strategy
