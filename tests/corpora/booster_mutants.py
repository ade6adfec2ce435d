"""Model files of xgboost and LightGBM with random bytes changed, or one hostile field."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .boosters import Model

# Where native code counts, indexes or allocates by what it reads.
INTEGERS = (-(2**31), -2, -1, 0, 1, 2, 3, 7, 255, 1000, 2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**63)
NUMBERS = (*INTEGERS, 0.5, -1e38, 1e38, 1e300, 5e-324)
TEXTS = (
    "",
    "0",
    "-1",
    "2",
    "1000000",
    "2147483648",
    "nan",
    "[]",
    "[1,2,3]",
    "x",
    "gbtree",
    "dart",
    "multi:softprob",
)
TOKENS = (
    *map(str, INTEGERS),
    "",
    "nan",
    "inf",
    "1e999",
    "0x1",
    "1e-400",
    "-0",
    "0.5",
    "x",
    "1 2",
    "\n",
    "=",
    "\x00",
)


@dataclass(frozen=True)
class Mutant:
    """A file, and what was done to it."""

    name: str
    data: bytes


def _bytes(raw: bytes, dice: random.Random) -> tuple[str, bytes]:
    data = bytearray(raw)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        place = dice.randrange(len(data))
        act = dice.randrange(5)
        if act == 0:
            data[place] = dice.randrange(256)
        elif act == 1:
            data[place] ^= 1 << dice.randrange(8)
        elif act == 2:
            del data[place : place + dice.choice((1, 4, 40))]
        elif act == 3:
            data[place:place] = bytes(dice.randrange(256) for _ in range(dice.choice((1, 4))))
        else:
            start = dice.randrange(len(data))
            data[place:place] = data[start : start + dice.choice((1, 8, 100))]
    return "bytes", bytes(data)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all values; of a long list the first, one in the middle and the last."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*path, key))
    elif isinstance(value, list) and value:
        for index in sorted({0, len(value) // 2, len(value) - 1}):
            yield from _places(value[index], (*path, index))


def _changed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, (int, float)):
        return dice.choice((*NUMBERS, value + 1, value - 1, str(value), None))
    if isinstance(value, str):
        return dice.choice((*TEXTS, value + "0", 1, None))
    if isinstance(value, list):
        longer = [*value, *(value[-1:] or [0])]
        return dice.choice((value[:-1], value[1:], longer, value[::-1], [], value * 2, value[:1], "x"))
    return dice.choice(({}, [], None))


def _field(document: Any, dice: random.Random) -> tuple[str, bytes]:
    path = dice.choice(list(_places(document)))
    changed = copy.deepcopy(document)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = _changed(target[path[-1]], dice)
    return "/".join(map(str, path)), json.dumps(changed).encode()


def xgboost_mutants(models: list[Model], count: int, seed: int) -> Iterator[Mutant]:
    """Half with random bytes, in either form, half with one hostile field."""
    dice = random.Random(seed)
    for number in range(count):
        model = dice.choice(models)
        if number % 2:
            form = dice.choice(("ubj", "json"))
            what, data = _bytes(bytes(model.booster.save_raw(form)), dice)
        else:
            what, data = _field(json.loads(bytes(model.booster.save_raw("json"))), dice)
        yield Mutant(f"{number} {model.name} {what}", data)


def _line(text: str, dice: random.Random) -> tuple[str, bytes]:
    lines = text.split("\n")
    end = lines.index("end of trees")
    place = dice.choice([index for index in range(1, end + 1) if lines[index]])
    key, equals, value = lines[place].partition("=")
    act = dice.randrange(8)
    if act == 0:
        del lines[place]
    elif act == 1:
        lines.insert(place, lines[place])
    elif act == 2:
        lines.insert(place, lines[dice.randrange(end)])
    else:
        tokens = value.split(" ")
        chosen = dice.randrange(len(tokens))
        if act == 3:
            del tokens[chosen]
        elif act == 4:
            tokens.insert(chosen, tokens[chosen])
        else:
            tokens[chosen] = dice.choice(TOKENS)
        lines[place] = key + equals + " ".join(tokens)
    return key, "\n".join(lines).encode()


def lightgbm_mutants(models: list[Model], count: int, seed: int) -> Iterator[Mutant]:
    """Half with random bytes, half with one hostile line or number; tree_sizes sometimes gone."""
    dice = random.Random(seed)
    for number in range(count):
        model = dice.choice(models)
        text = model.booster.model_to_string(num_iteration=-1)
        if dice.randrange(2):
            text = re.sub(r"\ntree_sizes=[^\n]*", "", text)
        if number % 2:
            trees = text[: text.index("end of trees") + 13]
            what, data = _bytes(trees.encode(), dice)
        else:
            what, data = _line(text, dice)
        yield Mutant(f"{number} {model.name} {what}", data)
