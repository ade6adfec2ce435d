// Mutations of recorded outputs that know what they change: packets, fields of the three messages,
// and the bytes of arrays. Most keep the sizes right, so that the lie is found where it is told.
#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "tests/fuzz/recorded.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;
constexpr size_t kPayload = 65535;

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  // 0 if `limit` is.
  uint32_t Below(size_t limit) { return limit == 0 ? 0 : static_cast<uint32_t>(engine_() % limit); }
  bool OneIn(uint32_t chance) { return Below(chance) == 0; }
  uint64_t Bits() { return (uint64_t{engine_()} << 32) | engine_(); }
  template <typename T>
  T Of(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(choices.size()));
  }

 private:
  std::mt19937 engine_;
};

int64_t TellingInt(Dice* dice, int64_t old) {
  switch (dice->Below(6)) {
    case 0:
      return dice->Of<int64_t>({0, 1, -1, 2, INT64_MAX, INT64_MIN, int64_t{1} << 31,
                                int64_t{1} << 32, int64_t{1} << 61, -2});
    case 1:
      return static_cast<int64_t>(dice->Bits());
    case 2:
      return static_cast<int64_t>(static_cast<uint64_t>(old) ^ (uint64_t{1} << dice->Below(64)));
    default:
      return static_cast<int64_t>(static_cast<uint64_t>(old) + dice->Below(5) - 2);
  }
}

uint64_t TellingSize(Dice* dice, uint64_t old) {
  return static_cast<uint64_t>(TellingInt(dice, static_cast<int64_t>(old)));
}

// Texts that mean something to the verifier: dtypes, attributes, generators, methods.
std::string TellingText(Dice* dice) {
  return dice->Of<const char*>({"<f8",        "<i8",       "<i4",         "|u1",
                                "|O",         "|V0",       "<U3",         "|S2147483647",
                                "f8",         ">i8",       "__class__",   "__array_interface__",
                                "predict",    "transform", "memory",      "n_jobs",
                                "_n_threads", "input",     "func",        "tree_",
                                "nodes",      "values",    "estimators_", "n_features_in_",
                                "indices",    "indptr",    "_shape",      "vocabulary_",
                                "MT19937",    "PCG64",     "state",       "classes_",
                                "steps",      "",          "content",     "filename"});
}

void TellingName(Dice* dice, v1::Global* global) {
  struct Name {
    const char* module;
    const char* name;
  };
  const auto name =
      dice->Of<Name>({{"posix", "system"},
                      {"builtins", "getattr"},
                      {"builtins", "int"},
                      {"numpy", "log1p"},
                      {"numpy", "ndarray"},
                      {"numpy.core.multiarray", "_reconstruct"},
                      {"collections", "defaultdict"},
                      {"collections", "deque"},
                      {"sklearn.tree._tree", "Tree"},
                      {"sklearn.tree._classes", "DecisionTreeRegressor"},
                      {"sklearn.preprocessing._data", "StandardScaler"},
                      {"sklearn.preprocessing._function_transformer", "FunctionTransformer"},
                      {"sklearn.pipeline", "Pipeline"},
                      {"scipy.sparse._csr", "csr_matrix"},
                      {"sklearn", "tree._tree.Tree"},
                      {"sklearn.neighbors._kd_tree", "newObj"},
                      {"sklearn.neighbors._kd_tree", "KDTree"},
                      {"sklearn._loss._loss", "CyHalfSquaredError"}});
  global->set_module(name.module);
  global->set_name(name.name);
}

// A recorded output whose messages parse, as messages.
struct Parts {
  v1::Graph graph;
  v1::Provenance provenance;
  v1::WorkerResult result;
};

bool Parse(const Recorded& recorded, Parts* parts) {
  std::string graph;
  std::string provenance;
  std::string result;
  for (const std::string& packet : recorded.packets) {
    if (packet.empty()) return false;
    if (packet[0] == 'G') graph.append(packet, 1);
    if (packet[0] == 'P') provenance.append(packet, 1);
    if (packet[0] == 'R') result.append(packet, 1);
  }
  return parts->graph.ParseFromString(graph) && parts->provenance.ParseFromString(provenance) &&
         parts->result.ParseFromString(result) && parts->graph.kinds_size() > 0;
}

void AppendPackets(char type, const std::string& bytes, Recorded* recorded) {
  for (size_t at = 0; at < bytes.size(); at += kPayload) {
    recorded->packets.push_back(std::string(1, type).append(bytes, at, kPayload));
  }
}

void SetSize(google::protobuf::RepeatedField<uint64_t>* column, int size) {
  column->Resize(size, 0);
}

// Messages to packets again. Sizes are told as they are, but for one time in thirty.
void Assemble(Parts* parts, Dice* dice, Recorded* recorded) {
  if (!dice->OneIn(30)) {
    SetSize(parts->provenance.mutable_node_offsets(), parts->graph.kinds_size());
    parts->provenance.mutable_node_opcodes()->Resize(parts->graph.kinds_size(), 0);
  }
  recorded->packets.clear();
  const std::string graph = parts->graph.SerializeAsString();
  const std::string provenance = parts->provenance.SerializeAsString();
  if (!dice->OneIn(30)) {
    parts->result.set_graph_bytes(graph.size());
    parts->result.set_provenance_bytes(provenance.size());
    parts->result.set_decoded_size(recorded->decoded.size());
  }
  AppendPackets('G', graph, recorded);
  AppendPackets('P', provenance, recorded);
  AppendPackets('R', parts->result.SerializeAsString(), recorded);
  recorded->packets.emplace_back("E");
}

class GraphMutator {
 public:
  GraphMutator(v1::Graph* graph, Dice* dice) : g_(*graph), dice_(*dice) {}

  void MutateOnce() {
    switch (dice_.Below(15)) {
      case 0:
        return ChangeKind();
      case 1:
      case 2:
      case 3:
        return ChangeOperand();
      case 4:
        return MoveBoundary();
      case 5:
      case 6:
        return ChangeInt();
      case 7:
        return ChangeText();
      case 8:
        return ChangeName();
      case 9:
        return ChangeBuffer();
      case 10:
        return AddNode();
      case 11:
        return ExchangeOperands();
      case 12:
        return ChangeBlobOrFloat();
      case 13:
        return ChangeColumnLength();
      default:
        return ChangeKey();
    }
  }

  // Appends another graph and hangs it below a new root; then something of each may point into the
  // other.
  void Splice(const v1::Graph& other) {
    const Shift shift(g_);
    uint32_t at = 0;
    for (int i = 0; i < other.kinds_size(); ++i) {
      const uint32_t count = i < other.operand_counts_size() ? other.operand_counts(i) : 0;
      if (count > static_cast<uint32_t>(other.operands_size()) - at) return;
      g_.add_kinds(other.kinds(i));
      g_.add_operand_counts(count);
      for (uint32_t j = 0; j < count; ++j, ++at) {
        g_.add_operands(shift.Moved(other, i, j, count, other.operands(static_cast<int>(at))));
      }
    }
    v1::Graph pools = other;
    pools.clear_kinds();
    pools.clear_operand_counts();
    pools.clear_operands();
    pools.clear_root();
    const uint32_t old_root = g_.root();
    g_.MergeFrom(pools);
    Append(v1::NODE_KIND_LIST, {old_root, shift.nodes + other.root()});
    g_.set_root(Nodes() - 1);
    for (uint32_t i = dice_.Below(3); i > 0; --i) ChangeOperand();
  }

 private:
  // How far the pools of a second graph move.
  struct Shift {
    explicit Shift(const v1::Graph& g)
        : nodes(static_cast<uint32_t>(g.kinds_size())),
          ints(static_cast<uint32_t>(g.ints_size())),
          floats(static_cast<uint32_t>(g.floats_size())),
          strings(static_cast<uint32_t>(g.strings_size())),
          blobs(static_cast<uint32_t>(g.blobs_size())),
          globals(static_cast<uint32_t>(g.globals_size())),
          buffers(static_cast<uint32_t>(g.buffer_sources_size())) {}

    // Operand `place` of `count` of node `i` of `from`, moved.
    uint32_t Moved(const v1::Graph& from, int i, uint32_t place, uint32_t count,
                   uint32_t operand) const {
      if (operand == kAbsent) return operand;
      switch (from.kinds(i)) {
        case v1::NODE_KIND_INT:
        case v1::NODE_KIND_LIST_INT:
        case v1::NODE_KIND_TUPLE_INT:
          return place == 0 ? operand + ints : operand;
        case v1::NODE_KIND_FLOAT:
        case v1::NODE_KIND_COMPLEX:
          return operand + floats;
        case v1::NODE_KIND_LIST_FLOAT:
        case v1::NODE_KIND_TUPLE_FLOAT:
          return place == 0 ? operand + floats : operand;
        case v1::NODE_KIND_STR:
        case v1::NODE_KIND_DTYPE:
          return operand + strings;
        case v1::NODE_KIND_LIST_STR:
        case v1::NODE_KIND_TUPLE_STR:
          return place == 0 ? operand + strings : operand;
        case v1::NODE_KIND_BIG_INT:
        case v1::NODE_KIND_BYTES:
        case v1::NODE_KIND_BYTEARRAY:
          return operand + blobs;
        case v1::NODE_KIND_BYTES_BUFFER:
        case v1::NODE_KIND_BYTEARRAY_BUFFER:
          return operand + buffers;
        case v1::NODE_KIND_GLOBAL:
          return operand + globals;
        case v1::NODE_KIND_DICT_STR:
          return operand + (place < count / 2 ? strings : nodes);
        case v1::NODE_KIND_DICT_STR_INT:
          return place == 0 ? operand + strings : place == 1 ? operand + ints : operand;
        case v1::NODE_KIND_DICT_STR_FLOAT:
          return place == 0 ? operand + strings : place == 1 ? operand + floats : operand;
        case v1::NODE_KIND_DTYPE_RECORD:
          return operand + (place % 3 == 0 ? ints : place % 3 == 1 ? strings : nodes);
        case v1::NODE_KIND_NDARRAY:
          return place == 0   ? operand + nodes
                 : place == 1 ? operand + buffers
                 : place == 4 ? operand + ints
                              : operand;
        case v1::NODE_KIND_OBJECT_NDARRAY:
          return place == 0 ? operand + nodes : place == 3 ? operand + ints : operand;
        case v1::NODE_KIND_SCALAR:
          return operand + (place == 0 ? nodes : blobs);
        case v1::NODE_KIND_BIT_GENERATOR:
          return operand + (place == 0 ? strings : nodes);
        case v1::NODE_KIND_RANDOM_STATE:
          return place == 0 ? operand + nodes : place == 2 ? operand + floats : operand;
        default:
          return operand + nodes;
      }
    }

    uint32_t nodes;
    uint32_t ints;
    uint32_t floats;
    uint32_t strings;
    uint32_t blobs;
    uint32_t globals;
    uint32_t buffers;
  };

  uint32_t Nodes() const { return static_cast<uint32_t>(g_.kinds_size()); }
  uint32_t AnyNode() { return dice_.Below(Nodes()); }

  void Append(v1::NodeKind kind, std::initializer_list<uint32_t> operands) {
    g_.add_kinds(kind);
    g_.add_operand_counts(static_cast<uint32_t>(operands.size()));
    for (const uint32_t operand : operands) g_.add_operands(operand);
  }

  void ChangeKind() {
    g_.set_kinds(static_cast<int>(AnyNode()), static_cast<v1::NodeKind>(dice_.Below(60)));
  }

  void ChangeOperand() {
    if (g_.operands_size() == 0) return;
    const int at = static_cast<int>(dice_.Below(static_cast<size_t>(g_.operands_size())));
    const uint32_t old = g_.operands(at);
    const uint32_t other =
        g_.operands(static_cast<int>(dice_.Below(static_cast<size_t>(g_.operands_size()))));
    g_.set_operands(at, dice_.Of<uint32_t>({AnyNode(), other, other, old + 1, old - 1, 0, kAbsent,
                                            Nodes() - 1, Nodes(), g_.root()}));
  }

  // The first operand of the next node becomes the last of this one, or the other way round.
  void MoveBoundary() {
    if (g_.operand_counts_size() < 2) return;
    const auto last = static_cast<size_t>(g_.operand_counts_size()) - 1;
    const int at = static_cast<int>(dice_.Below(last));
    const uint32_t step = dice_.OneIn(2) ? 1 : ~uint32_t{0};
    g_.set_operand_counts(at, g_.operand_counts(at) + step);
    g_.set_operand_counts(at + 1, g_.operand_counts(at + 1) - step);
  }

  void ChangeInt() {
    if (g_.ints_size() == 0) return;
    const int at = static_cast<int>(dice_.Below(static_cast<size_t>(g_.ints_size())));
    g_.set_ints(at, TellingInt(&dice_, g_.ints(at)));
  }

  void ChangeText() {
    if (g_.strings_size() == 0) return;
    const auto size = static_cast<size_t>(g_.strings_size());
    const int at = static_cast<int>(dice_.Below(size));
    const std::string other = g_.strings(static_cast<int>(dice_.Below(size)));
    g_.set_strings(at, dice_.OneIn(2) ? other : TellingText(&dice_));
  }

  void ChangeName() {
    if (g_.globals_size() == 0) return;
    const auto size = static_cast<size_t>(g_.globals_size());
    v1::Global* global = g_.mutable_globals(static_cast<int>(dice_.Below(size)));
    if (dice_.OneIn(2)) return TellingName(&dice_, global);
    *global = v1::Global(g_.globals(static_cast<int>(dice_.Below(size))));
  }

  void ChangeBuffer() {
    if (g_.buffer_sources_size() == 0) return;
    const int at = static_cast<int>(dice_.Below(static_cast<size_t>(g_.buffer_sources_size())));
    if (at >= g_.buffer_offsets_size() || at >= g_.buffer_lengths_size()) return;
    switch (dice_.Below(3)) {
      case 0:
        return g_.set_buffer_sources(at, static_cast<v1::BufferSource>(dice_.Below(4)));
      case 1:
        return g_.set_buffer_offsets(at, TellingSize(&dice_, g_.buffer_offsets(at)));
      default:
        return g_.set_buffer_lengths(at, TellingSize(&dice_, g_.buffer_lengths(at)));
    }
  }

  // A new node, and an operand that refers to it.
  void AddNode() {
    const uint32_t a = AnyNode();
    const uint32_t b = AnyNode();
    switch (dice_.Below(7)) {
      case 0:
        Append(v1::NODE_KIND_LIST, {a, b});
        break;
      case 1:
        Append(v1::NODE_KIND_TUPLE, {a});
        break;
      case 2:
        Append(v1::NODE_KIND_DICT, {a, b});
        break;
      case 3:
        Append(v1::NODE_KIND_GLOBAL, {dice_.Below(static_cast<size_t>(g_.globals_size()))});
        break;
      case 4:
        Append(v1::NODE_KIND_OBJECT, {a, kAbsent, b, kAbsent, kAbsent});
        break;
      case 5:
        Append(v1::NODE_KIND_CALL, {a, b, kAbsent, kAbsent, kAbsent});
        break;
      default:
        Append(v1::NODE_KIND_NONE, {});
        break;
    }
    const auto size = static_cast<size_t>(g_.operands_size());
    if (size > 0) g_.set_operands(static_cast<int>(dice_.Below(size)), Nodes() - 1);
    // The old root stays reachable.
    if (!dice_.OneIn(3)) return;
    Append(v1::NODE_KIND_LIST, {g_.root(), Nodes() - 1});
    g_.set_root(Nodes() - 1);
  }

  void ExchangeOperands() {
    const auto size = static_cast<size_t>(g_.operands_size());
    if (size == 0) return;
    g_.mutable_operands()->SwapElements(static_cast<int>(dice_.Below(size)),
                                        static_cast<int>(dice_.Below(size)));
  }

  void ChangeBlobOrFloat() {
    if (g_.floats_size() > 0 && dice_.OneIn(2)) {
      const double value =
          dice_.Of<double>({0.0, -1.0, 1e308, __builtin_nan(""), __builtin_inf(), 0.5, 1.0});
      return g_.set_floats(static_cast<int>(dice_.Below(static_cast<size_t>(g_.floats_size()))),
                           value);
    }
    if (g_.blobs_size() == 0) return;
    std::string* blob =
        g_.mutable_blobs(static_cast<int>(dice_.Below(static_cast<size_t>(g_.blobs_size()))));
    if (blob->empty() || dice_.OneIn(3)) return blob->push_back('\x7f');
    if (dice_.OneIn(2)) return blob->pop_back();
    (*blob)[dice_.Below(blob->size())] = static_cast<char>(dice_.Below(256));
  }

  void ChangeColumnLength() {
    switch (dice_.Below(6)) {
      case 0:
        return g_.add_operands(dice_.Below(4));
      case 1:
        return g_.add_operand_counts(0);
      case 2:
        return g_.add_kinds(v1::NODE_KIND_NONE);
      case 3:
        return g_.add_buffer_offsets(0);
      case 4:
        return g_.set_root(AnyNode());
      default:
        if (g_.ints_size() > 0) g_.mutable_ints()->RemoveLast();
        return;
    }
  }

  // A key of a dict becomes another text of the pool.
  void ChangeKey() {
    uint32_t at = 0;
    std::vector<uint32_t> keys;
    for (int i = 0; i < g_.kinds_size() && i < g_.operand_counts_size(); ++i) {
      if (g_.kinds(i) == v1::NODE_KIND_DICT_STR && g_.operand_counts(i) > 1) keys.push_back(at);
      at += g_.operand_counts(i);
    }
    if (keys.empty()) return;
    const uint32_t place = keys[dice_.Below(keys.size())];
    if (place >= static_cast<uint32_t>(g_.operands_size())) return;
    g_.set_operands(static_cast<int>(place), dice_.Below(static_cast<size_t>(g_.strings_size())));
  }

  v1::Graph& g_;
  Dice& dice_;
};

void MutateResult(v1::WorkerResult* result, Dice* dice) {
  switch (dice->Below(5)) {
    case 0: {
      v1::Finding* finding = result->add_findings();
      finding->set_rule_id(dice->Of<const char*>({"SOME_RULE", "", "lower"}));
      finding->set_severity(static_cast<v1::Severity>(dice->Below(5)));
      finding->set_message("\x1b[2J text");
      return;
    }
    case 1:
      return result->set_format(TellingText(dice));
    case 2:
      return result->clear_globals();
    case 3: {
      v1::GlobalUse* use = result->add_globals();
      use->set_module(dice->Of<const char*>({"posix", "", "numpy"}));
      use->set_name("log1p");
      return;
    }
    default:
      return result->set_decoded_size(TellingSize(dice, result->decoded_size()));
  }
}

void MutateBytes(std::string* bytes, Dice* dice) {
  if (bytes->empty()) return;
  const size_t at = dice->Below(bytes->size());
  // Mostly whole integers of arrays.
  if (at + 8 <= bytes->size() && !dice->OneIn(4)) {
    int64_t value = 0;
    const size_t start = at / 8 * 8;
    std::memcpy(&value, bytes->data() + start, sizeof(value));
    value = TellingInt(dice, value);
    std::memcpy(bytes->data() + start, &value, sizeof(value));
    return;
  }
  (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << dice->Below(8)));
}

void MutatePackets(std::vector<std::string>* packets, Dice* dice) {
  if (packets->empty()) packets->emplace_back("E");
  const size_t at = dice->Below(packets->size());
  const auto place = packets->begin() + static_cast<ptrdiff_t>(at);
  std::string& packet = (*packets)[at];
  switch (dice->Below(9)) {
    case 0:
      packets->erase(place);
      return;
    case 1:
      packets->insert(place, std::string(packet));
      return;
    case 2:
      std::swap(packet, (*packets)[dice->Below(packets->size())]);
      return;
    case 3:
      if (!packet.empty())
        packet[0] = dice->Of<char>({'G', 'P', 'R', 'E', 'V', 'J', 'Y', 'F', 'x'});
      return;
    case 4:
      packet.resize(dice->Below(packet.size() + 1));
      return;
    case 5:
      MutateBytes(&packet, dice);
      return;
    case 6: {
      // In two, of the same type.
      const size_t half = dice->Below(packet.size() + 1);
      if (packet.empty() || half == 0) return;
      const std::string rest = std::string(1, packet[0]).append(packet, half);
      packet.resize(half);
      packets->insert(packets->begin() + static_cast<ptrdiff_t>(at) + 1, rest);
      return;
    }
    case 7:
      packet.append(dice->Below(4) == 0 ? kPayload : dice->Below(16), '\x08');
      return;
    default:
      packets->insert(place, std::string("V\x01\x01\0\0\x3e\0\0\xc0", 9));
      return;
  }
}

void Mutate(Recorded* recorded, Dice* dice) {
  Parts parts;
  if (dice->OneIn(5) || !Parse(*recorded, &parts)) {
    for (uint32_t i = 1 + dice->Below(3); i > 0; --i) MutatePackets(&recorded->packets, dice);
    return;
  }
  for (uint32_t i = 1 + dice->Below(3); i > 0; --i) {
    const uint32_t choice = dice->Below(10);
    if (choice < 7) {
      GraphMutator(&parts.graph, dice).MutateOnce();
    } else if (choice < 9) {
      MutateBytes(
          recorded->decoded.empty() || dice->OneIn(4) ? &recorded->artifact : &recorded->decoded,
          dice);
    } else {
      MutateResult(&parts.result, dice);
    }
  }
  Assemble(&parts, dice, recorded);
}

// `other` with its buffers behind those of `first`.
v1::Graph Behind(const Recorded& first, v1::Graph other) {
  for (int i = 0; i < other.buffer_offsets_size() && i < other.buffer_sources_size(); ++i) {
    const bool decoded = other.buffer_sources(i) == v1::BUFFER_SOURCE_DECODED;
    const size_t shift = (decoded ? first.decoded : first.artifact).size();
    other.set_buffer_offsets(i, other.buffer_offsets(i) + shift);
  }
  return other;
}

Recorded CrossOver(Recorded first, const Recorded& second, Dice* dice) {
  Parts a;
  Parts b;
  if (!Parse(first, &a) || !Parse(second, &b)) {
    const size_t keep = dice->Below(first.packets.size() + 1);
    first.packets.resize(keep);
    first.packets.insert(first.packets.end(), second.packets.begin(), second.packets.end());
    return first;
  }
  const v1::Graph moved = Behind(first, b.graph);
  first.decoded += second.decoded;
  first.artifact += second.artifact;
  GraphMutator(&a.graph, dice).Splice(moved);
  Assemble(&a, dice, &first);
  return first;
}

size_t Store(const Recorded& recorded, uint8_t* out, size_t max_size) {
  const std::string file = ToFile(recorded);
  const size_t size = std::min(file.size(), max_size);
  std::copy_n(file.begin(), size, out);
  return size;
}

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  loadlock::fuzz::Dice dice(seed);
  loadlock::fuzz::Recorded recorded = loadlock::fuzz::FromFile(loadlock::fuzz::View(data, size));
  loadlock::fuzz::Mutate(&recorded, &dice);
  return loadlock::fuzz::Store(recorded, data, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data, size_t size, const uint8_t* other,
                                            size_t other_size, uint8_t* out, size_t max_size,
                                            unsigned seed) {
  using loadlock::fuzz::FromFile;
  using loadlock::fuzz::View;
  loadlock::fuzz::Dice dice(seed);
  return loadlock::fuzz::Store(loadlock::fuzz::CrossOver(FromFile(View(data, size)),
                                                         FromFile(View(other, other_size)), &dice),
                               out, max_size);
}
