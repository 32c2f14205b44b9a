"""Plain values, as JSON holds them, to typed facts: the types of a class's fields are the schema, checked whole.

Known are dataclasses, named tuples, tuples, mappings, unions, literals, text, paths, truths and numbers. Numbers are
finite and not negative, unless a field says otherwise: ``Annotated[int, Between(1, 9)]``. A class with a ``from_json``
reads its own values.
"""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")

_MAX_WHOLE = 2**63 - 1


class FactError(ValueError):
    """A value is not what a field takes; the message is a clause without a full stop."""


@dataclass(frozen=True)
class Between:
    """The smallest and the largest value of a number."""

    low: float
    high: float


def read_fields(kind: type[Kind], values: Any, name: str) -> Kind:
    """Return the dataclass or named tuple ``kind`` of values by field name; ``name`` is what messages call it.

    A named tuple may stand as a list. Each field must be there, and nothing else.

    Raises:
        FactError: a value is missing, unknown, or of another type or range.
    """
    hints = _fields(kind)
    if issubclass(kind, tuple) and isinstance(values, (list, tuple)) and len(values) == len(hints):
        values = dict(zip(hints, values, strict=True))
    if not isinstance(values, Mapping):
        raise FactError(f"{name} must hold names and values, found {_shown(values)}")
    for field in hints:
        if field not in values:
            raise FactError(f"{name} lacks {field!r}")
    for field in values:
        if field not in hints:
            raise FactError(f"{name} holds the unknown {_shown(field)}")
    return kind(**{field: read_value(hint, values[field], f"{name}.{field}") for field, hint in hints.items()})


def _fields(kind: type[Any]) -> Mapping[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = getattr(kind, "_fields", ()) or getattr(kind, "__dataclass_fields__", ())
    return {name: hints[name] for name in names}


def read_value(kind: Any, value: Any, name: str) -> Any:
    """Return ``value`` as ``kind``, which may be any type that a field has.

    Raises:
        FactError: it is of another type or range.
    """
    limits = None
    if get_origin(kind) is Annotated:
        kind, limits = get_args(kind)
    if kind is Any:
        return value
    if hasattr(kind, "from_json"):
        return kind.from_json(value)
    if kind in _SIMPLE:
        expected, fits = _SIMPLE[kind]
        if not fits(value):
            raise FactError(f"{name} must be {expected}, found {_shown(value)}")
        if limits is not None and not limits.low <= value <= limits.high:
            raise FactError(f"{name} must be from {limits.low} to {limits.high}, found {_shown(value)}")
        return Path(value) if kind is Path else value
    if isinstance(kind, type) and get_origin(kind) is None:
        return read_fields(kind, value, name)
    return _composed(kind, value, name)


def _composed(kind: Any, value: Any, name: str) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        if not any(value == part and type(value) is type(part) for part in parts):
            raise FactError(f"{name} must be one of {', '.join(map(str, parts))}, found {_shown(value)}")
        return value
    if origin in (Union, types.UnionType):
        return _either(parts, value, name)
    if origin is tuple:
        # Pairs of a name and a value stand as an object.
        items = list(value.items()) if isinstance(value, Mapping) else value
        if not isinstance(items, (list, tuple)):
            raise FactError(f"{name} must be a list, found {_shown(value)}")
        if parts[-1] is not Ellipsis and len(items) != len(parts):
            raise FactError(f"{name} must have {len(parts)} entries, found {len(items)}")
        kinds = parts[:1] * len(items) if parts[-1] is Ellipsis else parts
        return tuple(
            read_value(part, item, f"{name}[{i}]") for i, (part, item) in enumerate(zip(kinds, items, strict=True))
        )
    if not isinstance(value, Mapping):
        raise FactError(f"{name} must hold names and values, found {_shown(value)}")
    return {read_value(parts[0], key, name): read_value(parts[1], item, f"{name}.{key}") for key, item in value.items()}


def _either(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    reason = None
    for kind in kinds:
        if kind is types.NoneType and value is None:
            return None
        if kind is not types.NoneType:
            try:
                return read_value(kind, value, name)
            except FactError as error:
                reason = reason or error
    assert reason is not None
    raise reason


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_WHOLE


_SIMPLE: Mapping[Any, tuple[str, Callable[[Any], bool]]] = {
    bool: ("true or false", lambda value: type(value) is bool),
    int: ("a whole number of 0 or more", _is_whole),
    float: (
        "a number of 0 or more",
        lambda value: _is_whole(value) or (type(value) is float and math.inf > value >= 0.0),
    ),
    str: ("a text", lambda value: type(value) is str),
    Path: ("a path", lambda value: type(value) is str and bool(value) and "\0" not in value),
}


def _shown(value: Any) -> str:
    """Return a value for a message, not all of a long one."""
    if isinstance(value, (list, tuple, Mapping)):
        return f"{'names and values' if isinstance(value, Mapping) else 'a list'} ({len(value)})"
    text = repr(value) if not isinstance(value, str) else repr(value[:40])
    return text if len(text) <= 60 else f"{text[:60]}..."
