"""Handlers that check their arguments, and fail after the check."""

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import ipaddress
import json
import re
import uuid
from typing import Annotated, NotRequired, TypedDict

import pydantic
import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)

CODE = re.compile(r"[A-Z]{2}-\d{3}")
NO = "expected something else"


class Item(pydantic.BaseModel):
    code: Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Z]{2}-\d{3}$")]
    when: dt.datetime
    price: decimal.Decimal
    label: str = pydantic.Field(min_length=3, max_length=5)


ITEMS = pydantic.TypeAdapter(list[Item])


class Transfer(pydantic.BaseModel):
    source: int
    target: int
    amount: float = pydantic.Field(gt=0)


ACCOUNTS = {1: 100.0, 2: 50.0}


class Profile(TypedDict):
    name: str
    age: NotRequired[int]
    tags: list[str]


@dataclasses.dataclass
class Move:
    x: int
    piece: str = "p"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


NAMES = {Level.LOW: "low"}


def validated(model):
    def decorator(handler):
        @functools.wraps(handler)
        async def checked(sid, data):
            try:
                value = model.model_validate(data)
            except pydantic.ValidationError:
                return NO
            return await handler(sid, value)

        return checked

    return decorator


@sio.event
async def naive_and_aware(sid, data):
    try:
        items = ITEMS.validate_python(data)
    except pydantic.ValidationError:
        return NO
    return [item.code for item in items if item.when < dt.datetime.now(dt.UTC)]


@sio.event
async def price_of_nothing(sid, data):
    try:
        item = Item(**data)
    except (TypeError, pydantic.ValidationError):
        return NO
    return str(100 / item.price)


@sio.event
@validated(Transfer)
async def behind_a_decorator(sid, transfer):
    ACCOUNTS[transfer.source] -= transfer.amount


@sio.event
async def two_faults(sid, data: Profile):
    if not isinstance(data, dict) or not isinstance(data.get("tags"), list):
        return NO
    return data["age"] + 1 if "admin" in data["tags"] else None


@sio.event
async def a_json_text(sid, text):
    try:
        data = json.loads(text)
    except (TypeError, ValueError):
        return NO
    return data["kind"].upper() if isinstance(data, dict) else NO


@sio.event
async def a_leap_day(sid, text):
    try:
        day = dt.datetime.strptime(text, "%d.%m.%Y").replace(tzinfo=dt.UTC)
    except (TypeError, ValueError):
        return NO
    return day.replace(year=2023).isoformat()


@sio.event
async def a_pattern(sid, text):
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return NO
    return dt.date.fromisoformat(text).isoformat()


@sio.event
async def a_compiled_pattern(sid, text):
    if not isinstance(text, str) or not CODE.fullmatch(text):
        return NO
    return 1 / int(text[3:])


@sio.event
async def a_length(sid, text):
    if not isinstance(text, str) or len(text) != 36:
        return NO
    return str(uuid.UUID(text))


@sio.event
async def three_names(sid, names):
    if not isinstance(names, list) or len(names) != 3:
        return NO
    return "abc".index(names[0]) if isinstance(names[0], str) else NO


@sio.event
async def a_first_byte(sid, blob):
    if not isinstance(blob, bytes) or not blob:
        return NO
    kind = blob[0]
    return len(blob) // len(blob[5:]) if kind == 7 else kind


@sio.event
async def an_address(sid, text):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return NO
    return address.ipv4_mapped is None


@sio.event
async def bytes_in_a_text(sid, text):
    try:
        return base64.b64decode(text)[1]
    except (TypeError, ValueError):
        return NO


@sio.event
async def a_level(sid, value):
    if value not in [1, 9]:
        return NO
    return NAMES[Level(value)]


@sio.event
async def a_dataclass(sid, data: Move):
    if not isinstance(data, dict):
        return NO
    return Move(**data).x
