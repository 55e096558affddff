"""An app for the tests of the fuzzer: handlers with one fault each, and correct handlers."""

import asyncio
import dataclasses
import datetime
import enum
import json
import time
from typing import Literal, TypedDict

import socketio

CRASHING = socketio.AsyncServer(async_mode="asgi")
SOUND = socketio.AsyncServer(async_mode="asgi")
crash, sound = CRASHING.event, SOUND.event

PRICES = {"tea": 3, "cake": 0}


# -- handlers with one fault each


@crash
async def missing_key(sid, data):
    if isinstance(data, dict):
        return data["room"]


@crash
async def wrong_type(sid, text):
    return text.upper()


@crash
async def none_name(sid, data):
    if isinstance(data, dict) and "name" in data:
        return len(data["name"].strip())


@crash
async def average(sid, data):
    if not isinstance(data, dict) or not isinstance(data.get("numbers"), list):
        return {"error": "numbers expected"}
    numbers = data["numbers"]
    if not all(isinstance(number, int) for number in numbers):
        return {"error": "only numbers"}
    return sum(numbers) / len(numbers)


@crash
async def negative(sid, count):
    if not isinstance(count, int) or count > 100:
        return {"error": "bad count"}
    return [0] * 5 if count >= 0 else [][count]


@crash
async def divides(sid, data):
    match data:
        case {"total": int(total), "people": int(people)} if total > 0:
            return total // people
    return "bad"


@crash
async def unicode(sid, text):
    if isinstance(text, str):
        return text.encode("utf-8").decode()


@crash
async def huge(sid, number):
    if isinstance(number, int) and number > 0:
        return datetime.datetime.fromtimestamp(number, datetime.UTC).year


@crash
async def deep(sid, tree):
    # With three frames per level, the recursion fails at fewer levels than the encoding of a
    # packet.
    def depth(node):
        return 1 + deepest(node) if isinstance(node, list) else 0

    def deepest(nodes):
        return max((depth(node) for node in nodes), default=0)

    return depth(tree)


@crash
async def magic(sid, command):
    if command == "selfdestruct-7781":
        raise RuntimeError("boom")


@crash
async def magic_in_a_table(sid, item):
    if isinstance(item, str) and item in PRICES:
        return 10 / PRICES[item]


@crash
async def number_in_text(sid, data):
    if isinstance(data, dict) and isinstance(data.get("page"), str) and data["page"]:
        return int(data["page"])


@crash
async def index(sid, words):
    if isinstance(words, str):
        return words.split()[0]


@crash
async def hangs_for_good(sid, data):
    if data == "wait":
        await asyncio.Event().wait()


@crash
async def never_rests(sid, steps):
    if isinstance(steps, int) and not isinstance(steps, bool):
        while steps != 0 and steps < 1000:
            steps += 1 if steps > 0 else -1


@crash
async def spins(sid, flag):
    while flag is True:
        await asyncio.sleep(0)


@crash
async def sleeps_for_good(sid, flag):
    while flag is None:
        await asyncio.sleep(30)


@crash
async def second_call(sid, name):
    async with CRASHING.session(sid) as session:
        if "name" in session:
            raise RuntimeError("named already")
        session["name"] = str(name)[:5]


TIMES = []


@crash
async def second_time_for_all(sid):
    TIMES.append(sid)
    if len(TIMES) % 2 == 0:
        raise LookupError("every second time")


@crash
def sync_handler(sid, a, b=1):
    return a + b


class Order(TypedDict):
    kind: Literal["small", "large"]
    lines: list[dict[str, int]]


@crash
async def annotated(sid, order: Order):
    if not isinstance(order, dict) or order.get("kind") not in ("small", "large"):
        return "bad kind"
    if not isinstance(order.get("lines"), list) or not order["lines"]:
        return "no lines"
    return sum(line["quantity"] for line in order["lines"])


@crash
async def background(sid, data):
    async def later():
        return data["x"]

    CRASHING.start_background_task(later)


@crash
async def answer_that_is_no_json(sid, data):
    return {1, 2} if data == [] else None


@CRASHING.on("*", namespace="/any")
async def anything(event, sid, *args):
    if event == "open sesame" and args:
        raise PermissionError(event)


@CRASHING.event(namespace="/auth")
async def connect(sid, environ, auth):
    if auth and auth["token"] == "x":
        return


class Chat(socketio.AsyncNamespace):
    async def on_join(self, sid, data):
        return self.room(data)

    def room(self, data):
        if not isinstance(data, dict):
            return None
        return data["room"][0]


CRASHING.register_namespace(Chat("/chat"))


# -- correct handlers


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: int


@sound
async def validates(sid, data):
    try:
        room = str(data["room"])
    except (KeyError, TypeError, IndexError):
        return {"error": "bad room"}
    return {"room": room.encode("utf-8", "replace")}


@sound
async def echo(sid, *args):
    return args


@sound
async def passes_on(sid, data):
    await SOUND.emit("passed", data)
    json.dumps(data, default=repr)
    return data


@sound
async def leaves(sid, data):
    await SOUND.disconnect(sid)


@sound
async def sleeps(sid, seconds):
    await asyncio.sleep(3600)
    return "slept"


@sound
async def answers_late(sid, data):
    async def later():
        await asyncio.sleep(120)
        await SOUND.emit("late", to=sid)

    SOUND.start_background_task(later)


@sound
async def ticks(sid, data):
    async def forever():
        while True:
            await asyncio.sleep(5)

    SOUND.start_background_task(forever)


@sound
async def asks_back(sid, data):
    return await SOUND.call("sure?", data if isinstance(data, str) else "", to=sid)


@sound
def sync_sound(sid, data=None):
    return isinstance(data, dict)


@sound
async def in_a_thread(sid, data):
    return await asyncio.to_thread(lambda: isinstance(data, str))


@sound
async def waits_for_a_thread(sid, data):
    await asyncio.to_thread(time.sleep, 0.001)


@sound
async def polls(sid, data):
    done = []
    asyncio.get_running_loop().call_later(0.5, done.append, 1)
    while not done:
        await asyncio.sleep(0)


@sound
async def colour(sid, name: Colour):
    try:
        return Colour(name).value
    except ValueError:
        return "no colour"


@sound
async def point(sid, data: Point):
    try:
        x, y = data["x"], data["y"]
    except (KeyError, TypeError, IndexError):
        return "no point"
    return x if isinstance(x, int) and isinstance(y, int) else "no point"


@sound
async def no_arguments(sid):
    return 1


@sound
async def rooms(sid, room):
    if isinstance(room, str) and len(room) < 50:
        await SOUND.enter_room(sid, room)
        await SOUND.emit("joined", room, room=room)


@SOUND.event
async def connect(sid, environ, auth):
    if auth is not None and not isinstance(auth, dict):
        raise socketio.exceptions.ConnectionRefusedError("auth must be a mapping")


@SOUND.event
async def disconnect(sid, reason):
    pass


crashing = socketio.ASGIApp(CRASHING)
all_sound = socketio.ASGIApp(SOUND)
