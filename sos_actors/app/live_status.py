"""What `sos status`, the screen and the metrics show of the running system, gathered from its parts once a second."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sos_actors.actors.describing import Describe
from sos_actors.actors.funnel import FunnelState
from sos_actors.app.live_engine_seen import EngineSeen, seen_in
from sos_actors.app.live_system import TradingSystem
from sos_actors.app.live_trades import trade_records
from sos_actors.app.logs import Logs
from sos_actors.app.process_figures import process_figures
from sos_actors.errors import ActorTimeoutError, MarketRuleError, SosError
from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import TradeRecord
from sos_actors.messages.status import (
    ActorStatus,
    BridgeStatus,
    FeedStatus,
    FlatStatus,
    GateStatus,
    HoldStatus,
    KeptStatus,
    RingStatus,
    RunStatus,
    SessionStatus,
    StageStatus,
    StallStatus,
    SystemStatus,
    VendorStatus,
)
from sos_actors.messages.trading_status import DayStatus, MoodStatus, TradeStatus, WatchedStatus
from sos_actors.runtime.clock import monotonic_ns, wall_time
from sos_actors.runtime.supervision import ChildState, Node
from sos_actors.types import NANOS_PER_SECOND, Segment, UnixNanos

_ASK_S = 0.5


@dataclass(slots=True)
class StatusSource:
    """Gathers; called on the status writer's thread alone.

    Attributes:
        run: what runs.
        moods: the last sentiment of each index; written by whoever hears them.
    """

    system: TradingSystem
    run: RunStatus
    logs: Logs
    moods: dict[str, Sentiment] = field(default_factory=dict)
    flat_confirmed: bool = False
    _seen: EngineSeen | None = None
    _trades: list[TradeRecord] = field(default_factory=list)
    _frames: tuple[int, int] = (0, 0)

    def __call__(self) -> SystemStatus:
        """The system as it is; where the engine does not answer, as it last was."""
        system, machine = self.system, self.system.machine
        at = machine.clock()
        self._look()
        status = SystemStatus(
            self.run, at, wall_time(), self._session(at), self._gate(),
            FlatStatus(bool(system.flat_reason), system.flat_reason, self.flat_confirmed), self._feed(), self._ring(),
            self._day(), self._kept(), self._bridge(), process_figures(), _tree(system.root.tree()).children,
            self._watchlist(), troubles=self.logs.troubles(), vendors=self._vendors(), moods=self._moods(),
            latencies=tuple(
                StageStatus(stage.value, one.count, one.p50_us, one.p99_us, one.p999_us, one.max_us)
                for stage, one in machine.latency.snapshot().items()
            ),
            stalls=tuple(
                StallStatus(one.ts_minute, one.worst_us) for one in system.trading.dispatcher.stalls.minutes()[-5:]
            ),
            trades=tuple(_trade(one) for one in self._trades),
        )  # fmt: skip
        seen, header = self._seen, system.trading.journal.header
        if seen is None:
            return status
        rates = {True: header.option_rates, False: header.stock_rates}
        return replace(
            status, positions=seen.position_rows(rates), orders=seen.orders(), signals=seen.signal_rows(),
            patterns=seen.patterns(),
        )  # fmt: skip

    def _look(self) -> None:
        trading = self.system.trading
        try:
            self._seen = self.system.machine.ask(seen_in, _ASK_S)
        except ActorTimeoutError:
            return
        if self._seen.n_trades > len(self._trades):  # trades are only ever added
            self._trades += trade_records(
                trading.desk.engine, trading.journal.header, trading.charges, len(self._trades)
            )[: self._seen.n_trades - len(self._trades)]  # fmt: skip

    def _session(self, at: UnixNanos) -> SessionStatus:
        market = self.system.market
        day, risk = market.day, market.config.risk
        try:
            equity, options = (market.calendar.session(day, one) for one in (Segment.EQ, Segment.FO))
        except MarketRuleError:
            return SessionStatus(str(day), "closed")
        opens, close = int(equity.open_ns), int(options.close_ns)
        last, off = options.last_entry_ns(risk.last_entry_before_close_min), options.square_off_ns(
            risk.square_off_before_close_min
        )  # fmt: skip
        phases = ((opens, "before open"), (last, "open"), (off, "no entries"), (close, "square-off"))
        phase = next((name for end, name in phases if at < end), "over")
        return SessionStatus(str(day), phase, UnixNanos(opens), UnixNanos(last), UnixNanos(off), UnixNanos(close))

    def _gate(self) -> GateStatus:
        gate = self.system.machine.gate
        holds = tuple(HoldStatus(one.key, _rung(one.rung.name), one.reason, one.since) for one in gate.reasons())
        return GateStatus(_rung(gate.rung.name), holds)

    def _feed(self) -> FeedStatus:
        market = self.system.market
        intake = market.intake
        prices = intake.last_prices()
        last = max((one.ts for one in prices.values()), default=None)
        state = intake.state.value if intake.state is not None else "down"
        return FeedStatus(state, self._frames_per_s(intake.frames), len(market.roster.wanted()[0]), last)

    def _frames_per_s(self, frames: int) -> float:
        """Since the last look, in real time."""
        (before, since), now = self._frames, monotonic_ns()
        self._frames = frames, now
        return (frames - before) * NANOS_PER_SECOND / max(now - since, 1) if since else 0.0

    def _ring(self) -> RingStatus:
        ring = self.system.machine.ring
        counts = ring.counts
        return RingStatus(
            ring.capacity, counts.published, counts.ticks, counts.conflated, counts.waited, counts.most_behind
        )

    def _day(self) -> DayStatus:
        gross = sum(one.gross_paise for one in self._trades) / 100
        charges = sum(one.charges_paise for one in self._trades) / 100
        won = sum(one.gross_paise > one.charges_paise for one in self._trades)
        outcomes = self._seen.outcomes if self._seen is not None else ()
        return DayStatus(gross, charges, len(self._trades), won, len(self._trades) - won, outcomes)

    def _kept(self) -> KeptStatus:
        trading, market = self.system.trading, self.system.market
        path = trading.journal.path
        size = path.stat().st_size if path.exists() else 0
        queue = market.store_queue
        return KeptStatus(str(path), trading.desk.n_events, size, len(queue), queue.dropped)

    def _bridge(self) -> BridgeStatus:
        server = self.system.bridge.server
        if server is None:
            return BridgeStatus()
        seen = server.seen()
        host = self.system.market.config.bridge.host
        address = f"ws://{host}:{seen.port}" if seen.port else ""
        return BridgeStatus(address, len(seen.engines), seen.counts.get("sent", 0))

    def _watchlist(self) -> tuple[WatchedStatus, ...]:
        warming = self.system.trading
        rows = [
            WatchedStatus(index.symbol, "backfilling" if warming.last_bar(index.symbol) < 0 else "following")
            for index in warming.instruments.indices
        ]
        words = {FunnelState.FOLLOWED: "following", FunnelState.LEAVING: "leaving", FunnelState.WAITING: "waiting"}
        for row in self.system.funnel.rows():
            state = words.get(row.state, row.reason or row.state.value)
            if row.state is FunnelState.FOLLOWED and warming.last_bar(row.symbol) < 0:
                state = "backfilling"
            alert = row.alert
            rows.append(WatchedStatus(
                row.symbol, state, row.since, alert.rvol, alert.change, alert.momentum_score
            ))  # fmt: skip
        return tuple(rows)

    def _vendors(self) -> tuple[VendorStatus, ...]:
        resting = self.system.market.mood_sources.rests
        trust = self.system.market.config.trust
        asked = [(name, "chain") for name in trust.chain] + [(name, "breadth") for name in trust.breadth]
        return tuple(
            VendorStatus(name, what, resting[name].reason, resting[name].until)
            if name in resting
            else VendorStatus(name, what, "up")
            for name, what in asked
        )

    def _moods(self) -> tuple[MoodStatus, ...]:
        return tuple(
            MoodStatus(symbol, one.regime.name, one.pcr, one.breadth_ratio, one.ts_event)
            for symbol, one in sorted(self.moods.items())
        )


def is_flat(system: TradingSystem) -> bool:
    """Whether neither the engine nor the orders at the broker hold anything.

    Raises:
        SosError: one of them does not answer.
    """
    if system.trading.holdings():
        return False
    told = system.trading.refs["orders"].ask(Describe(), _ASK_S * 4)
    if not isinstance(told, dict):
        raise SosError("The order actor does not say what is held.")
    return not told["held"] and not told["working"]


def _trade(one: TradeRecord) -> TradeStatus:
    return TradeStatus(
        one.instrument, one.side.name.lower(), one.quantity, one.entry_price, one.exit_price, one.entry_ts,
        one.ts_event, one.exit_reason, one.gross_paise / 100, one.charges_paise / 100, one.strategy,
    )  # fmt: skip


def _tree(node: Node) -> ActorStatus:
    state = "running" if node.state is ChildState.RUNNING else node.state.value.lower()
    return ActorStatus(
        node.name, state, node.restarts, node.last_reason, node.since, tuple(_tree(one) for one in node.children)
    )


def _rung(name: str) -> str:
    return name.lower().replace("_", " ")
