#ifndef LOADLOCK_SANDBOX_GRAPH_NODE_H_
#define LOADLOCK_SANDBOX_GRAPH_NODE_H_

#include <cstdint>

#include "loadlock/v1/graph.pb.h"

namespace loadlock::graph {

// Index of a node in its Builder; not the index in the encoded graph.
using NodeId = uint32_t;
inline constexpr NodeId kNoNode = 0xFFFFFFFF;

// What a node is while the graph is built. Values below 128 are NodeKind's own; the packed
// kinds (LIST_INT ...) and *_BUFFER are chosen by the encoder and never stand here.
enum class Kind : uint8_t {
  kNone = v1::NODE_KIND_NONE,
  kTrue = v1::NODE_KIND_TRUE,
  kFalse = v1::NODE_KIND_FALSE,
  kEllipsis = v1::NODE_KIND_ELLIPSIS,
  kNotImplemented = v1::NODE_KIND_NOT_IMPLEMENTED,
  kInt = v1::NODE_KIND_INT,
  kBigInt = v1::NODE_KIND_BIG_INT,
  kFloat = v1::NODE_KIND_FLOAT,
  kComplex = v1::NODE_KIND_COMPLEX,
  kStr = v1::NODE_KIND_STR,
  kBytes = v1::NODE_KIND_BYTES,
  kByteArray = v1::NODE_KIND_BYTEARRAY,
  kList = v1::NODE_KIND_LIST,
  kTuple = v1::NODE_KIND_TUPLE,
  kSet = v1::NODE_KIND_SET,
  kFrozenSet = v1::NODE_KIND_FROZENSET,
  kDict = v1::NODE_KIND_DICT,
  kOrderedDict = v1::NODE_KIND_ORDERED_DICT,
  kSlice = v1::NODE_KIND_SLICE,
  kRange = v1::NODE_KIND_RANGE,
  kGlobal = v1::NODE_KIND_GLOBAL,
  kObject = v1::NODE_KIND_OBJECT,
  kCall = v1::NODE_KIND_CALL,
  kDtype = v1::NODE_KIND_DTYPE,
  kDtypeRecord = v1::NODE_KIND_DTYPE_RECORD,
  kNdArray = v1::NODE_KIND_NDARRAY,
  kObjectNdArray = v1::NODE_KIND_OBJECT_NDARRAY,
  kScalar = v1::NODE_KIND_SCALAR,
  kBitGenerator = v1::NODE_KIND_BIT_GENERATOR,
  kRandomState = v1::NODE_KIND_RANDOM_STATE,
  kGenerator = v1::NODE_KIND_GENERATOR,
  kStorage = v1::NODE_KIND_STORAGE,
  kTensor = v1::NODE_KIND_TENSOR,
  kSparseTensor = v1::NODE_KIND_SPARSE_TENSOR,
  kQuantizedTensor = v1::NODE_KIND_QUANTIZED_TENSOR,
  kChannelQuantizedTensor = v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR,
  kParameter = v1::NODE_KIND_PARAMETER,
  kTensorWithState = v1::NODE_KIND_TENSOR_WITH_STATE,
  kTorchSize = v1::NODE_KIND_TORCH_SIZE,
  kTorchDevice = v1::NODE_KIND_TORCH_DEVICE,
  kStateDict = v1::NODE_KIND_STATE_DICT,
  // A lowered value that is not whole before its BUILD. An encoded
  // graph never holds one.
  kPending = 128,
};

// Edges of an OBJECT or CALL, by place.
enum ObjectEdge : uint32_t {
  kCallee = 0,  // class or callable
  kArgs = 1,    // tuple, or kNoNode
  kState = 2,   // what BUILD set, or kNoNode
  kListItems = 3,
  kDictItems = 4,
  kObjectEdges = 5,
};

// Only values made of plain immutable parts may be a dict key or set member.
inline constexpr uint8_t kFlagHashable = 1;
// Referred to by memo or DUP: identity may be seen, so it is not copied into packed runs.
inline constexpr uint8_t kFlagShared = 2;
// Something already depends on the content (the state of a built object, arguments of a call,
// a dtype in use): a later change would mean different things to different readers.
inline constexpr uint8_t kFlagFrozen = 4;
// State was set by BUILD.
inline constexpr uint8_t kFlagBuilt = 8;

// One node. What `extra` and `payload` hold depends on the kind:
//   INT, FLOAT         payload: the value's bits
//   STR, DTYPE         payload: address of the text, extra: its length in bytes
//   BIG_INT, COMPLEX, SCALAR, BYTES, BYTEARRAY, NDARRAY, GLOBAL, ...: see builder.cc
//   containers         payload: first edge (low half), capacity (high half), extra: edges
struct Node {
  Kind kind;
  uint8_t flags;
  uint16_t detail;  // of a pending value: what it waits to be; see builder_torch.cc
  uint32_t extra;
  uint64_t payload;
  // Offset of the opcode that made it, shifted left by 8, and the opcode.
  uint64_t origin;
};
static_assert(sizeof(Node) == 24);

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_NODE_H_
