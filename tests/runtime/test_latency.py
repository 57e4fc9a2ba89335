from __future__ import annotations

import threading

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.runtime.latency import (
    DIGITS,
    HIGHEST_NS,
    LatencyRecorder,
    Stage,
    StageFigures,
    StageLatency,
    Stall,
    StallMeter,
    figures_of,
)
from sos_actors.types import NANOS_PER_MINUTE

PERCENTS = (0, 1, 25, 50, 90, 99, 99.9, 100)
durations = st.lists(st.integers(0, HIGHEST_NS), min_size=1, max_size=60)


def by_library(figures: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(1, HIGHEST_NS, DIGITS)
    for ns in figures:
        assert histogram.record_value(ns)
    return histogram


def recorded(figures: list[int]) -> LatencyRecorder:
    recorder = LatencyRecorder()
    recorder.record_many(np.array(figures, np.int64))
    return recorder


@settings(max_examples=25, deadline=None)
@given(durations)
def test_counters_are_those_of_the_hdr_histogram_library(figures: list[int]) -> None:
    ours, theirs = recorded(figures).histogram(), by_library(figures)
    assert list(ours.counts) == list(theirs.counts)
    assert ours.get_total_count() == theirs.get_total_count()
    assert ours.get_percentile_to_value_dict(PERCENTS) == theirs.get_percentile_to_value_dict(PERCENTS)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_figures_are_the_percentiles_of_the_library(seed: int) -> None:
    figures = np.random.default_rng(seed).lognormal(10, 2, 3_000).astype(np.int64)
    theirs = by_library(figures.tolist())
    p50, p99, p999 = (theirs.get_value_at_percentile(percent) / 1000 for percent in (50, 99, 99.9))
    assert recorded(figures.tolist()).figures() == StageFigures(3_000, p50, p99, p999, figures.max() / 1000)


@pytest.mark.parametrize("ns", [0, 1, 2047, 2048, 2049, 4095, 4096, 65_535, HIGHEST_NS - 1, HIGHEST_NS])
def test_a_duration_is_kept_to_three_digits(ns: int) -> None:
    recorder = LatencyRecorder()
    recorder.record(ns)
    figures = recorder.figures()
    assert figures.max_us == ns / 1000
    assert figures.p50_us == pytest.approx(ns / 1000, rel=1e-3)


def test_one_by_one_and_many_at_once_are_the_same() -> None:
    figures = [5, 5_000, 5_000_000, 17]
    one = LatencyRecorder()
    for ns in figures:
        one.record(ns)
    assert (one.cells() == recorded(figures).cells()).all()


def test_what_is_longer_than_a_minute_counts_as_one_and_keeps_its_maximum() -> None:
    figures = recorded([3 * HIGHEST_NS]).figures()
    assert figures.count == 1
    assert figures.p50_us == pytest.approx(60e6, rel=1e-3)
    assert figures.max_us == 180e6


def test_a_negative_duration_is_counted_apart_and_not_as_zero() -> None:
    recorder = recorded([-1, 10])
    assert recorder.refused == 1
    assert recorder.figures().count == 1


def test_nothing_recorded_shows_no_figures() -> None:
    assert set(StageLatency().snapshot().values()) == {StageFigures(0, 0.0, 0.0, 0.0, 0.0)}
    assert LatencyRecorder().histogram().get_total_count() == 0


def test_recorders_of_one_stage_are_merged_and_stages_are_not() -> None:
    latency = StageLatency()
    first, second = latency.recorder(Stage.SENT), latency.recorder(Stage.SENT)
    first.record(1_000)
    second.record(3_000)
    latency.record(Stage.SENT, 2_000)
    latency.record(Stage.DECIDED, 7)
    assert latency.snapshot()[Stage.SENT] == StageFigures(3, 2.0, 3.001, 3.001, 3.0)
    assert latency.snapshot()[Stage.DECIDED].count == 1
    assert latency.histogram(Stage.SENT).get_total_count() == 3


def test_threads_that_share_a_stage_lose_no_figure() -> None:
    latency = StageLatency()

    def write() -> None:
        for ns in range(500):
            latency.record(Stage.ACKNOWLEDGED, ns)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert latency.snapshot()[Stage.ACKNOWLEDGED].count == 2_000


def test_a_copy_of_the_counters_does_not_change_any_more() -> None:
    recorder = recorded([10])
    copy = recorder.cells()
    recorder.record(10)
    assert copy[10] == 1


def test_the_worst_stall_of_each_minute_is_kept() -> None:
    meter = StallMeter(wall_offset_ns=NANOS_PER_MINUTE)
    for at_ns, delay_ns in ((0, 5_000), (1, 9_000), (2, 1_000), (2 * NANOS_PER_MINUTE, 3_000)):
        meter.note(at_ns, delay_ns)
    first, second = meter.minutes()
    assert first == Stall(first.ts_minute, 9.0, 3)
    assert first.ts_minute == NANOS_PER_MINUTE
    assert second == Stall(second.ts_minute, 3.0, 1)
    assert second.ts_minute == 3 * NANOS_PER_MINUTE


def test_only_so_many_minutes_are_kept() -> None:
    meter = StallMeter(0, kept=3)
    for minute in range(10):
        meter.note(minute * NANOS_PER_MINUTE, minute * 1_000)
    assert [stall.worst_us for stall in meter.minutes()] == [7.0, 8.0, 9.0]


def test_no_minute_is_shown_before_the_first_batch() -> None:
    assert StallMeter(0).minutes() == []


def test_a_batch_is_counted_from_its_own_times() -> None:
    times = np.array([[100, 400, 0], [0, 500, 0], [450, 600, 900]], np.int64)  # received, published, done with
    published, decided = LatencyRecorder(), LatencyRecorder()
    published.record_between(times)
    decided.record_until(times, 1_000)
    assert published.cells().tolist() == recorded([300, 150]).cells().tolist()
    assert decided.cells().tolist() == recorded([600, 500, 300]).cells().tolist()


def test_what_came_between_two_moments_can_be_told() -> None:
    latency = StageLatency()
    latency.record(Stage.SENT, 5_000)
    before = latency.cells(Stage.SENT)
    latency.record(Stage.SENT, 9_000)
    assert figures_of(latency.cells(Stage.SENT) - before).count == 1
