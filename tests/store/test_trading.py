"""Sentiment, orders, trades and actor events come back as they were, across months, and twice is once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import ActorEvent, OrderRecord, TradeRecord
from sos_actors.store import Store
from sos_actors.store.connection import Database
from sos_actors.store.migrations import SHARD_MIGRATIONS
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, Side, SmartTrend, UnixNanos
from tests.store.conftest import FOREVER, JAN_1_0915, NIFTY
from tests.store.test_migrations import NAME, by_hand

CALL = "NSE|FO|NIFTY 21500 CE 04 JAN 24"


def at(minutes: float) -> UnixNanos:
    return UnixNanos(JAN_1_0915 + round(minutes * 60) * NANOS_PER_SECOND)


def order(tag: str = "SOSab12-1-0-0", minutes: float = 1) -> OrderRecord:
    return OrderRecord(at(minutes), tag, CALL, Side.BUY, 75, 0, "sent", 101.5, strategy="orb")


def trade(id_: str = "2024-01-01-1", minutes: float = 9) -> TradeRecord:
    return TradeRecord(
        at(minutes), id_, at(minutes - 5), NIFTY, CALL, "orb", Side.SELL, 75, 101.5, 111.55, "target", 75_375, 6_512
    )


def test_a_sentiment_comes_back_with_everything_that_was_known_and_nothing_else(store: Store, tmp_path: Path) -> None:
    known = Sentiment(at(1), NIFTY, Regime.BULLISH, 1.25, 0.001, 30.0, 19.0, 21_600.0, 21_400.0, 5.0, -5.0, 21_500.0,
                      SmartTrend.LONG_BUILDUP, 9e6)  # fmt: skip
    unknown = Sentiment(at(40 * 1440), NIFTY, Regime.UNKNOWN)
    assert store.add_sentiment([known, unknown]) == 2
    store.add_sentiment([known])
    assert store.sentiment(0, FOREVER) == [known, unknown]
    assert type(store.sentiment(0, FOREVER)[0].regime) is Regime
    assert store.sentiment(at(1) + 1, at(2)) == []
    assert len(list(tmp_path.glob("sos_timeseries_2024_*.db"))) == 2


def test_an_order_is_kept_in_its_last_state(store: Store) -> None:
    first, second = order(), order("SOSab12-2-0-0", 2)
    store.add_orders([first, second])
    filled = replace(first, filled=75, status="complete", average_price=101.45, broker_id="240101000000001")
    store.add_orders([filled])
    assert store.orders(0, FOREVER) == [filled, second]
    assert store.orders(at(2), FOREVER) == [second]


def test_a_trade_is_found_by_when_it_was_closed_and_its_money_is_exact(store: Store) -> None:
    trades = [trade(), trade("2024-01-01-2", 30)]
    store.add_trades(trades)
    store.add_trades(trades)
    assert store.trades(0, FOREVER) == trades
    assert store.trades(at(9), at(10)) == trades[:1]
    assert type(store.trades(0, FOREVER)[0].gross_paise) is int


def test_actor_events_keep_their_order_and_the_same_one_twice_is_one(store: Store) -> None:
    events = [
        ActorEvent(at(1), "mood", "failed", "VendorError"), ActorEvent(at(1), "mood", "restarted"),
        ActorEvent(at(1), "feed", "failed"),
    ]  # fmt: skip
    store.add_actor_events(events)
    store.add_actor_events(events)
    assert store.actor_events(0, FOREVER) == events


def test_what_was_known_within_a_second_is_not_known_before_it_was(store: Store) -> None:
    late = ActorEvent(UnixNanos(JAN_1_0915 + 1), "feed", "started")
    store.add_actor_events([late])
    assert store.actor_events(0, FOREVER) == [replace(late, ts_event=UnixNanos(JAN_1_0915 + NANOS_PER_SECOND))]


def test_a_file_older_than_some_columns_keeps_its_sentiment_and_takes_what_is_new(tmp_path: Path) -> None:
    with Store.open(tmp_path, origin="real"):
        pass
    Database(tmp_path / NAME, SHARD_MIGRATIONS[:2]).close()
    by_hand(
        tmp_path / NAME, "INSERT INTO properties VALUES ('origin', 'real')",
        f"INSERT INTO sentiment VALUES ({JAN_1_0915 // NANOS_PER_SECOND}, '{NIFTY}', 2, 1.3, NULL, 30, 19, NULL, NULL)",
    )  # fmt: skip
    old = Sentiment(at(0), NIFTY, Regime.BULLISH, pcr=1.3, advances=30.0, declines=19.0)
    with Store.open(tmp_path, read_only=True) as store:
        assert store.sentiment(0, FOREVER) == [old]
    new = replace(old, ts_event=UnixNanos(JAN_1_0915 + NANOS_PER_MINUTE), max_pain=21_500.0, total_oi=1e6)
    with Store.open(tmp_path) as store:
        store.add_sentiment([new])
        assert store.sentiment(0, FOREVER) == [old, new]
