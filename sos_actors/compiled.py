"""The one way SOS compiles a numeric function; a leaf, imports nothing of the project.

Numba's own cache looks only at the file a function stands in, not at what it calls in others; ``cli/kernel_cache.py``
keys the cache by all of them, for the commands and the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile to machine code on first call, without the GIL, keeping the function's type.

    No ``fastmath``: the same inputs must give the same bits in every process. The machine code is cached beside the
    source (or in ``NUMBA_CACHE_DIR``, or the user's cache folder); where none of them can be written, each process
    compiles for itself, which is slower to start and otherwise the same.
    """
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast(F, numba.njit(nogil=True)(function))


def brief(function: F) -> F:
    """Like ``compiled``, but keeping the GIL: for what takes microseconds and is called from Python on the hot path.

    Who lets go of the GIL for a microsecond waits for a whole switch interval to get it back when others want it.
    """
    try:
        return cast(F, numba.njit(cache=True)(function))
    except RuntimeError:
        return cast(F, numba.njit()(function))


def inlined(function: F) -> F:
    """Like ``compiled``, and always expanded into its caller: for the body of a loop that runs millions of times.

    Arrays are lent, not shared: numba would count a reference of each array up and down, atomically, on every call,
    which costs three times the work itself. So the function may neither allocate nor return an array.
    """
    lending = cast(Any, numba.njit)  # its type does not know _nrt
    try:
        return cast(F, lending(cache=True, nogil=True, forceinline=True, _nrt=False)(function))
    except RuntimeError:
        return cast(F, lending(nogil=True, forceinline=True, _nrt=False)(function))
