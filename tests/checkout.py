"""What belongs to the project, as against what its user put beside it: reports, strategies of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tracked(*patterns: str) -> list[Path]:
    """Files of the project that match; outside a git checkout all that match, with nothing to tell them apart."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *patterns]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


SHIPPED_STRATEGIES = tracked("strategies/*.json")
