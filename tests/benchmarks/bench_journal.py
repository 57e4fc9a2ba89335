"""Measures the journal and the recording of events against bare file writes and plain msgpack, in the same run.

Run by hand: ``python -m tests.benchmarks.bench_journal``. Absolute figures belong to the machine; compare ratios.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgpack

from sos_actors.engine.recording import decode_event, encode_event
from sos_actors.messages.market import BarClosed, Tick
from sos_actors.runtime.journal import JournalReader, JournalWriter, RecordKind
from sos_actors.types import UnixNanos

RECORDS, BATCH, RUNS = 200_000, 64, 3
BAR = BarClosed(UnixNanos(1_768_276_000_000_000_000), "NSE|EQ|RELIANCE", UnixNanos(1_768_275_940_000_000_000),
                1400.05, 1401.5, 1399.95, 1400.6, 12_345.0, None, False)  # fmt: skip
TICK = Tick(BAR.ts_event, BAR.symbol, 1400.6)


def rate(work: Callable[[], int]) -> float:
    """Records a second, the best of several runs."""
    best = 0.0
    for _ in range(RUNS):
        begun = time.perf_counter()
        best = max(best, work() / (time.perf_counter() - begun))
    return best


def main() -> None:
    payload = encode_event(BAR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def bare() -> int:
            with (folder / "bare").open("wb", buffering=0) as file:
                for _ in range(RECORDS // BATCH):
                    file.write(b"".join([payload] * BATCH))
            return RECORDS

        def journaled(encode: Callable[[], bytes], each: bool = False) -> Callable[[], int]:
            def work() -> int:
                path = folder / "day.sosj"
                path.unlink(missing_ok=True)
                with JournalWriter.create(path, b"\x80") as writer:
                    for number in range(RECORDS):
                        writer.append(RecordKind.EVENT, encode())
                        if each or number % BATCH == BATCH - 1:
                            writer.flush()
                return RECORDS

            return work

        def read(decode: Callable[[bytes], object]) -> Callable[[], int]:
            def work() -> int:
                for record in JournalReader(folder / "day.sosj").records():
                    if record.kind is RecordKind.EVENT:
                        decode(record.payload)
                return RECORDS

            return work

        def repeated(call: Callable[[], object]) -> Callable[[], int]:
            def work() -> int:
                for _ in range(RECORDS):
                    call()
                return RECORDS

            return work

        plain = [
            1,
            BAR.ts_event,
            BAR.symbol,
            BAR.ts_open,
            BAR.open,
            BAR.high,
            BAR.low,
            BAR.close,
            BAR.volume,
            None,
            False,
        ]
        figures = {
            "bare write, 64 payloads each": rate(bare),
            "msgpack package, one list packed": rate(repeated(lambda: msgpack.packb(plain))),
            "msgpack package, one list unpacked": rate(repeated(lambda: msgpack.unpackb(payload))),
            "encode_event, a bar": rate(repeated(lambda: encode_event(BAR))),
            "encode_event, a tick": rate(repeated(lambda: encode_event(TICK))),
            "decode_event, a bar": rate(repeated(lambda: decode_event(payload))),
            "journal, a flush each 64": rate(journaled(lambda: payload)),
            "journal, a flush each": rate(journaled(lambda: payload, each=True)),
            "journal with encode_event": rate(journaled(lambda: encode_event(BAR))),
            "journal read": rate(read(lambda data: data)),
            "journal read with decode_event": rate(read(decode_event)),
        }
        size = os.path.getsize(folder / "day.sosj") / RECORDS
    first = figures["bare write, 64 payloads each"]
    for label, figure in figures.items():
        sys.stdout.write(f"{label:38} {figure:12,.0f} a second  {figure / first:6.2f} x bare\n")
    sys.stdout.write(f"bytes a bar in the journal: {size:.0f}\n")


if __name__ == "__main__":
    main()
