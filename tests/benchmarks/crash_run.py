"""Kills `sos live` at random points of simulated sessions and looks whether anything was done twice or forgotten.

Run by hand: ``python tests/benchmarks/crash_run.py [KILLS] [SEED]``; takes about ten seconds a kill.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.app.running.crashes import PLACES, SPEED, Crashing, crashing, doubled, where_killed  # noqa: E402

WEATHER = ("calm", "calm", "delay", "delay", "mute", "lost_ack", "status")


def weather(crash: Crashing, rng: Random) -> str:
    """What is the matter with the placing of orders until the next kill."""
    crash.calm()
    kind = rng.choice(WEATHER)
    if kind == "delay":
        crash.fault(kind=kind, path=PLACES, seconds=rng.choice((0.3, 1.0, 3.0)))
    elif kind in ("mute", "lost_ack"):
        crash.fault(kind=kind, path=PLACES, times=rng.randint(1, 2), skip=rng.randint(0, 1))
    elif kind == "status":
        crash.fault(kind=kind, path=PLACES, status=rng.choice((429, 500, 503)), times=rng.randint(1, 3))
    return kind


def wait_for_moment(crash: Crashing, rng: Random) -> str:
    """Either any moment, or just after an order was meant."""
    way = rng.choice(("any", "any", "meant", "meant", "early"))
    if way == "early":
        time.sleep(rng.uniform(0.5, 4.5))
        return way
    crash.until("open")
    if way == "any":
        time.sleep(rng.uniform(0.0, 5.0))
        return way
    size, end = crash.journal.stat().st_size, time.monotonic() + 8.0
    crash_before = intents(crash, size)
    while time.monotonic() < end:
        if intents(crash, size) > crash_before:
            time.sleep(rng.choice((0.0, 0.0, 0.005, 0.02, 0.1)))
            break
        time.sleep(0.001)
    return way


def intents(crash: Crashing, since: int) -> int:
    with crash.journal.open("rb") as file:
        file.seek(since)
        return file.read().count(b"attempt")


def agree(crash: Crashing, bound_s: float) -> float | None:
    """Real seconds until engine and broker hold the same; None when they never do."""
    begun = time.monotonic()
    keys = {}
    while time.monotonic() - begun < bound_s:
        before = crash.holds()
        status = crash.status()
        if status is not None and before == crash.holds():
            held: Counter[str] = Counter()
            for one in status.positions:
                held[one.symbol] += one.quantity * (1 if one.side == "buy" else -1)
            if sorted(held.values()) == sorted(before.values()):
                return time.monotonic() - begun
        time.sleep(0.02)
    print("   engine", keys, status and status.positions, "broker", crash.holds())
    return None


def main(kills: int, seed: int) -> int:
    rng, failures = Random(seed), []
    landed: Counter[str] = Counter()
    slowest, readings = 0.0, []
    with tempfile.TemporaryDirectory() as folder, crashing(Path(folder), speed=SPEED) as crash:
        for number in range(kills):
            bad = weather(crash, rng)
            crash.start()
            way = wait_for_moment(crash, rng)
            status = crash.status()
            crash.kill()
            orders = crash.ours()
            place = where_killed(crash.journal, orders) if crash.journal.exists() else "before the journal"
            landed[place] += 1
            wrong = doubled(orders)
            print(f"{number:3} {way:6} {bad:9} {place:24} orders {len(orders):4} held {crash.holds()} {wrong or ''}", flush=True)
            failures += wrong
            if rng.random() < 0.4:
                crash.calm()
                crash.start()
                crash.until("read")
                took = time.monotonic() - crash.started_at
                crash.until("open")
                agreed = agree(crash, 5.0)
                readings.append(took)
                print(f"    books read {took:.2f} s after the start, agreed after {agreed} s", flush=True)
                if agreed is None:
                    failures.append("engine and broker never agreed")
                crash.kill()
                del status
        crash.calm()
        crash.start()
        crash.until("open")
        print(crash.run("stop", "--flat").stdout)
        code = crash.ended()
        orders = crash.ours()
        print("ended", code, "held", crash.holds(), "live", [row for row in orders if not row.state.terminal])
        print(crash.said()[-6000:])
        replayed = crash.run("replay", str(crash.journal))
        print("replay", replayed.returncode, replayed.stdout[-1500:], replayed.stderr[-500:])
        failures += doubled(orders)
    print(dict(landed), "slowest", max(readings, default=0.0), slowest)
    print("FAILED" if failures else "ok", failures)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
