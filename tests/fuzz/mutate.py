"""Mutations of bytes and JSON values, shared by all targets and determined by the random generator."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

__all__ = [
    "INTEGERS",
    "TEXTS",
    "Path",
    "mutate_bytes",
    "mutate_json",
    "mutate_json_bytes",
    "parse_json",
    "random_path",
    "value_at",
]

Path = list[Any]
"""Keys and indices of a value inside a JSON value."""

INTEGERS = (-1, 0, 1, 2, 7, 127, 128, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**9, 10**30)

TEXTS = (
    "",
    " ",
    "\n",
    "\0",
    "\ufeff",
    "\ud800",
    "\u3000",
    "e\u0301\u0301",
    "\U0001f600",
    "[MASK]",
    "[SEP][CLS]",
    "[PAD]",
    "{}",
    "{:>2000000000}",
    "{0.__class__}",
    "{label}",
    "%s",
    "../../etc/passwd",
    "/etc/passwd",
    "NaN",
    "none",
    "true",
    "simple",
    "only_second",
    "max_length",
    "## ##a",
    "a" * 5000,
    "a b " * 1000,
)

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0.5, -0.0, 1e300, 1e-300, float("nan"), float("inf"), float("-inf")),
    *([], {}, [[]], [None], [{}], {"": None}, {"content": 1}, {"id": 1}, ["a", 1]),
)


def parse_json(data: bytes) -> Any:
    """The JSON value of an input, or None if it is not JSON, such as atheris's first input."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Change a few adjacent bytes or a block."""
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((1, 1, 2, 4, 8, 64, 512)))
    block = data[start:end]
    match random.randrange(8):
        case 0:
            block = b""
        case 1:
            block = block[::-1]
        case 2:
            block *= random.choice((2, 2, 3, 100, 20_000 if len(block) < 3 else 2))
        case 3:
            block = bytes(byte ^ 1 << random.randrange(8) for byte in block)
        case 4:
            block = random.randbytes(random.choice((1, 2, 4, 16)))
        case 5:
            block = random.choice(
                (b"\0", b"\xff", b"\x80", b"[", b"{", b'"', b"\xff" * 9 + b"\1", b"\r\n", b"\xed\xa0\x80")
            )
        case 6:
            other = random.randrange(len(data) + 1)
            block = data[other : other + len(block)] + block
        case _:
            end = len(data)
            block = b""
    return data[:start] + block + data[end:]


def mutate_json(value: Any, random: Random, names: Sequence[str] = ()) -> Any:
    """Change a JSON value in position at a random path, or return another; ``names`` are keys with a meaning."""
    path = random_path(value, random)
    if not path:
        return value if isinstance(value, dict | list) and value else _replacement(value, value, random)
    holder, key = value_at(value, path[:-1]), path[-1]
    match random.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice((*names, *holder, *TEXTS))] = holder.pop(key)
        case 1:
            holder.insert(key, holder[key])
        case 2 if isinstance(holder, dict):
            holder[random.choice(names or TEXTS)] = _replacement(None, value, random)
        case 3:
            for _ in range(random.choice((1, 2, 30, 200))):
                holder[key] = [holder[key]] if random.random() < 0.7 else {"a": holder[key]}
        case _:
            holder[key] = _replacement(holder[key], value, random)
    return value


def mutate_json_bytes(data: bytes, random: Random, names: Sequence[str] = ()) -> bytes:
    """Change JSON bytes: the value they encode, or the bytes themselves."""
    if random.random() < 0.8:
        try:
            return json.dumps(mutate_json(json.loads(data), random, names)).encode()
        except (ValueError, RecursionError):
            pass
    return mutate_bytes(data, random)


def _replacement(value: Any, whole: Any, random: Random) -> Any:
    """A replacement for a value: of its type, of any type, or copied from elsewhere in ``whole``."""
    match random.randrange(5):
        case 0:
            return json.loads(json.dumps(value_at(whole, random_path(whole, random))))  # a copy: no cycles
        case 1:
            return random.choice(_VALUES)
        case 2:
            return random.choice(TEXTS)
        case 3:
            return random.choice(INTEGERS) * random.choice((1, 1, -1))
    match value:
        case str():
            position = random.randrange(len(value) + 1)
            return value[:position] + random.choice(TEXTS) + value[position + random.randrange(3) :]
        case bool():
            return not value
        case int():
            return value + random.choice((-1, 1))
        case float():
            return value * random.choice((-1, 0, 2, 1e10))
        case list():
            return value * random.choice((2, 100)) if len(value) < 50 else value[: len(value) // 2]
    return random.choice(_VALUES)


def random_path(value: Any, random: Random) -> Path:
    """A random path into a JSON value, level by level, so that long lists do not dominate."""
    path: Path = []
    while isinstance(value, dict | list) and value and (not path or random.random() < 0.8):
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        path.append(key)
        value = value[key]
    return path


def value_at(value: Any, path: Path) -> Any:
    """The value at the end of a path."""
    for key in path:
        value = value[key]
    return value
