#ifndef LOADLOCK_SANDBOX_DECODERS_NUMPY_LOWERING_H_
#define LOADLOCK_SANDBOX_DECODERS_NUMPY_LOWERING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "sandbox/decoders/numpy/dtype.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"

namespace loadlock::numpy {

// numpy's factories that are understood here and never called.
enum class Factory : uint8_t {
  kNone,
  kDtype,             // numpy.dtype
  kReconstruct,       // numpy.core.multiarray._reconstruct
  kScalar,            // numpy.core.multiarray.scalar
  kFromBuffer,        // numpy.core.numeric._frombuffer
  kBitGeneratorCtor,  // numpy.random._pickle.__bit_generator_ctor
  kGeneratorCtor,     // ....__generator_ctor
  kRandomStateCtor,   // ....__randomstate_ctor
};

Factory FindFactory(std::string_view module, std::string_view name);

// How an array of a class of numpy is held: as the array, or as a call of its class with the array;
// memmaps are arrays whose file is not theirs any more.
enum class ArrayClass : uint8_t { kOther, kPlain, kMatrix, kRecords };
ArrayClass FindArrayClass(const graph::GlobalUse& cls);

// Appends bytes to the decoded file where an array needs no copy. *offset is where they begin.
[[nodiscard]] bool AppendAligned(graph::DecodedFile* decoded, absl::Span<const uint8_t> data,
                                 uint64_t* offset);

// The same with the bytes of each unit in the other order; the data are a number of units.
[[nodiscard]] bool AppendSwapped(graph::DecodedFile* decoded, absl::Span<const uint8_t> data,
                                 uint64_t unit, uint64_t* offset);

// Why a value could not be lowered.
struct Failure {
  const char* rule = "";
  std::string message;
};

// Turns calls of numpy's factories, and the BUILD that follows, into DTYPE, NDARRAY, SCALAR and
// random nodes, with the checks that numpy leaves out (notes on each rule stand beside it).
// Every function returns false (or kNoNode) with failure() set if the stream says something
// else than what numpy's own pickling writes.
class Lowering {
 public:
  Lowering(graph::Builder* builder, graph::DecodedFile* decoded)
      : b_(*builder), decoded_(*decoded) {}

  graph::NodeId Call(Factory factory, absl::Span<const graph::NodeId> args);

  // True if BUILD on this node is numpy's business.
  bool Owns(graph::NodeId node) const;
  bool Build(graph::NodeId node, graph::NodeId state);

  // An array over bytes that are known (joblib's raw data, _frombuffer). `shape` is a TUPLE.
  graph::NodeId ArrayOver(graph::NodeId dtype, graph::NodeId shape, bool fortran,
                          const graph::Buffer& data);
  // The same values in the machine's byte order, for a big-endian DTYPE of numbers, text or times;
  // other dtypes and bytes stay. `data` must be known. What is swapped goes to the decoded file.
  bool MakeNative(graph::NodeId* dtype, graph::Buffer* data);
  // A TUPLE of non-negative ints, at most 32.
  bool ReadShape(graph::NodeId tuple, std::vector<int64_t>* out);

  const Failure& failure() const { return failure_; }

 private:
  using NodeId = graph::NodeId;
  enum Pending : uint16_t {
    kArray = 1,
    kSubclass,
    kRecordDtype,
    kSubarrayDtype,
    kBitGen,
    kGenerator,
    kRandomState
  };

  NodeId Dtype(absl::Span<const NodeId> args);
  bool BuildDtype(NodeId node, NodeId state);
  bool BuildRecord(NodeId node, uint64_t size, absl::Span<const NodeId> state);
  bool BuildRecordDtype(NodeId node, NodeId state);
  bool BuildSubarray(NodeId node, absl::Span<const NodeId> state);
  // (3 or 4, order, subarray, names, fields, elsize, alignment, flags[, metadata]); empty if it is
  // not.
  std::vector<NodeId> DtypeState(NodeId state_tuple);
  bool AddField(NodeId name, NodeId field, int64_t itemsize, std::vector<NodeId>* out);
  bool BuildDatetime(NodeId node, const numpy::Dtype& dtype, NodeId metadata);
  // A DTYPE or DTYPE_RECORD; from now on BUILD may not change it.
  bool UseDtype(NodeId node, bool allow_objects);

  NodeId Reconstruct(absl::Span<const NodeId> args);
  bool BuildArray(NodeId node, NodeId state);
  bool BuildSubclass(NodeId node, NodeId state);
  bool BuildObjectArray(NodeId node, std::vector<int64_t> shape, NodeId list);
  NodeId FromBuffer(absl::Span<const NodeId> args);
  NodeId Scalar(absl::Span<const NodeId> args);
  NodeId RecordScalar(NodeId dtype, const graph::Buffer& raw);
  // Gives bytes that exist only in the parser's memory a place in the decoded file.
  bool Place(graph::Buffer* buffer);

  NodeId BitGeneratorCtor(absl::Span<const NodeId> args);
  NodeId RandomCtor(Pending what, absl::Span<const NodeId> args);
  bool BuildBitGenerator(NodeId node, NodeId state);
  bool BuildRandom(NodeId node, NodeId state);
  // A BIT_GENERATOR from a state dict, which must be of the kind `name`.
  NodeId BitGeneratorFromState(std::string_view name, NodeId state);
  std::string_view BitGeneratorName(NodeId node);

  // The value of a str key; kNoNode if it is missing or stands twice, where another reader might
  // take the other value.
  NodeId Get(NodeId dict, std::string_view key) const;
  NodeId Fail(const char* rule, std::string message);
  bool Refuse(const char* rule, std::string message) {
    Fail(rule, std::move(message));
    return false;
  }

  graph::Builder& b_;
  graph::DecodedFile& decoded_;
  // Dtypes whose items are numpy.record, not numpy.void.
  absl::flat_hash_set<NodeId> record_dtypes_;
  Failure failure_;
};

}  // namespace loadlock::numpy

#endif  // LOADLOCK_SANDBOX_DECODERS_NUMPY_LOWERING_H_
