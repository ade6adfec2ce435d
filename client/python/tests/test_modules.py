"""Modules of torch.nn: made bare, with fresh hooks, and what a state may not do to them."""

import struct
import warnings
from collections import OrderedDict

import pytest
import torch
from torch import nn

from loadlock import RebuildError
from loadlock._rebuild import kinds as k

torch.set_num_threads(1)


class ModuleWriter:
    """Writes a live module as the daemon would hand it over."""

    def __init__(self, writer):
        self.writer = writer
        self._parameters = {}

    def tensor(self, value):
        flat = value.detach().contiguous()
        name = str(flat.dtype).removeprefix("torch.")
        data = bytes(flat.reshape(-1).view(torch.uint8).tolist())
        storage = self.writer.storage(name, data, flat.element_size())
        return self.writer.tensor(storage, name, list(flat.shape), list(flat.stride()))

    def parameter(self, value):
        if id(value) not in self._parameters:
            node = self.writer.node(
                k.PARAMETER, self.tensor(value), int(value.requires_grad), k.ABSENT
            )
            self._parameters[id(value)] = node
        return self._parameters[id(value)]

    def value(self, value):
        writer = self.writer
        if isinstance(value, nn.Module):
            return self.module(value)
        if isinstance(value, nn.Parameter):
            return self.parameter(value)
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, dict):
            nodes = [self.value(part) for pair in value.items() for part in pair]
            kind = k.ORDERED_DICT if isinstance(value, OrderedDict) else k.DICT
            return writer.node(kind, *nodes)
        if isinstance(value, (list, tuple, set)):
            kind = {list: k.LIST, tuple: k.TUPLE, set: k.SET}[type(value)]
            return writer.node(kind, *map(self.value, value))
        if value is None or isinstance(value, bool):
            return writer.node({None: k.NONE, True: k.TRUE, False: k.FALSE}[value])
        if callable(value):
            return writer.name(value.__module__, value.__name__, k.TRUST_NAME)
        return {int: writer.int, float: writer.float, str: writer.str}[type(value)](value)

    def state(self, module):
        state = module.__getstate__() if hasattr(module, "__getstate__") else vars(module)
        return {key: self.value(part) for key, part in (state or vars(module)).items()}

    def module(self, module, **changes):
        cls = type(module)
        trust = k.TRUST_NEW_SETSTATE if isinstance(module, nn.RNNBase) else k.TRUST_NEW_DICT
        name = self.writer.name(cls.__module__, cls.__name__, trust)
        state = {key: node for key, node in {**self.state(module), **changes}.items() if node != -1}
        return self.writer.object(name, self.writer.dict_str(state))


@pytest.fixture
def modules(writer):
    return ModuleWriter(writer)


MODULES = {
    "linear": (lambda: nn.Linear(4, 3), (2, 4)),
    "conv": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), (2, 3, 5, 5)),
    "lstm": (lambda: nn.LSTM(4, 6, 2, bidirectional=True), (3, 2, 4)),
    "gru": (lambda: nn.GRU(4, 6), (3, 2, 4)),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 3, 8)),
    "attention": (lambda: nn.ModuleDict({"a": nn.LayerNorm(4), "b": nn.Identity()})["a"], (2, 4)),
}


def answers(module, rows):
    with torch.no_grad():
        return module(rows)


@pytest.mark.parametrize("name", MODULES)
def test_modules_answer_as_before(modules, root, name):
    make, shape = MODULES[name]
    module = make().eval()
    made = root(modules.module(module))
    assert type(made) is type(module)
    rows = torch.rand(shape)
    expected, got = answers(module, rows), answers(made, rows)
    first = expected[0] if isinstance(expected, tuple) else expected
    assert torch.equal(got[0] if isinstance(got, tuple) else got, first)
    assert made.state_dict().keys() == module.state_dict().keys()
    # What torch does with modules goes on working.
    made.register_forward_hook(lambda *_: None)
    answers(made, rows)
    assert len(list(made.modules())) == len(list(module.modules()))
    made.train().requires_grad_(True)
    loss = made(rows)
    (loss[0] if isinstance(loss, tuple) else loss).sum().backward()
    assert all(p.grad is not None for p in made.parameters())


def test_hooks_are_fresh_for_each_module(modules, root):
    node = modules.module(nn.Linear(2, 2))
    other = modules.module(nn.Linear(2, 2), _forward_hooks=-1, _backward_hooks=-1)
    made = root(modules.writer.node(k.LIST, node, other))
    made[0].register_forward_hook(lambda *_: None)
    assert not made[1]._forward_hooks
    assert type(made[1]._forward_hooks) is OrderedDict
    assert vars(made[0]).keys() == vars(nn.Linear(2, 2)).keys()


@pytest.mark.parametrize(
    "key",
    ["_forward_hooks", "_backward_hooks", "_forward_pre_hooks", "_state_dict_hooks",
     "_load_state_dict_pre_hooks", "_new_hooks"],
)  # fmt: skip
def test_hooks_are_refused(modules, root, key):
    writer = modules.writer
    function = writer.name("torch.nn.functional", "relu", k.TRUST_NAME)
    for hooks in (
        writer.node(k.DICT, writer.int(0), function),
        writer.node(k.ORDERED_DICT, writer.int(0), writer.none()),
        writer.node(k.LIST),
        writer.int(1),
        writer.none(),
    ):
        with pytest.raises(RebuildError, match="would be called"):
            root(modules.module(nn.Linear(2, 2), **{key: hooks}))


@pytest.mark.parametrize(
    "key",
    ["forward", "_call_impl", "__call__", "state_dict", "_apply", "train", "__class__", "eval",
     "__reduce_ex__", "__getattr__", "_save_to_state_dict", "extra_repr", "_version", "parameters"],
)  # fmt: skip
def test_keys_of_the_class_are_refused(modules, root, key):
    with pytest.raises(RebuildError):
        root(modules.module(nn.Linear(2, 2), **{key: modules.writer.int(1)}))


def members(writer, **items):
    return writer.dict_str(items)


def test_members_that_are_none_are_refused(modules, root):
    writer = modules.writer
    parameter = modules.parameter(nn.Parameter(torch.ones(2)))
    child = modules.module(nn.Identity())
    function = writer.name("torch.nn.functional", "relu", k.TRUST_NAME)
    plain = writer.int(1)
    for changes in (
        {"_modules": members(writer, a=function)},
        {"_modules": members(writer, a=parameter)},
        {"_modules": members(writer, **{"a.b": child})},
        {"_modules": members(writer, forward=child)},
        {"_modules": writer.node(k.DICT, plain, child)},
        {"_modules": writer.node(k.LIST, child)},
        {"_parameters": members(writer, weight=plain)},
        {"_parameters": members(writer, weight=child)},
        {"_parameters": members(writer, _call_impl=parameter)},
        {"_buffers": members(writer, running=function)},
    ):
        with pytest.raises(RebuildError):
            root(modules.module(nn.Linear(2, 2), **changes))


def test_a_module_in_itself_is_refused(modules, root):
    writer = modules.writer
    name = writer.name("torch.nn.modules.container", "Sequential", k.TRUST_NEW_DICT)
    node = writer.reserve(k.OBJECT, 5)
    state = writer.dict_str({"_modules": members(writer, a=node)})
    writer.patch(node, name, k.ABSENT, state, k.ABSENT, k.ABSENT)
    with pytest.raises(RebuildError, match="holds itself"):
        root(node)


def test_flat_weights_are_the_parameters(modules, root):
    module = nn.LSTM(4, 6)
    other = [modules.parameter(nn.Parameter(w.detach().clone())) for w in module._flat_weights]
    with pytest.raises(RebuildError, match="_flat_weights"):
        root(modules.module(module, _flat_weights=modules.writer.node(k.LIST, *other)))
    with pytest.raises(RebuildError, match="_flat_weights"):
        root(modules.module(module, _flat_weights=modules.writer.node(k.LIST, *other[:1])))


def test_a_state_dict_keeps_its_metadata(writer, root):
    tensor = writer.vector("float32", struct.pack("<2f", 1, 2), 4)
    version = writer.dict_str({"version": writer.int(1)})
    metadata = writer.dict_str({"": version})
    made = root(writer.node(k.STATE_DICT, metadata, writer.str("w"), tensor))
    assert type(made) is OrderedDict
    assert made._metadata == {"": {"version": 1}}
    assert made["w"].tolist() == [1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        linear = nn.Linear(1, 1)
        linear.w = nn.Parameter(torch.zeros(2))
        linear.load_state_dict(made, strict=False)
        assert linear.w.tolist() == [1, 2]
    odd, unhashable = (metadata, writer.str("w")), (metadata, tensor, tensor)
    for wrong in ((), (writer.none(),), (tensor,), odd, unhashable):
        with pytest.raises(RebuildError):
            root(writer.node(k.STATE_DICT, *wrong))


def optimizer(modules, live, **changes):
    """As the daemon hands over a live one."""
    writer = modules.writer
    held = dict(live.state)
    items = writer.node(k.DICT, *[modules.value(part) for pair in held.items() for part in pair])
    plain = writer.name("builtins", "dict", k.TRUST_NAME)
    state = {
        "defaults": modules.value(live.defaults),
        "state": writer.call_by_name("collections.defaultdict", [plain], pairs=items),
        "param_groups": modules.value(live.param_groups),
        **changes,
    }
    cls = type(live)
    name = writer.name(cls.__module__, cls.__name__, k.TRUST_NEW_SETSTATE)
    return writer.object(name, writer.dict_str(state))


def stepped():
    module = nn.Linear(3, 2)
    made = torch.optim.Adam(module.parameters(), lr=0.5)
    module(torch.ones(1, 3)).sum().backward()
    made.step()
    return made


def test_an_optimizer_goes_on(modules, root):
    live = stepped()
    made = root(optimizer(modules, live))
    assert type(made) is torch.optim.Adam
    (group,) = made.param_groups
    assert set(made.state) == set(group["params"])
    for mine, theirs in zip(group["params"], live.param_groups[0]["params"], strict=True):
        mine.grad, theirs.grad = torch.ones_like(mine), torch.ones_like(theirs)
        assert torch.equal(made.state[mine]["exp_avg"], live.state[theirs]["exp_avg"])
    made.step()
    live.step()
    for mine, theirs in zip(group["params"], live.param_groups[0]["params"], strict=True):
        assert torch.equal(mine, theirs)
    assert made.state_dict()["param_groups"] == live.state_dict()["param_groups"]


def test_hooks_of_an_optimizer_are_refused(modules, root):
    writer = modules.writer
    function = writer.name("torch.nn.functional", "relu", k.TRUST_NAME)
    hooks = writer.node(k.DICT, writer.int(0), function)
    with pytest.raises(RebuildError, match="would be called"):
        root(optimizer(modules, stepped(), _optimizer_step_pre_hooks=hooks))
    with pytest.raises(RebuildError):
        root(optimizer(modules, stepped(), step=writer.none()))
