"""What a recorded value stands for: itself, a value that the server made up, or a secret."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from asgi_sio_testclient.har._steps import (
    Connect,
    Emit,
    Receive,
    Request,
    Script,
    Step,
)
from asgi_sio_testclient.trace import kind_of

__all__ = ["ANYTHING", "Capture", "Reference", "Secret", "Template", "Text", "Values"]

__tracebackhide__ = True

Path = tuple[Any, ...]
Template = Any  # a value in which the classes below may stand in the place of parts


class _Anything:
    """Stands for a value that the server made up and that never comes back."""

    def __repr__(self) -> str:
        return "ANY"


ANYTHING = _Anything()


@dataclass(frozen=True)
class Reference:
    """Stands for a value that the server made up earlier.

    Attributes:
        name: of the variable that has it; of a session id the expression: "client.sid".
    """

    name: str


@dataclass(frozen=True)
class Secret:
    """Stands for a value that is left out of the test.

    Attributes:
        name: of the constant.
        value: what was recorded.
    """

    name: str
    value: str


@dataclass(frozen=True)
class Text:
    """A text with values in it that the server made up.

    Attributes:
        parts: in order, each a str, a `Reference` or a `Secret`.
    """

    parts: tuple[Any, ...]


@dataclass(eq=False)
class Capture:
    """A value that is kept when it arrives.

    Attributes:
        name: of the variable.
        path: to it, from the arguments of the event or ack, or from the JSON of the response.
        value: as it was recorded.
    """

    name: str
    path: Path
    value: Any


@dataclass(eq=False)
class _Made:
    """A value that the server made up: where it came from, and whether it comes back."""

    value: Any
    key: str
    step: Step
    path: Path
    name: str = ""
    used: bool = False


_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd|secret|token|jwt|api_?-?key|^auth(orization)?$|credential"
    r"|session_?id|^session$|cookie|csrf|xsrf|^otp$|^pin$|signature",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID|Sid|Uuid|UUID)s?$")
_SNAKE_ID = re.compile(r"(^|[_-])(id|sid|uid|pk|uuid|guid)s?$", re.IGNORECASE)
_TIME_KEY = re.compile(
    r"(^|[_-])(time|timestamp|ts|at|date|now|created|updated|expires|on)$|[a-z](At|Time|Date|On)$"
)
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_RANDOM = re.compile(r"(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{16,}|[0-9a-f]{12,}")
# What comes back from the browser may be shorter: a code of a room, a number of an order.
_GENERATED = re.compile(
    r"(?=.*\d)[A-Za-z0-9_-]{4,}|[A-Z]{4,}|(?=.*[a-z])(?=.*[A-Z].*[A-Z])[A-Za-z_-]{6,}"
)
_CODE_KEY = re.compile(
    r"(^|[_-])(key|code|nonce|hash|etag|digest|slug|seed|salt|ref|ticket|invite)$", re.IGNORECASE
)
_NUMBERED, _ROUND = 1000, 50  # smaller and rounder ones are amounts, limits and pages
_EMBEDDED = 8  # characters that a text must have to be looked for within others
_NEAR = 3 * 24 * 3600  # seconds from the recording within which a number is a time
_SECONDS = 1000
_LARGE = 10
_LARGEST_DENOMINATOR = 1000
_ROUNDING = 1e-13


class Values:
    """Tells what each recorded value stands for.

    Two passes over the steps: the first finds the values that the server made up, the second
    (`captures` and `template`) is asked step by step.

    Args:
        script: the steps.
        with_secrets: whether secrets stand for themselves.
    """

    def __init__(self, script: Script, *, with_secrets: bool = False) -> None:
        self._script = script
        self._with_secrets = with_secrets
        self._sent: list[Any] = []
        self._comes_back: set[Any] = set()
        self._sids: dict[str, str] = {}
        self._made: dict[Any, _Made] = {}
        self._secrets: dict[str, Secret] = {}
        self._names: set[str] = {user.name for user in script.users}
        self._known: set[Any] = set()
        self._find()

    @property
    def secrets(self) -> list[Secret]:
        """The secrets that stand in the templates, in order of appearance."""
        return list(self._secrets.values())

    # -- the first pass

    def _find(self) -> None:
        self._comes_back = {
            _identity(value)
            for step in self._script.steps
            for value, _, _, sent in _leaves(step)
            if sent
        }
        for step in self._script.steps:
            for value, key, path, sent in _leaves(step):
                if sent:
                    self._see_sent(value, key)
                else:
                    self._see_received(value, key, path, step)
            if isinstance(step, Connect) and step.sid:
                name = step.user.name
                where = "sid" if step.namespace == "/" else f"get_sid({step.namespace!r})"
                self._sids.setdefault(step.sid, f"{name}.{where}")

    def _see_sent(self, value: Any, key: str) -> None:
        made = self._made_of(value, key, alone=key == "")
        if made is not None:
            made.used = True
        elif isinstance(value, str):
            for other in self._embedded_in(value):
                other.used = True
            if not self._is_secret(value, key):
                self._sent.append(value)
        else:
            self._sent.append(value)

    def _see_received(self, value: Any, key: str, path: Path, step: Step) -> None:
        if isinstance(value, str) and value in self._sids:
            return
        made = self._made_of(value, key, alone=_is_large(value))
        if made is not None:
            # Equal times are a coincidence, unless the browser sends one back.
            made.used = made.used or not self._is_moment(value, key)
        elif self._is_made_up(value, key):
            self._made[_identity(value)] = _Made(value, key, step, path)
        elif isinstance(value, str):
            for other in self._embedded_in(value):
                other.used = True

    def _made_of(self, value: Any, key: str, *, alone: bool) -> _Made | None:
        """What the server made up that a value is; a small number is one only where a key says so,
        or where it is all that an event carries.
        """
        made = self._made.get(_identity(value))
        if made is None or isinstance(value, str):
            return made
        same = key == made.key or self._is_number_of_something(value)
        return made if (alone and not key) or (key and same) or _is_id(key) else None

    def _embedded_in(self, text: str) -> Iterator[_Made]:
        for made in self._made.values():
            if isinstance(made.value, str) and len(made.value) >= _EMBEDDED and made.value in text:
                yield made

    def _is_made_up(self, value: Any, key: str) -> bool:
        if isinstance(value, bool) or value is None or value in self._sent:
            return False
        if isinstance(value, str):
            if kind_of(value) or _RANDOM.fullmatch(value) or _JWT.fullmatch(value):
                return True
            if _GENERATED.fullmatch(value) and (
                _identity(value) in self._comes_back or _CODE_KEY.search(key)
            ):
                return True
            return bool(value) and (_is_id(key) or bool(_SECRET_KEY.search(key)))
        if isinstance(value, int | float):
            numbered = isinstance(value, int) and _is_id(key)
            numbered = numbered or self._is_number_of_something(value)
            return numbered or self._is_time(value, key) or _is_measured(value)
        return False

    def _is_number_of_something(self, value: float) -> bool:
        """Whether the browser sends a number back that is too odd to have been chosen by hand."""
        odd = isinstance(value, int) and abs(value) >= _NUMBERED and value % _ROUND != 0
        return odd and _identity(value) in self._comes_back

    def _is_moment(self, value: Any, key: str) -> bool:
        if isinstance(value, str):
            return kind_of(value) == "time"
        return not _is_id(key) and self._is_time(value, key)

    def _is_time(self, value: float, key: str) -> bool:
        now = self._script.steps[0].time
        near = any(abs(value / unit - now) < _NEAR for unit in (1, _SECONDS, _SECONDS**2))
        return near or (bool(_TIME_KEY.search(key)) and isinstance(value, float))

    def _is_secret(self, value: str, key: str) -> bool:
        return bool(value and (_SECRET_KEY.search(key) or _JWT.search(value)))

    # -- the second pass

    def captures(self, step: Step) -> list[Capture]:
        """What has to be kept of what a step receives, since it comes back later."""
        found = [made for made in self._made.values() if made.step is step and made.used]
        for made in found:
            made.name = made.name or self._name_for(made)
            self._known.add(_identity(made.value))
        return [Capture(made.name, made.path, made.value) for made in found]

    def _name_for(self, made: _Made) -> str:
        base = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", made.key)).strip("_").lower()
        step = made.step
        event = step.event if isinstance(step, Receive | Emit) else ""
        if isinstance(step, Request):
            words = re.findall(r"[a-z]{3,}", urlsplit(step.request.url).path)
            event = words[-1] if words else "response"
        if base in event.split("_"):
            base = ""
        event = re.sub(r"\W+", "_", event).strip("_").lower()
        suffix = "" if not base and event == "token" else base or "value"
        name = "_".join(filter(None, (event, suffix)))
        return self.free_name(name)

    def free_name(self, name: str) -> str:
        """A variable name that is not in use yet."""
        name = re.sub(r"\W+", "_", name).strip("_") or "value"
        if name[0].isdigit():
            name = f"n{name}"
        number, found = 2, name
        while found in self._names:
            found, number = f"{name}_{number}", number + 1
        self._names.add(found)
        return found

    def sent(self, value: Any, key: str = "") -> Template:
        """What a value that the client sends stands for."""
        return self._map(value, key, self._sent_leaf)

    def received(self, value: Any, key: str = "") -> Template:
        """What a value that the server sends has to be."""
        return self._map(value, key, self._received_leaf)

    def _map(self, value: Any, key: str, leaf: Callable[[Any, str], Template]) -> Template:
        if isinstance(value, dict):
            return {
                self._key(name): self._map(item, str(name), leaf) for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return type(value)(self._map(item, key, leaf) for item in value)
        return leaf(value, key)

    def _key(self, name: Any) -> Any:
        return self._reference(name, "") or name

    def _reference(self, value: Any, key: str, *, alone: bool = False) -> Reference | None:
        if isinstance(value, str) and value in self._sids:
            return Reference(self._sids[value])
        made = self._made_of(value, key, alone=alone)
        if made is not None and _identity(value) in self._known:
            return Reference(made.name)
        return None

    def _sent_leaf(self, value: Any, key: str) -> Template:
        found = self._reference(value, key, alone=key == "")
        if found is not None or not isinstance(value, str):
            return value if found is None else found
        if self._is_secret(value, key):
            return self.secret(value, key)
        return self._text(value)

    def _received_leaf(self, value: Any, key: str) -> Template:
        found = self._reference(value, key, alone=_is_large(value))
        if found is not None:
            return found
        made = self._made_of(value, key, alone=_is_large(value))
        if made is not None or self._is_made_up(value, key):
            return ANYTHING
        return self._text(value) if isinstance(value, str) else value

    def secret(self, value: str, key: str) -> Template:
        """What stands in the place of a secret; the value itself where secrets are kept."""
        if self._with_secrets:
            return value
        prefix, space, rest = value.partition(" ")
        if space and prefix.lower() in {"bearer", "basic", "token"}:
            reference = self._reference(rest, key)
            return Text((f"{prefix} ", reference or self.secret(rest, key)))
        if value not in self._secrets:
            name = (
                re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)).strip("_") or "secret"
            )
            self._secrets[value] = Secret(self.free_name(name.upper()), value)
        return self._secrets[value]

    def _text(self, text: str) -> Template:
        """A text, with the parts of it that the server made up, and secrets, replaced."""
        parts: dict[str, Any] = {sid: Reference(name) for sid, name in self._sids.items()}
        for made in self._made.values():
            if isinstance(made.value, str) and _identity(made.value) in self._known:
                parts[made.value] = Reference(made.name)
        parts |= dict(self._secrets)
        found = [part for part in parts if len(part) >= _EMBEDDED and part in text]
        if not found:
            return self._secrets.get(text, text)
        pattern = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
        pieces = re.split(f"({pattern})", text)
        return Text(tuple(parts.get(piece, piece) for piece in pieces if piece))


def is_secret_name(name: str) -> bool:
    """Whether what has that name is a password, a token or the like."""
    return bool(_SECRET_KEY.search(name))


def _is_id(key: str) -> bool:
    return bool(_SNAKE_ID.search(key) or _CAMEL_ID.search(key))


def _is_measured(value: float) -> bool:
    """Whether a number has more digits than one that was computed of others would have."""
    if isinstance(value, int) or not math.isfinite(value):
        return False
    fraction = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    return abs(value - fraction) > abs(value) * _ROUNDING


def _is_large(value: Any) -> bool:
    """Whether a number is hardly equal to another by chance."""
    return isinstance(value, int | float) and abs(value) >= _LARGE


def _identity(value: Any) -> Any:
    """A key by which equal values of one type are found; None for what can't be one."""
    return (type(value).__name__, value) if isinstance(value, str | int | float) else None


def _leaves(step: Step) -> Iterator[tuple[Any, str, Path, bool]]:
    """Value, key, path and whether it was sent, of all parts of a step's values."""
    if isinstance(step, Connect):
        yield from ((*leaf, True) for leaf in _walk(step.auth, "auth", ()))
        for data in step.refused or ():
            yield from ((*leaf, False) for leaf in _walk(data, "", ()))
    elif isinstance(step, Emit):
        yield from ((*leaf, True) for leaf in _walk(step.args, "", ()))
        yield from ((*leaf, False) for leaf in _walk(step.ack or (), "", ()))
    elif isinstance(step, Receive):
        yield from ((*leaf, False) for leaf in _walk(step.args, "", ()))
        yield from ((*leaf, True) for leaf in _walk(step.answer or (), "", ()))
    elif isinstance(step, Request):
        yield from ((*leaf, True) for leaf in _sent_by(step))
        yield from ((*leaf, False) for leaf in _walk(json_of(step.request.response), "", ()))


def _walk(value: Any, key: str, path: Path) -> Iterator[tuple[Any, str, Path]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(name, "", (*path, name)) if kind_of(str(name)) == "sid" else ()
            yield from _walk(item, str(name), (*path, name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _walk(item, key, (*path, number))
    elif not isinstance(value, bytes):
        yield value, key, path


def _sent_by(step: Request) -> Iterator[tuple[Any, str, Path]]:
    request = step.request
    for part in re.split(r"[/?&=]", request.url):
        yield part, "", ()
        if part.isdigit():
            yield int(part), "", ()
    if "authorization" in request.headers:
        yield request.headers["authorization"], "authorization", ()
    body = json_of(request.body)
    if body is None and "urlencoded" in request.body_type:
        body = dict(parse_qsl(request.body or "", keep_blank_values=True))
    yield from _walk(body, "", ())


def json_of(text: str | None) -> Any:
    """A text's JSON; None where it is none."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
