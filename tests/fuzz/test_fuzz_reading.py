"""What the fuzzer learns about an argument from each kind of statement and expression."""
# ruff: noqa: B007, B018, C416, F841, F842, FURB105, FURB110, RET503, RUF059, T201 (the handlers are read, and do not run)

import enum
import functools
import json
import types
from dataclasses import dataclass
from typing import TypedDict

from read_handlers import read

LIMITS = types.SimpleNamespace(most=7)
TABLE = {"tea": 3, "milk": 1}
MIXED = ["b", "a", None]


class Kind(enum.Enum):
    LATE = "late"


@dataclass
class Order:
    sku: str
    count: "int"


def test_assignments():
    def handler(sid, data, pair, rest, gone, *others):
        kind: str = data["kind"]
        kind.strip()
        empty: int
        first, second = pair
        first.upper()
        second["id"]
        left, right = rest["left"], 1
        left.lower()
        a, b = sid, 2
        x, y = unknown()
        gone = 5
        gone["never"]
        data["at"] = pair
        if (size := data["size"]) > 3:
            size.bit_length()

    data, pair, rest, gone, others = read(handler)
    assert "str" in data.keys["kind"].kinds
    assert 4 in data.keys["size"].values
    assert pair.kinds == {"list"}
    assert pair.item.kinds == {"str"}
    assert set(pair.item.keys) == {"id"}
    assert "str" in rest.keys["left"].kinds
    assert not gone.keys
    assert others == type(others)()


def unknown():
    return 1, 2


def test_loops():
    def handler(sid, rows, table, named, pairs, plain):
        for number, row in enumerate(rows):
            row["id"]
        for name, value in table.items():
            value["price"]
        for value in named.values():
            value.upper()
        for left, right in pairs:
            left.strip()
        for item in enumerate(plain):
            item
        for key, value in other().items():
            value
        for thing in unknown():
            thing
        {name: value["x"] for name, value in table.items()}
        [part for part in (rows if rows else [])]

    rows, table, named, pairs, plain = read(handler)
    assert set(rows.item.keys) == {"id"}
    assert set(table.keys["k"].keys) == {"price", "x"}
    assert "str" in named.keys["k"].kinds
    assert pairs.item.kinds == {"list"}
    assert pairs.item.item.kinds == {"str"}
    assert plain.item is not None


def other():
    return {}


def test_calls():
    def handler(sid, number, texts, queue, word, table, size):
        int(number)
        sorted(texts)
        max(texts)
        sum(unknown())
        len(unknown())
        float(unknown())
        isinstance(unknown(), int)
        queue.pop()
        queue.append(1)
        table.keys()
        word.split(",")
        word.encode()
        word.replace("a", "b").strip()
        word.unheard_of()
        dict(table)["deep"]
        str(size) + "x"
        f"{size}" + word
        size * 2

    number, texts, queue, word, table, size = read(handler)
    assert {"int", "str"} <= number.kinds
    assert "list" in texts.kinds
    assert "list" in queue.kinds
    assert queue.item is not None
    assert "dict" in table.kinds
    assert set(table.keys) == {"deep"}
    assert word.kinds == {"str"}
    assert {"int", "float"} <= size.kinds


def test_subscripts():
    def handler(sid, name, row, index, known):
        TABLE[name]
        unknown()[index]
        row[index]
        row[1:3]
        TABLE[known.strip()]

    name, row, index, known = read(handler)
    assert {"tea", "milk"} <= set(name.values)
    assert "list" in row.kinds
    assert {"int", "str"} <= index.kinds
    assert "str" in known.kinds


def test_comparisons():
    def handler(sid, count, name, kind, text, total):
        if count > LIMITS.most or 3 < count <= 10:
            return
        if name in TABLE or name not in MIXED:
            return
        if kind == Kind.LATE or kind is Kind:
            return
        if 5 in text or len(total) > 2 or len(unknown()) > 3:
            return
        unknown() + unknown()

    count, name, kind, text, total = read(handler)
    assert {3, 10} <= set(count.values)
    assert {"tea", "milk", "a", "b"} <= set(name.values)
    assert "late" in kind.values
    assert not text.values
    assert total.lengths


def test_patterns():
    def handler(sid, data, command, word):
        match data:
            case {"op": "add" | "del" as op, "args": [str() as first, *_], **rest}:
                op, first, rest
            case {"n": int(n)}:
                n
            case Order(sku=sku):
                sku
            case {}:
                pass
            case None:
                pass
        match command:
            case ["go", where]:
                where.upper()
        match unknown():
            case {"x": 1}:
                pass
        match word:
            case LIMITS.most:
                pass
            case other:
                other.strip()

    data, command, word = read(handler)
    assert {"add", "del"} <= set(data.keys["op"].values)
    assert "str" in data.keys["args"].item.kinds
    assert "int" in data.keys["n"].kinds
    assert {"list"} <= command.kinds
    assert "go" in command.item.values
    assert "str" in word.kinds


def helper(order, *, sku):
    order["inner"]
    sku.strip()


class Handlers:
    def __init__(self):
        self.table = {"x": 1}

    def on_order(self, sid, data):
        self.check(data)
        return self.table[data["key"]]

    def check(self, data):
        data["checked"]

    async def __call__(self, sid, data):
        return data["called"]


def test_functions_and_models():
    def handler(sid, data, sku, order, again):
        helper(data, sku=sku)
        Order(sku=again, count=1)
        Order(**order)
        print(data, sep=sku)
        unknown()(data)
        handler(sid, data, sku, order, again)

    data, sku, order, again = read(handler)
    assert set(data.keys) == {"inner"}
    assert "str" in sku.kinds
    assert set(order.keys) == {"sku", "count"}
    assert "str" in again.kinds


def test_methods():
    (data,) = read(Handlers().on_order)
    assert set(data.keys) == {"checked", "key"}
    assert "x" in data.keys["key"].values
    (data,) = read(Handlers())
    assert set(data.keys) == {"called"}
    (data,) = read(functools.partial(Handlers().on_order))
    assert set(data.keys) == {"checked", "key"}


def test_a_name_that_is_bound_later():
    def outer():
        def handler(sid, data):
            return later(data)

        return handler
        later = None

    (data,) = read(outer())
    assert not data.keys


def test_annotations_that_can_not_be_evaluated():
    def handler(sid, data: "Nowhere"):  # noqa: F821
        return data["x"]

    (data,) = read(handler)
    assert set(data.keys) == {"x"}


def test_lengths_and_members():
    def handler(sid, text, empty, kind, more, *, only=None, **others):
        if len(text) == 0 or len(text) > 5000 or len(text) == "a":
            return
        if len(empty) == 3 and kind in Kind:
            return
        match more:
            case {LIMITS.most: str() as name}:
                name
            case _:
                pass

    text, empty, kind, more = read(handler)
    assert text.lengths == []
    assert set(empty.lengths) == {3, 4, 2}
    assert kind.values == ["late"]
    assert more.kinds == {"dict"}


def test_json_in_a_text():
    def handler(sid, text, again):
        json.loads(text)["kind"].strip()
        json.loads(again)
        json.loads(again)["x"]

    text, again = read(handler)
    assert {"kind"} <= set(text.decoded.keys)
    assert json.dumps({"kind": "x"}) in text.values
    assert json.dumps({}) in text.values
    assert set(again.decoded.keys) == {"x"}


class Node(TypedDict):
    name: str
    below: "list[Node]"


def test_a_model_of_itself_ends():
    def handler(sid, node: Node):
        node["name"]["a"]["b"]["c"]["d"]["e"]["f"]

    (node,) = read(handler)
    assert set(node.keys) == {"name", "below"}
