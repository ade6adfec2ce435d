// What is refused before protobuf makes anything of it.
#include "server/verify/wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"

namespace loadlock::verify {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

std::string ScanGraph(const std::string& bytes, const std::vector<FieldLimit>& limits = {},
                      uint64_t max_memory = kNoLimit) {
  return std::string(ScanWire(bytes, *v1::Graph::descriptor(), limits, max_memory).message());
}

TEST(ScanWire, PassesWhatASerializerWrites) {
  v1::Graph graph;
  graph.add_kinds(v1::NODE_KIND_NONE);
  graph.add_operand_counts(300);
  graph.add_operands(1);
  graph.add_ints(-1);
  graph.add_floats(0.5);
  graph.add_strings("text");
  graph.add_blobs("blob");
  graph.add_globals()->set_name("name");
  graph.add_buffer_offsets(1);
  graph.set_root(7);
  EXPECT_EQ(ScanGraph(graph.SerializeAsString()), "");
  EXPECT_EQ(ScanGraph(""), "");
}

TEST(ScanWire, RefusesWhatProtobufWouldKeepAsUnknown) {
  // Field 31; field 1 (kinds) as fixed64; field 6 (strings) as a varint and as a group; field 3
  // (operands, fixed32) as a varint.
  for (const char* bytes : {"\xf8\x01\x05", "\x09xxxxxxxx", "\x30\x05", "\x33\x34", "\x18\x05"}) {
    EXPECT_EQ(ScanGraph(bytes), "unknown field");
    v1::Graph graph;
    // Else it need not be refused.
    ASSERT_TRUE(graph.ParseFromString(bytes));
    EXPECT_FALSE(graph.GetReflection()->GetUnknownFields(graph).empty());
  }
  // A name with a field 31.
  EXPECT_EQ(ScanGraph("\x42\x03\xf8\x01\x05"), "unknown field");
}

TEST(ScanWire, RefusesLengthsThatAreNotThere) {
  for (const char* bytes : {"\x0a", "\x0a\x05\x01", "\x32\xff\xff\xff\xff\x07", "\x42\x02\x0a\x05",
                            "\x32\xff\xff\xff\xff\x0f", "\x3a\x80"}) {
    EXPECT_EQ(ScanGraph(bytes), "does not parse") << absl::StrCat(absl::Hex(bytes[0]));
  }
}

TEST(ScanWire, CountsPackedAndSingleElements) {
  const std::vector<FieldLimit> limits = {{v1::Graph::kKindsFieldNumber, 3, "too many nodes"},
                                          {v1::Graph::kIntsFieldNumber, 1, "too many ints"}};
  EXPECT_EQ(ScanGraph("\x0a\x02\x01\x01\x08\x01", limits), "");
  EXPECT_EQ(ScanGraph("\x0a\x03\x01\x01\x01\x08\x01", limits), "too many nodes");
  // One element of two bytes.
  EXPECT_EQ(ScanGraph(std::string("\x0a\x04\x81\x01\x81\x01", 6), limits), "");
  EXPECT_EQ(ScanGraph(absl::StrCat("\x22\x08", std::string(8, 'x')), limits), "");
  EXPECT_EQ(ScanGraph(absl::StrCat("\x22\x10", std::string(16, 'x')), limits), "too many ints");
}

TEST(ScanWire, CountsMemoryAndNotBytes) {
  std::string empty_strings;
  for (int i = 0; i < 1000; ++i) empty_strings.append("\x32\0", 2);
  EXPECT_EQ(ScanGraph(empty_strings, {}, 100'000), "");
  EXPECT_EQ(ScanGraph(empty_strings, {}, 10'000), "takes more memory than its job may");
  const std::string kinds = absl::StrCat("\x0a\x64", std::string(100, '\1'));
  EXPECT_EQ(ScanGraph(kinds, {}, 400), "");
  EXPECT_EQ(ScanGraph(kinds, {}, 399), "takes more memory than its job may");
}

}  // namespace
}  // namespace loadlock::verify
