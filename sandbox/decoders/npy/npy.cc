#include "sandbox/decoders/npy/npy.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "sandbox/bytes/checked.h"
#include "sandbox/decoders/npy/header.h"
#include "sandbox/decoders/numpy/dtype.h"

namespace loadlock::npy {
namespace {

using graph::NodeId;
using pickle::ParseResult;

ParseResult Refuse(std::string_view rule, std::string message, uint64_t offset) {
  return {graph::kNoNode, graph::Refuse(rule, std::move(message), offset)};
}

// Turns what the header says into dtype nodes by the rules of decoders/numpy.
class DtypeMaker {
 public:
  explicit DtypeMaker(graph::Builder* builder) : builder_(builder) {}

  // kNoNode if it is refused; why() says the reason.
  NodeId Make(const Descr& descr) { return descr.record ? Record(descr) : Simple(descr.typestr); }
  const std::string& why() const { return why_; }

 private:
  NodeId Fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return graph::kNoNode;
  }

  // numpy writes the canonical form; another spelling is another writer's and is refused.
  std::optional<numpy::Dtype> Canonical(const std::string& typestr) {
    auto dtype = numpy::ParseTypestr(typestr);
    if (!dtype || dtype->typestr != typestr) return std::nullopt;
    return dtype;
  }

  NodeId Simple(const std::string& typestr) {
    const auto dtype = Canonical(typestr);
    if (!dtype) return Fail(numpy::WhyNoDtype(typestr));
    if (dtype->kind == 'O') return Fail("a record with fields of objects is not supported");
    return builder_->Dtype(builder_->Keep(dtype->typestr));
  }

  // numpy places the fields one behind the other and writes gaps as nameless 'V' fields.
  NodeId Record(const Descr& descr) {
    absl::flat_hash_set<std::string_view> names;
    std::vector<NodeId> fields;
    int64_t offset = 0;
    for (const Field& field : descr.fields) {
      int64_t size = 0;
      if (field.name.empty()) {
        if (!field.shape.empty() || !Padding(field.descr, &size))
          return Fail("a field of a record has no name");
      } else {
        if (!names.insert(field.name).second) return Fail("a record has two fields of one name");
        const NodeId dtype = field.shape.empty() ? Make(field.descr) : Subarray(field);
        if (dtype == graph::kNoNode) return graph::kNoNode;
        size = static_cast<int64_t>(numpy::ItemSize(*builder_, dtype));
        const NodeId name = builder_->Str(builder_->Keep(field.name));
        fields.insert(fields.end(), {name, dtype, builder_->Int(offset)});
      }
      if (!bytes::CheckedAdd(offset, size, &offset) ||
          offset > static_cast<int64_t>(numpy::kMaxItemSize)) {
        return Fail("a record is larger than numpy allows");
      }
    }
    if (fields.empty()) return Fail("a record without fields is not supported");
    return builder_->DtypeRecord(offset, fields);
  }

  NodeId Subarray(const Field& field) {
    if (field.descr.record) return Fail("a field that is an array of records is not supported");
    const auto item = Canonical(field.descr.typestr);
    if (!item || item->kind == 'O') return Simple(field.descr.typestr);
    const auto typestr = numpy::SubarrayTypestr(field.shape, field.descr.typestr);
    if (!typestr) return Fail("a field that is an array, of no fixed size or too large");
    return builder_->Dtype(builder_->Keep(*typestr));
  }

  bool Padding(const Descr& descr, int64_t* size) {
    if (descr.record) return false;
    const auto dtype = Canonical(descr.typestr);
    if (!dtype || dtype->kind != 'V') return false;
    *size = static_cast<int64_t>(dtype->itemsize);
    return true;
  }

  graph::Builder* builder_;
  std::string why_;
};

uint64_t Elements(const std::vector<int64_t>& shape) {
  return numpy::ArrayBytes(shape, 1).value_or(UINT64_MAX);
}

// The pickle could hold anything; numpy.load would return it, whatever the header says.
ParseResult ObjectArray(const pickle::Stream& stream, const Header& header,
                        graph::DecodedFile& decoded, bytes::Budget& budget,
                        graph::Builder& builder) {
  pickle::Stream rest = stream;
  rest.bytes.remove_prefix(header.data_offset);
  rest.offset += header.data_offset;
  ParseResult result = pickle::Parse(rest, pickle::Options{}, decoded, budget, builder);
  if (result.refusal) return result;
  if (builder.kind(result.root) != graph::Kind::kObjectNdArray) {
    return Refuse("MALFORMED", "the pickle behind the .npy header is not an array of objects",
                  header.data_offset);
  }
  const graph::ArrayInfo& array = builder.array(result.root);
  if (array.shape != header.shape ||
      builder.edges(array.elements).size() != Elements(header.shape)) {
    return Refuse("ARRAY_BOUNDS",
                  "the pickled array of objects is not of the shape that the .npy header states",
                  header.data_offset);
  }
  return result;
}

ParseResult PlainArray(const pickle::Stream& stream, const Header& header, bytes::Budget& budget,
                       graph::Builder& builder) {
  DtypeMaker maker(&builder);
  const NodeId dtype = maker.Make(header.descr);
  if (builder.exhausted()) {
    return Refuse(budget.exhausted_rule(), "the .npy header exceeds the budget", stream.offset);
  }
  if (dtype == graph::kNoNode) return Refuse("DTYPE", maker.why(), stream.offset);
  const uint64_t itemsize = numpy::ItemSize(builder, dtype);
  const auto length = numpy::ArrayBytes(header.shape, itemsize);
  // numpy cannot read items without size from a file, and no data bounds how many there are.
  if (!length || itemsize == 0) {
    return Refuse(
        "ARRAY_BOUNDS",
        "the shape in the .npy header is larger than any memory, or its items have no size",
        stream.offset);
  }
  const bytes::Bytes data = stream.bytes.subspan(header.data_offset);
  if (data.size() < *length) {
    return Refuse("TRUNCATED",
                  absl::StrCat("the array needs ", *length, " bytes, the file has ", data.size()),
                  stream.offset + stream.bytes.size());
  }
  if (data.size() > *length) {
    return Refuse("TRAILING_DATA",
                  absl::StrCat(data.size() - *length, " bytes follow the end of the array"),
                  stream.offset + header.data_offset + *length);
  }
  graph::ArrayInfo array;
  array.dtype = dtype;
  array.buffer =
      builder.AddBuffer({stream.source, stream.offset + header.data_offset, data, data.size()});
  array.fortran = header.fortran_order;
  array.shape = header.shape;
  return {builder.Array(std::move(array)), std::nullopt};
}

}  // namespace

ParseResult Parse(const pickle::Stream& stream, graph::DecodedFile& decoded, bytes::Budget& budget,
                  graph::Builder& builder) {
  builder.SetOrigin(stream.offset, 0);
  Header header;
  bytes::Cursor cursor(stream.bytes);
  if (auto refusal = ReadHeader(&cursor, &header)) return {graph::kNoNode, std::move(refusal)};
  ParseResult result = !header.descr.record && header.descr.typestr == "|O"
                           ? ObjectArray(stream, header, decoded, budget, builder)
                           : PlainArray(stream, header, budget, builder);
  if (!result.refusal && builder.exhausted()) {
    return Refuse(budget.exhausted_rule(), "the array exceeds the budget", stream.offset);
  }
  return result;
}

}  // namespace loadlock::npy
