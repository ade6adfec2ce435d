"""Files of real torch come through bit for bit: values, strides, sharing, attributes, modules' answers."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import loadlock
import numpy as np
import pytest
import safetensors.torch
import torch

from corpora.torch_models import MODULES, differs, objects, octets, save, storage_of

from .daemon import ACCEPTED, REFUSED, Daemon

pytestmark = pytest.mark.torch
OBJECTS = dict(objects())
FOLDER = Path(__file__).parents[1] / "corpora" / "torch2"
MANIFEST = [json.loads(line) for line in (FOLDER / "manifest.jsonl").read_text().splitlines()]
# What the policy has reasons to refuse, and how these files begin.
REFUSED_NAMES = (
    "module-net-main",
    "nested-tensor",
    "nested-jagged",
    "state_dict-linear.rezipped",
    "masked-tensor",
    "quantized-module",
    "pruned-module",
    "torchscript",
    "exported",
)
WARNINGS = (
    "Sparse (CSR|CSC|BSR|BSC) tensor support",
    "TypedStorage is deprecated",
    "LSTM with projections",
)


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[loadlock.Client]:
    with loadlock.Client(f"unix:{daemon.socket}") as connected:
        yield connected


@pytest.fixture(autouse=True)
def torch_says_what_it_likes() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for message in WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def loaded(daemon: Daemon, client: loadlock.Client, data: bytes, **options: Any) -> Any:
    path = daemon.write("model.pt", data)
    try:
        return client.load(path, **options)
    finally:
        path.unlink()


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", OBJECTS)
def test_what_torch_saves_is_what_torch_loads(
    name: str, new: bool, protocol: int, daemon: Daemon, client: loadlock.Client
) -> None:
    data = save(OBJECTS[name], protocol, new=new)
    ours = loaded(daemon, client, data)
    theirs = torch.load(io.BytesIO(data), weights_only=False)
    assert not differs(ours, theirs)
    try:
        careful = torch.load(io.BytesIO(data), weights_only=True)
    except Exception:
        return  # which knows few names and opcodes
    assert not differs(ours, careful)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_module_answers_as_before(name: str, new: bool, daemon: Daemon, client: loadlock.Client) -> None:
    make, shape = MODULES[name]
    module = make().eval()
    made = loaded(daemon, client, save(module, 2, new=new))
    assert type(made) is type(module)
    rows = torch.rand(shape)
    with torch.no_grad():
        expected, got = module(rows), made(rows)
    assert not differs(got, expected)
    assert not differs(made.state_dict(), module.state_dict())
    assert vars(made).keys() == vars(module).keys()
    made.train()
    out = made(rows)
    (out[0] if isinstance(out, tuple) else out).sum().backward()
    assert all(p.grad is not None for p in made.parameters())


def expected_refusal(entry: dict[str, Any]) -> bool:
    return entry["path"].startswith(REFUSED_NAMES)


@pytest.mark.parametrize("entry", MANIFEST, ids=lambda entry: entry["path"])
def test_files_of_the_newest_torch(entry: dict[str, Any], daemon: Daemon, client: loadlock.Client) -> None:
    data = (FOLDER / entry["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    report = daemon.audit_bytes(data)
    if expected_refusal(entry):
        assert report.verdict == REFUSED
        return
    assert report.verdict == ACCEPTED, [finding.message for finding in report.findings]
    try:
        root = loaded(daemon, client, data)
    except loadlock.RebuildError as error:
        # An element type that this release of torch does not have yet.
        assert re.search(rf"has no (torch\.)?({'|'.join(newer()) or 'nothing'})", str(error)), error
        return
    found = dict(walk("", root))
    storages: dict[str, int] = {}
    for tensor in entry["tensors"]:
        check(found[tensor["name"]], tensor, storages)


def newer() -> list[str]:
    """What this release of torch does not have yet, as the client says it."""
    names = ("uint16", "uint32", "uint64", "float8_e4m3fn", "float4_e2m1fn_x2", "sparse_bsr", "sparse_bsc")
    return [name.partition("_e")[0] for name in names if not hasattr(torch, name)]


def walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Tensors by the names that the manifest gives them."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        yield name, value
    elif isinstance(value, torch.nn.Module):
        for key, tensor in value.state_dict(keep_vars=True).items():
            yield from walk(f"{name}.{key}" if name else key, tensor)
    elif isinstance(value, (dict, list, tuple)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(f"{name}.{key}" if name else str(key), part)


def check(tensor: Any, said: dict[str, Any], storages: dict[str, int]) -> None:
    """As the manifest has it: dtype, shape, strides, sharing, bytes."""
    assert list(tensor.shape) == said["shape"], said["name"]
    if isinstance(tensor, np.ndarray):
        assert hashlib.sha256(tensor.tobytes()).hexdigest() == said["sha256"]
        return
    assert str(tensor.dtype) == said["dtype"]
    assert tensor.requires_grad == said["requires_grad"]
    assert str(tensor.layout) == said["layout"]
    if "stride" in said:
        assert list(tensor.stride()) == said["stride"]
        assert tensor.storage_offset() == said["offset"]
        assert storage_of(tensor).nbytes() == said["storage_bytes"]
        assert hashlib.sha256(octets(tensor)).hexdigest() == said["sha256"]
        if said.get("storage"):
            place = storage_of(tensor).data_ptr()
            assert storages.setdefault(said["storage"], place) == place
    elif tensor.is_quantized:
        whole = tensor.int_repr().contiguous().numpy().tobytes()
        assert hashlib.sha256(whole).hexdigest() == said["sha256"]
    elif "indices" in said:
        for part, got in (("indices", tensor._indices()), ("values", tensor._values())):
            assert hashlib.sha256(octets(got)).hexdigest() == said[part]["sha256"]


# Lazily, as state dicts, converted.


def test_a_file_opens_tensor_by_tensor(daemon: Daemon, client: loadlock.Client) -> None:
    path = daemon.write("views.pt", save(OBJECTS["views"], 2, new=True))
    with client.open(path) as file:
        assert file.keys() == list(OBJECTS["views"])
        assert len(file) == 9
        assert "row" in file
        matrix, row = file.tensor("matrix"), file.tensor("row")
        part = file.slice("matrix")
        assert part.shape == (4, 6)
        assert part[1:3, 2].tolist() == [8, 14]
        row[0] = -1
        assert matrix[1, 0] == -1
        assert file.tensor("row") is row
        with pytest.raises(KeyError):
            file.tensor("none")
    with pytest.raises(loadlock.RebuildError, match="closed"):
        file.tensor("row")
    with client.open(path, tensors="numpy") as file:
        assert file.tensor("diagonal").tolist() == [0, 7, 14, 21]
    path.unlink()


def test_state_dicts_load_into_modules(daemon: Daemon, client: loadlock.Client) -> None:
    checkpoint = OBJECTS["checkpoint-adam"]
    path = daemon.write("checkpoint.pt", save(checkpoint, 2, new=True))
    with pytest.raises(loadlock.RebuildError, match="'model_state_dict'"):
        client.load_state_dict(path)
    state = client.load_state_dict(path, key="model_state_dict")
    assert not differs(state, checkpoint["model_state_dict"])
    module = torch.nn.Linear(4, 3)
    module.load_state_dict(state)
    optimizer = torch.optim.Adam(module.parameters())
    optimizer.load_state_dict(client.load(path)["optimizer_state_dict"])
    module(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    path.unlink()


def test_safetensors_come_as_tensors(daemon: Daemon, client: loadlock.Client) -> None:
    # The library writes the largest elements first.
    tensors = {"whole": torch.arange(6.0), "half": torch.ones(2, 3).half()}
    path = daemon.write("mixed.safetensors", safetensors.torch.save(tensors))
    assert not differs(dict(client.load_state_dict(path)), tensors)
    with client.open(path) as file:
        assert torch.equal(file.tensor("half"), tensors["half"])
    path.unlink()


@pytest.mark.parametrize("name", ["state-dict", "bfloat16", "checkpoint-adam", "channels-last"])
def test_converted_files_hold_equal_tensors(name: str, daemon: Daemon) -> None:
    value = OBJECTS[name]
    value = {"w": value} if isinstance(value, torch.Tensor) else value
    key = "model_state_dict" if name.startswith("checkpoint") else None
    source = daemon.write("model.pt", save(value, 2, new=True))
    target = source.with_suffix(".safetensors")
    loadlock.convert(source, target, key=key, address=f"unix:{daemon.socket}")
    expected = value[key] if key else value
    written = safetensors.torch.load_file(target)
    plain = {name: expected[name].contiguous() for name in sorted(expected)}
    assert not differs({name: written[name] for name in sorted(written)}, plain)
    source.unlink()
    target.unlink()


class Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(10, 4)
        self.body = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight


def test_tied_weights_load_as_the_library_saves_them(daemon: Daemon) -> None:
    """In one file, and in several as the transformers library cuts them."""
    module, fresh = Tied(), Tied()
    state = module.state_dict()
    source = daemon.write("tied.pt", save(state, 2, new=True))
    target = source.with_suffix(".safetensors")
    address = f"unix:{daemon.socket}"
    loadlock.convert(source, target, address=address)
    assert not safetensors.torch.load_model(fresh, target)[0]
    assert not differs(fresh.state_dict(), state)
    theirs = source.with_name("theirs.safetensors")
    safetensors.torch.save_model(module, str(theirs))
    with safetensors.safe_open(target, "pt") as ours, safetensors.safe_open(theirs, "pt") as other:
        assert sorted(ours.keys()) == sorted(other.keys())
        assert ours.metadata() == {"format": "pt", **other.metadata()}
    index = loadlock.convert(source, target, max_shard_size=160, address=address)
    places = json.loads(index.read_text())["weight_map"]
    assert places.keys() == {"embed.weight", "body.weight", "body.bias"}
    shards = {name: safetensors.torch.load_file(source.with_name(name)) for name in set(places.values())}
    assert len(shards) == 2
    for name, shard in places.items():
        assert torch.equal(shards[shard][name], state[name])
    with safetensors.safe_open(source.with_name(places["embed.weight"]), "pt") as file:
        assert file.metadata() == {"format": "pt", "head.weight": "embed.weight"}
    for path in (source, target, theirs, index, *map(source.with_name, shards)):
        path.unlink()


def test_converted_names_of_one_tensor(daemon: Daemon) -> None:
    weight = torch.arange(6.0)
    source = daemon.write(
        "tied.pt", save({"head": weight, "embed": weight, "part": torch.ones(2)}, 2, new=True)
    )
    target = source.with_suffix(".safetensors")
    loadlock.convert(source, target, address=f"unix:{daemon.socket}")
    with safetensors.safe_open(target, "pt") as file:
        assert sorted(file.keys()) == ["embed", "part"]
        assert file.metadata() == {"format": "pt", "head": "embed"}
    target.unlink()
    source = daemon.write("tied.pt", save({"a": weight, "b": weight[2:]}, 2, new=True))
    with pytest.raises(loadlock.NotExpressible, match="'a' and 'b' share"):
        loadlock.convert(source, target, address=f"unix:{daemon.socket}")
    assert not target.exists()
    source.unlink()
