#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "sandbox/formats/skops/reader.h"

// What scipy.sparse.save_npz writes: format.npy, shape.npy, data.npy, the index arrays of the
// format, and since 1.13 _is_array.npy.
namespace loadlock::formats::skops {
namespace {

using graph::NodeId;

struct Format {
  std::string_view name;
  std::string_view arrays[3];
};
constexpr Format kFormats[] = {
    {"csr", {"data", "indices", "indptr"}}, {"csc", {"data", "indices", "indptr"}},
    {"bsr", {"data", "indices", "indptr"}}, {"coo", {"data", "row", "col"}},
    {"dia", {"data", "offsets", ""}},
};

const Format* FindFormat(std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

}  // namespace

NodeId Reader::FinishSparse(const Place& place, absl::Span<const NodeId>) {
  std::string_view npz;
  std::string_view type;
  if (!Text(place.value, "type", &type)) return graph::kNoNode;
  if (type != "scipy") {
    return FailNode(place.value, "MALFORMED", "a sparse matrix is not of type scipy");
  }
  if (File(place, ".npz", &npz) == nullptr) return graph::kNoNode;
  size_t used = 0;
  const auto read = [&](std::string_view name, bool optional) {
    const std::string member = absl::StrCat(std::string(name), ".npy");
    const graph::Buffer* content = members_.InNpz(npz, member);
    if (content == nullptr) {
      if (!optional) {
        FailNode(place.value, "TRUNCATED",
                 absl::StrCat("the sparse matrix lacks its member ", member));
      }
      return graph::kNoNode;
    }
    ++used;
    return ReadNpy(place, *content, absl::StrCat(std::string(npz), "/", member));
  };
  const auto fail = [&](const char* what) { return FailNode(place.value, "SCHEMA", what); };

  const NodeId name = read("format", false);
  if (name == graph::kNoNode || b_.exhausted()) return graph::kNoNode;
  const graph::Buffer name_bytes = array_bytes_[name];
  if (!b_.array(name).shape.empty() || b_.kind(b_.array(name).dtype) != graph::Kind::kDtype ||
      b_.text(b_.array(name).dtype) != "|S3") {
    return fail("the format of a sparse matrix is not three bytes");
  }
  const Format* format =
      FindFormat({reinterpret_cast<const char*>(name_bytes.data.data()), name_bytes.data.size()});
  if (format == nullptr) return fail("the format of a sparse matrix is not known");

  bool is_array = false;
  const NodeId flag = read("_is_array", true);
  if (refusal_) return graph::kNoNode;
  if (flag != graph::kNoNode) {
    const graph::ArrayInfo& info = b_.array(flag);
    if (!info.shape.empty() || b_.kind(info.dtype) != graph::Kind::kDtype ||
        b_.text(info.dtype) != "|b1" || array_bytes_[flag].data[0] > 1) {
      return fail("_is_array of a sparse matrix is not a boolean");
    }
    is_array = array_bytes_[flag].data[0] == 1;
  }
  // scipy makes the class that the format says, whatever class the node names.
  const std::string made = absl::StrCat(std::string(format->name), is_array ? "_array" : "_matrix");
  if (place.cls != made || !place.module.starts_with("scipy.sparse.")) {
    return fail("a sparse matrix says to be of another class than its format makes");
  }

  const NodeId shape = read("shape", false);
  if (shape == graph::kNoNode || b_.exhausted()) return graph::kNoNode;
  if (b_.array(shape).shape != std::vector<int64_t>{2} ||
      b_.kind(b_.array(shape).dtype) != graph::Kind::kDtype ||
      b_.text(b_.array(shape).dtype) != "<i8") {
    return fail("the shape of a sparse matrix is not two numbers");
  }
  int64_t extents[2] = {};
  std::memcpy(extents, array_bytes_[shape].data.data(), sizeof(extents));
  const NodeId pair[] = {b_.Int(extents[0]), b_.Int(extents[1])};
  std::vector<NodeId> items = {b_.Str("_shape"), b_.Tuple(pair)};
  for (const std::string_view array : format->arrays) {
    if (array.empty()) continue;
    const NodeId value = read(array, false);
    if (value == graph::kNoNode) return graph::kNoNode;
    items.insert(items.end(), {b_.Str(array), value});
  }
  if (used != members_.NpzSize(npz)) {
    return fail("the archive of a sparse matrix has members that nothing refers to");
  }
  const NodeId state = b_.Dict();
  b_.Extend(state, items);
  const NodeId object = b_.Object(Name(place.module, place.cls), b_.Tuple({}));
  if (!b_.exhausted()) b_.SetObjectEdge(object, graph::kState, state);
  return object;
}

}  // namespace loadlock::formats::skops
