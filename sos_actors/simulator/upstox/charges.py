"""What an order will cost: brokerage with its taxes, and the margin it blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.upstox.answers import UpstoxRefusal, moment, success
from sos_actors.simulator.upstox.asked import KEY, DayList, json_object
from sos_actors.simulator.upstox.positions import Need, need_of_unit
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World
from sos_actors.types import Segment, Side

_MOST_INSTRUMENTS: Final = 20


class ChargeCalls:
    """Serves brokerage and margins.

    Args:
        world: the market and what time it is.
        listed: what is listed.
    """

    def __init__(self, world: World, listed: DayList) -> None:
        self._world, self._listed = world, listed
        self._table = ChargeTable.default()

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_get("/v2/charges/brokerage", self._brokerage)
        app.router.add_post("/v2/charges/margin", self._margin)

    async def _brokerage(self, request: web.Request) -> web.Response:
        query = request.query
        quantity = _number(query, "quantity", "UDAPI1060", "UDAPI1064", "The quantity")
        price = _number(query, "price", "UDAPI1061", "UDAPI1065", "The price")
        side = _text(query, "transaction_type", "UDAPI1062")
        product = _text(query, "product", "UDAPI1063")
        key = query.get("instrument_token", "")
        if KEY.fullmatch(key) is None:
            raise UpstoxRefusal(400, "UDAPI1059", "The instrument_token is of invalid format", value=key)
        day = indian_day(moment(self._world, request.path))
        listing = self._listed.find(key, day)
        bought = int(quantity) if side == "BUY" else 0
        costs = self._table.itemise(day, _kind(listing, product), price, bought, price, int(quantity) - bought)
        lines = costs.in_rupees()
        other = {
            "transaction": lines["exchange"],
            "clearing": 0.0,
            "ipft": lines["ipft"],
            "sebi_turnover": lines["sebi"],
        }
        plan = {"name": "FREE", "min_expense": 0.0}
        charges = {
            "total": lines["total"],
            "brokerage": lines["brokerage"],
            "taxes": {"gst": lines["gst"], "stt": lines["stt"], "stamp_duty": lines["stamp"]},
            "other_charges": other,
            "dp_plan": plan,
            "otherTaxes": other,
            "dpPlan": plan,
        }
        return success({"charges": charges})

    async def _margin(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        wanted = document.get("instruments")
        if not isinstance(wanted, list) or not wanted or not all(isinstance(each, dict) for each in wanted):
            raise UpstoxRefusal(400, "UDAPI1099", "The instrument key is required", field="instruments")
        if len(wanted) > _MOST_INSTRUMENTS:
            raise UpstoxRefusal(400, "UDAPI1102", "The instrument limit has been exceeded", field="instruments")
        if len({each.get("instrument_key") for each in wanted}) < len(wanted):
            raise UpstoxRefusal(400, "UDAPI1103", "Instrument key cannot be duplicated", field="instruments")
        now = moment(self._world, request.path)
        margins = [self._margin_of(each, now) for each in wanted]
        total = round(sum(margin["total_margin"] for margin in margins), 2)
        return success({"margins": margins, "required_margin": total, "final_margin": total})

    def _margin_of(self, wanted: Mapping[str, Any], now: int) -> dict[str, float]:
        quantity = wanted.get("quantity")
        side, product = wanted.get("transaction_type"), wanted.get("product")
        if quantity is None:
            raise UpstoxRefusal(400, "UDAPI1097", "The quantity is required", field="quantity")
        if not isinstance(quantity, int) or quantity <= 0:
            raise UpstoxRefusal(400, "UDAPI1096", "Quantity cannot be less than or equal to zero", field="quantity")
        if not product:
            raise UpstoxRefusal(400, "UDAPI1100", "The product is required", field="product")
        if side not in ("BUY", "SELL"):
            raise UpstoxRefusal(400, "UDAPI1101", "The transaction_type is required", field="transaction_type")
        key = wanted.get("instrument_key")
        if not isinstance(key, str) or KEY.fullmatch(key) is None:
            raise UpstoxRefusal(400, "UDAPI1098", "The instrument_token is of invalid format", value=key)
        listing = self._listed.find(key, indian_day(now))
        if listing.lot and quantity % listing.lot:
            raise UpstoxRefusal(400, "UDAPI1104", "Quantity should be multiple of lot size", field="quantity")
        price = wanted.get("price") or self._world.market.state(listing, now).ltp
        need = self._blocked(listing, quantity, float(price), Side[side], str(product), now)
        return {
            "span_margin": round(need.span, 2),
            "exposure_margin": round(need.exposure, 2),
            "equity_margin": round(need.equity + need.delivery, 2),
            "net_buy_premium": round(need.premium, 2),
            "additional_margin": 0.0,
            "total_margin": round(need.total, 2),
            "tender_margin": 0.0,
        }

    def _blocked(self, listing: Listing, quantity: int, price: float, side: Side, product: str, now: int) -> Need:
        """What the exchange's simulated account would block for the order."""
        underlying = self._listed.get(listing.underlying_key, indian_day(now)) if listing.underlying_key else None
        level = self._world.market.state(underlying, now).ltp if underlying else price
        return need_of_unit(listing, side, product, price, level).times(quantity)


def _kind(listing: Listing, product: str) -> ChargeKind:
    if listing.segment is Segment.FO:
        return ChargeKind.OPTION if listing.option_type is not None else ChargeKind.FUTURE
    return ChargeKind.EQUITY_INTRADAY if product == "I" else ChargeKind.EQUITY_DELIVERY


def _text(query: Mapping[str, str], name: str, code: str) -> str:
    text = query.get(name)
    if not text:
        raise UpstoxRefusal(400, code, f"The {name} is required", field=name)
    return text


def _number(query: Mapping[str, str], name: str, missing: str, zero: str, spoken: str) -> float:
    try:
        number = float(query[name])
    except KeyError as error:
        raise UpstoxRefusal(400, missing, f"{spoken} is required", field=name) from error
    except ValueError as error:
        raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input", field=name, value=query[name]) from error
    if not 0 < number < math.inf:
        raise UpstoxRefusal(400, zero, f"{spoken} cannot be zero", field=name, value=query[name])
    return number
