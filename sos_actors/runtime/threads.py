"""Names and stacks of threads: what the log needs when something hangs."""

from __future__ import annotations

import sys
import threading
import traceback


def name_thread(name: str) -> None:
    """Give the calling thread a name, for the log and for ``dump_threads``."""
    threading.current_thread().name = name


def dump_threads() -> str:
    """Every thread's name and stack, innermost call last, as one text for the log.

    Source lines only, no values of variables: nothing secret is in it.
    """
    names = {thread.ident: thread for thread in threading.enumerate()}
    parts = []
    for ident, frame in sorted(sys._current_frames().items()):
        thread = names.get(ident)
        said = f"{thread.name}{' (daemon)' if thread.daemon else ''}" if thread else "not started by Python"
        parts.append(f"Thread {ident} {said}:\n{''.join(traceback.format_stack(frame)).rstrip()}")
    return "\n".join(parts)
