#include "sandbox/formats/gguf/types.h"

#include <algorithm>
#include <iterator>

namespace loadlock::gguf {
namespace {

// ggml.h and gguf-py's constants.py agree on these; tests compare them with the latter.
constexpr TensorType kTensorTypes[] = {
    {0, "F32", 1, 4, "<f4"},  {1, "F16", 1, 2, "<f2"},
    {2, "Q4_0", 32, 18},      {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},
    {8, "Q8_0", 32, 34},      {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},
    {13, "Q5_K", 256, 176},   {14, "Q6_K", 256, 210},
    {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},  {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},
    {21, "IQ3_S", 256, 110},  {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1, "|i1"},
    {25, "I16", 1, 2, "<i2"}, {26, "I32", 1, 4, "<i4"},
    {27, "I64", 1, 8, "<i8"}, {28, "F64", 1, 8, "<f8"},
    {29, "IQ1_M", 256, 56},   {30, "BF16", 1, 2, nullptr, "bfloat16"},
    {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},
    {39, "MXFP4", 32, 17},    {40, "NVFP4", 64, 36},
    {41, "Q1_0", 128, 18},
};

constexpr NumberType kNumberTypes[] = {
    {ValueType::kU8, 1, "|u1"},  {ValueType::kI8, 1, "|i1"},   {ValueType::kU16, 2, "<u2"},
    {ValueType::kI16, 2, "<i2"}, {ValueType::kU32, 4, "<u4"},  {ValueType::kI32, 4, "<i4"},
    {ValueType::kF32, 4, "<f4"}, {ValueType::kBool, 1, "|b1"}, {ValueType::kU64, 8, "<u8"},
    {ValueType::kI64, 8, "<i8"}, {ValueType::kF64, 8, "<f8"},
};

// Q4_2, Q4_3, Q4_0_4_4 and its like, IQ4_NL_4_4 and its like.
bool WasRemoved(uint32_t id) {
  return id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38);
}

constexpr uint32_t kQ81 = 9;

}  // namespace

const TensorType* FindTensorType(uint32_t id, const char** why) {
  const auto* type = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                  [id](const TensorType& one) { return one.id == id; });
  if (type != std::end(kTensorTypes)) return type;
  *why = id == kQ81 ? "Q8_1, which is of 36 bytes a block to ggml and of 40 to its Python package"
         : WasRemoved(id) ? "a type that ggml has removed; make the file anew from its source"
                          : "no type that is known";
  return nullptr;
}

const NumberType* FindNumberType(ValueType type) {
  const auto* number = std::find_if(std::begin(kNumberTypes), std::end(kNumberTypes),
                                    [type](const NumberType& one) { return one.type == type; });
  return number == std::end(kNumberTypes) ? nullptr : number;
}

}  // namespace loadlock::gguf
