#include "sandbox/decoders/numpy/lowering.h"

#include <algorithm>
#include <utility>

#include "sandbox/bytes/checked.h"

namespace loadlock::numpy {
namespace {

using graph::Kind;

struct Entry {
  std::string_view module;
  std::string_view name;
  Factory factory;
};

// The address space ends at 2^47; the daemon holds every array to the same bound.
constexpr uint64_t kMaxElements = uint64_t{1} << 47U;

// numpy 2 writes numpy._core, numpy 1 numpy.core.
constexpr Entry kFactories[] = {
    {"numpy", "dtype", Factory::kDtype},
    {"numpy._core.multiarray", "_reconstruct", Factory::kReconstruct},
    {"numpy.core.multiarray", "_reconstruct", Factory::kReconstruct},
    {"numpy._core.multiarray", "scalar", Factory::kScalar},
    {"numpy.core.multiarray", "scalar", Factory::kScalar},
    {"numpy._core.numeric", "_frombuffer", Factory::kFromBuffer},
    {"numpy.core.numeric", "_frombuffer", Factory::kFromBuffer},
    {"numpy.random._pickle", "__bit_generator_ctor", Factory::kBitGeneratorCtor},
    {"numpy.random._pickle", "__generator_ctor", Factory::kGeneratorCtor},
    {"numpy.random._pickle", "__randomstate_ctor", Factory::kRandomStateCtor},
};

}  // namespace

Factory FindFactory(std::string_view module, std::string_view name) {
  if (module.substr(0, 5) != "numpy") return Factory::kNone;
  for (const Entry& entry : kFactories) {
    if (entry.name == name && entry.module == module) return entry.factory;
  }
  return Factory::kNone;
}

ArrayClass FindArrayClass(const graph::GlobalUse& cls) {
  if (cls.name == "recarray") {
    // numpy 1 named it by the package, numpy 2 by its module.
    const bool known = cls.module == "numpy" || cls.module == "numpy.rec" ||
                       cls.module == "numpy.core.records" || cls.module == "numpy._core.records";
    return known ? ArrayClass::kRecords : ArrayClass::kOther;
  }
  if (cls.module != "numpy") return ArrayClass::kOther;
  if (cls.name == "ndarray" || cls.name == "memmap") return ArrayClass::kPlain;
  return cls.name == "matrix" ? ArrayClass::kMatrix : ArrayClass::kOther;
}

graph::NodeId Lowering::Fail(const char* rule, std::string message) {
  failure_ = {rule, std::move(message)};
  return graph::kNoNode;
}

graph::NodeId Lowering::Call(Factory factory, absl::Span<const NodeId> args_view) {
  // The builder's edges move while nodes are added.
  const std::vector<NodeId> args(args_view.begin(), args_view.end());
  switch (factory) {
    case Factory::kDtype:
      return Dtype(args);
    case Factory::kReconstruct:
      return Reconstruct(args);
    case Factory::kScalar:
      return Scalar(args);
    case Factory::kFromBuffer:
      return FromBuffer(args);
    case Factory::kBitGeneratorCtor:
      return BitGeneratorCtor(args);
    case Factory::kGeneratorCtor:
      return RandomCtor(kGenerator, args);
    case Factory::kRandomStateCtor:
      return RandomCtor(kRandomState, args);
    case Factory::kNone:
      break;
  }
  return Fail("SCHEMA", "not a factory of numpy");
}

bool Lowering::Owns(NodeId node) const {
  return b_.kind(node) == Kind::kDtype ||
         (b_.kind(node) == Kind::kPending && b_.node(node).detail >= kArray &&
          b_.node(node).detail <= kRandomState);
}

bool Lowering::Build(NodeId node, NodeId state) {
  if (b_.kind(node) == Kind::kDtype) return BuildDtype(node, state);
  switch (b_.node(node).detail) {
    case kArray:
      return BuildArray(node, state);
    case kSubclass:
      return BuildSubclass(node, state);
    case kRecordDtype:
      return BuildRecordDtype(node, state);
    case kBitGen:
      return BuildBitGenerator(node, state);
    case kGenerator:
    case kRandomState:
      return BuildRandom(node, state);
    default:
      return Refuse("STATE_RULE", "BUILD on a value that has no state");
  }
}

graph::NodeId Lowering::Get(NodeId dict, std::string_view key) const {
  const absl::Span<const NodeId> edges = b_.edges(dict);
  NodeId found = graph::kNoNode;
  for (size_t i = 0; i < edges.size(); i += 2) {
    if (b_.kind(edges[i]) != Kind::kStr || b_.text(edges[i]) != key) continue;
    if (found != graph::kNoNode) return graph::kNoNode;
    found = edges[i + 1];
  }
  return found;
}

bool Lowering::ReadShape(NodeId tuple, std::vector<int64_t>* out) {
  if (b_.kind(tuple) != Kind::kTuple || b_.edges(tuple).size() > kMaxRank) {
    return Refuse("ARRAY_BOUNDS", "the shape of an array is not a tuple of at most 32 dimensions");
  }
  out->clear();
  uint64_t elements = 1;
  for (const NodeId dim : b_.edges(tuple)) {
    if (b_.kind(dim) != Kind::kInt || b_.int_value(dim) < 0) {
      return Refuse("ARRAY_BOUNDS", "a dimension of an array is not a non-negative int");
    }
    // Zeros are left out of the product: numpy multiplies the others all the same.
    const auto extent = static_cast<uint64_t>(std::max<int64_t>(1, b_.int_value(dim)));
    if (!bytes::CheckedMul<uint64_t>(elements, extent, &elements) || elements > kMaxElements) {
      return Refuse("ARRAY_BOUNDS", "an array has more elements than any memory");
    }
    out->push_back(b_.int_value(dim));
  }
  return true;
}

}  // namespace loadlock::numpy
