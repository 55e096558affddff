"""Handlers that fail for some lists or for optional fields of models, and correct handlers."""

import dataclasses
import enum
from typing import Annotated, Literal, TypedDict

import pydantic
import socketio

sio = socketio.AsyncServer(async_mode="asgi")
crashing = socketio.ASGIApp(sio)
sound_sio = socketio.AsyncServer(async_mode="asgi")
sound = socketio.ASGIApp(sound_sio)


class Address(pydantic.BaseModel):
    street: str


class Customer(pydantic.BaseModel):
    name: str
    address: Address | None = None


class Basket(pydantic.BaseModel):
    customer: Customer
    items: list[Annotated[int, pydantic.Field(ge=0, le=5)]]
    kind: Literal["gift", "plain"] = "plain"


class Options(TypedDict, total=False):
    limit: int
    order: Literal["asc", "desc"]


class Side(enum.Enum):
    BUY = "buy"
    SELL = "sell"


@dataclasses.dataclass
class Leg:
    side: Side
    count: int


@sio.event
async def equal_items(sid, rows):
    try:
        keys = [row["key"] for row in rows]
    except (TypeError, KeyError):
        return "no rows"
    if len({repr(key) for key in keys}) != len(keys):
        raise LookupError("the same key twice")
    return len(keys)


@sio.event
async def items_that_differ(sid, data):
    try:
        legs = [Leg(Side(leg["side"]), int(leg["count"])) for leg in data["legs"]]
    except (TypeError, KeyError, ValueError, OverflowError):
        return "no legs"
    sold = sum(leg.count for leg in legs if leg.side is Side.SELL)
    bought = sum(leg.count for leg in legs if leg.side is Side.BUY)
    return sold / (sold - bought) if sold else 0


@sio.event
async def many_items(sid, names: list[str]):
    if not isinstance(names, list):
        return "no list"
    if len(names) > 12:
        raise MemoryError("too many")
    return len(names)


@sio.event
async def a_part_left_out(sid, data):
    try:
        basket = Basket.model_validate(data)
    except pydantic.ValidationError as error:
        return error.error_count()
    return basket.customer.address.street if basket.kind == "gift" else "plain"


@sio.event
async def a_key_left_out(sid, options: Options):
    if not isinstance(options, dict) or options.get("order") != "desc":
        return "as it is"
    return -options["limit"]


@sio.event
async def deep_in_the_second(sid, name, options):
    return options.get("page", {}).get("size", 10) + 1 if isinstance(options, dict) else name


@sound_sio.event
async def validated(sid, data=None):
    try:
        return Basket.model_validate(data).customer.name
    except pydantic.ValidationError as error:
        return error.error_count()


@sound_sio.event
async def any_list(sid, names: list[str]):
    if not isinstance(names, list):
        return "no list"
    return len({repr(name) for name in names[:12]})


@sound_sio.event
async def any_options(sid, options: Options):
    return options.get("limit", 10) if isinstance(options, dict) else "no options"
