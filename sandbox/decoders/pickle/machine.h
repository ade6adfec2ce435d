#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_MACHINE_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_MACHINE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/numpy/lowering.h"
#include "sandbox/decoders/pickle/builtins.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/decoders/pickle/scope.h"
#include "sandbox/decoders/pickle/stack.h"
#include "sandbox/decoders/torch/lowering.h"

namespace loadlock::pickle {

// The stack machine. One handler an opcode; a handler returns false after it set the refusal.
// Handlers stand in scalars.cc, containers.cc, objects.cc and joblib.cc.
class Machine {
 public:
  using Handler = bool (Machine::*)();
  struct Opcode {
    const char* name = "";
    Handler handler = nullptr;
  };

  Machine(const Stream& stream, const Options& options, graph::DecodedFile& decoded,
          bytes::Budget& budget, graph::Builder& builder);
  ParseResult Run();

  // By opcode byte; a null handler means that the byte is no opcode.
  static const std::array<Opcode, 256>& Table();

 private:
  using NodeId = graph::NodeId;
  using Bytes = bytes::Bytes;

  bool Step();
  bool CheckFrame();
  bool CheckBudget();

  // Refusals. All return false.
  bool Fail(const char* rule, std::string message);
  bool FailName(const char* rule, std::string message, NodeId global);
  bool Truncated();
  bool Underflow();
  bool Take(const numpy::Failure& failure);

  // Stack.
  void Push(NodeId node) { stack_.Push(node); }
  bool Pop(NodeId* out) { return stack_.Pop(out) || Underflow(); }
  bool Top(NodeId* out) { return stack_.Top(out) || Underflow(); }
  // Takes the topmost mark away; *start is the place of the first item above it.
  bool PopMark(size_t* start);
  absl::Span<const NodeId> Above(size_t start) const { return stack_.Above(start); }
  bool ReadLine(size_t max, Bytes* line);

  bool OpMark();
  bool OpStop();
  bool OpPop();
  bool OpPopMark();
  bool OpDup();
  bool OpProto();
  bool OpFrame();
  bool OpForbidden();
  // `detail` of a joblib wrapper that waits for its BUILD; numpy's own are below 100.
  static constexpr uint16_t kWrapperPending = 100;

  bool PutMemo(uint64_t index);
  bool GetMemo(uint64_t index);
  bool OpMemoize();
  bool OpPut();
  bool OpBinPut();
  bool OpLongBinPut();
  bool OpGet();
  bool OpBinGet();
  bool OpLongBinGet();

  // scalars.cc
  bool OpNone();
  bool OpTrue();
  bool OpFalse();
  bool OpInt();
  bool OpLong();
  bool OpBinInt();
  bool OpBinInt1();
  bool OpBinInt2();
  bool OpLong1();
  bool OpLong4();
  bool PushLong(uint64_t size);
  bool PushDecimal(Bytes digits);
  bool OpFloat();
  bool OpBinFloat();
  bool OpString();
  bool OpBinString();
  bool OpShortBinString();
  bool OpUnicode();
  bool OpBinUnicode();
  bool OpShortBinUnicode();
  bool OpBinUnicode8();
  bool OpBinBytes();
  bool OpShortBinBytes();
  bool OpBinBytes8();
  bool OpByteArray8();
  bool PushAscii(uint64_t size);
  bool PushUtf8(uint64_t size);
  bool PushBytes(uint64_t size);
  bool ReadBuffer(uint64_t size, graph::Buffer* out);

  // containers.cc
  bool OpEmptyTuple();
  bool OpEmptyList();
  bool OpEmptyDict();
  bool OpEmptySet();
  bool OpTuple();
  bool OpTuple1();
  bool OpTuple2();
  bool OpTuple3();
  bool PushTuple(size_t count);
  bool OpList();
  bool OpDict();
  bool OpFrozenSet();
  bool OpAppend();
  bool OpAppends();
  bool OpSetItem();
  bool OpSetItems();
  bool OpAddItems();
  bool Append(NodeId target, absl::Span<const NodeId> items);
  bool SetItems(NodeId target, absl::Span<const NodeId> items);
  bool CheckHashable(absl::Span<const NodeId> items, size_t stride);
  bool CheckOpen(NodeId container);
  bool CheckItemsTarget(NodeId target);

  // objects.cc
  bool OpGlobal();
  bool OpStackGlobal();
  bool OpInst();
  bool OpObj();
  bool OpNewObj();
  bool OpNewObjEx();
  bool OpReduce();
  bool OpBuild();
  bool OpPersId();
  bool OpBinPersId();
  bool PushPersistent(NodeId id);
  bool ReadNames(Bytes* module, Bytes* name);
  NodeId FindGlobal(std::string_view module, std::string_view name);
  bool PushCall(NodeId callable, NodeId args);
  bool PushInstance(NodeId cls, NodeId args);
  bool PushReconstructed(NodeId cls, NodeId base, NodeId state);
  // Later changes of what a built value depends on are refused.
  void Freeze(NodeId node);
  void FreezeParts(NodeId node);

  // builtins.cc
  bool PushBuiltin(Builtin which, absl::Span<const NodeId> args);
  bool PushEncoded(absl::Span<const NodeId> args);
  bool Latin1(NodeId text, NodeId codec, graph::Buffer* out);
  bool PushBytesCall(bool mutable_bytes, absl::Span<const NodeId> args);
  bool PushOrderedDict(absl::Span<const NodeId> args);
  bool PushThreeInts(Builtin which, absl::Span<const NodeId> args);
  bool LowerNative(NodeId object, NodeId* state);  // native.cc
  // torch.cc
  bool PushTorch(torch::Factory factory, NodeId callable, NodeId args);
  bool PushLoadedStorage(NodeId callable, absl::Span<const NodeId> args);
  bool BytesOf(NodeId node, Bytes* out);

  // joblib.cc
  bool BuildWrapper(NodeId wrapper, NodeId state);
  bool ReadRawArray(NodeId dtype, NodeId shape, bool fortran, NodeId alignment);
  bool SkipPadding(NodeId alignment);
  bool EnterNested(std::vector<int64_t> shape);
  bool LeaveNested(NodeId root);

  const Stream& stream_;
  graph::DecodedFile& decoded_;
  bytes::Budget& budget_;
  graph::Builder& b_;
  numpy::Lowering numpy_;
  torch::Lowering torch_;
  const Options options_;
  bytes::Cursor in_;
  Stack stack_;
  Scope scope_;
  std::unique_ptr<Scope> outer_;
  uint64_t op_offset_ = 0;
  uint8_t op_ = 0;
  bool stopped_ = false;
  NodeId empty_tuple_ = graph::kNoNode;
  ParseResult result_;
};

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_MACHINE_H_
