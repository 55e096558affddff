"""The pytest plugin: connected clients as fixtures, a marker, and the transcripts of failed tests.

Override one fixture, and the others work:

* ``sio_app``: returns your ASGI app. Override this fixture.
* ``sio_options``: a dict of arguments for `TestClient`, such as ``{"socketio_path": "ws/sio"}``;
  override this fixture if the defaults don't fit.
* ``sio_client``: a connected `TestClient`, for async tests, under pytest-asyncio or anyio's plugin.
* ``sio_client_factory``: ``await sio_client_factory("/chat", auth=...)`` connects one more user.
* ``sio_sync_client``, ``sio_sync_client_factory``: the same for plain functions.
* ``sio_transports``: the transports of this test; None for those of ``sio_options``.

``@pytest.mark.sio(auth=..., headers=..., namespaces=["/chat"], transports="polling")`` takes the
arguments of `TestClient`, and the namespaces to connect to; with ``connect=False`` the fixture does
not connect, so that the test can log in first.

``--sio-transports=websocket,polling,upgrade`` runs each test that uses these fixtures over each of
these transports, unless the marker has ``transports``. ``--sio-url=URL`` runs the tests that are
marked ``@pytest.mark.sio(portable=True)`` against a live server, and skips the other tests that use
these fixtures. The report of a failed test has the transcript of each of its clients;
``--sio-transcript`` shows the transcripts of passed tests, too.

Async fixtures: an async fixture belongs to one plugin, and must run in the event loop of the test.
pytest-asyncio in strict mode ignores a plain async fixture, anyio can't run a fixture of
pytest-asyncio, and each fixture has one loop scope. So the public fixtures are sync functions,
which request the private async fixture that fits the test: a plain fixture for anyio, and for
pytest-asyncio one fixture for each loop scope, made with the public decorator. Two other designs
were rejected: a context manager in each test is boilerplate; and with a wrapper around the test
function, a fixture of the user could not use a connected client.

The plugin is loaded in every pytest run where the library is installed. So it imports only pytest
until one of its fixtures is used.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import inspect
import math
import sys
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from asgi_sio_testclient._protocol.names import TRANSPORT_CHOICES

if TYPE_CHECKING:
    from asgi_sio_testclient import SyncTestClient, TestClient

__tracebackhide__ = True

LOOP_SCOPES = ("function", "class", "module", "package", "session")
_ALL = 100  # percent
OWN_OPTIONS = {"connect", "namespaces", "portable"}
SECTION = "Socket.IO transcript"
_SHOWN_PACKETS = 20
_SHOWN_CLIENTS = 4
_TRANSCRIPTS = pytest.StashKey[list[Any]]()


class _Setup:
    """The clients of one test, with the options of its fixtures and markers.

    Args:
        node: pytest's item of the test.
        app: the app.
        options: the value of ``sio_options``.
        transports: the value of ``sio_transports``.

    Attributes:
        clients: the clients so far; the first one has started the app.
        namespaces: the namespaces to which the clients connect.
        connects: whether the fixtures connect the clients.
    """

    def __init__(
        self, node: Any, app: Any, options: dict[str, Any], transports: Sequence[str] | None
    ) -> None:
        self.clients: list[Any] = []
        self._app = app
        self._transcripts = node.stash[_TRANSCRIPTS]
        self._options = dict(options)
        if transports is not None:
            self._options["transports"] = transports
        self._options.update(_marked(node))
        namespaces = self._options.pop("namespaces", ())
        self.namespaces = (namespaces,) if isinstance(namespaces, str) else tuple(namespaces)
        self.connects = bool(self._options.pop("connect", True))
        self._options.pop("portable", None)

    def first(self, client_class: Any) -> Any:
        """Return the client that starts the app.

        Raises:
            pytest.UsageError: the test has such a client already, or an option is no argument of
                `client_class`.
        """
        if self.clients:
            raise pytest.UsageError(
                "sio_client and sio_sync_client in one test: its app can't run in two event loops"
            )
        known = _known_options(client_class)
        for name in self._options:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
                raise pytest.UsageError(f"@pytest.mark.sio or sio_options has {name!r}; {hint}")
        return self._with(client_class(self._app, **self._options))

    def another(self, overrides: dict[str, Any]) -> Any:
        """Return a clone of the first client, for one more user."""
        return self._with(self.clients[0].clone(**overrides))

    def _with(self, client: Any) -> Any:
        self.clients.append(client)
        if all(seen() is not client.transcript for seen in self._transcripts):
            self._transcripts.append(weakref.ref(client.transcript))
        return client


@functools.cache
def _known_options(client_class: Any) -> list[str]:
    return sorted(set(inspect.signature(client_class).parameters) - {"app"} | OWN_OPTIONS)


def _marked(node: Any) -> dict[str, Any]:
    """Return the arguments of the ``sio`` markers; the closest marker wins for each argument."""
    merged: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("sio"))):
        if marker.args:
            raise pytest.UsageError("@pytest.mark.sio takes keyword arguments only")
        merged.update(marker.kwargs)
    return merged


def pytest_addoption(parser: pytest.Parser) -> None:
    """See the module's docstring."""
    group = parser.getgroup("sio", "asgi-sio-testclient")
    group.addoption(
        "--sio-transports",
        metavar="NAMES",
        type=_transports,
        help="run each test that uses sio_client or its like over each of these, "
        f"comma-separated: {', '.join(TRANSPORT_CHOICES)}",
    )
    group.addoption(
        "--sio-url",
        metavar="URL",
        help="run the tests that are marked sio(portable=True) against the server at this URL, and "
        "skip the others that use sio_client or its like",
    )
    group.addoption(
        "--sio-transcript",
        action="store_true",
        help="show the packets of the clients, also if the test passed",
    )
    group.addoption(
        "--sio-trace",
        choices=("off", "on", "retain-on-failure"),
        default="off",
        help="write a trace of each test that has clients, for a browser; retain-on-failure: of "
        "each test that fails",
    )
    group.addoption(
        "--sio-trace-dir",
        metavar="DIR",
        default="sio-traces",
        help="the directory of the traces, below the root directory (default: sio-traces)",
    )
    group.addoption(
        "--sio-coverage",
        action="store_true",
        help="show which handlers of the app ran, and which of its events no test read",
    )
    group.addoption(
        "--sio-coverage-fail-under",
        metavar="PERCENT",
        type=_percent,
        help="fail if a smaller percentage of handlers ran",
    )
    group.addoption(
        "--sio-coverage-json", metavar="FILE", help="write the event coverage to this file"
    )
    group.addoption(
        "--sio-explore",
        metavar="N",
        type=_runs,
        help="run each test that is decorated with `explored` under N schedules, in the place of "
        "the number in the decorator; 0: without a schedule only",
    )
    group.addoption(
        "--sio-schedule",
        metavar="CODE",
        default="",
        help="run `explored` tests under the schedule of this code, which a failure shows",
    )


def _runs(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise pytest.UsageError(f"--sio-explore: expected a number, 0 or more, not {value!r}")
    return int(value)


def _percent(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _ALL:
        raise pytest.UsageError(
            f"--sio-coverage-fail-under: expected a number from 0 to 100, not {value!r}"
        )
    return number


def _transports(value: str) -> list[str]:
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in TRANSPORT_CHOICES:
            raise pytest.UsageError(
                f"--sio-transports: {name!r} is none of {', '.join(TRANSPORT_CHOICES)}"
            )
    return names


def pytest_configure(config: pytest.Config) -> None:
    """See the module's docstring."""
    config.addinivalue_line(
        "markers",
        "sio(namespaces=..., connect=True, portable=False, **options): the namespaces of the "
        "clients of the sio_* fixtures, whether the fixtures connect, whether the test may run "
        "against a live server (--sio-url), and arguments of the clients: auth, headers, "
        "transports, ...",
    )
    if config.getoption("sio_trace") != "off":
        traces = importlib.import_module("asgi_sio_testclient.pytest_traces")
        config.pluginmanager.register(traces.TracePlugin(config), "sio-traces")
    url = config.getoption("sio_url")
    if url is not None:
        live = importlib.import_module("asgi_sio_testclient.remote._pytest_hooks")
        config.pluginmanager.register(live.URLPlugin(url, _Setup), "sio-url")
    if _has_coverage_option(config):
        hooks = importlib.import_module("asgi_sio_testclient.coverage._pytest_hooks")
        config.pluginmanager.register(hooks.CoveragePlugin(config), "sio-coverage")
    # pytest-asyncio's name as a plugin depends on how it was loaded.
    plugin = sys.modules.get("pytest_asyncio.plugin")
    if plugin is not None and config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(_fixtures_for_pytest_asyncio(), "sio-asyncio")


def _has_coverage_option(config: pytest.Config) -> bool:
    option = config.getoption
    return (
        option("sio_coverage")
        or option("sio_coverage_fail_under") is not None
        or option("sio_coverage_json") is not None
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test over each of the transports of ``--sio-transports``."""
    names = metafunc.config.getoption("sio_transports")
    if names and "sio_transports" in metafunc.fixturenames and not _has_transports(metafunc):
        metafunc.parametrize(
            "sio_transports", [TRANSPORT_CHOICES[name] for name in names], ids=names
        )


def _has_transports(metafunc: pytest.Metafunc) -> bool:
    """Return whether a marker of the test sets its transports."""
    definition = metafunc.definition
    if any("transports" in marker.kwargs for marker in definition.iter_markers("sio")):
        return True
    parametrized = (str(marker.args[0]) for marker in definition.iter_markers("parametrize"))
    return any("sio_transports" in argnames for argnames in parametrized)


# -- the fixtures


@pytest.fixture
def sio_app() -> Any:
    """Your ASGI app: override this fixture."""
    raise pytest.UsageError(
        "no app: define a fixture sio_app that returns your ASGI app, in the test module or "
        "in conftest.py"
    )


@pytest.fixture
def sio_options() -> dict[str, Any]:
    """Arguments for the test's clients: override this fixture."""
    return {}


@pytest.fixture
def sio_transports() -> Sequence[str] | None:
    """The transports of this test's clients; None for those of ``sio_options``."""
    return None


@pytest.fixture
def _sio_setup(
    request: pytest.FixtureRequest, sio_app: Any, sio_options: Any, sio_transports: Any
) -> _Setup:
    return _Setup(request.node, sio_app, sio_options, sio_transports)


@pytest.fixture
def sio_client(request: pytest.FixtureRequest, _sio_setup: _Setup) -> TestClient:
    """A connected `TestClient`, in the event loop of the test."""
    loop = _loop_of(request)
    request.getfixturevalue(f"_sio_running_{loop}")
    client: TestClient = request.getfixturevalue(f"_sio_connected_{loop}")
    return client


@pytest.fixture
def sio_client_factory(
    request: pytest.FixtureRequest, _sio_setup: _Setup
) -> Callable[..., Awaitable[TestClient]]:
    """An async function that connects one more user of the same app. Its arguments are the
    namespaces to connect to, and the overrides of `TestClient.clone`.
    """
    request.getfixturevalue(f"_sio_running_{_loop_of(request)}")

    async def connected(*namespaces: str, **overrides: Any) -> TestClient:
        client: TestClient = _sio_setup.another(overrides)
        if _sio_setup.connects or namespaces:
            await client.connect(*(namespaces or _sio_setup.namespaces))
        return client

    return connected


@pytest.fixture
def _sio_sync_running(_sio_setup: _Setup) -> Iterator[SyncTestClient]:
    from asgi_sio_testclient import SyncTestClient  # noqa: PLC0415 (see the module's docstring)

    with _sio_setup.first(SyncTestClient) as client:
        yield client


@pytest.fixture
def sio_sync_client(_sio_setup: _Setup, _sio_sync_running: SyncTestClient) -> SyncTestClient:
    """A connected `SyncTestClient`."""
    client = _sio_sync_running
    return client.connect(*_sio_setup.namespaces) if _sio_setup.connects else client


@pytest.fixture
def sio_sync_client_factory(
    _sio_setup: _Setup,
    _sio_sync_running: SyncTestClient,
) -> Callable[..., SyncTestClient]:
    """A function that connects one more user of the same app. Its arguments are the namespaces to
    connect to, and the overrides of `TestClient.clone`.
    """

    def connected(*namespaces: str, **overrides: Any) -> SyncTestClient:
        client: SyncTestClient = _sio_setup.another(overrides)
        if _sio_setup.connects or namespaces:
            client.connect(*(namespaces or _sio_setup.namespaces))
        return client

    return connected


def _async_fixtures() -> dict[str, Any]:
    """Return new fixture functions: pytest-asyncio stores the loop scope on the function."""

    async def running(_sio_setup: _Setup) -> AsyncIterator[TestClient]:
        from asgi_sio_testclient import TestClient  # noqa: PLC0415 (see the module's docstring)

        async with _sio_setup.first(TestClient) as client:
            yield client

    async def connected(_sio_setup: _Setup) -> TestClient:
        client: TestClient = _sio_setup.clients[0]
        return await client.connect(*_sio_setup.namespaces) if _sio_setup.connects else client

    return {"_sio_running": running, "_sio_connected": connected}


# anyio's plugin runs plain async fixtures for its own tests.
_sio_running_anyio, _sio_connected_anyio = (
    pytest.fixture(function, name=f"{stem}_anyio") for stem, function in _async_fixtures().items()
)


def _fixtures_for_pytest_asyncio() -> ModuleType:
    import pytest_asyncio  # noqa: PLC0415 (only where it is in use already)

    decorator: Any = pytest_asyncio.fixture
    holder = ModuleType("sio_fixtures_for_pytest_asyncio")
    for scope in LOOP_SCOPES:
        for stem, function in _async_fixtures().items():
            name = f"{stem}_{scope}"
            setattr(holder, name, decorator(function, loop_scope=scope, name=name))
    return holder


def _loop_of(request: pytest.FixtureRequest) -> str:
    """Return the suffix of the private fixtures that run in the event loop of this test.

    Raises:
        pytest.UsageError: none of them does.
    """
    if _is_explored(request.node):
        raise pytest.UsageError(
            f"{request.fixturename} in an explored test: each run has an event loop of its own; "
            "use sio_app, and enter TestClient(sio_app) in the test"
        )
    # anyio's plugin uses the same condition.
    if "anyio_backend" in request.fixturenames:
        return "anyio"
    marker = request.node.get_closest_marker("asyncio")
    if marker is not None and request.config.pluginmanager.has_plugin("sio-asyncio"):
        scope = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
        return str(scope or request.config.getini("asyncio_default_test_loop_scope"))
    raise pytest.UsageError(
        f"{request.fixturename} is for async tests that pytest-asyncio or anyio's plugin runs: "
        "mark the test (@pytest.mark.asyncio or @pytest.mark.anyio), or use the sio_sync_client "
        "fixtures in a plain function"
    )


# -- the transcripts


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the transcripts to the report of a failure, as pytest adds captured logs, and leave the
    frames of libraries out of the report.
    """
    transcripts = [transcript for seen in item.stash[_TRANSCRIPTS] if (transcript := seen())]
    failure = _failure(item.config, call, has_packets=bool(transcripts))
    if failure is not None:
        failure.begin()
    report = yield
    if failure is not None:
        failure.finish(report)
    always = report.when == "call" and item.config.getoption("sio_transcript")
    if report.failed or always:
        for transcript in transcripts if always else _latest(transcripts):
            shown = str(transcript) if always else _last_packets(transcript)
            report.sections.append((f"{SECTION} of {transcript.name}", shown))
        if not always and len(transcripts) > _SHOWN_CLIENTS:
            more = f"of {len(transcripts) - _SHOWN_CLIENTS} other clients"
            report.sections.append((f"{SECTION} {more}", "(--sio-transcript shows them)"))
    return report


def _latest(transcripts: list[Any]) -> list[Any]:
    """Return the transcripts with the latest packets, in the order of the clients."""

    def moment(transcript: Any) -> float:
        return float(transcript._origin + transcript[-1].time) if len(transcript) else 0.0

    latest = sorted(transcripts, key=moment)[-_SHOWN_CLIENTS:]
    return [transcript for transcript in transcripts if any(transcript is one for one in latest)]


def _last_packets(transcript: Any) -> str:
    earlier = len(transcript) - _SHOWN_PACKETS
    if earlier <= 0:
        return str(transcript)
    more = f"({earlier} earlier packets; --sio-transcript shows them)"
    return "\n".join((more, *transcript.tail(_SHOWN_PACKETS)))


def _failure(config: pytest.Config, call: pytest.CallInfo[None], *, has_packets: bool) -> Any:
    """Return the `FailureReport` for a test's exception; None if no client was ever imported."""
    if call.excinfo is None or "asgi_sio_testclient._exceptions" not in sys.modules:
        return None
    if isinstance(call.excinfo.value, pytest.skip.Exception):
        return None
    reports = importlib.import_module("asgi_sio_testclient.pytest_reports")
    return reports.FailureReport(
        call.excinfo,
        full_trace=config.getoption("fulltrace"),
        has_packets=has_packets and config.getoption("showcapture") == "all",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Collect the transcripts of the clients that a test or its fixtures create."""
    # By weak references: a test may create thousands. A failure's traceback holds its clients.
    transcripts: list[Any] = []
    item.stash[_TRANSCRIPTS] = transcripts
    module = sys.modules.get("asgi_sio_testclient._connection.transcript")
    # Without the import, only a fixture can create a client; `_Setup._with` adds its transcript.
    observers: list[Any] = [] if module is None else module.observers

    def observe(transcript: Any) -> None:
        loop = _exploring_loop()
        if loop is None:
            transcripts.append(weakref.ref(transcript))
        else:
            _keep_of_last_run(transcripts, loop, transcript)

    observers.append(observe)
    try:
        return (yield)
    finally:
        observers.remove(observe)
        transcripts.clear()


def _exploring_loop() -> Any:
    """Return the running event loop if it explores schedules; else None."""
    asyncio = sys.modules["asyncio"]
    loop = asyncio._get_running_loop()
    return loop if getattr(loop, "sio_explores", False) else None


def _keep_of_last_run(transcripts: list[Any], loop: Any, transcript: Any) -> None:
    # By strong references: the clients of a run are collected before the next run begins.
    if any(getattr(seen, "loop", loop) is not loop for seen in transcripts):
        transcripts.clear()
    transcripts.append(_Kept(loop, transcript))


class _Kept:
    """A strong reference to a transcript of one run of an exploration; called like a weak one."""

    def __init__(self, loop: Any, transcript: Any) -> None:
        self.loop = loop
        self._transcript = transcript

    def __call__(self) -> Any:
        return self._transcript


# -- explored tests


def _is_explored(item: Any) -> bool:
    """Return whether a test is decorated with `asgi_sio_testclient.schedules.explored`."""
    return bool(getattr(getattr(item, "obj", None), "sio_explored", False))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse async fixtures of explored tests: each run has an event loop of its own."""
    if _is_explored(item):
        for name in _async_fixtures_of(item):
            raise pytest.UsageError(
                f"async fixture {name!r} of an explored test: it belongs to another event loop; "
                "build its value within the test, or make the fixture a sync function"
            )


def _async_fixtures_of(item: Any) -> Iterator[str]:
    """Yield the async fixtures that a test requests, directly or through other fixtures."""
    info = item._fixtureinfo
    waiting, seen = list(info.argnames), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for definition in info.name2fixturedefs.get(name, ())[-1:]:
            function = definition.func
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
                yield name
            waiting += definition.argnames


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run an explored test with the options of the command line, and store the code of a
    failure.
    """
    if not _is_explored(item):
        return (yield)
    settings_module = sys.modules["asgi_sio_testclient.schedules._settings"]
    cache = getattr(item.config, "cache", None)
    key = f"sio/schedules/{hashlib.sha256(item.nodeid.encode()).hexdigest()[:32]}"
    known = "" if cache is None else str(cache.get(key, ""))

    def keep(code: str) -> None:
        if cache is not None and code != known:
            cache.set(key, code)

    settings = settings_module.Settings(
        runs=item.config.getoption("sio_explore"),
        code=item.config.getoption("sio_schedule"),
        known=known,
        keep=keep,
    )
    end = settings_module.use(settings)
    try:
        with warnings.catch_warnings():
            # pytest-asyncio warns of a sync test in a module with pytestmark = pytest.mark.asyncio.
            warnings.filterwarnings("ignore", ".*but it is not an async function", Warning)
            return (yield)
    finally:
        end()
        item.user_properties += [("sio_remark", remark) for remark in settings.remarks]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show the remarks of explorations, and the transcripts of tests that passed; pytest itself
    shows the transcripts of failed tests.
    """
    _show_remarks(terminalreporter)
    if not terminalreporter.config.getoption("sio_transcript"):
        return
    for report in terminalreporter.getreports("passed"):
        for title, content in report.sections:
            if title.startswith(SECTION):
                terminalreporter.write_sep("-", f"{report.nodeid}: {title}")
                terminalreporter.write_line(content)


def _show_remarks(terminalreporter: Any) -> None:
    lines = [
        f"{report.nodeid}: {value}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "sio_remark" and report.when == "call"
    ]
    if lines:
        terminalreporter.write_sep("=", "explored schedules")
        for line in lines:
            terminalreporter.write_line(line)
