"""Element types as torch names them, with what numpy calls them."""

from __future__ import annotations

from typing import NamedTuple

from loadlock._errors import RebuildError


class Element(NamedTuple):
    """One element type.

    Attributes:
        name: torch's, without "torch.".
        size: Bytes of an item.
        alignment: Address that an item wants: of each half if it is complex.
        typestr: numpy's, or "" if numpy has none.
        plain: torch's type of the same bits: of a quantized one its integers, else itself.
        safetensors: That format's name, or "" if it has none.
    """

    name: str
    size: int
    alignment: int
    typestr: str
    plain: str
    safetensors: str

    @property
    def quantized(self) -> bool:
        """Whether items mean nothing without a scale."""
        return self.plain != self.name

    @property
    def is_complex(self) -> bool:
        """Whether items have two halves."""
        return self.alignment < self.size


def _element(name: str, size: int, typestr: str = "", safetensors: str = "") -> Element:
    halves = 2 if name.startswith("complex") else 1
    return Element(name, size, size // halves, typestr, name, safetensors)


ELEMENTS = {
    element.name: element
    for element in (
        _element("bool", 1, "|b1", "BOOL"),
        _element("int8", 1, "|i1", "I8"),
        _element("int16", 2, "<i2", "I16"),
        _element("int32", 4, "<i4", "I32"),
        _element("int64", 8, "<i8", "I64"),
        _element("uint8", 1, "|u1", "U8"),
        _element("uint16", 2, "<u2", "U16"),
        _element("uint32", 4, "<u4", "U32"),
        _element("uint64", 8, "<u8", "U64"),
        _element("float16", 2, "<f2", "F16"),
        _element("float32", 4, "<f4", "F32"),
        _element("float64", 8, "<f8", "F64"),
        _element("bfloat16", 2, "", "BF16"),
        _element("float8_e4m3fn", 1, "", "F8_E4M3"),
        _element("float8_e5m2", 1, "", "F8_E5M2"),
        _element("float8_e8m0fnu", 1, "", "F8_E8M0"),
        _element("float8_e4m3fnuz", 1, "", "F8_E4M3FNUZ"),
        _element("float8_e5m2fnuz", 1, "", "F8_E5M2FNUZ"),
        # Two numbers an item; safetensors counts the numbers.
        _element("float4_e2m1fn_x2", 1, "", "F4"),
        _element("complex32", 4),
        _element("complex64", 8, "<c8", "C64"),
        _element("complex128", 16, "<c16"),
        Element("qint8", 1, 1, "", "int8", ""),
        Element("quint8", 1, 1, "", "uint8", ""),
        Element("qint32", 4, 4, "", "int32", ""),
    )
}


def element(name: str) -> Element:
    """The element type of that name."""
    found = ELEMENTS.get(name)
    if found is None:
        raise RebuildError(f"unknown element type {name[:64]!a}")
    return found
