"""The benchmarks' drivers measure the intended operations, and a failed part does not affect the
others.
"""

import argparse
import json

import pytest
import socketio

pytest.importorskip("benchmarks", reason="run with `python -m pytest` from the project's folder")

from benchmarks import (
    forms,
    goals,
    growth,
    hotpath,
    instructions,
    measures,
    memory,
    once,
    parts,
    payloads,
    report,
    scale,
    split,
    users,
)

pytestmark = pytest.mark.filterwarnings("ignore:left over at exit")
MACHINE = {
    "cpu": "a processor",
    "cores": 2,
    "system": "a system",
    "python": "CPython",
    "optimised_build": True,
    "date": "2026-01-01",
    "versions": {"socketio": "5"},
}


@pytest.fixture
def served(monkeypatch):
    """A list of the events that the server of `scale` handled, and of the connections
    that ended.
    """
    seen = []

    def counted():
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def quiet(_sid, _data):
            seen.append("quiet")

        @sio.event
        async def disconnect(_sid, reason):
            seen.append(reason)

        return socketio.ASGIApp(sio)

    monkeypatch.setattr(scale, "make_app", counted)
    return seen


@pytest.mark.parametrize("side", [scale.by_floor, scale.by_ours])
async def test_both_sides_send_the_same_and_leave_in_order(served, side):
    figures = await side(5)
    assert served == ["quiet"] * 10 + ["client disconnect"] * 5
    assert figures.keys() == {"negative", "negative_at_once", "leaving"}
    assert all(figure > 0 for figure in figures.values())


async def test_the_unread_events_are_read():
    assert await scale.read_in_order(100) > 0


@pytest.mark.slow
def test_linear_figures_are_of_n_and_4n():
    found = scale.measure_linear(shrunk=100)
    assert found.keys() == scale.LINEAR.keys()
    assert all(of["once"] > 0 and of["fourfold"] > 0 for of in found.values())


@pytest.mark.slow
def test_a_size_without_a_result_has_no_figures(monkeypatch):
    monkeypatch.setattr(scale, "SIDES", ("floor",))
    monkeypatch.setattr(scale, "BUDGET_S", -60)  # each process gets the minimum of a second
    monkeypatch.setattr(scale.sys, "executable", "false")
    found = scale.measure(sizes=(10,), unread=10)
    assert found["floor"] == [{}]
    assert found["unread"] == {"events": 10, "seconds": None}


@pytest.mark.parametrize("who", users.USERS)
async def test_users_of_one_app_call_and_hear_a_broadcast(who):
    async with users.users(who) as clients:
        await clients.grow_to(3)
        await clients.grow_to(3)
        assert len(clients.clients) == 3
        await clients.call()
        await clients.connect_one_more()
        await clients.broadcast()
        await clients.close()
        assert not clients.clients


@pytest.mark.slow
async def test_a_climb_measures_each_size_while_all_are_connected():
    ended = []
    found = await growth.climb("floor", (1, 2), ended.append)
    assert ended == [found]
    assert {metric: len(ns) for metric, ns in found.items()} == dict.fromkeys(growth.METRICS, 2)


@pytest.mark.slow
@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("who", ["ours", "stock"])
def test_each_form_is_sent_and_answered(form, who):
    if form == "msgpack":
        pytest.importorskip("msgpack")
    with forms.sessions(form, 3)[who]() as repeat:
        assert repeat(1) > 0


@pytest.mark.parametrize("side", [payloads.by_floor, payloads.by_ours])
@pytest.mark.parametrize("direction", payloads.DIRECTIONS)
async def test_a_payload_arrives_whole(side, direction):
    figures = await side(direction, 64_000)  # both sides check the length
    assert figures.keys() == {"seconds", "bytes"}


@pytest.mark.parametrize("operation", hotpath.GOALS)
@pytest.mark.parametrize("side", instructions.SIDES)
def test_each_operation_can_be_made_for_valgrind(operation, side, monkeypatch):
    monkeypatch.setattr(instructions, "WARM_UP", 1)
    monkeypatch.setattr("benchmarks.hotpath.RECIPIENTS", 2)
    instructions.make(operation, side, 1)


def test_instructions_are_the_difference_of_two_processes():
    log = "==7== I   refs:      1,500\n==8== \n==8== I refs: 2,700\n==9== I refs: 9\n"
    made = [
        {"operation": "call", "side": side, "repetitions": n, "process": process, "failed": failed}
        for side, n, process, failed in (
            ("floor", 10, 7, False),
            ("floor", 20, 8, False),
            ("ours", 10, 7, False),
            ("ours", 20, 9, True),
            ("ours", 20, 8, False),
        )
    ]
    counted = instructions.counts(log)
    assert counted == {7: 1500, 8: 2700, 9: 9}
    found = instructions.per_operation(made, counted)
    assert found == {"call": {"floor": 120.0, "ours": 120.0}}
    assert instructions.per_operation(made[:3], counted) == {}
    assert "1.000" in instructions.as_text(found)


@pytest.mark.slow
def test_the_split_adds_up_to_what_is_added():
    found = split.measure("call", repetitions=2)
    assert split.DRIVER in found
    assert found[split.PARTS["_client"]]["floor"] == 0
    rows = split.added(found)
    assert sum(share for _, _, share in rows) == pytest.approx(1)
    assert rows == sorted(rows, key=lambda row: -row[1])
    assert "python-socketio" in split.as_text("call", found)
    page = report.as_page(bare_run(split={"call": found}))
    assert f"| {split.PARTS['_client']} | +" in page


def test_the_owner_of_a_file_is_found_by_its_folders():
    assert split.part_of("/x/asgi_sio_testclient/asgi/_call.py") == split.PARTS["asgi"]
    assert split.part_of("/x/asgi_sio_testclient/_events.py") == "the rest of this package"
    assert split.part_of("/x/engineio/packet.py") == "python-engineio"
    assert split.part_of("/x/json/decoder.py") == split.OTHER


@pytest.mark.slow
def test_memory_and_imports_are_measured_in_processes_of_their_own():
    assert memory.measure("floor", 20)["bytes_per_client"] > 0
    assert once.import_ms("", "import json") > 0


# -- the parts of a run


def options(**given):
    defaults = {"rounds": 9, "quick": True, "gc": False, "cpu": False, "only": None, "json": None}
    return argparse.Namespace(**defaults | given)


@pytest.mark.slow
def test_a_part_that_fails_is_missing_and_the_rest_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # valgrind is not found
    run = {"missing": {"profile": "an earlier attempt"}}
    said = []
    chosen = options(json=tmp_path / "run.json")
    parts.measure_all(["instructions", "profile"], chosen, run, said.append)
    assert "valgrind is not installed" in run["missing"].pop("instructions")
    assert not run["missing"]
    assert run["profile"]["operation"] == "call"
    saved = json.loads((tmp_path / "run.json").read_text())
    assert saved["profile"] == run["profile"]
    assert parts.has(run, "profile")
    assert not parts.has(run, "instructions")


def test_a_part_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(parts, "LIMIT_S", 0.01)
    with pytest.raises(RuntimeError, match=r"no result within 0\.01 s"):
        parts.measure_apart("profile", options())


def test_figures_of_parts_are_merged():
    run = {}
    parts.merge(run, {"measures": {"call": 1}, "titles": {"a": "A"}})
    parts.merge(run, {"measures": {"test": 2}, "titles": {"b": "B"}, "memory": {}})
    assert run["measures"] == {"call": 1, "test": 2}
    assert run["titles"] == {"a": "A", "b": "B"}
    assert parts.has(run, "test")


# -- the goals and the page


def bare_run(**more):
    return {"machine": MACHINE, "rounds": 9, "collector": "off"} | more


def test_each_goal_says_what_was_not_measured_and_why():
    run = bare_run(missing={"scale": "no result within 900 s"})
    rows = [goals.verdict(goal, run) for goal in goals.ALL]
    assert "not measured: no result within 900 s" in rows
    assert all(row.startswith("not measured") for row in rows)
    page = report.as_page(run)
    assert "- scale: no result within 900 s" in page
    assert page.count("not measured") == len(goals.ALL)
    assert goals.as_text(run).count("\n") == len(goals.ALL) - 1


def test_a_goal_is_met_or_missed_with_its_reason():
    run = bare_run(
        instructions={
            "call": {"floor": 100.0, "ours": 115.0},
            "connect": {"floor": 100.0, "ours": 131.0},
        },
        scale={
            "sizes": [500, 2_000, 10_000],
            "floor": [
                {"leaving": 1.0, "negative": 1.0, "negative_at_once": 1.0},
                {"leaving": 3.0, "negative": 1.0, "negative_at_once": 1.0},
                {},
            ],
            "ours": [
                {"leaving": 1.0, "negative": 1.0, "negative_at_once": 1.0},
                {"leaving": 2.0, "negative": 2.0, "negative_at_once": 1.6},
                {"leaving": 9.0, "negative": 9.0, "negative_at_once": 9.0},
            ],
            "unread": {"events": 10, "seconds": 2.9},
        },
    )
    verdicts = {goal.title: goals.verdict(goal, run) for goal in goals.ALL}
    assert verdicts[f"{goals.TITLES['call']}, in instructions"] == "met"
    connect = verdicts[f"{goals.TITLES['connect']}, in instructions"]
    assert connect == f"missed: {goals.REASONS['connect']}"
    assert verdicts["unread events, read in order"] == "met"
    table = goals.table(run)
    assert "2.0 x from 500 to 2,000, the floor's 3.0 x" in table
    assert "1.60 x at 2,000" in table
    assert "| 10,000 | no result |" in report.as_page(run)


def test_every_goal_that_goes_by_instructions_is_a_measured_operation():
    assert measures.GOALS.keys() == goals.REASONS.keys()
    assert {goal.part for goal in goals.ALL} <= {*parts.NAMES}
