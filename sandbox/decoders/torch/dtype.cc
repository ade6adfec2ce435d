#include "sandbox/decoders/torch/dtype.h"

#include <algorithm>
#include <iterator>

namespace loadlock::torch {
namespace {

constexpr Dtype kDtypes[] = {
    {"float32", 4, DtypeClass::kFloat, "FloatStorage", "<f4"},
    {"int64", 8, DtypeClass::kInteger, "LongStorage", "<i8"},
    {"uint8", 1, DtypeClass::kInteger, "ByteStorage", "|u1"},
    {"float64", 8, DtypeClass::kFloat, "DoubleStorage", "<f8"},
    {"float16", 2, DtypeClass::kFloat, "HalfStorage", "<f2"},
    {"bfloat16", 2, DtypeClass::kFloat, "BFloat16Storage", ""},
    {"int32", 4, DtypeClass::kInteger, "IntStorage", "<i4"},
    {"int16", 2, DtypeClass::kInteger, "ShortStorage", "<i2"},
    {"int8", 1, DtypeClass::kInteger, "CharStorage", "|i1"},
    {"bool", 1, DtypeClass::kBool, "BoolStorage", "|b1"},
    {"complex64", 8, DtypeClass::kComplex, "ComplexFloatStorage", "<c8"},
    {"complex128", 16, DtypeClass::kComplex, "ComplexDoubleStorage", "<c16"},
    {"complex32", 4, DtypeClass::kComplex, "", ""},
    {"uint16", 2, DtypeClass::kInteger, "", "<u2"},
    {"uint32", 4, DtypeClass::kInteger, "", "<u4"},
    {"uint64", 8, DtypeClass::kInteger, "", "<u8"},
    {"float8_e4m3fn", 1, DtypeClass::kFloat, "", ""},
    {"float8_e4m3fnuz", 1, DtypeClass::kFloat, "", ""},
    {"float8_e5m2", 1, DtypeClass::kFloat, "", ""},
    {"float8_e5m2fnuz", 1, DtypeClass::kFloat, "", ""},
    {"float8_e8m0fnu", 1, DtypeClass::kFloat, "", ""},
    {"float4_e2m1fn_x2", 1, DtypeClass::kFloat, "", ""},
    {"qint8", 1, DtypeClass::kQuantized, "QInt8Storage", ""},
    {"quint8", 1, DtypeClass::kQuantized, "QUInt8Storage", ""},
    {"qint32", 4, DtypeClass::kQuantized, "QInt32Storage", ""},
};

template <typename Matches>
const Dtype* Find(Matches matches) {
  const auto* found = std::find_if(std::begin(kDtypes), std::end(kDtypes), matches);
  return found == std::end(kDtypes) ? nullptr : found;
}

}  // namespace

const Dtype* FindDtype(std::string_view name) {
  return Find([name](const Dtype& dtype) { return dtype.name == name; });
}

const Dtype* FindStorageDtype(std::string_view module, std::string_view name) {
  const bool torch = module == "torch";
  if (name == "UntypedStorage" && (torch || module == "torch.storage")) return FindDtype("uint8");
  if (!torch || name.empty()) return nullptr;
  return Find([name](const Dtype& dtype) { return dtype.storage == name; });
}

const Dtype* FindTypestr(std::string_view typestr) {
  if (typestr.empty()) return nullptr;
  return Find([typestr](const Dtype& dtype) { return dtype.typestr == typestr; });
}

}  // namespace loadlock::torch
