"""Kills `sos live` at random moments of simulated sessions and looks whether anything was done twice or forgotten.

Run by hand: ``python tests/benchmarks/crash_run.py [KILLS] [SEED]``; about ten seconds a kill.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.app.running.books import doubled, where_killed
from tests.app.running.crashes import PLACES, Crashing, crashing

WEATHER = ("calm", "calm", "delay", "delay", "mute", "lost_ack", "status")
A_SESSION = 12
"""Kills a session: its day goes by meanwhile."""
AGREE_S = 5.0
"""Real seconds after opening in which engine and broker must have held the same at one moment."""


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
    """While it starts, at any moment, or just after an order was meant."""
    way = rng.choice(("any", "any", "meant", "meant", "early"))
    if way == "early":
        time.sleep(rng.uniform(0.5, 4.5))
        return way
    crash.until("open")
    if way == "any":
        time.sleep(rng.uniform(0.0, 5.0))
        return way
    size, end = crash.journal.stat().st_size, time.monotonic() + 8.0
    while time.monotonic() < end and not meant(crash, size):
        time.sleep(0.001)
    time.sleep(rng.choice((0.0, 0.0, 0.005, 0.02, 0.1)))
    return way


def meant(crash: Crashing, since: int) -> bool:
    """Whether an intent was journaled behind a place; quicker than reading the journal."""
    with crash.journal.open("rb") as file:
        file.seek(since)
        return b"attempt" in file.read()


def look(crash: Crashing) -> tuple[float, bool]:
    """Start it; after how many real seconds the books were read, and whether both agree soon after it opens."""
    crash.start()
    crash.until("read")
    took = time.monotonic() - crash.started_at
    crash.until("open")
    end = time.monotonic() + AGREE_S
    while not (agrees := crash.agrees()) and time.monotonic() < end:
        time.sleep(0.02)
    return took, agrees


def main(kills: int, seed: int) -> int:
    """Kill, look, and close everything, a session after the other; the number of failures."""
    rng, failures = Random(seed), list[str]()
    landed, took = Counter[str](), list[float]()
    while kills > 0:
        with tempfile.TemporaryDirectory() as folder, crashing(Path(folder)) as crash:
            for number in range(min(kills, A_SESSION)):
                failures += kill(crash, rng, number, landed, took)
            failures += end(crash)
        kills -= A_SESSION
    print("kills by place:", dict(landed))
    print(f"books read after (s): median {sorted(took)[len(took) // 2]:.1f}, worst {max(took):.1f}" if took else "")
    print("\n".join(failures) or "nothing twice, nothing forgotten, identical on replay")
    return len(failures)


def kill(crash: Crashing, rng: Random, number: int, landed: Counter[str], took: list[float]) -> list[str]:
    """One kill, and now and then a start that is looked at; what is wrong."""
    bad = weather(crash, rng)
    crash.start()
    way = wait_for_moment(crash, rng)
    crash.kill()
    orders = crash.ours()
    place = where_killed(crash.journal, orders) if crash.journal.exists() else "before the journal"
    landed[place] += 1
    wrong = doubled(orders)
    print(f"{number:3} {way:6} {bad:9} {place:24} {len(orders):4} orders, held {crash.holds()} {wrong}", flush=True)
    if rng.random() < 0.4:
        crash.calm()
        seconds, agrees = look(crash)
        took.append(seconds)
        wrong += [] if agrees else [f"after kill {number} engine and broker never agreed"]
        crash.kill()
    return wrong


def end(crash: Crashing) -> list[str]:
    """Close everything; what is wrong then."""
    crash.calm()
    crash.start()
    crash.until("open")
    crash.run("stop", "--flat")
    code, orders, held = crash.ended(), crash.ours(), crash.holds()
    replayed = crash.run("replay", str(crash.journal))
    print(f"{len(orders)} orders, {crash.starts} starts\n{replayed.stdout}")
    wrong = doubled(orders)
    wrong += [f"{row.tag} still works" for row in orders if not row.state.terminal]
    wrong += [f"still held: {held}"] if held else []
    wrong += [f"exit {code}"] if code else []
    return wrong + ([f"replay: {replayed.stdout}{replayed.stderr}"] if replayed.returncode else [])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
