// What torch's pickles refer to: persistent ids, factories, and torch files in bytes.
#include <algorithm>
#include <string>
#include <utility>

#include "sandbox/decoders/pickle/machine.h"
#include "sandbox/decoders/pickle/torch_legacy.h"

namespace loadlock::pickle {
namespace {

using graph::Kind;

// An id of PERSID: a number, or what str() makes of a value.
constexpr size_t kMaxPersistentId = 512;

}  // namespace

bool Machine::PushPersistent(NodeId id) {
  torch::Failure failure;
  const NodeId value = options_.persistent->Load(id, &failure);
  if (value == graph::kNoNode) return Take(failure);
  Push(value);
  return true;
}

bool Machine::OpBinPersId() {
  if (options_.persistent == nullptr) return OpForbidden();
  NodeId id = graph::kNoNode;
  return Pop(&id) && PushPersistent(id);
}

bool Machine::OpPersId() {
  if (options_.persistent == nullptr) return OpForbidden();
  Bytes line;
  if (!ReadLine(kMaxPersistentId, &line)) return false;
  if (!std::all_of(line.begin(), line.end(), [](uint8_t c) { return c >= ' ' && c < 0x7F; })) {
    return Fail("MALFORMED", "a persistent id is not ASCII");
  }
  return PushPersistent(b_.Str({reinterpret_cast<const char*>(line.data()), line.size()}));
}

bool Machine::PushTorch(torch::Factory factory, NodeId callable, NodeId args) {
  if (factory == torch::Factory::kLoadFromBytes) {
    return PushLoadedStorage(callable, b_.edges(args));
  }
  const NodeId value = torch_.Call(factory, b_.edges(args));
  if (value == graph::kNoNode) {
    return CheckBudget() && FailName(torch_.failure().rule, torch_.failure().message, callable);
  }
  Push(value);
  return true;
}

// A storage outside of a torch file is pickled as a whole torch file of its own, which
// torch.storage._load_from_bytes loads without any check.
bool Machine::PushLoadedStorage(NodeId callable, absl::Span<const NodeId> args) {
  if (args.size() != 1 || b_.kind(args[0]) != Kind::kBytes) {
    return FailName("SCHEMA", "it is called with other arguments than torch writes", callable);
  }
  if (options_.nested) {
    return FailName("NESTED_PICKLE", "a torch file in bytes holds another one", callable);
  }
  graph::Buffer file = b_.buffer(args[0]);
  if (!BytesOf(args[0], &file.data)) return false;
  // Bytes that were written as text have no places in the stream.
  const uint8_t* const begin = stream_.bytes.data();
  const bool in_stream =
      file.data.data() >= begin && file.data.data() < begin + stream_.bytes.size();
  const uint64_t base =
      in_stream ? options_.base + static_cast<uint64_t>(file.data.data() - begin) : 0;
  ParseResult result =
      ParseTorchLegacy(file, {.nested = true, .base = base}, decoded_, budget_, b_);
  b_.SetOrigin(op_offset_, op_);
  if (result.refusal) {
    result_.refusal = std::move(result.refusal);
    if (!in_stream) result_.refusal->byte_offset = op_offset_;
    result_.refusal->message += " (in a torch file that stands in bytes of the pickle)";
    return false;
  }
  if (b_.kind(result.root) != Kind::kStorage) {
    return FailName("SCHEMA", "the torch file in its bytes holds something else than a storage",
                    callable);
  }
  Push(result.root);
  return true;
}

}  // namespace loadlock::pickle
