"""The store as its users see it: one history over many files."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.errors import DataError, MissingDataError, StoreError, StoreFullError
from sos_actors.messages.market import BarSeries, ScreenerAlert
from sos_actors.store import ChainColumns, ContractData, DayRecord, DepthRow, RunRecord, StatsColumns, Store
from sos_actors.store.columns import ATM_CALL
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, SmartTrend, UnixNanos
from tests.store.conftest import FOREVER, JAN_1_0915, NIFTY, assert_same, bars

DAY_NS = 86_400 * NANOS_PER_SECOND


def chain(ts: list[int], expiry: date, strikes: list[float], ce_oi: float = 65.0) -> ChainColumns:
    rows = [(at, strike) for at in ts for strike in strikes]
    unknown = np.full(len(rows), np.nan)
    known = np.full(len(rows), ce_oi)
    return ChainColumns(
        np.array([at for at, _ in rows], np.int64),
        np.full(len(rows), expiry.toordinal(), np.int64),
        np.array([strike for _, strike in rows]),
        *(known, known, unknown, unknown, unknown),
        *(unknown, known, unknown, unknown, unknown),
        np.full(len(rows), 21_500.0),
    )


def test_candles_come_back_bit_for_bit_across_months(store: Store, tmp_path: Path) -> None:
    series = bars(500, step=600)
    assert store.add_candles(NIFTY, series, "test") == 500
    assert len(list(tmp_path.glob("sos_timeseries_2024_*.db"))) == 7
    assert_same(store.candles(NIFTY, 0, FOREVER), series)


def test_a_range_is_half_open_and_may_cut_a_month(store: Store) -> None:
    series = bars(500, step=600)
    store.add_candles(NIFTY, series, "test")
    assert_same(store.candles(NIFTY, int(series.ts[100]), int(series.ts[300])), series[100:300])
    assert_same(store.candles(NIFTY, int(series.ts[100]) + 1, int(series.ts[300]) + 1), series[101:301])
    assert len(store.candles(NIFTY, FOREVER, 0)) == 0


def test_a_bar_belongs_to_the_month_of_its_indian_day(store: Store, tmp_path: Path) -> None:
    midnight = 1_706_725_800 * NANOS_PER_SECOND  # 1 February 2024 in India, still 31 January in UTC
    store.add_candles(NIFTY, bars(2, midnight - NANOS_PER_MINUTE), "test")
    assert [path.name for path in sorted(tmp_path.glob("sos_t*.db"))] == [
        "sos_timeseries_2024_01.db",
        "sos_timeseries_2024_02.db",
    ]


def test_writing_again_changes_nothing_and_a_correction_replaces_the_whole_bar(store: Store) -> None:
    series = bars(100)
    store.add_candles(NIFTY, series, "first")
    store.add_candles(NIFTY, series, "first")
    assert_same(store.candles(NIFTY, 0, FOREVER), series)
    corrected = bars(10, seed=2)
    store.add_candles(NIFTY, corrected, "second")
    assert_same(store.candles(NIFTY, 0, FOREVER)[:10], corrected)
    assert store.candle_sources(NIFTY, 0, FOREVER) == {"first": 90, "second": 10}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sets(st.integers(0, 90 * 24 * 60), min_size=1, max_size=30), st.integers(0, 9)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 90 * 24 * 60),
    st.integers(0, 90 * 24 * 60),
)
def test_the_store_behaves_like_a_dictionary_of_minutes(
    writes: list[tuple[set[int], int]], low: int, high: int
) -> None:
    model: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder), origin="real", commit_rows=7) as store:
        for minutes, price in writes:
            ts = JAN_1_0915 + np.array(sorted(minutes), np.int64) * NANOS_PER_MINUTE
            column = np.full(len(ts), price + 1.0)
            store.add_candles(NIFTY, BarSeries(ts, column, column, column, column, column, column), "model")
            model |= dict.fromkeys(ts.tolist(), price + 1.0)
        first, last = (JAN_1_0915 + minute * NANOS_PER_MINUTE for minute in (low, high))
        read = store.candles(NIFTY, first, last)
        assert dict(zip(read.ts.tolist(), read.close.tolist(), strict=True)) == {
            ts: price for ts, price in sorted(model.items()) if first <= ts < last
        }
        assert sum(store.candle_days(NIFTY).values()) == len(model)


def test_bars_that_cannot_be_rows_are_refused(store: Store) -> None:
    series = bars(3)
    with pytest.raises(DataError, match="increasing"):
        store.add_candles(NIFTY, series[::-1], "test")
    with pytest.raises(DataError, match="minute"):
        store.add_candles(NIFTY, bars(3, JAN_1_0915 + 1), "test")
    unknown = np.full(3, np.nan)
    with pytest.raises(DataError, match="unknown close"):
        store.add_candles(
            NIFTY, BarSeries(series.ts, series.open, series.open, series.open, unknown, unknown, unknown), "test"
        )
    assert store.candle_symbols() == []


def test_days_and_symbols_are_listed(store: Store) -> None:
    store.add_candles(NIFTY, bars(375), "test")
    store.add_candles("NSE|EQ|TCS", bars(3, JAN_1_0915 + 31 * DAY_NS), "test")
    assert store.candle_symbols() == ["NSE|EQ|TCS", NIFTY]
    assert store.candle_days(NIFTY) == {date(2024, 1, 1): 375}
    assert store.candle_days("NSE|EQ|TCS") == {date(2024, 2, 1): 3}
    assert store.candle_days("NSE|EQ|NONE") == {}


def test_a_chain_comes_back_by_time_expiry_and_strike(store: Store) -> None:
    near, far = date(2024, 1, 4), date(2024, 1, 11)
    times = [JAN_1_0915, JAN_1_0915 + NANOS_PER_MINUTE]
    for expiry in (far, near):
        store.add_chain(NIFTY, chain(times, expiry, [21_500.0, 21_550.5]), "test")
    read = store.chain(NIFTY, 0, FOREVER)
    assert [date.fromordinal(int(ordinal)) for ordinal in read.expiry] == [near, near, far, far] * 2
    assert read.strike[:2].tolist() == [21_500.0, 21_550.5]
    assert np.isnan(read.pe_ltp).all()
    assert (read.pe_oi == 65.0).all()
    assert_same(store.chain(NIFTY, 0, FOREVER, far), chain(times, far, [21_500.0, 21_550.5]))


def test_contracts_of_a_day_count_candles_and_quoted_snapshots(store: Store) -> None:
    call = "NSE|FO|NIFTY 21500 CE 04 JAN 24"
    store.add_candles(call, bars(10), "test")
    store.add_candles("NSE|FO|NIFTYNXT50 21500 CE 04 JAN 24", bars(10), "test")
    store.add_chain(NIFTY, chain([JAN_1_0915], date(2024, 1, 4), [21_500.0, 21_600.0]), "test")
    assert store.contracts(NIFTY, date(2024, 1, 1)) == {
        call: ContractData(10, 1),
        "NSE|FO|NIFTY 21600 CE 04 JAN 24": ContractData(0, 1),
    }
    assert store.contracts(NIFTY, date(2024, 1, 2)) == {}


def test_measures_of_two_sources_meet_in_one_row_and_unknown_erases_nothing(store: Store) -> None:
    ts = np.array([JAN_1_0915], np.int64)
    trend = np.array([SmartTrend.LONG_BUILDUP], np.int8)
    store.add_market_stats(NIFTY, StatsColumns.of(ts, pcr=np.array([0.9]), smart_trend=trend), "chain")
    store.add_market_stats(NIFTY, StatsColumns.of(ts, advances=np.array([31.0])), "breadth")
    read = store.market_stats(NIFTY, 0, FOREVER)
    assert (read.pcr[0], read.advances[0], read.smart_trend[0]) == (0.9, 31.0, SmartTrend.LONG_BUILDUP)
    assert np.isnan(read.declines[0])


def test_measures_of_the_at_the_money_call_are_stored_like_the_others(store: Store) -> None:
    ts = np.array([JAN_1_0915, JAN_1_0915 + NANOS_PER_MINUTE], np.int64)
    values = {name: np.array([float(place), np.nan]) for place, name in enumerate(ATM_CALL, start=1)}
    store.add_market_stats(NIFTY, StatsColumns.of(ts, pcr=np.array([0.9, 0.8]), **values), "chain")
    store.add_market_stats(NIFTY, StatsColumns.of(ts, advances=np.array([31.0, 30.0])), "breadth")
    known = {"pcr": np.array([0.9, 0.8]), "advances": np.array([31.0, 30.0])}
    assert_same(store.market_stats(NIFTY, 0, FOREVER), StatsColumns.of(ts, **known, **values))


def test_a_measure_is_never_known_before_it_was(store: Store) -> None:
    store.add_market_stats(NIFTY, StatsColumns.of(np.array([JAN_1_0915 + 1]), pcr=np.array([1.0])), "test")
    assert store.market_stats(NIFTY, 0, FOREVER).ts.tolist() == [JAN_1_0915 + NANOS_PER_SECOND]


def test_depth_history_has_the_minute_and_keeps_what_is_known(store: Store) -> None:
    store.add_depth([DepthRow(JAN_1_0915 - NANOS_PER_SECOND, "RELIANCE", rvol=2.4)])
    assert store.add_depth([DepthRow(JAN_1_0915, "RELIANCE", pcr=0.8)]) == 1
    shard = store._shards.open(648)
    assert shard.rows("SELECT * FROM market_depth_history") == [(1_704_080_700, "RELIANCE", 2.4, 0.8, None)]


def test_alerts_come_back(store: Store) -> None:
    alerts = [ScreenerAlert(UnixNanos(JAN_1_0915 + n * 20 * DAY_NS), "NSE|EQ|TCS", "ADD", rvol=n) for n in range(3)]
    assert store.add_screener_alerts(alerts) == 3
    store.add_screener_alerts(alerts)
    assert store.screener_alerts(0, FOREVER) == alerts
    assert store.screener_alerts(0, JAN_1_0915 + 20 * DAY_NS) == alerts[:1]


def test_runs_and_complete_days_come_back(store: Store) -> None:
    run = RunRecord("r1", "2026-01-16T10:00:00Z", "backtest", {"a": [1]}, {"P": "h"}, "f", {"net_inr": 1.5})
    store.save_run(run)
    store.save_run(run)
    store.save_run(RunRecord("r0", "2026-01-15T10:00:00Z", "backtest"))
    assert [found.id for found in store.runs()] == ["r1", "r0"]
    assert store.runs()[0] == run
    store.mark_day(NIFTY, date(2024, 1, 1), DayRecord(374, 375, "test"))
    assert store.days(NIFTY, date(2024, 1, 1), date(2024, 1, 31)) == {}  # a month without a file has no day
    store.add_candles(NIFTY, bars(1), "test")
    store.mark_day(NIFTY, date(2024, 1, 1), DayRecord(374, 375, "test"))
    store.mark_day(NIFTY, date(2024, 1, 2), DayRecord(375, 375, "test"))
    days = store.days(NIFTY, date(2024, 1, 1), date(2024, 1, 31))
    assert [(day.day, record.complete) for day, record in days.items()] == [(1, False), (2, True)]


def test_the_fingerprint_follows_the_data_and_not_the_order_of_asking(store: Store) -> None:
    store.add_candles(NIFTY, bars(100), "test")
    store.add_candles("NSE|EQ|TCS", bars(100), "test")
    before = store.fingerprint([NIFTY, "NSE|EQ|TCS"], 0, FOREVER)
    assert before == store.fingerprint(["NSE|EQ|TCS", NIFTY], 0, FOREVER)
    assert before != store.fingerprint([NIFTY], 0, FOREVER)
    store.add_candles(NIFTY, bars(1, seed=5), "test")
    changed = store.fingerprint([NIFTY, "NSE|EQ|TCS"], 0, FOREVER)
    assert changed != before
    store.add_market_stats(NIFTY, StatsColumns.of(np.array([JAN_1_0915]), pcr=np.array([1.0])), "test")
    assert changed != store.fingerprint([NIFTY, "NSE|EQ|TCS"], 0, FOREVER)


def test_simulated_and_real_data_never_share_a_folder(tmp_path: Path) -> None:
    with Store.open(tmp_path, origin="simulated") as store:
        store.add_candles(NIFTY, bars(3), "simulator")
    with pytest.raises(StoreError, match="never share"):
        Store.open(tmp_path, origin="real")
    with Store.open(tmp_path) as store:
        assert store.origin == "simulated"


def test_a_shard_carried_into_a_folder_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    name = "sos_timeseries_2024_01.db"
    with Store.open(tmp_path / "simulated", origin="simulated") as store:
        store.add_candles(NIFTY, bars(3), "simulator")
    with Store.open(tmp_path / "real", origin="real") as store:
        (tmp_path / "real" / name).write_bytes((tmp_path / "simulated" / name).read_bytes())
        with pytest.raises(StoreError, match="holds simulated data"):
            store.candles(NIFTY, 0, FOREVER)


def test_a_new_folder_must_be_told_its_kind(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="real or a simulated"):
        Store.open(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_store_opened_for_reading_reads_and_refuses_to_write(tmp_path: Path) -> None:
    with Store.open(tmp_path, origin="real") as store:
        store.add_candles(NIFTY, bars(3), "test")
    with Store.open(tmp_path, read_only=True) as store:
        assert_same(store.candles(NIFTY, 0, FOREVER), bars(3))
        with pytest.raises(StoreFullError, match="read-only"):
            store.add_candles(NIFTY, bars(3), "test")


def test_one_process_reads_while_another_writes(store: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path, read_only=True) as reader:
        store.add_candles(NIFTY, bars(5), "test")
        assert len(reader.candles(NIFTY, 0, FOREVER)) == 5
        store.add_candles(NIFTY, bars(9), "test")
        assert len(reader.candles(NIFTY, 0, FOREVER)) == 9
