"""The text of a failing run, line by line: what is held where, and what the other tasks do."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import FrameType
from typing import Any

import socketio
from socketio.async_manager import AsyncManager

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._server import schedule as server
from asgi_sio_testclient.schedules._frames import Frames, Owner, Site, awaited, names_of, place
from asgi_sio_testclient.schedules._loop import ScheduleLoop
from asgi_sio_testclient.schedules._packets import CALL, Network
from asgi_sio_testclient.schedules._schedule import START
from asgi_sio_testclient.trace import Note, active

__all__ = ["Hold", "Story", "last_line"]

__tracebackhide__ = True

_SHOWN = 60  # characters of a packet
_BEFORE = 6  # the most lines before the first hold
_MOST = 40  # the most lines in all
_TRIGGER_EVENT = socketio.AsyncServer._trigger_event.__code__
_TRIGGER_CALLBACK = AsyncManager.trigger_callback.__code__
_EVENT = re.compile(r'(?:42|45\d+-)(?:(/[^,]*),)?\d*\["((?:[^"\\]|\\.)*)"')
_CONNECT = re.compile(r"40(?:(/[^,]*),)?")
# The server's JSON module may sort the keys, and put spaces between them, as Flask's does.
_CONNECTED = re.compile(r'40(?:(/[^,]*),)?\{.*?"sid":\s*"([^"]+)"')
_EXIT = TestClient.__aexit__.__code__


@dataclass(frozen=True)
class Hold:
    """One hold of a schedule.

    Attributes:
        what: what is held: a packet of a client, a handler of a client, a task, or the test.
        where: the line of the app as FILE:LINE; "" for a packet.
        source: the source of that line; "" for a packet.
        seconds: the length of the hold; 0 if the hold is counted in turns.
        turns: the length of the hold in turns of the event loop.
    """

    what: str
    where: str
    source: str
    seconds: float
    turns: int = 0

    def __str__(self) -> str:
        at = f" ({self.where}, `{self.source}`)" if self.where else ""
        return f"{self.what}{at} is held {self.length}"

    @property
    def length(self) -> str:
        """The length of the hold, in words."""
        if self.turns:
            return f"for {self.turns} turns of the event loop"
        if self.seconds < _INSTANT:
            return "until nothing else is ready"
        return f"{self.seconds:.4g} s"


_INSTANT = 1e-4  # seconds


class Story:
    """Records the events of one run, and renders them as text.

    Args:
        frames: distinguishes the app's code from libraries.
        loop: the event loop of the run.
        network: the connections of the run.
        main: the task of the test.

    Attributes:
        holds: the holds in the order in which they began.
        handlers: the app's functions that were called for packets.
        text: the lines, the last with the error; "" before the end, and after a run without error.
    """

    def __init__(
        self, frames: Frames, loop: ScheduleLoop, network: Network, main: asyncio.Task[Any]
    ) -> None:
        self.holds: list[Hold] = []
        self.handlers: list[Any] = []
        self._short_sleep = ""  # where the test last slept while something was held
        self.text = ""
        self._frames = frames
        self._loop = loop
        self._network = network
        self._main = main
        self._lines: list[tuple[float, str, bool]] = []
        self._failed: tuple[BaseException, float, int] | None = None
        self._names: dict[asyncio.Task[Any], str] = {}
        self._alike: Counter[str] = Counter()
        self._clients: dict[tuple[str, str], int] = {}
        self._last: tuple[str, str] | None = None

    def __call__(self, kind: str, *what: Any) -> None:
        handler: Callable[..., None] = getattr(self, f"_{kind}")
        handler(*what)

    # -- what happens

    def _delay(self, client: int | None, text: str, length: float) -> None:
        self._held(self._packet(client, text), ("", ""), length, self._loop.time())

    def _arrives(self, client: int | None, text: str, eio: Any) -> None:
        self._find_failure()
        started = list(self._started(text, eio))
        routine = text.startswith(("a websocket", "the websocket", "40", "GET /socket.io"))
        if not routine or started:
            suffix = f": {', '.join(started)}" if started else ""
            self._add(f"{self._packet(client, text)} arrives{suffix}")

    def _find_failure(self) -> None:
        """Record when the scenario failed, if an exit of a client handles the exception now."""
        exits = (frame for frame in awaited(self._main) if frame.f_code is _EXIT)
        error = next((frame.f_locals["exc"] for frame in exits), None)
        if error is not None and (self._failed is None or self._failed[0] is not error):
            self._failed = error, self._loop.time(), len(self._lines)

    def _sent(self, client: int | None, text: str) -> None:
        connected = _CONNECTED.match(text)
        if connected is not None and client is not None:
            self._clients[connected[2], connected[1] or "/"] = client
        frames = [frame for frame in text.split("\x1e") if frame.startswith(("42", "43", "45"))]
        if frames and client is not None:
            self._add(f"{_short(' '.join(frames))} is sent to client {client}")

    def _step(self, task: asyncio.Task[Any], frames: Sequence[FrameType], site: Site) -> None:
        sleeps = any(frame.f_code is asyncio.sleep.__code__ for frame in frames)
        where, source = self._shown(task, frames)
        exits = any(frame.f_code.co_name == "__aexit__" for frame in frames)
        if task is self._main and not exits:
            asserts_early = sleeps and not site.inside_client and self._loop.holds_something
            self._short_sleep = f"{where}, `{source}`" if asserts_early else ""
        if not site.inside_client:
            self._add_once(self._who(task, frames), f"goes on ({where}, `{source}`)")

    def _hold(
        self, task: asyncio.Task[Any], frames: Sequence[FrameType], length: float, when: float
    ) -> None:
        self._held(self._who(task, frames), self._shown(task, frames), length, when)

    def _held(self, who: str, at: tuple[str, str], length: float, when: float) -> None:
        hold = Hold(who, *at, max(0.0, length), int(max(0.0, -length)))
        self.holds.append(hold)
        recording = active()
        if recording is not None:
            recording.notes.append(Note(perf_counter(), str(hold), "hold"))
        self._lines.append((when, str(hold), True))
        self._last = None

    def _add_once(self, who: str, what: str) -> None:
        if self._last != (who, what):
            self._add(f"{who} {what}")
            self._last = who, what

    def _add(self, line: str) -> None:
        self._lines.append((self._loop.time(), line, False))
        self._last = None

    # -- in words

    def _packet(self, client: int | None, text: str) -> str:
        of = "" if client is None else f" of client {client}"
        if text.startswith(("a websocket", "the websocket")):
            return (
                f"the websocket{of}" if text == "a websocket" else f"the end of the websocket{of}"
            )
        if text.startswith("41"):
            of += _DISCONNECTING
        what = "packet" if text[:1].isdigit() or text.startswith("<") else "request"
        masked = re.sub(r"^(40(?:/[^,{]*,)?)\{.*", r"\1{***}", text)
        return f"{what} {_short(masked)}{of}"

    def _started(self, text: str, eio: Any) -> Iterator[str]:
        """Yield a text for each handler that is called for a packet."""
        if eio is None or not text[:1].isdigit():
            return
        events = [(match[2], match[1] or "/") for match in _EVENT.finditer(text)]
        connect = _CONNECT.match(text)
        if connect is not None:
            events.append(("connect", connect[1] or "/"))
        for event, namespace in events:
            function = server.handler_of(eio, event, namespace)
            where = _definition(function)
            if where:
                self.handlers.append(function)
                yield f"handler `{event}` ({where})"

    def _shown(self, task: asyncio.Task[Any], frames: Sequence[FrameType]) -> tuple[str, str]:
        line = self._loop.recorder.line(frames, of_test=task is self._main)
        return names_of(place(line))

    def _who(self, task: asyncio.Task[Any], frames: Sequence[FrameType]) -> str:
        if task is self._main:
            return "the test"
        return self._handler(frames) or self._other(task)

    def _handler(self, frames: Sequence[FrameType]) -> str:
        for frame in frames:
            if frame.f_code is _TRIGGER_EVENT:
                return self._event(frame.f_locals)
            if frame.f_code is _TRIGGER_CALLBACK:
                return "the callback of an ack"
        return ""

    def _event(self, values: dict[str, Any]) -> str:
        event, namespace, args = values["event"], values["namespace"], values["args"]
        sid = next((arg for arg in args if isinstance(arg, str) and arg != event), "")
        named = f"handler `{event}`" if event not in _RESERVED else f"the {event} handler"
        return f"{named}{self._of(sid, namespace, values['self'])}"

    def _of(self, sid: str, namespace: str, sio: Any) -> str:
        eio_sid = server.eio_sid_of(sio, sid, namespace)
        if eio_sid is not None:
            self._clients[sid, namespace] = self._network.client(eio_sid)
        known = self._clients.get((sid, namespace))
        return "" if known is None else f" of client {known}"

    def _other(self, task: asyncio.Task[Any]) -> str:
        coroutine: Any = task.get_coro()
        if getattr(coroutine, "cr_code", None) is CALL:
            scope = coroutine.cr_frame.f_locals["self"].scope
            return f"request {scope.get('method', '')} {scope['path']}"
        if task not in self._names:
            name = str(getattr(coroutine, "__qualname__", coroutine)).rpartition(".")[2]
            self._alike[name] += 1
            number = self._alike[name]
            self._names[task] = f"task `{name}`" if number == 1 else f"task `{name}` no. {number}"
        return self._names[task]

    # -- the whole

    def end(self, error: BaseException | None) -> None:
        """Record the end of the scenario, and make the text if the scenario failed."""
        if error is None:
            return
        end, seen = self._loop.time(), len(self._lines)
        if self._failed is not None and self._failed[0] is error:
            _, end, seen = self._failed  # later lines are from the exits of the clients
        self.text = self._text(error, end, self._lines[:seen])

    def _text(
        self, error: BaseException, end: float, noted: Sequence[tuple[float, str, bool]]
    ) -> str:
        """Return the lines around the holds, with the error at the end."""
        lines = sorted((line for line in noted if line[0] <= end), key=_time_of)
        while lines and lines[-1][1].endswith(_DISCONNECTS):
            del lines[-1]  # the error was raised at the exit
        first = next((n for n, (_, _, held) in enumerate(lines) if held), 0)
        shown = [
            f"{when - START:9.3f} s  {line}" for when, line, _ in lines[max(0, first - _BEFORE) :]
        ]
        if len(shown) > _MOST:
            half = _MOST // 2
            shown[half:-half] = [f"            ({len(shown) - _MOST} lines more)"]
        where, source = last_line(error, self._frames)
        broke = f"{type(error).__name__}: {_first_line(error)}".removesuffix(": ")
        at = f" ({where}, `{source}`)" if where else ""
        return "\n".join([*shown, f"{end - START:9.3f} s  {broke}{at}"])

    def hint(self) -> str:
        """Return a hint if the test slept, and asserted while something was held; else ""."""
        if not self._short_sleep:
            return ""
        return (
            f"the test's own sleep was too short ({self._short_sleep}): the test asserted while "
            "something was still held. Wait for the result instead: settle(), await_event(), call()"
        )


_RESERVED = {"connect", "disconnect"}
_DISCONNECTING = " (it disconnects)"
_DISCONNECTS = f"{_DISCONNECTING} arrives"


def _time_of(line: tuple[float, str, bool]) -> float:
    return line[0]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _first_line(error: BaseException) -> str:
    return _short((str(error).splitlines() or [""])[0])


def _definition(function: Any) -> str:
    """Return the place of a handler's ``def`` as FILE:LINE; "" for what is no function."""
    function = inspect.unwrap(function) if callable(function) else function
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return ""
    line = code.co_firstlineno
    while line and linecache.getline(code.co_filename, line).lstrip().startswith("@"):
        line += 1
    return names_of((code.co_filename, line))[0]


def last_line(error: BaseException, frames: Frames) -> tuple[str, str]:
    """Return the innermost line of the app or the test in an exception's traceback: FILE:LINE and
    the source; two "" without such a line.
    """
    found, traceback = ("", ""), error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if frames.owner(code) is Owner.APP:
            found = names_of((code.co_filename, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found
