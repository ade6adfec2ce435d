// What checks read from: a sound graph, its buffers, and the policy's entry for each name.
#ifndef LOADLOCK_SERVER_VERIFY_SCOPE_H_
#define LOADLOCK_SERVER_VERIFY_SCOPE_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/policy/policy.h"
#include "server/verify/dtype.h"
#include "server/verify/structure.h"
#include "server/verify/verify.h"
#include "server/verify/view.h"

namespace loadlock::verify {

// An ndarray and its bytes. The bytes may be unaligned.
struct Array {
  // kind 'R' for a record dtype.
  DType dtype;
  NodeId dtype_node = kAbsent;
  bool fortran = false;
  absl::Span<const int64_t> shape;
  absl::Span<const uint8_t> bytes;

  size_t rank() const { return shape.size(); }
  // Number of elements; only of arrays with an item size.
  uint64_t size() const { return dtype.itemsize == 0 ? 0 : bytes.size() / dtype.itemsize; }
  bool IsVector(uint64_t length) const {
    return rank() == 1 && static_cast<uint64_t>(shape[0]) == length;
  }
  // In C order, which for one dimension is any.
  bool c_order() const { return !fortran || rank() <= 1; }
  bool HasShape(absl::Span<const int64_t> wanted) const { return shape == wanted; }
  // Element by its place in memory. `T` must be as large as the item.
  template <typename T>
  T At(uint64_t index) const {
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
    return value;
  }
};

// An OBJECT whose class the policy lists, and its state.
struct Instance {
  NodeId node = kAbsent;
  const policy::CompiledEntry* entry = nullptr;
  Mapping state;

  std::optional<Value> Get(absl::string_view key) const { return state.Find(key); }
  bool Has(absl::string_view key) const { return Get(key).has_value(); }
};

// Why a check failed: `key` of the state (or empty) and one sentence.
struct Broken {
  absl::string_view key;
  std::string message;
};
using Check = std::optional<Broken>;

class Scope {
 public:
  // All must outlive the scope.
  Scope(const View* view, const Topology* topology, const Buffers* buffers,
        const policy::CompiledPolicy* policy);

  const View& view() const { return *view_; }
  const Topology& topology() const { return *topology_; }
  const policy::CompiledPolicy& policy() const { return *policy_; }

  // The policy's entry for a GLOBAL node, null if it is not listed.
  const policy::CompiledEntry* EntryOfGlobal(NodeId global) const {
    return entries_[view_->global_index(global)];
  }
  // For the class of an OBJECT or the callable of a CALL.
  const policy::CompiledEntry* EntryOfInstance(NodeId node) const {
    return EntryOfGlobal(view_->operands(node)[0]);
  }
  // nullopt if it is no OBJECT of a listed class.
  std::optional<Instance> InstanceOf(Value value) const;
  // As InstanceOf, if the class has this invariant.
  std::optional<Instance> InstanceWith(Value value, policy::Invariant invariant) const;
  // The node if it is a CALL whose callable has this schema.
  std::optional<NodeId> CallOf(Value value, policy::Schema schema) const;

  v1::ValueKind KindOf(Value value) const;
  // A Python int or a numpy integer that fits 64 bits; no bool.
  std::optional<int64_t> Int(Value value) const;
  // Int, or a Python float or numpy float.
  std::optional<double> Number(Value value) const;
  // Python's or numpy's.
  std::optional<bool> Bool(Value value) const;
  // nullopt too once the view is exhausted.
  std::optional<Array> ArrayOf(Value value) const;
  // The bytes of a buffer.
  absl::Span<const uint8_t> Buffer(uint32_t index) const;
  // Length of a sequence, mapping or one-dimensional array; other arrays have none.
  std::optional<uint64_t> Length(Value value) const;

 private:
  const View* view_;
  const Topology* topology_;
  const Buffers* buffers_;
  const policy::CompiledPolicy* policy_;
  std::vector<const policy::CompiledEntry*> entries_;
};

// The integer at `index` of an array of a signed or unsigned integer dtype of the machine's
// byte order; nullopt for other dtypes and for values of 2^63 and more.
std::optional<int64_t> IntAt(const Array& array, uint64_t index);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_SCOPE_H_
