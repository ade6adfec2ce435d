#include "server/verify/wire.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace loadlock::verify {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

// Above every field number of the messages that are scanned.
constexpr size_t kFieldNumbers = 32;
// An object of protobuf and the pointer to it.
constexpr uint64_t kStringBytes = sizeof(std::string) + sizeof(void*);
// Above what a Global, a Finding or a GlobalUse takes, without its texts.
constexpr uint64_t kMessageBytes = 160;

// What is known of one field.
struct Field {
  bool known = false;
  bool packable = false;
  WireFormatLite::WireType wire = WireFormatLite::WIRETYPE_VARINT;
  // In memory, besides the bytes of texts.
  uint64_t element_bytes = 0;
  bool has_text = false;
  // Of a field that is a message.
  const google::protobuf::Descriptor* type = nullptr;
  uint64_t most = std::numeric_limits<uint64_t>::max();
  absl::string_view message;
  uint64_t count = 0;
};

uint64_t ElementBytes(FieldDescriptor::CppType type) {
  switch (type) {
    case FieldDescriptor::CPPTYPE_STRING:
      return kStringBytes;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return kMessageBytes;
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return sizeof(uint64_t);
    default:
      return sizeof(uint32_t);
  }
}

uint64_t CountVarints(absl::string_view bytes) {
  return static_cast<uint64_t>(std::count_if(bytes.begin(), bytes.end(), [](char byte) {
    return (static_cast<uint8_t>(byte) & 0x80U) == 0;
  }));
}

// A table, because a vocabulary has tens of thousands of fields to look up.
class Table {
 public:
  Table(const google::protobuf::Descriptor& type, const std::vector<FieldLimit>& limits) {
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& from = *type.field(i);
      Field& field = fields_.at(static_cast<size_t>(from.number()));
      field.known = true;
      field.packable = from.is_packable();
      field.wire =
          WireFormatLite::WireTypeForFieldType(static_cast<WireFormatLite::FieldType>(from.type()));
      field.element_bytes = ElementBytes(from.cpp_type());
      field.type = from.message_type();
      field.has_text = from.cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
                       from.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    }
    for (const FieldLimit& limit : limits) {
      Field& field = fields_.at(static_cast<size_t>(limit.number));
      field.most = limit.most;
      field.message = limit.message;
    }
  }

  // Null if the message has no such field in this wire form.
  Field* Find(uint32_t tag) {
    const auto number = static_cast<size_t>(WireFormatLite::GetTagFieldNumber(tag));
    if (number >= fields_.size() || !fields_[number].known) return nullptr;
    Field& field = fields_[number];
    const WireFormatLite::WireType wire = WireFormatLite::GetTagWireType(tag);
    const bool packed = field.packable && wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    return wire == field.wire || packed ? &field : nullptr;
  }

 private:
  std::array<Field, kFieldNumbers> fields_{};
};

// Elements of a packed field.
uint64_t CountPacked(const Field& field, absl::string_view bytes) {
  switch (field.wire) {
    case WireFormatLite::WIRETYPE_FIXED32:
      return bytes.size() / sizeof(uint32_t);
    case WireFormatLite::WIRETYPE_FIXED64:
      return bytes.size() / sizeof(uint64_t);
    default:
      return CountVarints(bytes);
  }
}

}  // namespace

absl::Status ScanWire(absl::string_view bytes, const google::protobuf::Descriptor& type,
                      const std::vector<FieldLimit>& limits, uint64_t max_memory) {
  absl::Status broken = absl::InvalidArgumentError("does not parse");
  // protobuf counts bytes in an int.
  if (bytes.size() > std::numeric_limits<int>::max()) {
    return absl::InvalidArgumentError("larger than 2 GiB");
  }
  Table table(type, limits);
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  uint64_t memory = 0;
  while (const uint32_t tag = in.ReadTag()) {
    Field* field = table.Find(tag);
    if (field == nullptr) return absl::InvalidArgumentError("unknown field");
    uint64_t elements = 1;
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      uint32_t length = 0;
      if (!in.ReadVarint32(&length)) return broken;
      const auto start = static_cast<size_t>(in.CurrentPosition());
      if (length > bytes.size() - start || !in.Skip(static_cast<int>(length))) return broken;
      const absl::string_view content = bytes.substr(start, length);
      if (field->has_text) {
        memory += length;
      } else {
        elements = CountPacked(*field, content);
      }
      if (field->type != nullptr) {
        // One level: no message that is scanned holds deeper ones.
        if (absl::Status status = ScanWire(content, *field->type, {}, max_memory); !status.ok()) {
          return status;
        }
      }
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return broken;
    }
    field->count += elements;
    if (field->count > field->most) return absl::InvalidArgumentError(field->message);
    memory += elements * field->element_bytes;
    if (memory > max_memory) {
      return absl::InvalidArgumentError("takes more memory than its job may");
    }
  }
  if (!in.ConsumedEntireMessage()) return broken;
  return absl::OkStatus();
}

}  // namespace loadlock::verify
