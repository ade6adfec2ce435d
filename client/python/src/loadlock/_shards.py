"""Models in several files: an index says which file of its folder each tensor is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loadlock._errors import RebuildError

# As the daemon's reports call them.
INDEX = "safetensors-index"
SHARD = "safetensors"


def join(index: Any, load: Callable[[str], tuple[str, Any]]) -> dict[str, Any]:
    """The tensors of a vetted index, in its order, out of the files that it names.

    Args:
        index: What the daemon made of the index: {"weight_map": {tensor: file}}.
        load: Loads a file of the index's folder by its name, vetted as any; gives its format and
            what is in it.

    Raises:
        RebuildError: A file is none of tensors, or has others than the index says.
    """
    places = _places(index)
    wanted: dict[str, set[str]] = {}
    for tensor, file in places.items():
        wanted.setdefault(file, set()).add(tensor)
    tensors: dict[str, Any] = {}
    for file, names in wanted.items():
        kind, content = load(file)
        if kind != SHARD or not isinstance(content, dict):
            raise RebuildError(f"the index names {file!a}, which is no safetensors file")
        if content.keys() != names:
            odd = sorted(content.keys() ^ names)[0]
            where = "holds, and the index does not say so" if odd in content else "does not hold"
            raise RebuildError(f"the file {file!a} {where}: {odd[:128]!a}")
        tensors.update(content)
    return {tensor: tensors[tensor] for tensor in places}


def _places(index: Any) -> dict[str, str]:
    """Which file each tensor is in; every name is looked at once more."""
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict):
        raise RebuildError("the index has no map")
    for file in set(places.values()):
        if not _is_plain(file):
            raise RebuildError(
                f"the index names {str(file)[:128]!a}, which is no file of its folder"
            )
    return places


def _is_plain(name: Any) -> bool:
    return (
        isinstance(name, str)
        and name.isprintable()
        and name.endswith(".safetensors")
        and not any(letter in name for letter in "/\\:")
    )
