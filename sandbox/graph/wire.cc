#include "sandbox/graph/wire.h"

#include <cstring>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"

namespace loadlock::graph {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kVarint = 0;
constexpr uint32_t kLengthDelimited = 2;

constexpr uint32_t Tag(int field, uint32_t wire_type) {
  return static_cast<uint32_t>(field) << 3 | wire_type;
}

// Size of a length-delimited field; every field number here is below 16, a tag of one byte.
uint64_t FieldSize(uint64_t payload) {
  return 1 + CodedOutputStream::VarintSize64(payload) + payload;
}

template <typename T>
uint64_t FixedFieldSize(const std::vector<T>& values) {
  return values.empty() ? 0 : FieldSize(values.size() * sizeof(T));
}

uint64_t VarintPayload(const std::vector<uint32_t>& values) {
  uint64_t size = 0;
  for (const uint32_t value : values) size += CodedOutputStream::VarintSize32(value);
  return size;
}

uint64_t OffsetPayload(const std::vector<uint64_t>& origins) {
  uint64_t size = 0;
  for (const uint64_t origin : origins) size += CodedOutputStream::VarintSize64(origin >> 8);
  return size;
}

uint64_t OpcodePayload(const std::vector<uint64_t>& origins) {
  uint64_t size = origins.size();
  for (const uint64_t origin : origins) size += (origin & 0x80) != 0 ? 1 : 0;
  return size;
}

uint64_t TextSize(const std::vector<std::string_view>& texts) {
  uint64_t size = 0;
  for (const std::string_view text : texts) size += FieldSize(text.size());
  return size;
}

uint64_t GlobalPayload(const GlobalUse& global) {
  return FieldSize(global.module.size()) + FieldSize(global.name.size());
}

uint8_t* Header(int field, uint64_t size, uint8_t* out) {
  *out++ = static_cast<uint8_t>(Tag(field, kLengthDelimited));
  return CodedOutputStream::WriteVarint64ToArray(size, out);
}

uint8_t* Text(int field, std::string_view text, uint8_t* out) {
  out = Header(field, text.size(), out);
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// Packed fixed32, fixed64 and double are the arrays themselves.
template <typename T>
uint8_t* Fixed(int field, const std::vector<T>& values, uint8_t* out) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  if (values.empty()) return out;
  const uint64_t size = values.size() * sizeof(T);
  out = Header(field, size, out);
  std::memcpy(out, values.data(), size);
  return out + size;
}

uint64_t GraphSize(const Columns& c, uint64_t counts_payload) {
  uint64_t size = FixedFieldSize(c.kinds) + FieldSize(counts_payload) + FixedFieldSize(c.operands) +
                  FixedFieldSize(c.ints) + FixedFieldSize(c.floats) + TextSize(c.strings) +
                  TextSize(c.blobs);
  for (const GlobalUse* global : c.globals) size += FieldSize(GlobalPayload(*global));
  if (!c.buffers.empty()) {
    size += FieldSize(c.buffers.size()) + 2 * FieldSize(c.buffers.size() * sizeof(uint64_t));
  }
  return size + 1 + CodedOutputStream::VarintSize32(c.root);
}

uint8_t* WriteBuffers(const Columns& c, uint8_t* out) {
  if (c.buffers.empty()) return out;
  out = Header(v1::Graph::kBufferSourcesFieldNumber, c.buffers.size(), out);
  for (const Buffer* buffer : c.buffers) *out++ = static_cast<uint8_t>(buffer->source);
  out = Header(v1::Graph::kBufferOffsetsFieldNumber, c.buffers.size() * sizeof(uint64_t), out);
  for (const Buffer* buffer : c.buffers) {
    out = CodedOutputStream::WriteLittleEndian64ToArray(buffer->offset, out);
  }
  out = Header(v1::Graph::kBufferLengthsFieldNumber, c.buffers.size() * sizeof(uint64_t), out);
  for (const Buffer* buffer : c.buffers) {
    out = CodedOutputStream::WriteLittleEndian64ToArray(buffer->length, out);
  }
  return out;
}

void WriteGraph(const Columns& c, uint64_t counts_payload, uint8_t* out) {
  out = Fixed(v1::Graph::kKindsFieldNumber, c.kinds, out);
  out = Header(v1::Graph::kOperandCountsFieldNumber, counts_payload, out);
  for (const uint32_t count : c.operand_counts) {
    out = CodedOutputStream::WriteVarint32ToArray(count, out);
  }
  out = Fixed(v1::Graph::kOperandsFieldNumber, c.operands, out);
  out = Fixed(v1::Graph::kIntsFieldNumber, c.ints, out);
  out = Fixed(v1::Graph::kFloatsFieldNumber, c.floats, out);
  for (const std::string_view text : c.strings)
    out = Text(v1::Graph::kStringsFieldNumber, text, out);
  for (const std::string_view blob : c.blobs) out = Text(v1::Graph::kBlobsFieldNumber, blob, out);
  for (const GlobalUse* global : c.globals) {
    out = Header(v1::Graph::kGlobalsFieldNumber, GlobalPayload(*global), out);
    out = Text(v1::Global::kModuleFieldNumber, global->module, out);
    out = Text(v1::Global::kNameFieldNumber, global->name, out);
  }
  out = WriteBuffers(c, out);
  *out++ = static_cast<uint8_t>(Tag(v1::Graph::kRootFieldNumber, kVarint));
  CodedOutputStream::WriteVarint32ToArray(c.root, out);
}

void WriteProvenance(const Columns& c, uint64_t offsets, uint64_t opcodes, uint8_t* out) {
  out = Header(v1::Provenance::kNodeOffsetsFieldNumber, offsets, out);
  for (const uint64_t origin : c.origins) {
    out = CodedOutputStream::WriteVarint64ToArray(origin >> 8, out);
  }
  out = Header(v1::Provenance::kNodeOpcodesFieldNumber, opcodes, out);
  for (const uint64_t origin : c.origins) {
    out = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(origin & 0xFF), out);
  }
}

uint8_t* Data(std::string* text) { return reinterpret_cast<uint8_t*>(text->data()); }

}  // namespace

bool WriteColumns(const Columns& columns, Encoded* out) {
  const uint64_t counts = VarintPayload(columns.operand_counts);
  const uint64_t graph_size = GraphSize(columns, counts);
  const uint64_t offsets = OffsetPayload(columns.origins);
  const uint64_t opcodes = OpcodePayload(columns.origins);
  const uint64_t provenance_size = FieldSize(offsets) + FieldSize(opcodes);
  if (graph_size > kMaxEncodedBytes || provenance_size > kMaxEncodedBytes) return false;
  out->graph.resize(graph_size);
  WriteGraph(columns, counts, Data(&out->graph));
  out->provenance.resize(provenance_size);
  WriteProvenance(columns, offsets, opcodes, Data(&out->provenance));
  out->nodes = static_cast<uint32_t>(columns.kinds.size());
  return true;
}

}  // namespace loadlock::graph
