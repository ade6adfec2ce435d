"""What the daemon has to say to the scenarios of tensors.cc: the rule, and what its message has to hold."""

from __future__ import annotations

PROTOCOL = "WORKER_PROTOCOL"
BOUNDS = "a buffer lies outside of its bytes"
_STRIDED = {
    "storage-twice": "another storage",
    "past-the-end": "past the end",
    "offset-past-the-end": "past the end",
    "stride-past-the-end": "past the end",
    "stride-overflows": "past the end",
    "shape-overflows": "overflows",
    "offset-negative": "negative",
    "stride-negative": "negative",
    "another-dtype": "not that of its storage",
    "without-quantizer": "without a quantizer",
}
_MALFORMED = {
    "outside-the-artifact": BOUNDS,
    "outside-the-decoded": BOUNDS,
    "storage-longer": "not elements times item size",
    "storage-overflows": "number of elements",
    "storage-negative": "number of elements",
    "dtype-of-half-a-byte": "no element type that loadlock knows: quint4x2",
    "rank-65": "TENSOR: run",
    "unknown-flag": "unknown flags",
    "of-no-storage": "no storage",
}
_SPARSE = {
    "index-far": "an index is out of range",
    "index-next": "an index is out of range",
    "index-negative": "an index is out of range",
    "not-coalesced": "not sorted and unique",
    "starts-fall": "do not rise",
    "starts-past-the-end": "do not rise",
    "starts-short": "do not fit the size",
    "plain-index-far": "out of range",
    "block-of-nothing": "do not fit the size",
}
_QUANTIZED = {"axis-wrong": "axis", "axis-negative": "axis", "scales-short": "not one a channel"}

TENSORS: dict[str, tuple[str, str]] = {
    **{f"tensor-{name}": ("INVARIANT_STRIDED", says) for name, says in _STRIDED.items()},
    **{f"tensor-{name}": (PROTOCOL, says) for name, says in _MALFORMED.items()},
    **{f"sparse-{name}": ("INVARIANT_SPARSE", says) for name, says in _SPARSE.items()},
    **{f"quantized-{name}": ("INVARIANT_QUANTIZED", says) for name, says in _QUANTIZED.items()},
    **{f"{kind}-honest": ("ACCEPTED", "") for kind in ("tensor", "sparse", "quantized")},
    "tensor-without-end": ("BUDGET_ELEMENTS", ""),
    "tensor-storages-overlap": ("ARRAY_BOUNDS", "share their bytes"),
    "tensor-attribute-data": ("TENSOR_ATTRIBUTE", "'data'"),
    "tensor-attribute-hooks": ("TENSOR_ATTRIBUTE", "'_backward_hooks'"),
    "module-forward": ("SHADOWS_CLASS_ATTRIBUTE", "'forward'"),
    "module-hook": ("INVARIANT_MODULE", "hooks are called"),
    "optimizer-fused": ("INVARIANT_OPTIMIZER", "'fused'"),
}
