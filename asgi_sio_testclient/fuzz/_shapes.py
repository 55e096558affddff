"""The shapes of a handler's arguments, read from its code: keys, types, constants and models.

`shapes_of` reads the source of the handler, and of the app's functions to which the handler passes
its arguments, and returns one `Shape` for each argument. No code of the app is run.
"""

from __future__ import annotations

import ast
import enum
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from asgi_sio_testclient.fuzz._code import (
    codes,
    is_near,
    nonlocals,
    owner_of,
    plain_function,
    signature_of,
    tree_of,
)
from asgi_sio_testclient.fuzz._texts import parsed_by

__all__ = ["Shape", "constants_of", "shapes_of"]

__tracebackhide__ = True

_DEPTH = 4  # nested calls of the app's own functions that are followed
_MOST_CONSTANTS = 60
_MOST_LENGTH = 1000  # lengths above are ignored
_SCALARS = (str, int, float, bytes, bool)


@dataclass
class Shape:
    """What is known about one value.

    Attributes:
        keys: if the value is a mapping, the shapes of its values, by key.
        item: if the value is a sequence, the shape of its items.
        kinds: names of types: "int", "float", "str", "list", "dict", "bool", "bytes".
        values: constants that the code compares with the value, and texts that the code's parser
            accepts.
        members: constants that the code tests with ``in``: keys, items or parts of a text.
        lengths: numbers that the code compares with the value's length.
        decoded: if the value is JSON text, the shape of the decoded value.
        annotations: annotations and models for the value.
    """

    keys: dict[Any, Shape] = field(default_factory=dict)
    item: Shape | None = None
    kinds: set[str] = field(default_factory=set)
    values: list[Any] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    decoded: Shape | None = None

    def key(self, name: Any) -> Shape:
        """Return the shape of the value at a key; add the key if it is new."""
        return self.keys.setdefault(name, Shape())

    def items(self) -> Shape:
        """Return the shape of the items; from now on, the value counts as a sequence."""
        if self.item is None:
            self.item = Shape()
        return self.item

    def add_values(self, values: Iterable[Any]) -> None:
        """Add constants; with an integer, also the integers before and after it."""
        for value in values:
            near = [value]
            if type(value) is int and abs(value) < 2**31:
                near += [value + 1, value - 1]
            for constant in near:
                if isinstance(constant, _SCALARS) and not _contains(self.values, constant):
                    self.values.append(constant)

    def add_length(self, length: int) -> None:
        """Add the length of a text, of bytes or of a list, and the lengths before and after it."""
        if 0 < length <= _MOST_LENGTH:
            self.lengths += [length, length + 1, length - 1]

    def annotate(self, annotation: Any) -> None:
        """Add an annotation or a model."""
        if annotation is not Any and all(annotation is not other for other in self.annotations):
            self.annotations.append(annotation)


def _contains(values: Iterable[Any], value: Any) -> bool:
    """Return whether `value` is in `values`, with its type: 1 and True differ."""
    return any(type(other) is type(value) and other == value for other in values)


def shapes_of(handler: Any, skip: int) -> list[Shape]:
    """Return one shape for each argument that a client sends; for a handler with ``*args``, the
    last shape is that of each of these arguments.

    Args:
        handler: the handler.
        skip: how many arguments the server adds before those of the client: the sid, and the event
            and namespace for a catch-all handler.
    """
    signature = signature_of(handler)
    if signature is None:
        return []
    named = []
    for parameter in signature.parameters.values():
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}:
            named.append((parameter.name, Shape()))
        elif parameter.kind is parameter.VAR_POSITIONAL:
            named.append((parameter.name, Shape(item=Shape())))
    for name, shape in named:
        annotation = signature.parameters[name].annotation
        if annotation is not inspect.Parameter.empty:
            (shape.item or shape).annotate(annotation)
    for function in _wrapped_functions(handler):
        _Reader().read(function, _by_position(function, named), owner_of(handler))
    last = named[-1] if named else None
    result = [shape for _, shape in named[skip:]]
    if last is not None and last[1].item is not None and result and result[-1] is last[1]:
        variadic = signature.parameters[last[0]].kind is inspect.Parameter.VAR_POSITIONAL
        result[-1] = last[1].item if variadic else last[1]
    return result


def _wrapped_functions(handler: Any) -> Iterator[Any]:
    """Yield the functions of a handler's decorators, and the decorated function: each of them may
    check the arguments.
    """
    innermost = plain_function(handler)
    outer = handler
    while outer is not None and getattr(outer, "__func__", outer) is not innermost:
        if inspect.isfunction(outer):
            yield outer
        outer = getattr(outer, "__wrapped__", None)
    yield innermost


def _by_position(function: Any, named: list[tuple[str, Shape]]) -> dict[str, Shape]:
    """Return the shapes by the names that `function` has for the arguments in `named`."""
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    names = list(code.co_varnames[: code.co_argcount])
    known = [name for name, _ in named]
    if names[-len(known) :] == known or not known:
        return dict(named)
    return dict(zip(names, (shape for _, shape in named), strict=False))


def constants_of(handler: Any) -> list[Any]:
    """Return the constants in a handler's code, and in the app's functions that this code names."""
    found = Shape()
    function = plain_function(handler)
    seen: set[types.CodeType] = set()
    for code in codes(function, seen, _DEPTH):
        found.add_values(_flat(code.co_consts))
    return found.values[:_MOST_CONSTANTS]


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the scalars in `values` and in the tuples and sets in `values`."""
    for value in values:
        if isinstance(value, tuple | frozenset):
            yield from _flat(value)
        elif isinstance(value, _SCALARS):
            yield value


def table_values(value: Any) -> list[Any]:
    """Return the scalars in a container of the app: the keys of a mapping, the items of a list or
    set, the values of an enumeration; [] for anything else.
    """
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return [member.value for member in value]
    if isinstance(value, dict | list | tuple | set | frozenset):
        found = (item for item in list(value)[:_MOST_CONSTANTS] if isinstance(item, _SCALARS))
        return sorted(found, key=repr)
    return []


_OF_STR = {
    "strip", "lstrip", "rstrip", "upper", "lower", "title", "split", "rsplit", "splitlines",
    "encode", "startswith", "endswith", "replace", "join", "casefold", "isdigit", "isalpha",
    "partition", "format", "find",
}  # fmt: skip
_OF_LIST = {"append", "extend", "sort", "insert", "reverse"}
_OF_DICT = {"keys", "values", "items", "update"}
_CONVERTERS = {"int": "int", "float": "float", "bytes": "bytes", "ord": "str", "chr": "int"}
_ITERATORS = {"list", "tuple", "set", "sorted", "sum", "max", "min", "enumerate", "reversed", "any"}
_WITH_LENGTH = {"list", "str", "bytes", "dict"}
_KINDS = {"int", "float", "str", "list", "dict", "bool", "bytes"}


class _Reader:
    """Follows arguments through the syntax tree of a function, and adds to their shapes."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()
        self._globals: dict[str, Any] = {}
        self._owner: Any = None
        self._module_of: Any = None
        self._names: dict[str, Shape] = {}

    def read(self, function: Any, names: dict[str, Shape], owner: Any, depth: int = _DEPTH) -> None:
        """Read the source of a function, and add to the shapes of its arguments.

        Args:
            function: the function.
            names: the shapes by the names of the arguments.
            owner: the instance to which the function is bound, or None.
            depth: how many nested calls of the app's functions are followed.
        """
        tree = tree_of(function)
        code = getattr(function, "__code__", None)
        if tree is None or code in self._seen or not depth:
            return
        self._seen.add(code)
        outer = self._globals, self._owner, self._module_of, self._names
        self._globals = {**getattr(function, "__globals__", {}), **nonlocals(function)}
        self._owner, self._module_of, self._names = owner, function, dict(names)
        self._depth = depth
        for statement in tree.body:
            self._visit(statement)
        self._globals, self._owner, self._module_of, self._names = outer
        self._depth = depth + 1

    # -- statements

    def _visit(self, node: ast.AST) -> None:  # noqa: C901 (a case for each kind of statement)
        match node:
            case ast.Assign(targets=[target], value=value):
                self._bind(target, value)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._bind(target, value)
            case ast.For(target=target, iter=iterated) | ast.AsyncFor(target=target, iter=iterated):
                self._iterate(target, iterated)
            case ast.comprehension(target=target, iter=iterated):
                self._iterate(target, iterated)
            case ast.Match(subject=subject, cases=cases):
                shape = self._shape(subject)
                for case in cases:
                    self._pattern(case.pattern, shape)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for generator in node.generators:
                    self._visit(generator)
            case ast.expr():
                self._shape(node)
        for child in ast.iter_child_nodes(node):
            self._visit(child)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        """Give the names in an assignment's target the shapes of the assigned values."""
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
                for left, right in zip(target.elts, value.elts, strict=True):
                    self._bind(left, right)
                return
            shape = self._shape(value)
            if shape is not None:
                shape.kinds.add("list")
                for left in target.elts:
                    self._name(left, shape.items())
            return
        shape = self._shape(value)
        self._name(target, shape)

    def _name(self, target: ast.expr, shape: Shape | None) -> None:
        """Give a name that shape, or no shape any more."""
        if isinstance(target, ast.Name):
            if shape is None:
                self._names.pop(target.id, None)
            else:
                self._names[target.id] = shape

    def _iterate(self, target: ast.expr, iterated: ast.expr) -> None:
        """Give the names in a loop's target the shapes of the items."""
        shape = self._shape(iterated)
        match iterated:
            case ast.Call(func=ast.Attribute(value=owner, attr="items" | "values")):
                mapping = self._shape(owner)
                if mapping is not None:
                    mapping.kinds.add("dict")
                    item = mapping.key("k")
                    pair = isinstance(target, ast.Tuple) and len(target.elts) == 2  # noqa: PLR2004 (key and value)
                    self._name(target.elts[1] if pair else target, item)  # type: ignore[attr-defined]
                    return
            case ast.Call(func=ast.Name(id="enumerate"), args=[first, *_]):
                shape = self._shape(first)
                if isinstance(target, ast.Tuple):
                    target = target.elts[-1]
        if shape is not None:
            item = shape.items()
            if isinstance(target, ast.Tuple):
                item.kinds.add("list")
                for part in target.elts:
                    self._name(part, item.items())
            self._name(target, item)

    # -- expressions

    def _shape(self, node: ast.AST | None) -> Shape | None:
        """Return the shape of an expression's value if the value is an argument or a part of an
        argument; else None.
        """
        match node:
            case ast.Name(id=name):
                return self._names.get(name)
            case ast.Await(value=value) | ast.Starred(value=value):
                return self._shape(value)
            case ast.NamedExpr(target=target, value=value):
                shape = self._shape(value)
                self._name(target, shape)
                return shape
            case ast.BoolOp(values=values):
                return next(filter(None, [self._shape(value) for value in values]), None)
            case ast.IfExp(body=body, orelse=orelse):
                return self._shape(body) or self._shape(orelse)
            case ast.Subscript(value=value, slice=index):
                return self._subscript(value, index)
            case ast.Call():
                return self._call(node)
            case ast.Compare():
                self._compare(node)
            case ast.BinOp(left=left, right=right, op=op):
                self._arithmetic(left, right, op)
        return None

    def _subscript(self, value: ast.expr, index: ast.expr) -> Shape | None:
        shape = self._shape(value)
        if shape is None:
            inner = self._shape(index)
            if inner is not None:
                inner.add_values(table_values(self._resolve(value)))
            return None
        match index:
            case ast.Constant(value=str() as key):
                return shape.key(key)
            case ast.Slice(lower=lower, upper=upper):
                shape.kinds |= {"list", "str"}
                for bound in filter(None, (lower, upper)):
                    self._add_lengths(shape, self._constants(bound))
                return shape
        position = self._shape(index)
        if position is not None:
            position.kinds |= {"int", "str"}
        shape.kinds.add("list")
        return shape.items()

    def _parse(self, node: ast.Call) -> Shape | None:
        """Add the values that a parsing function accepts to the shapes of its arguments; for
        ``json.loads``, return the shape of the decoded value, else None.
        """
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        found = None
        constants = [constant for arg in node.args for constant in self._constants(arg)]
        if isinstance(node.func, ast.Attribute):
            compiled = self._resolve(node.func.value)
            constants += [compiled.pattern] if isinstance(compiled, re.Pattern) else []
        for arg in node.args:
            shape = self._shape(arg)
            if shape is None:
                continue
            if name == "loads":
                shape.decoded = found = shape.decoded or Shape()
            examples = parsed_by(name, constants)
            shape.kinds |= {type(example).__name__ for example in examples}
            shape.values += [example for example in examples if example not in shape.values]
        return found

    def _call(self, node: ast.Call) -> Shape | None:  # noqa: C901 (a case for each kind of call)
        decoded = self._parse(node)
        if decoded is not None:
            return decoded
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=method), args=args):
                shape = self._shape(value)
                if shape is not None:
                    return self._method(shape, method, args)
            case ast.Call(func=ast.Name(id="isinstance"), args=[value, kinds]):
                shape = self._shape(value)
                if shape is not None:
                    names = {part.id for part in ast.walk(kinds) if isinstance(part, ast.Name)}
                    shape.kinds |= names & _KINDS
                return None
            case ast.Call(func=ast.Name(id=name), args=[value, *_]) if name in _CONVERTERS:
                shape = self._shape(value)
                if shape is not None:
                    shape.kinds |= {_CONVERTERS[name], "str"}
                return shape
            case ast.Call(func=ast.Name(id="len"), args=[value]):
                shape = self._shape(value)
                if shape is not None and not shape.kinds & _WITH_LENGTH:
                    shape.kinds |= {"list", "str"}
                return None
            case ast.Call(func=ast.Name(id=name), args=[value, *_]) if name in _ITERATORS:
                shape = self._shape(value)
                if shape is not None:
                    shape.kinds.add("list")
                    return shape.items() if name in {"max", "min"} else shape
            case ast.Call(func=ast.Name(id="str" | "dict" | "bool"), args=[value]):
                return self._shape(value)
        self._add_passed_values(node)
        return None

    def _method(self, shape: Shape, method: str, args: list[ast.expr]) -> Shape | None:
        """Add to the shape of a value whose method is called; return the shape of the result."""
        constants = [arg.value for arg in args if isinstance(arg, ast.Constant)]
        match method, args:
            case "get" | "pop" | "setdefault", [ast.Constant(value=str() as key), *_]:
                child = shape.key(key)
                child.add_values(constants[1:])
                return child
            case "pop" | "index" | "count", _:
                shape.kinds.add("list")
                return shape.items()
        if method in _OF_STR:
            shape.kinds.add("str")
            shape.add_values(constants)
        elif method in _OF_LIST:
            shape.kinds.add("list")
        elif method in _OF_DICT:
            shape.kinds.add("dict")
        return shape if method in _OF_STR and method not in {"split", "encode"} else None

    def _add_passed_values(self, node: ast.Call) -> None:
        """Add to the shapes of the values that are passed to a model, an enumeration, or another
        function of the app.
        """
        target = self._resolve(node.func)
        model = self._resolve(node.func.value) if isinstance(node.func, ast.Attribute) else None
        double = [keyword.value for keyword in node.keywords if keyword.arg is None]
        values = [*node.args, *double]
        # As in `Model(data)`, `Model.parse(data)`, `convert(data, Model)`.
        names = _field_names(target, len(node.args))
        candidates = [target, model, *map(self._resolve, values)]
        candidates += [
            getattr(candidate, "_type", None) for candidate in candidates
        ]  # TypeAdapter's
        for value in double if names else values:
            shape = self._shape(value)
            if shape is None:
                continue
            for candidate in candidates:
                if typing.get_origin(candidate) or _is_model(candidate):
                    shape.annotate(candidate)
        for name, value in zip(names, node.args, strict=False):
            shape = self._shape(value)
            if shape is not None:
                shape.annotations += _field_annotation(target, name)
        for keyword in node.keywords:
            shape = self._shape(keyword.value) if keyword.arg else None
            if shape is not None and isinstance(target, type):
                shape.annotations += _field_annotation(target, keyword.arg)
        if hasattr(target, "__code__") or inspect.ismethod(target):
            self._follow(target, node)

    def _follow(self, target: Any, node: ast.Call) -> None:
        function = plain_function(target)
        if not hasattr(function, "__code__") or not is_near(function, self._module_of):
            return
        names = list(inspect.signature(target).parameters)
        given = {name: self._shape(arg) for name, arg in zip(names, node.args, strict=False)}
        given |= {word.arg: self._shape(word.value) for word in node.keywords if word.arg}
        shapes = {name: shape for name, shape in given.items() if shape is not None}
        if shapes:
            self.read(function, shapes, getattr(target, "__self__", None), self._depth - 1)

    def _length(self, node: ast.expr, constants: Iterable[Any]) -> None:
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[value]):
                shape = self._shape(value)
                if shape is not None:
                    self._add_lengths(shape, constants)

    @staticmethod
    def _add_lengths(shape: Shape, constants: Iterable[Any]) -> None:
        for constant in constants:
            if type(constant) is int:
                shape.add_length(constant)

    def _compare(self, node: ast.Compare) -> None:
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                self._membership(left, right)
            else:
                for one, other in ((left, right), (right, left)):
                    self._length(one, self._constants(other))
                    shape = self._shape(one)
                    if shape is not None:
                        constants = list(self._constants(other))
                        shape.add_values(constants)
                        if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
                            shape.kinds |= {type(constant).__name__ for constant in constants}
            left = right

    def _membership(self, left: ast.expr, right: ast.expr) -> None:
        container = self._shape(right)
        if container is not None:
            container.members += [
                constant for constant in self._constants(left) if isinstance(constant, str)
            ]
        shape = self._shape(left)
        if shape is not None:
            shape.add_values(self._constants(right))
            shape.add_values(table_values(self._resolve(right)))

    def _arithmetic(self, left: ast.expr, right: ast.expr, op: ast.operator) -> None:
        for one, other in ((left, right), (right, left)):
            shape = self._shape(one)
            if shape is None:
                continue
            text = isinstance(other, ast.JoinedStr) or any(
                isinstance(constant, str) for constant in self._constants(other)
            )
            if isinstance(op, ast.Add) and text:
                shape.kinds.add("str")
            else:
                shape.kinds |= {"int", "float"}

    def _constants(self, node: ast.AST) -> Iterator[Any]:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, _SCALARS):
                yield part.value
            elif isinstance(part, ast.Name | ast.Attribute):
                value = self._resolve(part)
                if isinstance(value, enum.Enum):
                    value = value.value
                if isinstance(value, _SCALARS):
                    yield value

    def _pattern(  # noqa: C901, PLR0912 (a case for each kind of pattern)
        self, pattern: ast.pattern, shape: Shape | None
    ) -> None:
        if shape is None:
            return
        match pattern:
            case ast.MatchMapping(keys=keys, patterns=patterns):
                shape.kinds.add("dict")
                for key, inner in zip(keys, patterns, strict=True):
                    if isinstance(key, ast.Constant):
                        self._pattern(inner, shape.key(key.value))
            case ast.MatchSequence(patterns=patterns):
                shape.kinds.add("list")
                for inner in patterns:
                    self._pattern(inner, shape.items())
            case ast.MatchValue(value=value):
                shape.add_values(self._constants(value))
            case ast.MatchOr(patterns=patterns):
                for inner in patterns:
                    self._pattern(inner, shape)
            case ast.MatchClass(cls=ast.Name(id=name), patterns=patterns):
                shape.kinds |= {name} & _KINDS
                for inner in patterns:
                    self._pattern(inner, shape)
            case ast.MatchAs(pattern=inner, name=name):
                if inner is not None:
                    self._pattern(inner, shape)
                if name is not None:
                    self._names[name] = shape

    def _resolve(self, node: ast.AST) -> Any:
        """Return the app's object for a name or an attribute; None if the object is unknown."""
        match node:
            case ast.Name(id="self") if self._owner is not None:
                return self._owner
            case ast.Name(id=name):
                return None if name in self._names else self._globals.get(name)
            case ast.Attribute(value=value, attr=attribute):
                owner = self._resolve(value)
                plain = isinstance(owner, type | types.ModuleType) or owner is self._owner
                if owner is not None and plain:
                    return inspect.getattr_static(owner, attribute, None) and getattr(
                        owner, attribute, None
                    )
        return None


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and candidate.__module__ != "builtins"


def _field_names(target: Any, count: int) -> list[str]:
    """Return the names of a class's fields if a call gives them by position; else []."""
    if isinstance(target, type) and (count > 1 or hasattr(target, "__dataclass_fields__")):
        return list(
            getattr(target, "__dataclass_fields__", None) or inspect.get_annotations(target)
        )
    return []


def _field_annotation(model: type, name: str | None) -> list[Any]:
    annotation = inspect.get_annotations(model).get(name or "")
    return [] if annotation is None or isinstance(annotation, str) else [annotation]
