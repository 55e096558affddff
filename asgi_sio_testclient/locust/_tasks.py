"""Wrappers with which the tasks and hooks of a Locust user may be coroutine functions.

Locust calls a task, an ``on_start`` and an ``on_stop``, and ignores the result. The wrappers run a
result that is a coroutine in the event loop.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from locust import TaskSet

__all__ = ["wrap_coroutines"]

__tracebackhide__ = True

_MARK = "_runs_coroutines"  # an attribute of what is wrapped


def wrap_coroutines(user_class: Any) -> None:
    """Wrap the tasks and hooks of a user class and of its TaskSets, so that they may be coroutine
    functions.
    """
    _wrap(user_class, "on_start", _run_on_start)
    _wrap(user_class, "on_stop", _run_on_stop)
    user_class.tasks = [_wrapped(task) for task in user_class.tasks]


def _wrapped(task: Any) -> Any:
    if not inspect.isclass(task):
        return task if hasattr(task, _MARK) else _wrapper(task, _run)
    if _MARK not in vars(task):
        setattr(task, _MARK, True)
        _wrap(task, "on_start", _run)
        _wrap(task, "on_stop", _run_last)
        _wrap_executed(task)
    return task


def _wrap_executed(taskset: Any) -> None:
    execute = taskset.execute_task

    @functools.wraps(execute)
    def execute_task(self: Any, task: Any) -> None:
        # Wrapped at execution: each kind of TaskSet selects its tasks in another way.
        if inspect.isclass(task):
            execute(self, _wrapped(task))
        else:
            execute(self, functools.partial(_execute, task, self))

    taskset.execute_task = execute_task


def _execute(task: Any, taskset: Any, _: Any) -> None:
    is_bound = getattr(task, "__self__", None) is taskset
    _run(taskset, task if is_bound else functools.partial(task, taskset))


def _wrap(owner: Any, name: str, run: Callable[..., Any]) -> None:
    hook = getattr(owner, name)
    if not hasattr(hook, _MARK):
        setattr(owner, name, _wrapper(hook, run))


def _wrapper(function: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(owner: Any) -> Any:
        return run(owner, functools.partial(function, owner))

    setattr(wrapper, _MARK, True)
    return wrapper


def _user_of(owner: Any) -> Any:
    return owner.user if isinstance(owner, TaskSet) else owner


def _run(owner: Any, function: Callable[[], Any]) -> Any:
    return _user_of(owner)._finish(function())


def _run_last(owner: Any, function: Callable[[], Any]) -> Any:
    return _user_of(owner)._finish_last(function())


def _run_on_start(user: Any, function: Callable[[], Any]) -> Any:
    return user._begin(function)


def _run_on_stop(user: Any, function: Callable[[], Any]) -> Any:
    return user._end(function)
