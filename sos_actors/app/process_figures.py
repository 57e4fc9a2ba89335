"""What this process takes of the machine, for the status: memory, threads, open descriptors."""

from __future__ import annotations

import os
from pathlib import Path

from sos_actors.messages.status import ProcessStatus

PROC = Path("/proc/self")


def process_figures(proc: Path = PROC) -> ProcessStatus:
    """The figures as Linux tells them; None for one that the machine does not tell.

    Args:
        proc: where the kernel tells of a process.
    """
    return ProcessStatus(_memory_bytes(proc), _entries(proc / "task"), _entries(proc / "fd"))


def _memory_bytes(proc: Path) -> int | None:
    """Resident memory; the second figure of ``statm`` is in pages (source: man 5 proc)."""
    try:
        return int((proc / "statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _entries(folder: Path) -> int | None:
    try:
        return len(os.listdir(folder))
    except OSError:
        return None
