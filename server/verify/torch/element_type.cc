#include "server/verify/torch/element_type.h"

#include <array>

namespace loadlock::verify::torch {
namespace {

using Class = ElementType::Class;

// Absent, because few kernels know them and sub-byte ones break the arithmetic of sizes:
// quint4x2, quint2x4, bits*, int1..7, uint1..7, bcomplex32. float4_e2m1fn_x2 holds two numbers in
// a byte, and torch counts the byte as the element.
constexpr std::array kTypes = {
    ElementType{"bool", 1, Class::kBool},
    ElementType{"uint8", 1, Class::kInteger},
    ElementType{"int8", 1, Class::kInteger},
    ElementType{"int16", 2, Class::kInteger},
    ElementType{"uint16", 2, Class::kInteger},
    ElementType{"int32", 4, Class::kInteger},
    ElementType{"uint32", 4, Class::kInteger},
    ElementType{"int64", 8, Class::kInteger},
    ElementType{"uint64", 8, Class::kInteger},
    ElementType{"float16", 2, Class::kFloat},
    ElementType{"bfloat16", 2, Class::kFloat},
    ElementType{"float32", 4, Class::kFloat},
    ElementType{"float64", 8, Class::kFloat},
    ElementType{"float8_e4m3fn", 1, Class::kFloat},
    ElementType{"float8_e4m3fnuz", 1, Class::kFloat},
    ElementType{"float8_e5m2", 1, Class::kFloat},
    ElementType{"float8_e5m2fnuz", 1, Class::kFloat},
    ElementType{"float8_e8m0fnu", 1, Class::kFloat},
    ElementType{"float4_e2m1fn_x2", 1, Class::kFloat},
    ElementType{"complex32", 4, Class::kComplex},
    ElementType{"complex64", 8, Class::kComplex},
    ElementType{"complex128", 16, Class::kComplex},
    ElementType{"qint8", 1, Class::kQuantized},
    ElementType{"quint8", 1, Class::kQuantized},
    ElementType{"qint32", 4, Class::kQuantized},
};

}  // namespace

const ElementType* FindElementType(absl::string_view name) {
  for (const ElementType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace loadlock::verify::torch
