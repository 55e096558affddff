"""Waits until everything is idle at the same time."""

import asyncio
import functools

import pytest

from asgi_sio_testclient._waiting.idle import IdleState
from asgi_sio_testclient._waiting.services import LoopServices


@pytest.fixture
async def idle():
    return LoopServices(asyncio.get_running_loop()).idle


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


class Thing:
    """A source whose states the test sets."""

    def __init__(self, *states):
        self.states = list(states)
        self.asked = 0

    def quiet(self):
        self.asked += 1
        return self.states[0] if len(self.states) == 1 else self.states.pop(0)


def watch(idle, *things):
    done = []
    remove = idle.when_idle(lambda: things, lambda: done.append(True))
    return done, remove


async def test_what_is_quiet_already_is_told_at_once(idle):
    done, remove = watch(idle, Thing(IdleState.IDLE), Thing(IdleState.IDLE))
    assert done == [True]
    assert not idle.watchers
    remove()


async def test_nothing_is_quiet(idle):
    assert watch(idle)[0] == [True]


async def test_something_busy_is_looked_at_again_after_notify_and_not_before(idle):
    busy = Thing(IdleState.BUSY)
    done, _ = watch(idle, Thing(IdleState.IDLE), busy)
    await turns()
    assert busy.asked == 1
    busy.states = [IdleState.IDLE]
    assert not done
    idle.notify()
    idle.notify()
    assert not done, "not in the middle of what notifies"
    await turns()
    assert done == [True]
    assert busy.asked == 3, "once as the one that was busy, once among all"


async def test_all_must_be_quiet_at_the_same_moment(idle):
    one, other = Thing(IdleState.BUSY), Thing(IdleState.IDLE)
    done, _ = watch(idle, one, other)
    one.states, other.states = [IdleState.IDLE], [IdleState.BUSY]
    idle.notify()
    await turns()
    assert not done
    other.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == [True]


async def test_what_was_busy_the_last_time_is_asked_first(idle):
    others, busy = [Thing(IdleState.IDLE) for _ in range(3)], Thing(IdleState.BUSY)
    watch(idle, *others, busy)
    asked = [thing.asked for thing in others]
    for _ in range(5):
        idle.notify()
        await turns()
    assert [thing.asked for thing in others] == asked
    assert busy.asked == 6


class Rest:
    """The state of an app that is at rest, certainly or not."""

    kind = ("the same",)

    def __init__(self, *, certain):
        self.is_certain = certain
        self.asked = 0

    def check(self):
        self.asked += 1


def watch_together(idle, thing, number, rest_of):
    """Add `number` watchers of one kind."""
    done = []

    def sources():
        return (thing,)

    removals = [
        idle.when_idle(sources, functools.partial(done.append, i), rest_of()) for i in range(number)
    ]
    return done, removals


async def test_of_many_that_wait_for_the_same_one_is_asked(idle):
    busy, rest = Thing(IdleState.BUSY), Rest(certain=True)
    done, _ = watch_together(idle, busy, 100, lambda: rest)
    idle.notify()
    await turns()
    assert (busy.asked, rest.asked) == (2, 0)
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == list(range(100))
    assert (busy.asked, rest.asked) == (4, 1)
    assert not idle.watchers


class RestLater:
    """The state of an app that is to be checked again after a minute."""

    kind = ("later",)
    is_certain = False

    def check(self):
        return 60.0


async def test_a_check_that_is_due_later_does_not_replace_an_earlier_one(idle):
    moving, times = Thing(IdleState.MOVING), []
    idle.when_idle(lambda: [moving], lambda: times.append(idle.loop.time()))
    remove = idle.when_idle(lambda: [Thing(IdleState.IDLE)], list, RestLater())
    await turns(100)
    began, moving.states = idle.loop.time(), [IdleState.IDLE]
    await asyncio.sleep(10)
    remove()
    assert [time - began < 1 for time in times] == [True]


async def test_without_rest_one_is_asked_for_many_too(idle):
    busy = Thing(IdleState.BUSY)
    done, _ = watch_together(idle, busy, 3, lambda: None)
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert (done, busy.asked) == ([0, 1, 2], 3)


async def test_other_watchers_check_again_after_a_wait_of_the_first(idle):
    busy, rest = Thing(IdleState.BUSY), Rest(certain=False)
    done, _ = watch_together(idle, busy, 3, lambda: rest)
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert (done, rest.asked) == ([0, 1, 2], 3)


async def test_the_next_one_is_asked_when_the_first_has_left(idle):
    busy = Thing(IdleState.BUSY)
    done, removals = watch_together(idle, busy, 3, lambda: None)
    removals[0]()
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == [1, 2]


async def test_what_is_moving_is_looked_at_until_it_is_quiet_without_notify(idle):
    moving = Thing(IdleState.MOVING, IdleState.MOVING, IdleState.MOVING, IdleState.IDLE)
    done, _ = watch(idle, moving, Thing(IdleState.IDLE))
    assert not done
    await turns(10)
    assert done == [True]


async def test_what_moves_for_ever_is_not_checked_until_the_next_notify(idle):
    moving, now = Thing(IdleState.MOVING), idle.loop.time()
    idle.loop.time = lambda: now  # the next check is a timer, which does not expire
    done, remove = watch(idle, moving)
    await turns(100)
    asked = moving.asked
    await turns(100)
    assert moving.asked == asked, "no busy loop"
    del idle.loop.time
    moving.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == [True]
    remove()


async def test_what_moves_after_a_notify_is_checked_in_each_turn_again(idle):
    moving, now = Thing(IdleState.MOVING), idle.loop.time()
    idle.loop.time = lambda: now  # the check by a timer does not happen
    done, _ = watch(idle, moving)
    await turns(100)
    moving.states = [IdleState.MOVING, IdleState.MOVING, IdleState.IDLE]
    idle.notify()
    await turns(10)
    del idle.loop.time
    assert done == [True]


async def test_a_watch_can_be_taken_back(idle):
    busy = Thing(IdleState.BUSY)
    done, remove = watch(idle, busy)
    remove()
    remove()
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert not done


async def test_every_watcher_is_told_and_one_that_is_told_may_watch_again(idle):
    busy = Thing(IdleState.BUSY)
    first, _ = watch(idle, busy)
    again = []
    idle.when_idle(lambda: [busy], lambda: again.append(watch(idle, Thing(IdleState.IDLE))[0]))
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert first == [True]
    assert again == [[True]]


async def test_soon_looks_in_the_next_turn(idle):
    done = []
    idle.when_idle(lambda: (), lambda: done.append(True), soon=True)
    assert not done
    await turns()
    assert done == [True]


async def test_clear_ends_all_waits_and_their_timer(idle):
    moving = Thing(IdleState.MOVING)
    done, _ = watch(idle, moving)
    await turns(100)  # from now on the checks are made by a timer
    idle.clear()
    moving.states = [IdleState.IDLE]
    idle.notify()
    await asyncio.sleep(0.02)
    assert not done
    assert not idle.watchers
