"""Asks for many things at once, never more than a few in flight, and hands the answers over one by one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from sos_actors.errors import SosError

J = TypeVar("J")
T = TypeVar("T")


def fetched(jobs: Iterable[J], ask: Callable[[J], T], parallel: int) -> Generator[tuple[J, T | SosError], None, None]:
    """The answer to every job, or the error it met, as they come; the caller is the only one who writes.

    At most ``2 * parallel`` jobs are under way or waiting to be taken, so that memory stays bounded. When the caller
    stops early (Ctrl-C, a full disk) jobs that have not begun are dropped, and nobody waits for the others.
    """
    waiting = iter(jobs)
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="fetch")
    running: dict[Future[T], J] = {}
    finished = False
    try:
        while True:
            for job in islice(waiting, 2 * parallel - len(running)):
                running[pool.submit(ask, job)] = job
            if not running:
                finished = True
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                error = future.exception()
                if error is not None and not isinstance(error, SosError):
                    raise error
                yield job, error if error is not None else future.result()
    finally:
        pool.shutdown(wait=finished, cancel_futures=True)
