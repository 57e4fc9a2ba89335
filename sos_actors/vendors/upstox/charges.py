"""What Upstox says an order costs: an oracle for our own table of charges."""

from __future__ import annotations

from dataclasses import dataclass

from upstox_client import ChargeApi

from sos_actors.types import Side
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.connection import UpstoxConnection


@dataclass(frozen=True, slots=True)
class OrderCharges:
    """The charges of one order, rupees; None where Upstox gives none."""

    total: float
    brokerage: float
    gst: float
    stt: float
    stamp: float
    exchange: float | None
    clearing: float | None
    ipft: float | None
    sebi: float | None


class UpstoxCharges:
    """Asks for the charges of an order that need not exist. Thread-safe."""

    def __init__(self, connection: UpstoxConnection) -> None:
        self._connection = connection
        self._api = ChargeApi(connection.sdk)

    def charges(
        self, instrument_key: str, side: Side, quantity: int, price: float, product: str = "I"
    ) -> OrderCharges:
        """The charges of one executed order; ``quantity`` in units, ``price`` in rupees.

        Raises:
            VendorError: no answer that is data.
        """
        method = self._api.get_brokerage
        document = self._connection.call(method, instrument_key, quantity, product, side.name, price, "2.0")
        return order_charges(document["data"])


def order_charges(data: object) -> OrderCharges:
    """The charges of an answer.

    Raises:
        VendorAnswerError: they cannot be read.
    """
    what = "The charges"
    row = fields.mapping(fields.mapping(data, what).get("charges"), what)
    taxes = fields.mapping(row.get("taxes"), what)
    others = fields.mapping(row.get("other_charges") or row.get("otherTaxes") or {}, what)
    return OrderCharges(
        total=fields.number(row, "total", what),
        brokerage=fields.number(row, "brokerage", what),
        gst=fields.number(taxes, "gst", what),
        stt=fields.number(taxes, "stt", what),
        stamp=fields.number(taxes, "stamp_duty", what),
        exchange=fields.number_or_none(others, "transaction", what),
        clearing=fields.number_or_none(others, "clearing", what),
        ipft=fields.number_or_none(others, "ipft", what),
        sebi=fields.number_or_none(others, "sebi_turnover", what),
    )
