"""Plain values become typed facts, or a clause that names what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest

from neurotransfer.system.facts import Between, FactError, read_fields


class Point(NamedTuple):
    x: int
    y: Annotated[int, Between(1, 9)]


@dataclass(frozen=True)
class Facts:
    number: float
    flag: bool
    name: str
    path: Path
    kind: Literal["a", 8]
    most: int | None
    points: tuple[Point, ...]
    pairs: tuple[tuple[str, float], ...]
    table: Mapping[str, float]
    either: int | Literal["all"]
    anything: Any


GOOD = {
    "number": 3,
    "flag": False,
    "name": "n",
    "path": "a/b",
    "kind": 8,
    "most": None,
    "points": [[1, 2], {"x": 3, "y": 4}],
    "pairs": {"one": 1.0},
    "table": {"k": 0.5},
    "either": "all",
    "anything": [None],
}


def test_sound_values_become_facts():
    found = read_fields(Facts, GOOD, "it")
    assert found == Facts(
        3, False, "n", Path("a/b"), 8, None, (Point(1, 2), Point(3, 4)), (("one", 1.0),), {"k": 0.5}, "all", [None]
    )
    assert found != read_fields(Facts, GOOD | {"either": 5}, "it")
    assert type(found.number) is int, "a whole number stays one"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("number", "x", "it.number must be a number of 0 or more, found 'x'"),
        ("number", True, "it.number must be a number of 0 or more, found True"),
        ("number", -0.5, "found -0.5"),
        ("number", float("nan"), "found nan"),
        ("number", float("inf"), "found inf"),
        ("number", 10**400, "found 1000"),
        ("flag", 0, "it.flag must be true or false, found 0"),
        ("name", None, "it.name must be a text, found None"),
        ("path", "", "it.path must be a path, found ''"),
        ("path", "a\0b", "it.path must be a path"),
        ("kind", "b", "it.kind must be one of a, 8, found 'b'"),
        ("kind", 8.0, "it.kind must be one of a, 8, found 8.0"),
        ("most", "8G", "it.most must be a whole number of 0 or more, found '8G'"),
        ("most", 2**64, "it.most must be a whole number"),
        ("points", 3, "it.points must be a list, found 3"),
        ("points", [[1, 2], [1]], "it.points[1] must hold names and values, found a list (1)"),
        ("points", [[1, 0]], "it.points[0].y must be from 1 to 9, found 0"),
        ("points", [{"x": 1}], "it.points[0] lacks 'y'"),
        ("points", [{"x": 1, "y": 2, "z": 3}], "it.points[0] holds the unknown 'z'"),
        ("pairs", [["one", 1, 2]], "it.pairs[0] must have 2 entries, found 3"),
        ("pairs", [[1, 1]], "it.pairs[0][0] must be a text, found 1"),
        ("table", [], "it.table must hold names and values, found a list (0)"),
        ("table", {"k": "x"}, "it.table.k must be a number"),
        ("either", "some", "it.either must be a whole number of 0 or more, found 'some'"),
        ("name", 10**30, "it.name must be a text, found 1000"),
        ("flag", "x" * 10**6, "it.flag must be true or false, found 'xxx"),
    ],
)
def test_what_is_wrong_is_named(field, value, reason):
    with pytest.raises(FactError) as caught:
        read_fields(Facts, GOOD | {field: value}, "it")
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200
