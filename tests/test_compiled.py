"""``compiled`` keeps meaning and type, and works where nothing can be cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import pytest

from sos_actors.compiled import compiled


def _halved(x: float) -> float:
    return x / 2.0


def test_a_compiled_function_computes_the_same() -> None:
    assert compiled(_halved)(3.0) == _halved(3.0)


def test_a_machine_without_a_writable_cache_still_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    real = numba.njit

    def without_cache(**options: Any) -> Callable[..., Any]:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        decorator: Callable[..., Any] = real(**options)
        return lambda function: decorator(function)

    monkeypatch.setattr(numba, "njit", without_cache)
    assert compiled(_halved)(3.0) == 1.5
