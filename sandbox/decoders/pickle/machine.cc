#include "sandbox/decoders/pickle/machine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/text.h"

namespace loadlock::pickle {

ParseResult Parse(const Stream& stream, const Options& options, graph::DecodedFile& decoded,
                  bytes::Budget& budget, graph::Builder& builder) {
  return Machine(stream, options, decoded, budget, builder).Run();
}

Machine::Machine(const Stream& stream, const Options& options, graph::DecodedFile& decoded,
                 bytes::Budget& budget, graph::Builder& builder)
    : stream_(stream),
      decoded_(decoded),
      budget_(budget),
      b_(builder),
      numpy_(&builder, &decoded),
      torch_(&builder),
      options_(options),
      in_(stream.bytes, options.base),
      stack_(&budget) {
  scope_.joblib_arrays = options.joblib_arrays;
  scope_.begin = options.base;
  // A prefix is small, and there may be thousands of them.
  if (!options_.prefix) b_.ReserveFor(stream.bytes.size());
}

ParseResult Machine::Run() {
  while (!stopped_) {
    if (!Step()) return std::move(result_);
  }
  result_.size = in_.position();
  if (!options_.prefix && !in_.AtEnd()) {
    op_offset_ = in_.offset();
    op_ = 0;
    result_.root = graph::kNoNode;
    Fail("TRAILING_DATA",
         absl::StrCat(in_.remaining(), " bytes stand after the end of the pickle"));
  }
  return std::move(result_);
}

bool Machine::Step() {
  op_offset_ = in_.offset();
  if (!in_.ReadU8(&op_)) {
    op_ = 0;
    return Fail("TRUNCATED", "the stream ends before STOP");
  }
  const Opcode& opcode = Table()[op_];
  if (opcode.handler == nullptr) {
    return Fail("MALFORMED", absl::StrCat("byte 0x", absl::Hex(op_, absl::kZeroPad2),
                                          " is no opcode of pickle protocols 0 to 5"));
  }
  b_.SetOrigin(op_offset_, op_);
  return (this->*opcode.handler)() && CheckFrame() && CheckBudget();
}

// CPython's Python unpickler fails on an argument that crosses a frame's end, its C unpickler
// and pickletools read on.
bool Machine::CheckFrame() {
  if (op_offset_ < scope_.frame_end && in_.offset() > scope_.frame_end) [[unlikely]] {
    return Fail("MALFORMED", "an opcode crosses the end of its frame");
  }
  return true;
}

bool Machine::CheckBudget() {
  if (!b_.exhausted()) [[likely]] {
    return true;
  }
  return Fail(budget_.exhausted_rule(), "");  // Fail() words it
}

bool Machine::Fail(const char* rule, std::string message) {
  if (result_.refusal.has_value()) return false;
  if (b_.exhausted()) {
    // What looks malformed is a node that the budget did not allow.
    rule = budget_.exhausted_rule();
    message = "the pickle costs more than the request may use";
  }
  result_.refusal = graph::Refuse(rule, std::move(message), op_offset_);
  result_.refusal->opcode = OpcodeName(op_);
  return false;
}

bool Machine::FailName(const char* rule, std::string message, NodeId global) {
  Fail(rule, std::move(message));
  if (b_.kind(global) == graph::Kind::kGlobal) {
    const graph::GlobalUse& use = b_.global(global);
    result_.refusal->name =
        absl::StrCat(graph::Quote(use.module, 512), ".", graph::Quote(use.name, 512));
  }
  return false;
}

bool Machine::Truncated() {
  return Fail("TRUNCATED", "the stream ends inside the argument of an opcode");
}

bool Machine::Underflow() {
  return Fail("STACK_UNDERFLOW", stack_.has_mark()
                                     ? "an opcode takes a MARK for a value"
                                     : "an opcode takes more values than the stack holds");
}

bool Machine::Take(const numpy::Failure& failure) {
  return CheckBudget() && Fail(failure.rule, failure.message);
}

bool Machine::PopMark(size_t* start) {
  return stack_.PopMark(start) || Fail("STACK_UNDERFLOW", "there is no MARK on the stack");
}

bool Machine::ReadLine(size_t max, Bytes* line) {
  if (in_.ReadLine(max, line)) return true;
  if (in_.remaining() <= max) return Truncated();
  return Fail("MALFORMED", absl::StrCat("a line is longer than ", max, " bytes"));
}

bool Machine::OpMark() {
  stack_.PushMark();
  return true;
}

bool Machine::OpStop() {
  NodeId root = graph::kNoNode;
  if (!Pop(&root)) return false;
  if (!stack_.AtBase()) return Fail("MALFORMED", "values are left on the stack at STOP");
  if (scope_.frame_end > in_.offset()) {
    return Fail("MALFORMED", "the last frame ends after STOP");
  }
  if (outer_ != nullptr) return LeaveNested(root);
  result_.root = root;
  stopped_ = true;
  return true;
}

// Takes a mark away if that is what lies on top, as CPython does.
bool Machine::OpPop() {
  if (stack_.mark_on_top()) {
    size_t start = 0;
    return PopMark(&start);
  }
  NodeId node = graph::kNoNode;
  if (!Pop(&node)) return false;
  b_.Discard(node);
  return true;
}

bool Machine::OpPopMark() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  for (const NodeId node : stack_.Above(start)) b_.Discard(node);
  stack_.CutTo(start);
  return true;
}

bool Machine::OpDup() {
  NodeId node = graph::kNoNode;
  if (!Top(&node)) return false;
  b_.Mark(node, graph::kFlagShared);
  Push(node);
  return true;
}

bool Machine::OpProto() {
  if (op_offset_ != scope_.begin) return Fail("MALFORMED", "PROTO stands not at the beginning");
  uint8_t version = 0;
  if (!in_.ReadU8(&version)) return Truncated();
  if (version > 5) {
    return Fail("MALFORMED",
                absl::StrCat("pickle protocol ", version, " is not known (0 to 5 are)"));
  }
  scope_.proto = version;
  return true;
}

bool Machine::OpFrame() {
  if (op_offset_ < scope_.frame_end) return Fail("MALFORMED", "a frame begins inside a frame");
  uint64_t length = 0;
  if (!in_.ReadLe64(&length)) return Truncated();
  if (length > in_.remaining()) return Fail("TRUNCATED", "a frame is longer than the stream");
  scope_.frame_end = in_.offset() + length;
  return true;
}

bool Machine::OpForbidden() {
  const std::string_view name = OpcodeName(op_);
  std::string why =
      "refers to a value beside the pickle, as in a torch file, or to one that only the program "
      "which wrote the pickle knows";
  if (name.substr(0, 3) == "EXT") {
    why = "names a callable by a number of the extension registry, not by its name";
  } else if (name.find("BUFFER") != std::string_view::npos) {
    why = "refers to a buffer outside of the stream";
  }
  return Fail("FORBIDDEN_OPCODE", absl::StrCat(OpcodeName(op_), " ", why));
}

bool Machine::PutMemo(uint64_t index) {
  NodeId node = graph::kNoNode;
  if (!Top(&node)) return false;
  if (index > kMaxMemoIndex)
    return Fail("MALFORMED", absl::StrCat("memo index ", index, " is too large"));
  if (scope_.memo.Put(static_cast<uint32_t>(index), node, &budget_)) return true;
  return CheckBudget() &&
         Fail("MALFORMED", absl::StrCat("memo entry ", index, " is written twice"));
}

bool Machine::GetMemo(uint64_t index) {
  const NodeId node =
      index > kMaxMemoIndex ? graph::kNoNode : scope_.memo.Get(static_cast<uint32_t>(index));
  if (node == graph::kNoNode) {
    return Fail("MEMO_MISSING", absl::StrCat("memo entry ", index, " was never written"));
  }
  (void)budget_.ChargeWork(1);
  b_.Mark(node, graph::kFlagShared);
  Push(node);
  return true;
}

bool Machine::OpMemoize() { return PutMemo(scope_.memo.next()); }

bool Machine::OpPut() {
  Bytes line;
  uint64_t index = 0;
  if (!ReadLine(20, &line)) return false;
  if (!ParseIndex(line, kMaxMemoIndex, &index)) return Fail("MALFORMED", "bad memo index");
  return PutMemo(index);
}

bool Machine::OpBinPut() {
  uint8_t index = 0;
  return in_.ReadU8(&index) ? PutMemo(index) : Truncated();
}

bool Machine::OpLongBinPut() {
  uint32_t index = 0;
  return in_.ReadLe32(&index) ? PutMemo(index) : Truncated();
}

bool Machine::OpGet() {
  Bytes line;
  uint64_t index = 0;
  if (!ReadLine(20, &line)) return false;
  if (!ParseIndex(line, kMaxMemoIndex, &index)) return Fail("MALFORMED", "bad memo index");
  return GetMemo(index);
}

bool Machine::OpBinGet() {
  uint8_t index = 0;
  return in_.ReadU8(&index) ? GetMemo(index) : Truncated();
}

bool Machine::OpLongBinGet() {
  uint32_t index = 0;
  return in_.ReadLe32(&index) ? GetMemo(index) : Truncated();
}

}  // namespace loadlock::pickle
