// Graphs for tests, written as expressions: Obj("pkg.Cls", {{"coef_", Vec<double>({1, 2})}}).
//
// A Maker adds its nodes to a Maker's graph, children first, so that any part can be replaced
// by a wrong one before the graph is made.
#ifndef LOADLOCK_SERVER_VERIFY_TESTING_MAKE_H_
#define LOADLOCK_SERVER_VERIFY_TESTING_MAKE_H_

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "loadlock/v1/graph.pb.h"
#include "server/verify/verify.h"
#include "server/verify/view.h"

namespace loadlock::verify::testing {

// A graph under construction and the bytes of its buffers.
class Draft {
 public:
  NodeId Node(v1::NodeKind kind, std::vector<uint32_t> operands = {});
  uint32_t Int(int64_t value);
  uint32_t Ints(const std::vector<int64_t>& values);
  uint32_t Float(double value);
  uint32_t String(absl::string_view text);
  uint32_t Blob(absl::string_view bytes);
  uint32_t Global(absl::string_view full_name);
  // A buffer of the decoded file.
  uint32_t Buffer(absl::string_view bytes);

  v1::Graph& graph() { return graph_; }
  const std::string& decoded() const { return decoded_; }
  // Of this draft alone, unlike its address.
  const std::shared_ptr<const int>& identity() const { return identity_; }

 private:
  std::shared_ptr<const int> identity_ = std::make_shared<const int>(0);
  v1::Graph graph_;
  std::string decoded_;
};

using Maker = std::function<NodeId(Draft&)>;
using Makers = std::vector<Maker>;
using Attrs = std::map<std::string, Maker>;

Maker None();
Maker Bool(bool value);
Maker Int(int64_t value);
Maker Float(double value);
Maker Str(std::string text);
Maker Tuple(Makers items);
Maker List(Makers items);
// DICT_STR.
Maker Dict(Attrs items);
Maker Name(std::string full_name);
// An OBJECT without arguments.
Maker Obj(std::string class_name, Attrs state);
// With any state; null: none.
Maker ObjWith(std::string class_name, Maker args, Maker state);
Maker Call(std::string callable, Makers args, Maker state = nullptr);
Maker DType(std::string typestr);
// Raw bytes as an ndarray.
Maker Raw(Maker dtype, std::vector<int64_t> shape, std::string bytes, bool fortran = false);
Maker Objects(std::vector<int64_t> shape, Makers items);
// numpy's int64 scalar.
Maker NumpyInt(int64_t value);

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
template <typename T>
constexpr const char* Typestr() {
  if constexpr (std::is_same_v<T, double>) return "<f8";
  if constexpr (std::is_same_v<T, float>) return "<f4";
  if constexpr (std::is_same_v<T, int32_t>) return "<i4";
  if constexpr (std::is_same_v<T, int64_t>) return "<i8";
  if constexpr (std::is_same_v<T, uint32_t>) return "<u4";
  return "<u8";
}
template <typename T>
Maker Arr(std::vector<int64_t> shape, const std::vector<T>& values, bool fortran = false) {
  return Raw(DType(Typestr<T>()), std::move(shape), Bytes(values), fortran);
}
template <typename T>
Maker Vec(const std::vector<T>& values) {
  return Arr<T>({static_cast<int64_t>(values.size())}, values);
}
// f8 of zeros.
Maker Zeros(std::vector<int64_t> shape);

// Attributes with one replaced; a null maker removes it.
Attrs With(Attrs attrs, const std::string& key, Maker value);

// Makes the graph and verifies it as an honest worker's output under a policy of
// deploy/policies ("sklearn").
absl::StatusOr<Verdict> VerifyMade(const Maker& root, absl::string_view policy = "sklearn");
// The same for a finished draft.
absl::StatusOr<Verdict> VerifyDraft(Draft& draft, NodeId root,
                                    absl::string_view policy = "sklearn");
absl::StatusOr<Verdict> VerifyDraft(Draft& draft, NodeId root, const policy::CompiledPolicy& policy,
                                    Caps caps = {});

// "ACCEPTED", or "RULE path: message" of the first error, or "MALFORMED: message".
std::string Outcome(const absl::StatusOr<Verdict>& verdict);
std::string OutcomeOf(const Maker& root);

// The policies of deploy/policies, loaded once.
const policy::PolicySet& Policies();

}  // namespace loadlock::verify::testing

#endif  // LOADLOCK_SERVER_VERIFY_TESTING_MAKE_H_
