"""``compiled`` keeps meaning and type, and works where nothing can be cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import pytest

from sos_actors.compiled import brief, compiled


def _halved(x: float) -> float:
    return x / 2.0


BOTH = pytest.mark.parametrize("compile_", [compiled, brief])


@BOTH
def test_a_compiled_function_computes_the_same(compile_: Callable[[Any], Any]) -> None:
    assert compile_(_halved)(3.0) == _halved(3.0)


def test_only_what_is_brief_keeps_other_threads_waiting() -> None:
    compiled_one: Any = compiled(_halved)
    brief_one: Any = brief(_halved)
    assert compiled_one.targetoptions["nogil"]
    assert not brief_one.targetoptions.get("nogil", False)


@BOTH
def test_a_machine_without_a_writable_cache_still_compiles(
    compile_: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = numba.njit

    def without_cache(**options: Any) -> Callable[..., Any]:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        decorator: Callable[..., Any] = real(**options)
        return lambda function: decorator(function)

    monkeypatch.setattr(numba, "njit", without_cache)
    assert compile_(_halved)(3.0) == 1.5
