from __future__ import annotations

import pytest

from tests.benchmarks import bench_hops


@pytest.mark.parametrize("name", bench_hops.HOPS)
def test_the_benchmark_of_hops_measures_every_message(name: str) -> None:
    delays = bench_hops.HOPS[name](3, -2)
    assert len(delays) == 3
    assert (delays > 0).all()


def test_the_benchmark_of_hops_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    bench_hops.main("3", "idle", "thread")
    told = capsys.readouterr().out
    for name in (*bench_hops.HOPS, "idle, consumer where the system puts it", "thread, consumer on its own core"):
        assert name in told
