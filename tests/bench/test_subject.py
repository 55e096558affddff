"""The subject of a report: the app, the versions and the machine."""

import asyncio
import sys
from dataclasses import replace

import pytest
import socketio
from laboratory import SUBJECT, laboratory, subject

from asgi_sio_testclient import bench
from asgi_sio_testclient.bench import _subject as subjects

WHAT = {
    name: value for name, value in SUBJECT.items() if name not in ("versions", "machine", "date")
}


class TestSubject:
    def test_an_app_goes_by_where_it_is_found(self, monkeypatch):
        app, _ = laboratory()
        monkeypatch.setattr(sys.modules[__name__], "an_app", app, raising=False)
        assert subjects.name_of(app) == f"{__name__}:an_app"
        # A module that is no test is preferred, whatever the order of the imports.
        monkeypatch.setattr(socketio, "their_app", app, raising=False)
        assert subjects.name_of(app) == "socketio:their_app"

    def test_an_app_without_a_name_is_named_by_its_type(self):
        app, _ = laboratory()
        assert subjects.name_of(app) == f"{type(app).__module__}.ASGIApp"

        async def function(scope, receive, send):
            """A function is an ASGI app, too."""

        assert subjects.name_of(function).endswith("<locals>.function")

    @pytest.mark.real_clock
    async def test_versions_and_machine(self):
        here = bench.Subject.here(**WHAT)
        assert here.versions["python-socketio"]
        assert here.versions["event loop"] == "asyncio"
        assert here.machine["processor"]
        assert here.differences(here) == here.remarks(here) == []
        assert bench.Subject.from_dict(here.to_dict()) == here

    def test_another_event_loop_is_another_version(self):
        uvloop = pytest.importorskip("uvloop")

        async def versions():
            return bench.Subject.here(**WHAT).versions

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(versions())["event loop"].startswith("uvloop ")

    def test_a_package_without_a_version(self):
        assert subjects.version_of("no-such-package-anywhere") == "of unknown version"

    def test_a_processor_without_a_model_name(self, tmp_path):
        (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
        assert subjects.processor(tmp_path / "cpuinfo")
        assert subjects.processor(tmp_path / "missing")

    def test_replaced_fields_are_compared(self):
        assert subject().differences(replace(subject(), date="later")) == []
