#include "tests/fuzz/mutate_graph.h"

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace loadlock::fuzz {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;

uint64_t TellingSize(Dice* dice, uint64_t old) {
  return static_cast<uint64_t>(TellingInt(dice, static_cast<int64_t>(old)));
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

}  // namespace

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

void MutateGraph(v1::Graph* graph, Dice* dice) { GraphMutator(graph, dice).MutateOnce(); }

void SpliceGraphs(v1::Graph* graph, const v1::Graph& other, Dice* dice) {
  GraphMutator(graph, dice).Splice(other);
}

}  // namespace loadlock::fuzz
