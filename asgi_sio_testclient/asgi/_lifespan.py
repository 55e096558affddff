"""`Lifespan`: one lifespan scope."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from asgi_sio_testclient._exceptions import LifespanFailed
from asgi_sio_testclient._test_endings import ends_test, ungrouped
from asgi_sio_testclient._waiting.origin import LIFESPAN
from asgi_sio_testclient._waiting.suspended import suspended_at
from asgi_sio_testclient.asgi._call import DEFAULT_TIMEOUT, Message, _Mailbox, _Run

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, LifespanScope

__tracebackhide__ = True


class Lifespan(_Run):
    """The lifespan of an app: its startup and its shutdown.

    Args:
        app: an ASGI callable.
        is_unsupported: called with an exception of the app in its startup; returns whether the
            exception only means that the app does not support lifespans. (An exception before the
            first receive() always means this: ASGI spec, "Lifespan".)

    Attributes:
        state: a dictionary to which the app may add values; later scopes have a shallow copy.
        supported: whether the app supports lifespans, as far as it is known.
    """

    origin = LIFESPAN

    def __init__(
        self,
        app: ASGI3Application,
        *,
        is_unsupported: Callable[[BaseException], bool] | None = None,
    ) -> None:
        self.state: dict[str, Any] = {}
        scope: LifespanScope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        super().__init__(app, scope)
        self.supported = True
        self._is_unsupported = is_unsupported
        self._mailbox = _Mailbox()
        self._phase = "startup"
        self._received = False

    async def startup(
        self, timeout: float = DEFAULT_TIMEOUT, context: contextvars.Context | None = None
    ) -> None:
        """Start the app; return when the startup is complete, or when the app does not support
        lifespans.

        Args:
            timeout: seconds.
            context: as in `start`.

        Raises:
            LifespanFailed: the app reported a failure, raised, or did not answer within `timeout`
                seconds.
        """
        self._feed({"type": "lifespan.startup"})
        self.start(context)
        await self._answer(timeout)

    async def shutdown(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Shut the app down. Does nothing if the app has no lifespan.

        Raises:
            LifespanFailed: as in `startup`; or the app had ended its lifespan before.
        """
        if not self.supported:
            return
        self._feed({"type": "lifespan.shutdown"})
        await self._answer(timeout)
        if not self.ended:
            await asyncio.wait([cast("asyncio.Task[None]", self.task)], timeout=timeout)
            self.cancel()

    def cancel(self) -> None:
        """Cancel the app's lifespan task."""
        super().cancel()

    async def _answer(self, timeout: float) -> None:
        try:
            await self._mailbox.get_soon(timeout)
        except TimeoutError:
            text = f"no answer within {timeout:g} s"
            where = suspended_at(cast("asyncio.Task[None]", self.task))
            self.cancel()
            raise LifespanFailed(self._phase, f"{text}: {where}" if where else text) from None
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def _receive(self) -> Message:
        self._received = True
        return await super()._receive()

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == f"lifespan.{self._phase}.complete":
            self._phase = "shutdown"
            self._mailbox.put(None)
        elif kind == f"lifespan.{self._phase}.failed":
            # Usually sent within an except block, so the exception is available here, also if the
            # app discards it.
            self._fail(message.get("message", ""), sys.exc_info()[1])
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r} during lifespan {self._phase}.")

    def _ended(self, exc: BaseException | None) -> None:
        if self._phase == "startup" and self._is_no_support(exc):
            self.supported = False
            self._mailbox.put(None)
        elif exc is not None:
            self._fail("", exc)
        else:
            self._mailbox.put(None)

    def _is_no_support(self, exc: BaseException | None) -> bool:
        if exc is None:
            return True
        if not self._received:
            return True
        return self._is_unsupported is not None and self._is_unsupported(exc)

    def _fail(self, message: str, cause: BaseException | None) -> None:
        if cause is not None and ends_test(cause):
            self._mailbox.put(ungrouped(cause))
            return
        # Starlette's message is a whole traceback, which the cause has already.
        if cause is not None:
            message = f"{type(cause).__name__}: {cause}"
        failure = LifespanFailed(self._phase, message or "the app gave no message")
        failure.__cause__ = cause
        self._mailbox.put(failure)
