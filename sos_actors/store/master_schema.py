"""The tables of the master, as peewee models: instruments, holidays, runs, which days are complete."""
# ruff: noqa: D106

from __future__ import annotations

from peewee import CompositeKey, IntegerField, Model, TextField

from sos_actors.store.schema import Properties, real


class Instruments(Model):
    """The instrument master of the last refresh."""

    symbol = TextField(primary_key=True)
    instrument_key = TextField(index=True, null=True)
    exchange_token = TextField(null=True)
    segment = TextField()
    lot_size = IntegerField(null=True)
    tick_size = real()
    freeze_quantity = IntegerField(null=True)
    underlying = TextField(null=True)
    expiry = IntegerField(null=True)
    strike = real()
    option_type = TextField(null=True)
    isin = TextField(null=True)

    class Meta:
        table_name = "instruments"


class Holidays(Model):
    """Holidays and special sessions the broker's API told us beyond the package's table."""

    day = TextField(primary_key=True)
    name = TextField()
    source = TextField()

    class Meta:
        table_name = "holidays"


class Runs(Model):
    """Every backtest and replay: what ran, over what data, with which result."""

    id = TextField(primary_key=True)
    created = TextField()
    kind = TextField()
    config = TextField()
    strategies = TextField()
    fingerprint = TextField()
    summary = TextField()

    class Meta:
        table_name = "runs"


class Days(Model):
    """How many rows of a day are stored and how many a full session has."""

    symbol = TextField()
    day = TextField()
    kind = TextField()
    rows = IntegerField()
    expected = IntegerField()
    source = TextField()

    class Meta:
        table_name = "days"
        primary_key = CompositeKey("symbol", "day", "kind")
        without_rowid = True


MASTER_TABLES: tuple[type[Model], ...] = (Properties, Instruments, Holidays, Runs, Days)
