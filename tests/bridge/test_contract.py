"""Wire documents beside hand-written copies of the contract's examples: names, order, types, units, absences."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from sos_actors.bridge import contract
from sos_actors.bridge.contract import schemas
from sos_actors.market.symbols import Instrument
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.types import Regime, Segment, UnixNanos
from tests.bridge.bridges import BANKNIFTY, INSTRUMENTS, RELIANCE, at, bar, check, mood, option_chain, sender_schema
from tests.bridge.contract_engine import Message

SECOND = 1_000_000_000
ALERT = """{"type": "SCREENER_ALERT", "timestamp": 1768189500000, "symbol": "RELIANCE", "action": "ADD",
 "metrics": {"rvol": 2.4, "momentum_score": 88, "timeframe": "5m"}}"""
BACKFILL = """{"type": "BACKFILL_DATA", "timestamp": 1768189500000, "symbol": "NIFTY",
 "history": [{"ts": 1704711600, "strike": 21500, "ce_oi": 150000, "pe_oi": 45000, "max_pain": 21450}]}"""
MARKET = """{"type": "MARKET_UPDATE", "timestamp": 1704711780000, "data": {"symbol": "BANKNIFTY",
  "candle": {"open": 48150.75, "high": 48200.0, "low": 48120.5, "close": 48180.25, "volume": 95000},
  "sentiment": {"pcr": 1.05, "pcrVelocity": 0.02, "advances": 35, "declines": 15,
                "oiWallAbove": 48500.0, "oiWallBelow": 47500.0, "regime": "SIDEWAYS_BULLISH"}}}"""
CANDLE = """{"type": "CANDLE_UPDATE", "timestamp": 1704711600000, "data": {"symbol": "BANKNIFTY",
  "candle": {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1}}}"""
SENTIMENT = """{"type": "SENTIMENT_UPDATE", "timestamp": 1704711660000, "data": {"regime": "BEARISH", "pcr": 0.8,
  "pcrVelocity": 0.0, "advances": 10, "declines": 40, "oiWallAbove": 0.0, "oiWallBelow": 0.0}}"""
CHAIN = """{"type": "OPTION_CHAIN_UPDATE", "timestamp": 1704711720000, "data": {"symbol": "BANKNIFTY",
  "chain": [{"strike": 48000, "call_oi_chg": -15000, "put_oi_chg": 25000}]}}"""


def the_alert() -> bytes:
    return contract.screener_alert(ScreenerAlert(at(0), RELIANCE, "ADD", rvol=2.4, momentum_score=88.0), "5m")


def the_backfill() -> bytes:
    rows = contract.oi_rows([OiHistoryRow(UnixNanos(1_704_711_642 * SECOND), 21500.0, 150000.0, 45000.0, 21450.0)])
    return contract.backfill_data(at(0), "NSE|INDEX|NIFTY", [rows])


def the_market() -> bytes:
    closed = UnixNanos(1_704_711_780 * SECOND)
    shown = BarClosed(closed, BANKNIFTY, UnixNanos(closed - 60 * SECOND), 48150.75, 48200.0, 48120.5, 48180.25, 95000.0)
    kept = Sentiment(closed, BANKNIFTY, Regime.SIDEWAYS_BULLISH, 1.05, 0.02, 35.0, 15.0, 48500.0, 47500.0)
    return contract.market_update(shown, kept)


def the_candle() -> bytes:
    closed = UnixNanos(1_704_711_600 * SECOND)
    return contract.candle_update(BarClosed(closed, BANKNIFTY, closed, 1.0, 1.0, 1.0, 1.0, 1.0))


def the_sentiment() -> bytes:
    known = UnixNanos(1_704_711_660 * SECOND)
    return contract.sentiment_update(Sentiment(known, BANKNIFTY, Regime.BEARISH, 0.8, 0.0, 10.0, 40.0, 0.0, 0.0))


def the_chain() -> bytes:
    made = option_chain(0, BANKNIFTY, [48000])
    made = replace(made, ce_oi_change=np.array([-15000.0]), pe_oi_change=np.array([25000.0]))
    return contract.option_chain_update(replace(made, ts_event=UnixNanos(1_704_711_720 * SECOND)))


def shape(value: Any) -> Any:
    """Keys in their order, and the type of every number and text."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


MADE_AND_WRITTEN = [
    (the_alert, ALERT),
    (the_backfill, BACKFILL),
    (the_market, MARKET),
    (the_candle, CANDLE),
    (the_sentiment, SENTIMENT),
    (the_chain, CHAIN),
]


@pytest.mark.parametrize(("make", "written"), MADE_AND_WRITTEN)
def test_a_message_is_what_the_contract_shows_to_the_order_and_type_of_its_fields(make: Any, written: str) -> None:
    made, shown = json.loads(make()), json.loads(written)
    assert made == shown
    assert shape(made) == shape(shown)
    check([made, shown])


def test_an_instrument_sync_names_what_can_be_traded() -> None:
    index, share = INSTRUMENTS
    made = json.loads(contract.instrument_sync(at(0), (index, share)))
    check([made])
    assert list(made) == ["type", "timestamp", "data"]
    assert made["data"]["instruments"] == [
        {"symbol": "NIFTY", "instrument_key": "NSE_INDEX|Nifty 50", "segment": "INDEX", "lot_size": 0,
         "tick_size": None},
        {"symbol": "RELIANCE", "instrument_key": "NSE_EQ|INE002A01018", "segment": "EQ", "lot_size": 1,
         "tick_size": 0.1},
    ]  # fmt: skip


def test_a_heartbeat_and_an_error_have_the_two_fields_of_every_message() -> None:
    beat, wrong = json.loads(contract.heartbeat(at(0))), json.loads(contract.error(at(0), "malformed", "why"))
    assert beat == {"type": "HEARTBEAT", "timestamp": 1768189500000}
    assert wrong == {
        "type": "ERROR", "timestamp": 1768189500000, "data": {"code": "malformed", "message": "why"},
    }  # fmt: skip
    check([beat, wrong])


def test_what_is_unknown_is_null_and_no_number() -> None:
    unknown = Sentiment(at(1), BANKNIFTY, Regime.UNKNOWN, pcr=float("nan"))
    nothing = {"pcr": None, "pcrVelocity": None, "advances": None, "declines": None, "oiWallAbove": None,
               "oiWallBelow": None, "regime": "UNKNOWN"}  # fmt: skip
    made: list[Message] = [
        json.loads(contract.market_update(bar(0), None)),
        json.loads(contract.market_update(bar(0), unknown)),
        json.loads(contract.sentiment_update(unknown)),
    ]
    assert [one["data"].get("sentiment", one["data"]) for one in made] == [nothing] * 3
    assert made[0]["data"]["candle"]["volume"] is None
    rows = json.loads(b"[%b]" % contract.oi_rows([OiHistoryRow(at(0), 102.5, None, float("nan"), None)]))
    assert rows == [{"ts": 1768189500, "strike": 102.5, "ce_oi": None, "pe_oi": None, "max_pain": None}]
    check(made)


def test_a_change_of_open_interest_nobody_knows_is_null() -> None:
    chain = replace(option_chain(0, strikes=[100.0]), ce_oi_change=np.array([np.nan]))
    made = json.loads(contract.option_chain_update(chain))
    assert made["data"]["chain"] == [{"strike": 100, "call_oi_chg": None, "put_oi_chg": 100}]
    check([made])


def test_an_instrument_no_broker_has_named_has_no_key() -> None:
    made = json.loads(contract.instrument_sync(at(0), [Instrument("NSE|EQ|X", "X", Segment.EQ, 1, 0.05, 1)]))
    assert made["data"]["instruments"][0]["instrument_key"] is None
    check([made])


def test_every_regime_has_its_name_in_the_schema() -> None:
    check([json.loads(contract.sentiment_update(mood(1, regime))) for regime in Regime])


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "HEARTBEAT"},
        {"type": "HEARTBEAT", "timestamp": 1.5},
        {"type": "HEARTBEAT", "timestamp": 1, "more": 1},
        {"type": "PANIC", "timestamp": 1},
        json.loads(ALERT) | {"action": "KEEP"},
        json.loads(BACKFILL) | {"history": [{"ts": 1704711601, "strike": 1, "ce_oi": 1, "pe_oi": 1, "max_pain": 1}]},
        json.loads(SENTIMENT) | {"data": {"regime": "MERRY"}},
    ],
)
def test_the_schemas_refuse_what_the_contract_does_not_say(wrong: Message) -> None:
    assert not sender_schema().is_valid(wrong)


def test_the_schemas_are_schemas_and_know_what_an_engine_may_say() -> None:
    jsonschema.Draft202012Validator.check_schema(schemas())
    ours = jsonschema.Draft202012Validator(schemas() | {"oneOf": [{"$ref": "#/$defs/FromEngine"}]})
    assert ours.is_valid({"type": "REQUEST_HISTORY_SYNC"})
    assert not ours.is_valid({"type": "GIVE_ME_ALL"})
