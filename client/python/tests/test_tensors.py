"""Tensors of torch: values, layouts, sharing; graphs that lie about them."""

import mmap
import struct
import warnings

import pytest
import torch

from loadlock import RebuildError
from loadlock._rebuild import Columns, MappedBuffers, TensorOptions, rebuild
from loadlock._rebuild import kinds as k
from loadlock._rebuild.tensors.dtypes import ELEMENTS

FLOATS = struct.pack("<24f", *range(24))
LACKING = [e.name for e in ELEMENTS.values() if not hasattr(torch, e.name)]
PLAIN = [e for e in ELEMENTS.values() if not e.quantized and hasattr(torch, e.name)]
torch.set_num_threads(1)
OLD = torch.__version__.startswith("1.")


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "TypedStorage is deprecated")
        yield


def octets(tensor):
    """The elements' bytes in row-major order."""
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).tolist())


@pytest.mark.parametrize("element", PLAIN, ids=lambda element: element.name)
@pytest.mark.parametrize("untyped", [False, True])
def test_every_element_type_comes_back(writer, root, element, untyped):
    data = bytes(i % 2 for i in range(6 * element.size))
    name = "uint8" if untyped else element.name
    storage = writer.storage(name, data, 1 if untyped else element.size)
    made = root(writer.tensor(storage, element.name, [2, 3], [3, 1]))
    assert made.dtype == getattr(torch, element.name)
    assert octets(made) == data
    assert tuple(made.shape) == (2, 3)


@pytest.mark.parametrize("element", LACKING)
def test_an_element_type_that_this_torch_lacks_is_named(writer, root, element):
    storage = writer.storage("uint8", bytes(8), 1)
    with pytest.raises(RebuildError, match=f"has no {element}"):
        root(writer.tensor(storage, element, [1], [1]))


VIEWS = {
    "whole": ([24], [1], 0),
    "matrix": ([4, 6], [6, 1], 0),
    "transposed": ([6, 4], [1, 6], 0),
    "row": ([6], [1], 6),
    "strided": ([2, 3], [12, 2], 1),
    "expanded": ([3, 6], [0, 1], 0),
    "overlapping": ([3, 4], [2, 1], 1),
    "diagonal": ([4], [7], 0),
    "scalar": ([], [], 5),
    "empty": ([0, 3], [3, 1], 24),
    "last": ([1], [1], 23),
}


def test_views_share_their_storage(writer, root):
    storage = writer.storage("float32", FLOATS, 4)
    nodes = {name: writer.tensor(storage, "float32", *view) for name, view in VIEWS.items()}
    made = root(writer.dict_str(nodes))
    base = torch.arange(24.0)
    for name, (sizes, strides, offset) in VIEWS.items():
        tensor = made[name]
        assert torch.equal(tensor, base.as_strided(sizes, strides, offset)), name
        assert list(tensor.stride()) == strides
        assert tensor.storage_offset() == offset
        assert len(tensor.storage()) == 24 if OLD else tensor.untyped_storage().nbytes() == 96
        assert tensor.is_leaf
        assert not tensor._is_view()
    made["row"][0] = -1
    assert made["matrix"][1, 0] == -1
    assert made["whole"][6] == -1


def test_tensors_of_one_storage_have_versions_of_their_own(writer, root):
    storage = writer.storage("float32", FLOATS, 4)
    first = writer.tensor(storage, "float32", [4], [1], flags=1)
    second = writer.tensor(storage, "float32", [4], [1], offset=4)
    made = root(writer.node(k.LIST, first, second))
    loss = (made[0] ** 2).sum()
    made[1].add_(1)
    loss.backward()
    assert made[0].grad.tolist() == [0, 2, 4, 6]


LEAVING = {
    "size": ([25], [1], 0), "offset": ([1], [1], 24), "stride": ([2], [24], 0),
    "rows": ([5, 6], [6, 1], 0), "far": ([2], [2**62], 0), "huge": ([2**61], [0], 0),
    "overflow": ([2**32, 2**32], [0, 0], 0), "wrap": ([2**33, 2**33], [2**31, 2**31], 0),
    "negative size": ([-1], [1], 0), "negative stride": ([2], [-1], 5),
    "negative offset": ([1], [1], -1), "hidden": ([0, -1], [1, 1], 0),
    "empty far": ([0], [1], 25), "offset 2^62": ([0], [1], 2**62),
}  # fmt: skip


@pytest.mark.parametrize("view", LEAVING.values(), ids=LEAVING.keys())
def test_what_leaves_its_storage_is_refused(writer, root, view):
    storage = writer.storage("float32", FLOATS, 4)
    with pytest.raises(RebuildError):
        root(writer.tensor(storage, "float32", *view))


def test_stride_zero_costs_no_memory(writer, root):
    storage = writer.storage("float32", FLOATS, 4)
    assert root(writer.tensor(storage, "float32", [2**40], [0])).shape == (2**40,)


def test_a_rank_past_64_is_refused(writer, root):
    storage = writer.storage("float32", FLOATS, 4)
    assert root(writer.tensor(storage, "float32", [1] * 64, [1] * 64)).dim() == 64
    for rank in (65, 1000, 2**31):
        writer.graph.ints.extend([1] * 131)
        first = len(writer.graph.ints) - 131
        with pytest.raises(RebuildError):
            root(writer.node(k.TENSOR, storage, writer.string("float32"), 0, rank, first))


def test_a_storage_that_lies_is_refused(writer, root):
    buffer = writer.buffer(FLOATS)
    for count in (23, 25, 0, -1, 2**62):
        at = writer.run_of(writer.graph.ints, [count])
        storage = writer.node(k.STORAGE, writer.string("float32"), buffer, at)
        with pytest.raises(RebuildError):
            root(writer.tensor(storage, "float32", [1], [1]))
    for name in ("object", "float", "quint4x2", "", "bits8"):
        with pytest.raises(RebuildError, match="unknown element type"):
            root(writer.tensor(writer.storage(name, FLOATS, 4), name, [1], [1]))
    for wrong in (writer.none(), writer.str("x"), writer.dtype("<f4")):
        with pytest.raises(RebuildError, match="without a storage"):
            root(writer.tensor(wrong, "float32", [1], [1]))


@pytest.mark.parametrize("flags", [8, 16, 2**31])
def test_unknown_flags_are_refused(writer, root, flags):
    with pytest.raises(RebuildError):
        root(writer.vector("float32", FLOATS, 4, flags=flags))


@pytest.mark.parametrize(
    ("name", "size", "flags"),
    [("int64", 8, 1), ("bool", 1, 1), ("float32", 4, 2), ("bool", 1, 4), ("uint8", 1, 1)],
)
def test_flags_that_do_not_fit_the_type_are_refused(writer, root, name, size, flags):
    with pytest.raises(RebuildError):
        root(writer.vector(name, bytes(16), size, flags=flags))


def test_lazy_conjugates_and_negatives(writer, root):
    data = struct.pack("<4f", 1, 2, 3, 4)
    storage = writer.storage("complex64", data, 8)
    conj = writer.tensor(storage, "complex64", [2], [1], flags=2)
    halves = writer.storage("float32", data, 4)
    neg = writer.tensor(halves, "float32", [2], [2], offset=1, flags=4)
    made = root(writer.node(k.LIST, conj, neg))
    assert made[0].is_conj()
    assert made[0].tolist() == [1 - 2j, 3 - 4j]
    assert made[1].is_neg()
    assert made[1].tolist() == [-2, -4]


def test_meta_tensors(writer, root):
    at = writer.run_of(writer.graph.ints, [6])
    storage = writer.node(k.STORAGE, writer.string("float32"), k.ABSENT, at)
    made = root(writer.tensor(storage, "float32", [2, 3], [3, 1], flags=1))
    assert made.is_meta
    assert made.requires_grad
    assert made.shape == (2, 3)
    with pytest.raises(RebuildError):
        root(writer.tensor(storage, "float32", [7], [1]))


def test_empty_storages(writer, root):
    storage = writer.storage("float32", b"", 4)
    made = root(writer.tensor(storage, "float32", [0, 3], [3, 1]))
    assert made.shape == (0, 3)
    with pytest.raises(RebuildError):
        root(writer.tensor(storage, "float32", [], []))


def test_a_storage_as_value(writer, root):
    typed = root(writer.storage("float32", FLOATS, 4))
    assert typed.dtype == torch.float32
    assert list(typed) == list(range(24))
    untyped = root(writer.storage("uint8", b"\1\2\3", 1))
    assert type(untyped).__name__ == "UntypedStorage"
    assert list(untyped) == [1, 2, 3]


# Memory.


def mapped(writer, node, data, **options):
    writer.graph.root = node
    memory = mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = data
    columns = Columns.from_graph(writer.graph)
    return rebuild(columns, MappedBuffers({1: memory}), {}, TensorOptions(**options)), memory


def test_mapped_storages_are_used_in_place(writer):
    node = writer.vector("float32", FLOATS, 4)
    made, memory = mapped(writer, node, FLOATS)
    made[0] = 5
    assert memory[:4] == struct.pack("<f", 5)


def test_an_unaligned_storage_is_copied_whole(writer):
    storage = writer.storage("float32", FLOATS, 4)
    views = [writer.tensor(storage, "float32", [24], [1]) for _ in range(2)]
    writer.graph.buffer_offsets[0] = 1
    made, memory = mapped(writer, writer.node(k.LIST, *views), b"\0" + FLOATS)
    made[0][3] = -3
    assert made[1][3] == -3
    assert made[0].data_ptr() % 4 == 0
    assert memory[1:] == FLOATS


def test_two_storages_never_share_memory(writer):
    first = writer.storage("float32", FLOATS, 4)
    at = writer.run_of(writer.graph.ints, [24])
    second = writer.node(k.STORAGE, writer.string("float32"), 0, at)
    nodes = [writer.tensor(storage, "float32", [24], [1]) for storage in (first, second)]
    made, _ = mapped(writer, writer.node(k.LIST, *nodes), FLOATS)
    made[0][0] = 9
    assert made[1][0] == 0


def test_a_device_is_passed_on_and_sharing_stays(writer):
    storage = writer.storage("float32", FLOATS, 4)
    views = [writer.tensor(storage, "float32", [24], [1]) for _ in range(2)]
    made, memory = mapped(writer, writer.node(k.LIST, *views), FLOATS, device="meta")
    assert all(tensor.is_meta for tensor in made)
    made, _ = mapped(writer, writer.node(k.LIST, *views), FLOATS, device=torch.device("cpu"))
    assert made[0].data_ptr() == made[1].data_ptr()
    assert memory[:] == FLOATS


# Parameters, attributes, sizes, devices.


def test_parameters_stay_tied(writer, root):
    tensor = writer.vector("float32", FLOATS, 4)
    parameter = writer.node(k.PARAMETER, tensor, 1, k.ABSENT)
    frozen = writer.node(k.PARAMETER, tensor, 0, k.ABSENT)
    made = root(writer.node(k.LIST, parameter, parameter, frozen))
    assert made[0] is made[1]
    assert type(made[0]) is torch.nn.Parameter
    assert made[0].requires_grad
    assert not made[2].requires_grad
    assert made[0].data_ptr() == made[2].data_ptr()


def test_attributes(writer, root):
    tensor = writer.vector("float32", FLOATS, 4, flags=1)
    true = writer.node(k.TRUE)
    state = writer.dict_str({"sharded": true, "of": writer.str("x"), "_is_buffer": true})
    parameter = writer.node(k.PARAMETER, tensor, 1, state)
    plain = writer.node(k.TENSOR_WITH_STATE, tensor, state)
    made = root(writer.node(k.LIST, parameter, plain, tensor))
    for tensor in made[:2]:
        assert tensor.sharded is True
        assert tensor.of == "x"
        assert tensor.requires_grad
    assert not hasattr(made[2], "sharded")
    assert made[1].data_ptr() == made[2].data_ptr()


@pytest.mark.parametrize(
    "key",
    ["data", "grad", "requires_grad", "__class__", "_backward_hooks", "shape", "add_", "numpy",
     "_x", "__array_interface__", "__torch_function__", "is_leaf", "detach", "__dict__"],
)  # fmt: skip
def test_attributes_of_the_class_are_never_set(writer, root, key):
    tensor = writer.vector("float32", FLOATS, 4)
    state = writer.dict_str({key: writer.none()})
    for node in (
        writer.node(k.PARAMETER, tensor, 1, state),
        writer.node(k.TENSOR_WITH_STATE, tensor, state),
    ):
        with pytest.raises(RebuildError, match="attribute"):
            root(node)


def test_a_parameter_of_what_is_no_tensor_is_refused(writer, root):
    tensor = writer.vector("float32", FLOATS, 4)
    parameter = writer.node(k.PARAMETER, tensor, 1, k.ABSENT)
    for wrong in (writer.none(), writer.str("x"), parameter, writer.node(k.LIST)):
        with pytest.raises(RebuildError):
            root(writer.node(k.PARAMETER, wrong, 1, k.ABSENT))
    with pytest.raises(RebuildError):
        root(writer.node(k.PARAMETER, tensor, 2, k.ABSENT))
    with pytest.raises(RebuildError):
        root(writer.node(k.PARAMETER, tensor, 1, writer.str("x")))
    with pytest.raises(RebuildError):
        root(writer.node(k.PARAMETER, writer.vector("int64", bytes(8), 8), 1, k.ABSENT))


def test_sizes_and_devices(writer, root):
    size = writer.node(k.TORCH_SIZE, writer.run_of(writer.graph.ints, [2, 3]), 2)
    cpu = writer.node(k.TORCH_DEVICE, writer.string("cpu"), k.ABSENT)
    cuda = writer.node(k.TORCH_DEVICE, writer.string("cuda"), 1)
    dtype = writer.name("torch", "float16", k.TRUST_NAME)
    layout = writer.name("torch", "sparse_coo", k.TRUST_NAME)
    made = root(writer.node(k.LIST, size, cpu, cuda, dtype, layout))
    assert made == [
        torch.Size([2, 3]),
        torch.device("cpu"),
        torch.device("cuda:1"),
        torch.float16,
        torch.sparse_coo,
    ]
    negative = writer.node(k.TORCH_SIZE, writer.run_of(writer.graph.ints, [-1]), 1)
    with pytest.raises(RebuildError):
        root(negative)
    for kind, index in (("cuda", 10**9), ("", k.ABSENT), ("cuda:0", k.ABSENT), ("xla", 0)):
        with pytest.raises(RebuildError):
            root(writer.node(k.TORCH_DEVICE, writer.string(kind), index))
