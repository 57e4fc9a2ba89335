"""One running system a module, with nothing broken when a test begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app.running.invariants import flat
from tests.app.running.systems import Whole, whole


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A system that trades; at the end of the module it closes everything."""
    with whole(tmp_path_factory.mktemp("running")) as found:
        found.trades(1)
        yield found
        found.bench.heal()
        found.system.flatten("The tests are over.")
        flat(found)


@pytest.fixture
def healthy(shared: Whole) -> Iterator[Whole]:
    """The module's system, trading; afterwards it is mended and must come to trade again by itself."""
    yield shared
    shared.bench.heal()
    shared.until(lambda: not shared.holds(), "trading opens again")
