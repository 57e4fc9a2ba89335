"""The tables of a monthly shard, as peewee models.

NULL always means *unknown*. Times are epoch seconds UTC. Every shard is self-contained.
"""
# ruff: noqa: D106

from __future__ import annotations

from typing import Any

from peewee import CompositeKey, FloatField, IntegerField, Model, TextField


def real() -> Any:
    """A number that may be unknown."""
    return FloatField(null=True)


class SchemaVersion(Model):
    """One row for each migration that ran on this file."""

    version = IntegerField(primary_key=True)
    title = TextField()

    class Meta:
        table_name = "schema_version"


class Properties(Model):
    """Facts about the file itself: ``origin`` says whether its data is real or simulated."""

    name = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "properties"
        without_rowid = True


class Series(Model):
    """The symbols of this shard; rows of the large tables carry the id."""

    id = IntegerField(primary_key=True)
    symbol = TextField(unique=True)

    class Meta:
        table_name = "series"


class Sources(Model):
    """Where rows of this shard came from."""

    id = IntegerField(primary_key=True)
    name = TextField(unique=True)

    class Meta:
        table_name = "sources"


class Candles(Model):
    """One-minute bars, ``ts`` is the open. ``oi`` in units."""

    series = IntegerField()
    ts = IntegerField()
    open = FloatField()
    high = FloatField()
    low = FloatField()
    close = FloatField()
    volume = real()
    oi = real()
    source = IntegerField()

    class Meta:
        table_name = "candles"
        primary_key = CompositeKey("series", "ts")
        without_rowid = True


class OptionChain(Model):
    """One strike of one expiry when it was known. Open interest and volume in units; ``expiry`` is YYYYMMDD."""

    series = IntegerField()
    ts = IntegerField()
    expiry = IntegerField()
    strike = FloatField()
    ce_ltp = real()
    ce_oi = real()
    ce_volume = real()
    ce_iv = real()
    ce_oi_change = real()
    pe_ltp = real()
    pe_oi = real()
    pe_volume = real()
    pe_iv = real()
    pe_oi_change = real()
    spot = real()
    source = IntegerField()

    class Meta:
        table_name = "option_chain"
        primary_key = CompositeKey("series", "ts", "expiry", "strike")
        without_rowid = True


class FirstMarketStats(Model):
    """``market_stats`` as the first release makes it; what came later stands in ``MarketStats``."""

    series = IntegerField()
    ts = IntegerField()
    pcr = real()
    pcr_velocity = real()
    advances = real()
    declines = real()
    oi_wall_above = real()
    oi_wall_below = real()
    max_pain = real()
    ce_oi_change = real()
    pe_oi_change = real()
    smart_trend = IntegerField(null=True)
    total_oi = real()
    spot = real()
    source = IntegerField()

    class Meta:
        table_name = "market_stats"
        primary_key = CompositeKey("series", "ts")
        without_rowid = True


class MarketStats(FirstMarketStats):
    """What was known about one underlying at ``ts``: chain measures, breadth, the at-the-money call."""

    atm_iv = real()
    atm_delta = real()
    atm_gamma = real()
    atm_theta = real()
    atm_vega = real()

    class Meta:
        table_name = "market_stats"
        primary_key = CompositeKey("series", "ts")
        without_rowid = True


class MarketDepthHistory(Model):
    """The table other programs read; its shape is a contract."""

    timestamp = IntegerField()
    symbol = TextField()
    rvol = real()
    pcr = real()
    adv_dec_ratio = real()

    class Meta:
        table_name = "market_depth_history"
        primary_key = CompositeKey("timestamp", "symbol")


class Alerts(Model):
    """What the screener said: ADD or REMOVE, with the row that says why."""

    ts = IntegerField()
    symbol = TextField()
    action = TextField()
    rvol = real()
    change_from_open = real()
    momentum_score = real()
    adx = real()
    atr = real()
    macd = real()
    change = real()

    class Meta:
        table_name = "screener_alerts"
        primary_key = CompositeKey("ts", "symbol", "action")
        without_rowid = True


class FirstSentimentHistory(Model):
    """``sentiment`` as the first release makes it; what came later stands in ``SentimentHistory``."""

    ts = IntegerField()
    symbol = TextField()
    regime = IntegerField()
    pcr = real()
    pcr_velocity = real()
    advances = real()
    declines = real()
    oi_wall_above = real()
    oi_wall_below = real()

    class Meta:
        table_name = "sentiment"
        primary_key = CompositeKey("ts", "symbol")
        without_rowid = True


class SentimentHistory(FirstSentimentHistory):
    """The mood in force from ``ts`` on."""

    ce_oi_change = real()
    pe_oi_change = real()
    max_pain = real()
    smart_trend = IntegerField(null=True)
    total_oi = real()

    class Meta:
        table_name = "sentiment"
        primary_key = CompositeKey("ts", "symbol")
        without_rowid = True


class Orders(Model):
    """Orders with their last known state; ``tag`` is our own id, written before the order is sent."""

    tag = TextField(primary_key=True)
    ts = IntegerField(index=True)
    symbol = TextField()
    side = IntegerField()
    quantity = IntegerField()
    filled = IntegerField()
    price = real()
    average_price = real()
    status = TextField()
    broker_id = TextField(null=True)
    strategy = TextField(null=True)
    reason = TextField(null=True)

    class Meta:
        table_name = "orders"


class Trades(Model):
    """Closed positions. Money in paise, exact."""

    id = TextField(primary_key=True)
    entry_ts = IntegerField(index=True)
    exit_ts = IntegerField()
    symbol = TextField()
    instrument = TextField()
    strategy = TextField()
    side = IntegerField()
    quantity = IntegerField()
    entry_price = FloatField()
    exit_price = FloatField()
    exit_reason = TextField()
    gross_paise = IntegerField()
    charges_paise = IntegerField()

    class Meta:
        table_name = "trades"


class ActorEvents(Model):
    """Starts, stops, failures and restarts of actors."""

    ts = IntegerField(index=True)
    actor = TextField()
    event = TextField()
    detail = TextField(null=True)

    class Meta:
        table_name = "actor_events"


class Quarantines(Model):
    """From ``ts`` on two sources disagreed about a symbol's price, or agreed again; both prices decided it."""

    ts = IntegerField()
    symbol = TextField()
    quarantined = IntegerField()
    ours = FloatField()
    reference = FloatField()
    source = TextField()

    class Meta:
        table_name = "quarantines"
        primary_key = CompositeKey("ts", "symbol")
        without_rowid = True


FIRST_SHARD_TABLES: tuple[type[Model], ...] = (
    *(Properties, Series, Sources, Candles, OptionChain, FirstMarketStats, MarketDepthHistory),
    *(Alerts, FirstSentimentHistory, Orders, Trades, ActorEvents),
)
"""As the first release makes them."""
_LATER: dict[type[Model], type[Model]] = {FirstMarketStats: MarketStats, FirstSentimentHistory: SentimentHistory}
SHARD_TABLES: tuple[type[Model], ...] = (*(_LATER.get(table, table) for table in FIRST_SHARD_TABLES), Quarantines)
"""As they are after every migration."""
