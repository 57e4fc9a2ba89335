"""Fills a store with what is missing: from the real vendors when logged in, else from a simulated market.

Both go through the same clients; only addresses, tokens and the folder differ, and the two never share a database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sos_actors.app.board import day_start
from sos_actors.app.credentials import account_of, read_login
from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.job import Progress
from sos_actors.app.ingest.request import HistorySources, IngestReport, IngestRequest
from sos_actors.config import Config, is_loopback
from sos_actors.errors import TokenRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.simulator.moments import spoken
from sos_actors.store.database import Origin, Store
from sos_actors.types import NANOS_PER_MINUTE, Fraction, UnixNanos

INSTRUMENTS = "instruments.json.gz"
"""Upstox's instrument file in a data folder."""
PATIENCE_S = 1900.0
"""A long ingest waits for its turn: Upstox's longest window is half an hour."""
EVENING_MIN = 20 * 60
"""Minute of the day at which the simulated vendors stand: every session asked for is over."""


def simulated_folder(data_dir: Path, seed: int) -> Path:
    """Where the simulated market of a seed lies: never in the folder of real data."""
    return data_dir / "simulated" / f"seed-{seed}"


def origin_of(config: Config) -> Origin:
    """Simulated where a vendor is this machine: nothing that comes from there was ever traded."""
    urls = (config.upstox.rest_url, config.tradingview.chart_url, config.nse.url, config.trendlyne.url)
    return "simulated" if any(is_loopback(url) for url in urls) else "real"


def own_folder(config: Config) -> Path:
    """Where the trader's own store lies; what a simulator of theirs gave lies apart from real data."""
    folder = config.paths.data_dir
    return folder if origin_of(config) == "real" else folder / "simulated" / "attached"


def is_logged_in(config: Config) -> bool:
    """Whether the real vendors can be asked.

    Raises:
        ConfigError: the stored login cannot be read.
    """
    return read_login(account_of(config.upstox.rest_url)).is_valid(wall_time())


@dataclass(frozen=True, slots=True)
class Filling:
    """A store with the vendors that can fill it, connected when something is missing.

    Attributes:
        seed: of the simulated market; None for real data.
        now: what time it is for the vendors.
        wanted: whether the simulated market was asked for.
    """

    config: Config
    store: Store
    folder: Path
    seed: int | None
    now: Clock
    _open: ExitStack
    wanted: bool = False

    @property
    def simulated(self) -> bool:
        """Whether the market is invented."""
        return self.store.origin == "simulated"

    @property
    def headline(self) -> str:
        """What must stand above every figure that is not real; empty above real ones."""
        if not self.simulated:
            return ""
        if self.seed is None:
            return "SIMULATED DATA: a vendor of the configuration is this machine.\n"
        why = "it was asked for" if self.wanted else "nobody is logged in to Upstox ('sos login')"
        return f"SIMULATED DATA: {why}, so a seeded model made this up (seed {self.seed}).\n"

    def fill(
        self, symbols: Sequence[str], days: Sequence[date], warm_up: Sequence[date], calendar: Calendar,
        progress: Progress, *, full_options: bool = False, force: bool = False,
    ) -> IngestReport:  # fmt: skip
        """Bring in what is missing; nobody is asked when nothing is.

        Raises:
            StoreError: the database refuses.
            VendorError: nobody can be connected.
        """
        request = IngestRequest(
            symbols, days, warm_up, full_options, force, min_days_to_expiry=self.config.options.min_days_to_expiry
        )
        aside = self.store.set_aside_damaged() if force else []
        tolerance = Fraction(self.config.trust.price_tolerance)
        report = ingest(self.store, self._connect, request, calendar, self.config.ingest, self.now, progress, tolerance)
        for path in aside:
            report.note(f"A damaged month was set aside as {path}.")
        return report

    def _connect(self) -> HistorySources:
        from sos_actors.app.simulated import SimulatorProcess  # imports that most runs never need
        from sos_actors.app.vendors import connect_vendors

        config, token = self.config, read_login(account_of(self.config.upstox.rest_url)).token
        if self.seed is not None:
            process = self._open.enter_context(SimulatorProcess(self.seed, self.now(), speed=0.0))
            config, token = process.config_for(config), process.token
        vendors = connect_vendors(config, token, self.folder / INSTRUMENTS, self.now, PATIENCE_S)
        return self._open.enter_context(vendors).history


@contextmanager
def open_filling(config: Config, days: Sequence[date], simulated: bool = False) -> Iterator[Filling]:
    """The trader's store when logged in, else the simulated one.

    Args:
        config: where data lies, who the vendors are.
        days: the sessions that will be asked for; the simulated vendors stand on the evening of the last one.
        simulated: the simulated market, also when logged in.

    Raises:
        TokenRefusedError: the login has ended; an invented market never takes the place of the real one unasked.
    """
    with ExitStack() as stack:
        if simulated or not _may_ask(config):
            seed = config.simulation.seed
            folder, evening = simulated_folder(config.paths.data_dir, seed), _evening(days[-1])
            store = Store.open(folder, origin="simulated", commit_rows=config.store.commit_rows)
            filling = Filling(config, stack.enter_context(store), folder, seed, lambda: evening, stack, simulated)
        else:
            folder = own_folder(config)
            store = Store.open(folder, origin=origin_of(config), commit_rows=config.store.commit_rows)
            filling = Filling(config, stack.enter_context(store), folder, None, wall_time, stack)
        yield filling


def _may_ask(config: Config) -> bool:
    if is_logged_in(config):
        return True
    login = read_login(account_of(config.upstox.rest_url))
    if login.token:
        message = f"The token ended at {spoken(login.expires)} in India. Run 'sos login', or add --simulated."
        raise TokenRefusedError("upstox", message)
    return False


def _evening(day: date) -> UnixNanos:
    return UnixNanos(day_start(day) + EVENING_MIN * NANOS_PER_MINUTE)
