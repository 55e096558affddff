"""The app of the recordings, with a handler that raises."""

from typing import Any

from recorded_app import Board


class Crashing(Board):
    async def note(self, sid: str, data: dict[str, str]) -> Any:
        raise LookupError("no notes today")


app = Crashing().app
