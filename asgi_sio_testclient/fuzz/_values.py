"""Generated arguments: values that fit the shapes of a handler's arguments, and any other values.

`systematic` yields arguments with one simple wrong value, in a fixed order. `arguments` returns a
Hypothesis strategy for all other arguments.
"""

from __future__ import annotations

import copy
import enum
import inspect
import itertools
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from asgi_sio_testclient.fuzz._shapes import Shape
from asgi_sio_testclient.fuzz._texts import examples_of, text_of_pattern

__all__ = [
    "MISSING",
    "arguments",
    "children_of",
    "default",
    "depth_of",
    "fill",
    "literal",
    "nested",
    "replaced",
    "systematic",
]

__tracebackhide__ = True

_DEPTH = 5
_SIMPLE: tuple[Any, ...] = (
    *(None, "", 0, -1, [], {}),
    *("x", 1.5, True, 10**30, "\ud800", "0", [None], b"", 1, [[]], {"x": None}, " ", -(10**30)),
    *("\x00", b"\xff", "e\u0301\U0001f600", -0.5, ["x", 1], 2**63, 10**99),
)
_VARIANTS = 3
_MOST_JSON = 60
_SHORT = 4  # bytes
_BYTE = range(256)
_DEPTHS = (3, 120, 480, 900)
MISSING = object()
_READABLE = 20  # levels, or equal characters, that are written out in a literal
_LONG = "x" * 5000
_MANY = 20  # times that a list has its items, to be a long one


# -- annotations


def fill(shape: Shape, depth: int = _DEPTH) -> None:
    """Turn the annotations of a shape, and of those in it, into keys, items, kinds and values."""
    annotations, shape.annotations = shape.annotations, []
    if depth:
        guessed, shape.kinds = shape.kinds, set()
        for annotation in annotations:
            _add(shape, annotation, depth)
        if "list" in shape.kinds and "str" not in shape.kinds:
            guessed = guessed - {"str"}  # of `len(value)`, say
        shape.kinds |= guessed
        _add_members(shape)
        _add_lengths(shape)
        if shape.decoded is not None:
            fill(shape.decoded, depth - 1)
            _add_json(shape, shape.decoded)
        for child in (*shape.keys.values(), *([shape.item] if shape.item else ())):
            fill(child, depth - 1)


def _add_members(shape: Shape) -> None:
    """Add the constants that the code tests with `in`: as keys, items or texts, by the kind of the
    value.
    """
    members, shape.members = shape.members, []
    if not members:
        return
    is_list = "list" in shape.kinds or shape.item is not None
    if is_list:
        shape.items().add_values(members)
    if "str" in shape.kinds or not (is_list or shape.keys or "dict" in shape.kinds):
        shape.add_values(members)
    if "dict" in shape.kinds or not (is_list or "str" in shape.kinds):
        for member in members:
            shape.key(member)


def _add_lengths(shape: Shape) -> None:
    if "bytes" in shape.kinds:
        lengths = sorted({*filter(None, shape.lengths), *range(1, _SHORT)})
        firsts = [] if shape.item is None else shape.item.values
        for first in (value for value in firsts if type(value) is int and value in _BYTE):
            shape.add_values(bytes([first]) + bytes(length - 1) for length in lengths)
        shape.add_values(bytes(length) for length in shape.lengths)
    if "str" in shape.kinds:
        shape.add_values("x" * length for length in shape.lengths)


def _add_json(shape: Shape, decoded: Shape) -> None:
    """Add JSON texts, each with one simple wrong value in the decoded value."""
    values = systematic([decoded], ())
    for (value,) in itertools.islice(values, _MOST_JSON):
        try:
            text = json.dumps(value)
        except (TypeError, ValueError, RecursionError):
            continue
        shape.values += [text] if text not in shape.values else []


def _add(shape: Shape, annotation: Any, depth: int) -> None:
    if not depth:
        return
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        _add(shape, args[0], depth)
        _add_bounds(shape, args[1:])
    elif origin is typing.Literal:
        shape.add_values(args)
    elif origin in {typing.Union, types.UnionType}:
        for part in args:
            _add(shape, part, depth)
    elif origin in {typing.Required, typing.NotRequired}:
        _add(shape, args[0], depth)
    elif isinstance(origin or annotation, type):
        _add_type(shape, origin or annotation, args, depth)


def _add_type(shape: Shape, kind: type, args: tuple[Any, ...], depth: int) -> None:
    named = _fields_of(kind)
    if issubclass(kind, enum.Enum):
        shape.add_values(member.value for member in kind)
    elif named is not None:
        shape.kinds.add("dict")
        for name, (annotation, bounds) in named.items():
            child = shape.key(name)
            _add(child, annotation, depth - 1)
            _add_bounds(child, bounds)
    elif examples_of(kind):
        shape.add_values(examples_of(kind))
    elif issubclass(kind, str | bytes | int | float):
        shape.kinds.add(
            next(k.__name__ for k in (bool, int, float, str, bytes) if issubclass(kind, k))
        )
    elif issubclass(kind, Mapping):
        shape.kinds.add("dict")
        if len(args) > 1:
            _add(shape.key("x"), args[1], depth - 1)
    elif issubclass(kind, Iterable):
        shape.kinds.add("list")
        for arg in args:
            _add(shape.items(), arg, depth - 1)


def _fields_of(kind: type) -> dict[str, tuple[Any, tuple[Any, ...]]] | None:
    """Return annotation and bounds of the fields of a model, by name; None for other types."""
    model_fields = getattr(kind, "model_fields", None)  # pydantic's
    if isinstance(model_fields, dict):
        return {
            str(field.alias or name): (field.annotation, tuple(field.metadata))
            for name, field in model_fields.items()
        }
    if typing.is_typeddict(kind) or any(hasattr(kind, name) for name in _OF_MODELS):
        try:
            hints = typing.get_type_hints(kind, include_extras=True)
        except Exception:  # noqa: BLE001 (evaluating an annotation runs code of the app)
            bases = reversed(kind.__mro__)
            hints = {
                name: hint for base in bases for name, hint in inspect.get_annotations(base).items()
            }
        return {name: (hint, ()) for name, hint in hints.items()}
    return None


_OF_MODELS = ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__")  # msgspec's


def _add_bounds(shape: Shape, bounds: Iterable[Any]) -> None:
    for bound in bounds:
        for name in ("gt", "ge", "lt", "le"):
            limit = getattr(bound, name, None)
            if isinstance(limit, int | float):
                shape.add_values([limit])
        for name in ("min_length", "max_length"):
            limit = getattr(bound, name, None)
            if isinstance(limit, int):
                shape.add_length(limit)
        pattern = getattr(bound, "pattern", None)
        if isinstance(pattern, str):
            shape.add_values(text_of_pattern(pattern))


# -- single values


def default(shape: Shape, variant: int = 0, depth: int = _DEPTH) -> Any:
    """Return a value that the code is likely to accept; `variant` selects among the constants."""
    if shape.keys and depth:
        return {key: default(child, variant, depth - 1) for key, child in shape.keys.items()}
    if shape.item is not None and depth and not shape.kinds & {"str"}:
        count = shape.lengths[0] if shape.lengths else 1
        return [default(shape.item, variant, depth - 1) for _ in range(count)]
    if shape.values:
        return shape.values[variant % len(shape.values)]
    for kinds, value in _DEFAULTS:
        if kinds <= shape.kinds:
            return copy.deepcopy(value)
    return "x"


_DEFAULTS: tuple[tuple[set[str], Any], ...] = (
    ({"int", "str"}, "1"),
    ({"float", "str"}, "1"),
    ({"int"}, 1),
    ({"float"}, 1.5),
    ({"str"}, "x"),
    ({"bool"}, True),
    ({"list"}, ["x"]),
    ({"dict"}, {}),
    ({"bytes"}, b"x"),
)


def nested(depth: int, key: str | None = None) -> Any:
    """Return lists nested `depth` deep; with `key`, mappings of that key nested `depth` deep."""
    value: Any = [] if key is None else {}
    for _ in range(depth):
        value = [value] if key is None else {key: value}
    return value


# -- simple wrong values, in a fixed order


def systematic(
    shapes: Sequence[Shape], constants: Sequence[Any], seeds: Sequence[tuple[Any, ...]] = ()
) -> Iterator[tuple[Any, ...]]:
    """Yield arguments in which one value is removed, or replaced by a wrong value.

    Args:
        shapes: one shape for each argument.
        constants: the constants in the handler's code.
        seeds: recorded arguments, in which values are removed and replaced, too.
    """
    bases = [*seeds[:3]]
    for variant in range(_VARIANTS):
        base = tuple(default(shape, variant) for shape in shapes)
        if base not in bases:
            bases.append(base)
    yield from bases
    columns = [
        _faults(base, path, shape, constants)
        for base in bases
        for path, shape in _paths(base, shapes)
    ]
    for row in itertools.zip_longest(*columns, fillvalue=MISSING):
        yield from (variant for variant in row if variant is not MISSING)


def _paths(base: tuple[Any, ...], shapes: Sequence[Shape]) -> list[tuple[tuple[Any, ...], Shape]]:
    """Return the paths of the values in some arguments, innermost first, with their shapes."""
    found = [
        entry
        for index, value in enumerate(base)
        for entry in _paths_in(value, shapes[index] if index < len(shapes) else Shape(), (index,))
    ]
    return sorted(found, key=lambda entry: -len(entry[0]))[:12]


def _paths_in(
    value: Any, shape: Shape, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Shape]]:
    yield path, shape
    if len(path) > _DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths_in(inner, shape.keys.get(key, Shape()), (*path, key))
    elif isinstance(value, list) and value:
        yield from _paths_in(value[0], shape.item or Shape(), (*path, 0))


def _faults(
    base: tuple[Any, ...], path: tuple[Any, ...], shape: Shape, constants: Sequence[Any]
) -> Iterator[tuple[Any, ...]]:
    if len(path) > 1:
        yield replaced(base, path, MISSING)
    values = [*shape.values[:12]]
    texts = [constant for constant in constants if not _holds(values, constant)]
    several, many = _repeated(_value_at(base, path), shape)
    first, rest = _SIMPLE[:6], _SIMPLE[6:]
    early = (*first[:2], *several, *values[:6], *first[2:], *many)
    for value in (*early, *texts[:8], *values[6:], *rest):
        yield replaced(base, path, value)
    key = next((name for name in shape.keys if isinstance(name, str)), "x")
    for depth in _DEPTHS:
        yield replaced(base, path, nested(depth))
        yield replaced(base, path, nested(depth, key))
    yield replaced(base, path, _LONG)


def _value_at(base: tuple[Any, ...], path: tuple[Any, ...]) -> Any:
    value: Any = base
    for step in path:
        value = value[step]
    return value


def _repeated(value: Any, shape: Shape) -> tuple[list[Any], list[Any]]:
    """Return lists with equal items, with different items, and with many items."""
    if not isinstance(value, list) or not value:
        return [], []
    several = [value * 2]
    if shape.item is not None:
        different = [default(shape.item, variant) for variant in range(2)]
        several += [different] if different[0] != different[1] else []
    return several, [value * _MANY]


def _holds(values: Iterable[Any], value: Any) -> bool:
    return any(type(other) is type(value) and other == value for other in values)


def replaced(base: tuple[Any, ...], path: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    """Return a copy of `base` with `value` at `path`; `MISSING` removes the value there."""
    changed: list[Any] = list(base)
    owner: Any = changed
    for step in path[:-1]:
        owner[step] = copy.copy(owner[step])
        owner = owner[step]
    if value is MISSING:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value
    return tuple(changed)


def literal(value: Any) -> str:
    """Return Python source for a value; deeply nested values as a call of `nested`."""
    depth, key = depth_of(value)
    if depth > _READABLE:
        for name in (None, key):
            if _is_nested(value, depth - 1, name):
                return f"nested({depth - 1}{'' if name is None else f', {name!r}'})"
    if isinstance(value, tuple):
        return ", ".join(map(literal, value))
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]" if depth <= _READABLE else "[...]"
    if isinstance(value, dict) and depth <= _READABLE:
        return f"{{{', '.join(f'{key!r}: {literal(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, str) and len(value) > _READABLE and value == value[0] * len(value):
        return f"{value[0]!r} * {len(value)}"
    return repr(value) if depth <= _READABLE else "{...}"


def depth_of(value: Any) -> tuple[int, Any]:
    """Return how many levels of lists and mappings a value has, and the first key of its first
    mapping, or None.
    """
    depth, key, level = 0, None, [value]
    while level := [item for item in level if isinstance(item, dict | list | tuple)]:
        depth += 1
        first = next((item for item in level if isinstance(item, dict) and item), None)
        key = next(iter(first)) if key is None and first is not None else key
        level = [inner for item in level for inner in children_of(item)]
    return depth, key


def children_of(value: Any) -> Iterable[Any]:
    """Return the values in a list, a tuple or a mapping; () for anything else."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _is_nested(value: Any, depth: int, key: Any) -> bool:
    for _ in range(depth):
        if len(value) != 1 or not isinstance(value, list if key is None else dict):
            return False
        value = next(iter(children_of(value)))
    return bool(value == ([] if key is None else {}))


# -- strategies


def arguments(
    shapes: Sequence[Shape],
    counts: Sequence[int],
    constants: Sequence[Any],
    seeds: Sequence[tuple[Any, ...]],
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for the arguments of one event.

    Args:
        shapes: one shape for each argument; further arguments have the last shape.
        counts: the numbers of arguments.
        constants: the constants in the handler's code.
        seeds: arguments that were recorded, or that led to new behaviour; one value in them is
            changed.
    """
    anything = json_values(constants)

    @st.composite
    def draw_arguments(draw: Any) -> tuple[Any, ...]:
        if seeds and draw(st.integers(0, 3)) == 3:  # noqa: PLR2004 (one in four)
            return _changed(draw, draw(st.sampled_from(list(seeds))), shapes, anything)
        count = draw(st.sampled_from(list(counts)))
        last = shapes[-1] if shapes else Shape()
        known = [shapes[index] if index < len(shapes) else last for index in range(count)]
        return tuple(_draw(draw, shape, anything) for shape in known)

    return draw_arguments()


def _changed(
    draw: Any, seed: tuple[Any, ...], shapes: Sequence[Shape], anything: Any
) -> tuple[Any, ...]:
    paths = _paths(seed, shapes)
    if not paths:
        return seed
    path, shape = draw(st.sampled_from(paths))
    if len(path) > 1 and draw(st.integers(0, 5)) == 5:  # noqa: PLR2004 (one in six)
        return replaced(seed, path, MISSING)
    return replaced(seed, path, _draw(draw, shape, anything))


def _draw(draw: Any, shape: Shape, anything: Any, depth: int = _DEPTH) -> Any:
    roll = draw(st.integers(0, 9))
    if roll == 9 or not depth:  # noqa: PLR2004 (one in ten)
        return draw(anything)
    if shape.keys:
        return _draw_mapping(draw, shape, anything, depth)
    if shape.item is not None and not (shape.kinds & {"str"} and roll % 2):
        count = draw(st.integers(0, 4))
        return [_draw(draw, shape.item, anything, depth - 1) for _ in range(count)]
    if shape.values and roll < 6:  # noqa: PLR2004 (six in ten)
        return draw(st.sampled_from(shape.values))
    kinds = [_KINDS[kind] for kind in sorted(shape.kinds)]
    return draw(st.one_of(*kinds) if kinds and roll < 8 else _SCALARS)  # noqa: PLR2004


def _draw_mapping(draw: Any, shape: Shape, anything: Any, depth: int) -> dict[Any, Any]:
    drawn = {}
    for key, child in shape.keys.items():
        if draw(st.integers(0, 11)) != 11:  # noqa: PLR2004 (one in twelve is missing)
            drawn[key] = _draw(draw, child, anything, depth - 1)
    if draw(st.integers(0, 11)) == 11:  # noqa: PLR2004
        drawn[draw(st.text(max_size=8))] = draw(anything)
    return drawn


_INTEGERS = st.one_of(
    st.sampled_from([0, 1, -1, 2, 10, 100, 2**63, -(2**63), 10**30, 10**99]),
    st.integers(-1000, 1000),
    # None in between: an app that allocates that many bytes would use all memory.
    st.integers(2**62, 10**99),
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.one_of(
    st.sampled_from(
        ["", "x", " ", "0", "-1", "1.5", "\ud800", "\x00", "null", "../x", _LONG, "%s", "{}"]
    ),
    st.text(max_size=20),
)
_SCALARS = st.one_of(st.none(), st.booleans(), _INTEGERS, _FLOATS, _TEXTS, st.binary(max_size=8))
_KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "bytes": st.binary(max_size=20),
    "dict": st.dictionaries(st.text(max_size=5), _SCALARS, max_size=3),
    "float": st.one_of(_FLOATS, _INTEGERS),
    "int": _INTEGERS,
    "list": st.lists(_SCALARS, max_size=4),
    "str": _TEXTS,
}


def json_values(constants: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for any JSON value, and for bytes; the constants of the code are among the
    texts and the keys.
    """
    texts = [constant for constant in constants if isinstance(constant, str)]
    keys = st.one_of(st.sampled_from(texts), st.text(max_size=5)) if texts else st.text(max_size=5)
    scalars = st.one_of(_SCALARS, st.sampled_from(list(constants))) if constants else _SCALARS
    tree = st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)
        ),
        max_leaves=8,
    )
    deep = st.builds(nested, st.sampled_from(_DEPTHS), st.sampled_from([None, *texts, "x"]))
    return st.one_of(tree, tree, tree, deep)
