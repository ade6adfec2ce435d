#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_TESTING_ASSEMBLER_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_TESTING_ASSEMBLER_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace loadlock::pickle::testing {

// Puts pickles together from opcodes, so that a payload in a test is written as what it is.
class Asm {
 public:
  explicit Asm(int proto = -1) {
    if (proto >= 0) Op(0x80).Byte(static_cast<uint8_t>(proto));
  }

  Asm& Op(int opcode) { return Byte(static_cast<uint8_t>(opcode)); }
  Asm& Byte(uint8_t byte) {
    out_.push_back(static_cast<char>(byte));
    return *this;
  }
  Asm& Raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  template <typename T>
  Asm& Le(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    return Raw({bytes, sizeof(T)});
  }

  Asm& Str(std::string_view text) {
    return Op(0x8C).Byte(static_cast<uint8_t>(text.size())).Raw(text);
  }
  Asm& Bytes(std::string_view data) {
    return Op('C').Byte(static_cast<uint8_t>(data.size())).Raw(data);
  }
  Asm& Int(uint8_t value) { return Op('K').Byte(value); }
  Asm& Global(std::string_view module, std::string_view name) {
    return Op('c').Raw(module).Raw("\n").Raw(name).Raw("\n");
  }
  Asm& StackGlobal(std::string_view module, std::string_view name) {
    return Str(module).Str(name).Op(0x93);
  }
  Asm& Get(uint8_t index) { return Op('h').Byte(index); }
  Asm& Put(uint8_t index) { return Op('q').Byte(index); }

  // numpy.dtype(typestr, False, True) with its BUILD.
  Asm& Dtype(std::string_view typestr, std::string_view order) {
    Global("numpy", "dtype").Str(typestr).Raw("\x89\x88\x87R(").Int(3).Str(order).Raw("NNN");
    return Op('J').Le<int32_t>(-1).Op('J').Le<int32_t>(-1).Int(0).Raw("tb");
  }
  // _reconstruct(ndarray, (0,), b'b'), still without BUILD.
  Asm& Reconstruct() {
    Global("numpy.core.multiarray", "_reconstruct").Global("numpy", "ndarray");
    return Int(0).Op(0x85).Bytes("b").Op(0x87).Op('R');
  }

  std::string Stop() const {
    std::string out = out_;
    out.push_back('.');
    return out;
  }
  const std::string& str() const { return out_; }

 private:
  std::string out_;
};

inline absl::Span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace loadlock::pickle::testing

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_TESTING_ASSEMBLER_H_
