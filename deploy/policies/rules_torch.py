"""Hand-written: names of torch's files, modules and optimizers.

Storages and tensors become nodes in the worker, proven by server/verify (STRIDED, SPARSE, QUANT);
nothing of torch._utils is ever called for an artifact. A module is made by object.__new__ and its
__dict__ is written; what torch would call of that dict is proven absent.
"""

from __future__ import annotations

import rules_numpy
from model import Entry, Policy, Rule
from sklearn_terms import BOOL, DICT, INT, LIST, NAME, NONE, OBJECT, STR

LOWERED = {
    "torch._utils._rebuild_tensor": "a view within its storage; never set_",
    "torch._utils._rebuild_tensor_v2": "a view within its storage; hooks are empty and dropped",
    "torch._utils._rebuild_tensor_v3": "a view within its storage; hooks are empty and dropped",
    "torch._utils._rebuild_parameter": "a tensor and requires_grad; hooks are empty and dropped",
    "torch._utils._rebuild_parameter_with_state": "attributes that no tensor has of its own",
    "torch._tensor._rebuild_from_type_v2": "a tensor or parameter, and attributes it has not of its own",
    "torch._utils._rebuild_sparse_tensor": "indices in range; built with check_invariants",
    "torch._utils._rebuild_sparse_csr_tensor": "the same, as torch 1 names it",
    "torch._utils._rebuild_qtensor": "a view within its storage; scales and zero points in range",
    "torch._utils._rebuild_meta_tensor_no_storage": "sizes and strides without bytes",
    "torch._utils._rebuild_device_tensor_from_numpy": "a numeric array",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor",
    "torch._utils._rebuild_xla_tensor": "a numeric array",
    "torch.serialization._get_layout": "the layout of that name",
    "torch.storage._load_from_bytes": "a whole torch file of one storage, read by the same reader",
    "torch.Size": "at most 64 sizes",
    "torch.device": "a type and a small index, kept as a value",
}

# Named in persistent ids, or by what is lowered; they stand nowhere in a graph. Called, they would
# give uninitialised memory.
_STORED = (
    "BFloat16", "Bool", "Byte", "Char", "ComplexDouble", "ComplexFloat", "Double", "Float", "Half",
    "Int", "Long", "Short", "QInt8", "QUInt8", "QInt32",
)  # fmt: skip
ARGUMENTS = (
    *(f"torch.{kind}Storage" for kind in (*_STORED, "Untyped")),
    "torch.storage.UntypedStorage",
    "torch.Tensor",
    "torch._tensor.Tensor",
    "torch.nn.parameter.Parameter",
    # Files of torch 0.1.
    *(f"torch.{kind}Tensor" for kind in ("Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")),
)

# Values without behaviour: nothing of them can be called.
_DTYPES = (
    "bfloat16", "bool", "complex128", "complex32", "complex64", "float16", "float32", "float64",
    "float4_e2m1fn_x2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
    "float8_e8m0fnu", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8",
    "qint8", "quint8", "qint32",
)  # fmt: skip
_LAYOUTS = (
    "per_tensor_affine", "per_channel_affine", "strided", "sparse_coo", "sparse_csr", "sparse_csc",
    "sparse_bsr", "sparse_bsc", "jagged", "_mkldnn", "contiguous_format", "channels_last",
    "channels_last_3d", "preserve_format",
)  # fmt: skip

_LAYER = "torch.nn.modules.transformer.Transformer"
_FUNCTIONAL = ("relu", "gelu", "silu", "elu", "leaky_relu", "tanh", "sigmoid")
ACTIVATIONS = (
    *(f"torch.nn.functional.{name}" for name in _FUNCTIONAL),
    *(f"torch._C._nn.{name}" for name in ("gelu", "relu")),
    *(f"torch.{name}" for name in ("relu", "tanh", "sigmoid")),
)
AT_ACTIVATION = (f"{_LAYER}EncoderLayer.activation", f"{_LAYER}DecoderLayer.activation")

MODULES = {
    "activation": "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish "
    "PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax2d Softplus Softshrink Softsign Tanh Tanhshrink "
    "Threshold Softmax Softmin LogSoftmax MultiheadAttention",
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
    "channelshuffle": "ChannelShuffle",
    "container": "Sequential ModuleList ModuleDict ParameterList ParameterDict",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "linear": "Linear Identity Bilinear NonDynamicallyQuantizableLinear",
    "loss": "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
    "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss MSELoss MarginRankingLoss MultiLabelMarginLoss "
    "MultiLabelSoftMarginLoss NLLLoss PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss "
    "MultiMarginLoss",
    "normalization": "LayerNorm GroupNorm RMSNorm LocalResponseNorm CrossMapLRN2d",
    "padding": "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
    "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d "
    "ZeroPad1d ZeroPad2d ZeroPad3d",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d "
    "AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d LPPool1d "
    "LPPool2d LPPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d FractionalMaxPool2d FractionalMaxPool3d",
    "rnn": "LSTMCell GRUCell RNNCell",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer "
    "TransformerDecoderLayer",
    "upsampling": "Upsample UpsamplingNearest2d UpsamplingBilinear2d",
}
RECURRENT = ("LSTM", "GRU", "RNN")
OPTIMIZERS = (
    "adam.Adam", "adamw.AdamW", "sgd.SGD", "rmsprop.RMSprop", "adagrad.Adagrad", "adadelta.Adadelta",
    "adamax.Adamax", "nadam.NAdam", "radam.RAdam", "asgd.ASGD", "rprop.Rprop",
)  # fmt: skip

BASE = {
    "training": Rule([BOOL]),
    "_parameters": Rule([DICT], required=True),
    "_buffers": Rule([DICT], required=True),
    "_modules": Rule([DICT, OBJECT], required=True, why="children are listed modules"),
    "_is_full_backward_hook": Rule([BOOL, NONE]),
}
PRESENT = Rule(required=True, why="the class's __setstate__ would add it")
_DIM = {"dim": Rule([INT, NONE], required=True)}
_CONV = {
    "padding_mode": Rule([STR], required=True, one_of=["'zeros'", "'reflect'", "'replicate'", "'circular'"]),
}
_ACTIVATION = {"activation": Rule([NAME], why="called with the data; a module stands in _modules")}
_SCALE = {"recompute_scale_factor": PRESENT}
EXTRA = {
    **dict.fromkeys(("Softmax", "Softmin", "LogSoftmax"), _DIM),
    **dict.fromkeys(MODULES["conv"].split(), _CONV),
    **dict.fromkeys(MODULES["upsampling"].split(), _SCALE),
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerDecoderLayer"), _ACTIVATION),
    "AvgPool3d": dict.fromkeys(("padding", "ceil_mode", "count_include_pad"), PRESENT),
    "SyncBatchNorm": {"process_group": Rule([NONE], why="a group is of one process")},
}
INVARIANTS = {
    "MultiheadAttention": ("ATTENTION",),
    **dict.fromkeys(("ParameterList", "ParameterDict"), ("PARAMETER_CONTAINER",)),
    **dict.fromkeys(("FractionalMaxPool2d", "FractionalMaxPool3d", "MultiMarginLoss"), ("NO_TENSORS",)),
    **dict.fromkeys(MODULES["transformer"].split(), ("TRANSFORMER",)),
}
OPTIMIZER = {
    "defaults": Rule([DICT], required=True),
    "state": Rule([DICT, OBJECT], required=True, classes=["collections.defaultdict"]),
    "param_groups": Rule([LIST], required=True),
}


# Beside plain values, arrays and tensors, in any attribute.
BAG = Rule(
    classes=(
        "argparse.Namespace",
        "collections.Counter",
        "collections.defaultdict",
        "collections.deque",
        *(f"pathlib.{name}" for name in rules_numpy.PATHS),
        *(f"datetime.{name}" for name in rules_numpy.TIMES),
        *(f"torch.{name}" for name in (*_DTYPES, *_LAYOUTS)),
        *rules_numpy.BAGGED,
    ),
    why="checkpoints keep what a script was called with",
)


def module(name: str, trust: str, why: str, *invariants: str, **state: Rule) -> Entry:
    return Entry(name, trust, invariants=("MODULE", *invariants), state={**BASE, **state}, why=why)


POLICY = Policy(
    name="torch",
    description="torch 0.1 to 2: tensors of checkpoints, whole modules of torch.nn, optimizers.",
    extends=("numpy",),
    entries=[
        *(Entry(name, "FACTORY", "LOWERED", why=why) for name, why in LOWERED.items()),
        *(Entry(name, "NAME", why="argument of what is lowered") for name in ARGUMENTS),
        *(Entry(f"torch.{name}", "NAME", at=("*",), why="no behaviour") for name in (*_DTYPES, *_LAYOUTS)),
        *(Entry(name, "NAME", at=AT_ACTIVATION, why="elementwise") for name in ACTIVATIONS),
        *(
            module(f"torch.nn.modules.{file}.{name}", "NEW_DICT", "its kernels check shapes and raise",
                   *INVARIANTS.get(name, ()), **EXTRA.get(name, {}))
            for file, names in MODULES.items()
            for name in names.split()
        ),
        *(
            module(f"torch.nn.modules.rnn.{name}", "NEW_SETSTATE", "__setstate__ makes weak references to "
                   "weights of proven shape", "RECURRENT", _flat_weights=Rule([LIST], required=True))
            for name in RECURRENT
        ),
        module("torch.nn.parallel.data_parallel.DataParallel", "NEW_DICT", "runs its one listed child",
               device_ids=Rule([LIST], min=0, max=127)),
        *(
            Entry(f"torch.optim.{name}", "NEW_SETSTATE", invariants=("OPTIMIZER",), state=OPTIMIZER,
                  why="__setstate__ fills in defaults; state tensors have their parameter's shape")
            for name in OPTIMIZERS
        ),
        Entry("argparse.Namespace", "NEW_DICT", state={"*": BAG}, why="a bag of what has no behaviour"),
    ],
)  # fmt: skip
