// What the parts of a GGUF reader share.
#ifndef LOADLOCK_SANDBOX_FORMATS_GGUF_READER_H_
#define LOADLOCK_SANDBOX_FORMATS_GGUF_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"
#include "sandbox/formats/gguf/types.h"

namespace loadlock::gguf {

// The place in the file, the nodes that are made, and the first refusal.
class Reader {
 public:
  Reader(const formats::Input& from, formats::Output* to)
      : in(from.artifact), input(from), output(*to), builder(*to->graph) {}

  // Both false, so that `return Fail(...)` is one line.
  bool Fail(std::string_view rule, std::string message, uint64_t offset) {
    if (!refusal) refusal = graph::Refuse(rule, std::move(message), offset);
    return false;
  }
  bool Truncated() { return Fail("TRUNCATED", "the file ends within its header", in.offset()); }
  // False once the budget is spent.
  bool Affordable() {
    if (!builder.exhausted()) return true;
    return Fail(input.budget->exhausted_rule(), "the header costs more than the request may use",
                in.offset());
  }

  // In the file's byte order.
  bool ReadU32(uint32_t* out);
  bool ReadU64(uint64_t* out);
  // An array of numbers of numpy's type `typestr` in the bytes from `begin` on, which lie in the
  // file: where they stand, or decoded if that is not the order of this machine. `shape` is their
  // number. kNoNode if that costs too much.
  graph::NodeId NumberArray(const char* typestr, std::vector<int64_t> shape, uint64_t begin,
                            uint64_t length);

  // A u64 length and as many bytes of UTF-8.
  bool ReadString(std::string_view* out);
  // The value of a known type behind a key: numbers and texts are plain values, an array of numbers
  // is an ndarray that lies where it stands, other arrays are lists.
  bool ReadValue(ValueType type, graph::NodeId* out);

  bytes::Cursor in;
  const formats::Input& input;
  formats::Output& output;
  graph::Builder& builder;
  // The file's numbers are in big-endian order.
  bool big = false;
  std::optional<graph::Refusal> refusal;

 private:
  bool ReadNumber(const NumberType& number, graph::NodeId* out);
  bool ReadArray(graph::NodeId* out);
  // One array without the arrays in it, of which `*nested` are to come.
  bool ReadFlatArray(size_t depth, graph::NodeId* out, uint64_t* nested);
  bool ReadNumbers(const NumberType& number, uint64_t count, graph::NodeId* out);
  bool ReadStrings(uint64_t count, graph::NodeId list);
};

}  // namespace loadlock::gguf

#endif  // LOADLOCK_SANDBOX_FORMATS_GGUF_READER_H_
