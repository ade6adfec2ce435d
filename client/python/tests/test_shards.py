"""Joining the files of an index: what it names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from loadlock import RebuildError
from loadlock._shards import join

FILES = {"x.safetensors": {"a": 1, "c": 3}, "y.safetensors": {"b": 2}}
MAP = {"a": "x.safetensors", "b": "y.safetensors", "c": "x.safetensors"}


def load(name: str) -> tuple[str, Any]:
    return "safetensors", dict(FILES[name])


def test_tensors_come_in_the_order_of_the_index() -> None:
    asked: list[str] = []

    def counted(name: str) -> tuple[str, Any]:
        asked.append(name)
        return load(name)

    assert list(join({"weight_map": MAP}, counted).items()) == [("a", 1), ("b", 2), ("c", 3)]
    assert asked == ["x.safetensors", "y.safetensors"]
    assert join({"weight_map": {}}, load) == {}


@pytest.mark.parametrize(
    "name",
    ["../x.safetensors", "/x.safetensors", "s/x.safetensors", "s\\x.safetensors", "C:x.safetensors",
     "x.safetensors\0", "\0.safetensors", "x", "", "x.bin", 1, None, b"x.safetensors"],
)  # fmt: skip
def test_a_name_that_leaves_the_folder_is_never_loaded(name: Any) -> None:
    def never(name: str) -> tuple[str, Any]:
        raise AssertionError(name)

    with pytest.raises(RebuildError, match="folder"):
        join({"weight_map": {"a": name}}, never)


@pytest.mark.parametrize("index", [None, [], {}, {"weight_map": ["a"]}])
def test_what_is_no_index_is_refused(index: Any) -> None:
    with pytest.raises(RebuildError, match="no map"):
        join(index, load)


@pytest.mark.parametrize("places", [MAP | {"d": "y.safetensors"}, {"a": "x.safetensors"}])
def test_files_hold_what_the_index_says(places: dict[str, str]) -> None:
    with pytest.raises(RebuildError, match=r"x\.safetensors|y\.safetensors"):
        join({"weight_map": places}, load)


@pytest.mark.parametrize(
    "answer", [("pickle", {"a": 1}), ("safetensors-index", {"a": 1}), ("safetensors", [1])]
)
def test_a_file_of_another_format_is_no_shard(answer: tuple[str, Any]) -> None:
    with pytest.raises(RebuildError, match="no safetensors file"):
        join({"weight_map": {"a": "x.safetensors"}}, lambda name: answer)
