"""What the tests of commands share: a configuration whose data lies in a folder of the test."""

from __future__ import annotations

import json
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def configured(folder: Path) -> list[str]:
    """The flag for a configuration whose data lies in ``folder`` and whose strategies are the shipped ones."""
    text = (REPOSITORY / "conf" / "sos.toml").read_text(encoding="utf-8")
    text = text.replace('data_dir = "var"', f"data_dir = {json.dumps(str(folder / 'data'))}")
    path = folder / "sos.toml"
    path.write_text(text, encoding="utf-8")
    return ["--config", str(path)]


def minute_file(path: Path, day: str = "2024-06-03", minutes: int = 375, first_price: float = 100.0) -> Path:
    """A CSV of one session's candles that rise a little every minute."""
    lines = ["timestamp,open,high,low,close,volume"]
    for minute in range(minutes):
        price = first_price + minute * 0.05
        clock = f"{9 + (15 + minute) // 60:02d}:{(15 + minute) % 60:02d}:00"
        lines.append(f"{day} {clock},{price:.2f},{price + 0.5:.2f},{price - 0.5:.2f},{price + 0.05:.2f},1000")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
