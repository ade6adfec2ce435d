// What torch makes of a storage, in legacy files because they are the shortest.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sandbox/formats/testing.h"
#include "sandbox/formats/testing_torch.h"

namespace loadlock::formats {
namespace {

using std::string_literals::operator""s;
using namespace torch_testing;  // NOLINT(google-build-using-namespace): the words of the tests

constexpr int64_t kHuge = int64_t{1} << 62;

std::string RuleOf(const std::string& file) { return Parsed(ToBlob(file)).rule(); }

// An object over one storage of four floats.
std::string RuleOfObject(const std::string& object) { return RuleOf(LegacyFile(object, {{}})); }

const std::string& Floats() {
  static const std::string storage = LegacyStorage({});
  return storage;
}

std::string View(int64_t offset, const std::vector<int64_t>& sizes,
                 const std::vector<int64_t>& strides) {
  return RuleOfObject(Tensor(Floats(), offset, sizes, strides));
}

// STRIDED: what set_() would answer with old heap, a crash or a hang.
TEST(TorchValuesTest, ViewsBeyondTheStorageAreRefused) {
  EXPECT_EQ(View(0, {4}, {1}), "");
  EXPECT_EQ(View(0, {2, 2}, {1, 2}), "");
  EXPECT_EQ(View(3, {}, {}), "");
  EXPECT_EQ(View(4, {0}, {1}), "");
  EXPECT_EQ(View(0, {2, 100}, {3, 0}), "");
  for (const auto& rule :
       {View(0, {5}, {1}), View(1, {4}, {1}), View(0, {2, 2}, {2, 2}), View(4, {}, {}),
        View(5, {0}, {1}), View(kHuge, {0}, {1}), View(0, {2}, {kHuge}), View(0, {2}, {INT64_MAX}),
        View(INT64_MAX, {1}, {1}), View(-1, {1}, {1}), View(0, {-1}, {1}), View(0, {0, -1}, {1, 1}),
        View(3, {2}, {-1}), View(0, {kHuge, 8}, {0, 0}), View(0, {kHuge}, {0}),
        View(0, {0, kHuge, kHuge}, {0, 0, 0}), View(0, {2, 2}, {1}), View(0, {2}, {1, 1}),
        View(0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1))}) {
    EXPECT_EQ(rule, "ARRAY_BOUNDS");
  }
  EXPECT_EQ(View(0, std::vector<int64_t>(64, 1), std::vector<int64_t>(64, 1)), "");
  // 2^40 elements of four bytes.
  EXPECT_EQ(View(0, {int64_t{1} << 40}, {0}), "BUDGET_DECODED");
  // Bools are ints in Python, and not here.
  EXPECT_EQ(RuleOfObject(Call("torch._utils", "_rebuild_tensor",
                              Floats() + "\x88"s + Ints({1}) + Ints({1}))),
            "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOfObject(
                Call("torch._utils", "_rebuild_tensor", Floats() + Int(0) + "(\x88t"s + Ints({1}))),
            "ARRAY_BOUNDS");
}

std::string TensorWith(const std::string& storage, const std::string& grad,
                       const std::string& hooks, const std::string& more = "") {
  return RuleOfObject(Call("torch._utils", "_rebuild_tensor_v2",
                           storage + Int(0) + Ints({2}) + Ints({1}) + grad + hooks + more));
}

TEST(TorchValuesTest, HooksAreNeverTaken) {
  EXPECT_EQ(TensorWith(Floats(), "\x88", Hooks()), "");
  EXPECT_EQ(TensorWith(Floats(), "\x88", "N"), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), "\x88", "]"), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), "\x88", "}"), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), "\x88", Int(1)), "SCHEMA");
  const std::string hooked = "ccollections\nOrderedDict\n)R"s + Int(1) + "cbuiltins\nprint\ns";
  EXPECT_EQ(TensorWith(Floats(), "\x88", hooked), "SCHEMA");
  // They are there after the tensor is made.
  const std::string kept = "ccollections\nOrderedDict\n)Rq\1";
  EXPECT_EQ(RuleOfObject(Call("torch._utils", "_rebuild_tensor_v2",
                              Floats() + Int(0) + Ints({2}) + Ints({1}) + "\x88"s + kept) +
                         "h\1"s + Int(1) + "cbuiltins\nprint\ns0"),
            "STATE_RULE");
  EXPECT_EQ(RuleOfObject(Call("torch._utils", "_rebuild_parameter",
                              Tensor(Floats(), 0, {2}, {1}) + "\x88"s + hooked)),
            "SCHEMA");
}

TEST(TorchValuesTest, FlagsMustFitTheDtype) {
  TorchStorage longs{.cls = "torch\nLongStorage", .elements = 2};
  const std::string object =
      Call("torch._utils", "_rebuild_tensor_v2",
           LegacyStorage(longs) + Int(0) + Ints({2}) + Ints({1}) + "\x88"s + Hooks());
  EXPECT_EQ(RuleOf(LegacyFile(object, {longs})), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), Int(1), Hooks()), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), "\x89", Hooks(), "}"s + Text("neg") + "\x88s"), "");
  EXPECT_EQ(TensorWith(Floats(), "\x89", Hooks(), "N"), "");
  EXPECT_EQ(TensorWith(Floats(), "\x89", Hooks(), "}"s + Text("conj") + "\x88s"), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), "\x89", Hooks(), "}"s + Text("data") + "\x88s"), "SCHEMA");
  EXPECT_EQ(TensorWith(Floats(), "\x89", Hooks(), "}"s + Text("neg") + Int(1) + "s"), "SCHEMA");
  EXPECT_EQ(
      TensorWith(Floats(), "\x89", Hooks(), "}"s + Text("neg") + "\x88s"s + Text("neg") + "\x89s"),
      "SCHEMA");
}

TEST(TorchValuesTest, DtypesOfV3AreListed) {
  const TorchStorage bytes{.cls = "torch.storage\nUntypedStorage", .elements = 16};
  const auto rule = [&](const std::string& storage, const std::string& dtype, int64_t size) {
    return RuleOf(
        LegacyFile(Call("torch._utils", "_rebuild_tensor_v3",
                        storage + Int(0) + Ints({size}) + Ints({1}) + "\x89"s + Hooks() + dtype),
                   {bytes}));
  };
  const std::string storage = LegacyStorage(bytes);
  EXPECT_EQ(rule(storage, TorchName("uint16"), 8), "");
  EXPECT_EQ(rule(storage, TorchName("uint16"), 9), "ARRAY_BOUNDS");
  EXPECT_EQ(rule(storage, TorchName("float8_e4m3fn"), 16), "");
  EXPECT_EQ(rule(storage, TorchName("complex32"), 4), "");
  for (const char* dtype :
       {"qint8", "quint4x2", "bits8", "int4", "uint1", "bcomplex32", "Tensor"}) {
    EXPECT_EQ(rule(storage, TorchName(dtype), 1), "DTYPE") << dtype;
  }
  EXPECT_EQ(rule(storage, "N", 1), "DTYPE");
}

TEST(TorchValuesTest, QuantizersAreProven) {
  const TorchStorage bytes{.cls = "torch\nQInt8Storage", .elements = 16};
  const auto rule = [&](const std::string& params, const std::string& grad = "\x89") {
    return RuleOf(LegacyFile(
        Call("torch._utils", "_rebuild_qtensor",
             LegacyStorage(bytes) + Int(0) + Ints({4}) + Ints({1}) + params + grad + Hooks()),
        {bytes}));
  };
  const std::string scheme = "("s + TorchName("per_tensor_affine");
  const std::string half = "G\x3f\xe0\0\0\0\0\0\0"s;
  EXPECT_EQ(rule(scheme + half + Int(0) + "t"), "");
  EXPECT_EQ(rule(scheme + half + Int(0) + "t", "\x88"), "SCHEMA");
  EXPECT_EQ(rule(scheme + half + Int(128) + "t"), "SCHEMA");
  EXPECT_EQ(rule(scheme + half + "\x88t"), "SCHEMA");
  EXPECT_EQ(rule(scheme + "G\xbf\xe0\0\0\0\0\0\0"s + Int(0) + "t"), "SCHEMA");
  EXPECT_EQ(rule(scheme + "G\0\0\0\0\0\0\0\0"s + Int(0) + "t"), "SCHEMA");
  EXPECT_EQ(rule(scheme + "G\x7f\xf0\0\0\0\0\0\0"s + Int(0) + "t"), "SCHEMA");
  EXPECT_EQ(rule(scheme + "G\x7f\xf8\0\0\0\0\0\0"s + Int(0) + "t"), "SCHEMA");
  EXPECT_EQ(rule("("s + TorchName("per_tensor_symmetric") + half + Int(0) + "t"), "SCHEMA");
  EXPECT_EQ(rule("("s + TorchName("per_channel_affine") + half + half + Int(0) + "t"),
            "ARRAY_BOUNDS");
  // Its storage as a plain tensor, and a plain storage as a quantized one.
  EXPECT_EQ(RuleOf(LegacyFile(Tensor(LegacyStorage(bytes), 0, {4}, {1}), {bytes})), "DTYPE");
  EXPECT_EQ(RuleOfObject(Call("torch._utils", "_rebuild_qtensor",
                              Floats() + Int(0) + Ints({4}) + Ints({1}) + scheme + half + Int(0) +
                                  "t\x89"s + Hooks())),
            "DTYPE");
}

TEST(TorchValuesTest, SparsePartsMustFit) {
  const TorchStorage longs{
      .key = "i", .cls = "torch\nLongStorage", .elements = 4, .data = std::string(32, '\0')};
  const auto rule = [&](const std::string& layout, const std::string& data) {
    const std::string object = Call(
        "torch._utils", "_rebuild_sparse_tensor",
        Call("torch.serialization", "_get_layout", Text("torch."s + layout)) + "("s + data + "t");
    return RuleOf(LegacyFile(object, {{}, longs}));
  };
  const auto indices = [&](const std::vector<int64_t>& sizes) {
    std::vector<int64_t> strides(sizes.size(), 1);
    if (sizes.size() == 2) strides[0] = sizes[1];
    return Tensor(LegacyStorage(longs), 0, sizes, strides);
  };
  const auto size = [](const std::vector<int64_t>& sizes) {
    return Call("torch", "Size", Ints(sizes));
  };
  const std::string values = Tensor(Floats(), 0, {2}, {1});
  EXPECT_EQ(rule("sparse_coo", indices({2, 2}) + values + size({3, 3}) + "\x89"), "");
  EXPECT_EQ(rule("sparse_coo", indices({2, 2}) + values + size({3, 3})), "");
  EXPECT_EQ(rule("sparse_coo", indices({2, 2}) + values + size({3, 3, 3}) + "\x89"),
            "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_coo", indices({4, 1}) + values + size({3, 3}) + "\x89"), "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_coo", indices({4}) + values + size({3, 3}) + "\x89"), "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_coo", indices({2, 2}) + values + size({kHuge, kHuge}) + "\x89"),
            "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_coo", values + values + size({3, 3}) + "\x89"), "DTYPE");
  EXPECT_EQ(rule("sparse_coo", indices({2, 2}) + values + size({3, 3}) + Int(1)), "SCHEMA");
  EXPECT_EQ(rule("sparse_csr", indices({4}) + indices({2}) + values + size({3, 9})), "");
  EXPECT_EQ(rule("sparse_csr", indices({4}) + indices({2}) + values + size({4, 9})),
            "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_csr", indices({4}) + indices({1}) + values + size({3, 9})),
            "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_csc", indices({4}) + indices({2}) + values + size({9, 3})), "");
  EXPECT_EQ(rule("sparse_csc", indices({4}) + indices({2}) + values + size({3, 9})),
            "ARRAY_BOUNDS");
  const auto block = [&](int64_t rows, int64_t columns) {
    return Tensor(Floats(), 0, {1, rows, columns}, {1, 1, 1});
  };
  EXPECT_EQ(rule("sparse_bsr", indices({2}) + indices({1}) + block(2, 2) + size({2, 4})), "");
  EXPECT_EQ(rule("sparse_bsr", indices({2}) + indices({1}) + block(0, 2) + size({2, 4})),
            "ARRAY_BOUNDS");
  EXPECT_EQ(rule("sparse_bsr", indices({2}) + indices({1}) + block(2, 2) + size({2, 3})),
            "ARRAY_BOUNDS");
  EXPECT_EQ(rule("strided", indices({4}) + indices({2}) + values + size({3, 9})), "SCHEMA");
}

TEST(TorchValuesTest, ParametersAndAttributes) {
  const std::string tensor = Tensor(Floats(), 0, {2}, {1});
  const auto with_state = [&](const std::string& state) {
    return RuleOfObject(
        Call("torch._utils", "_rebuild_parameter_with_state", tensor + "\x88"s + Hooks() + state));
  };
  EXPECT_EQ(RuleOfObject(Call("torch._utils", "_rebuild_parameter", tensor + "\x88"s + Hooks())),
            "");
  EXPECT_EQ(RuleOfObject(Call("torch._utils", "_rebuild_parameter", "N\x88"s + Hooks())), "SCHEMA");
  EXPECT_EQ(with_state("}"s + Text("note") + Int(1) + "s"), "");
  EXPECT_EQ(with_state("}"), "");
  EXPECT_EQ(with_state("N"), "");
  EXPECT_EQ(with_state("}"s + Text("_backward_hooks") + Int(1) + "s"), "STATE_RULE");
  EXPECT_EQ(with_state("}"s + Text("__class__") + Int(1) + "s"), "STATE_RULE");
  EXPECT_EQ(with_state("}"s + Int(1) + Int(1) + "s"), "SCHEMA");
  const std::string named = "ctorch.nn.parameter\nParameter\n";
  EXPECT_EQ(RuleOfObject(named + "("s + tensor + "\x88t\x81"), "");
  EXPECT_EQ(RuleOfObject(named + ")\x81"), "SCHEMA");
  // Optimizers keep their state by parameter; a plain tensor is no key.
  EXPECT_EQ(RuleOfObject("}"s + named + "("s + tensor + "\x88t\x81}s"), "");
  EXPECT_EQ(RuleOfObject("}"s + tensor + "}s"), "SCHEMA");
  // A later BUILD would be __setstate__: data, hooks and all.
  EXPECT_EQ(RuleOfObject(named + "("s + tensor + "\x88t\x81}b"), "STATE_RULE");
  EXPECT_EQ(RuleOfObject(tensor + "}b"), "STATE_RULE");
}

TEST(TorchValuesTest, FromTypeCallsNothingElse) {
  const std::string args =
      "("s + Floats() + Int(0) + Ints({2}) + Ints({1}) + "\x89"s + Hooks() + "t";
  const auto rule = [&](const std::string& function, const std::string& cls,
                        const std::string& state) {
    return RuleOfObject(
        Call("torch._tensor", "_rebuild_from_type_v2", function + cls + args + state));
  };
  const std::string v2 = "ctorch._utils\n_rebuild_tensor_v2\n";
  EXPECT_EQ(rule(v2, TorchName("Tensor"), "}"), "");
  EXPECT_EQ(rule(v2, TorchName("Tensor"), "}"s + Text("_is_buffer") + "\x88s"), "");
  EXPECT_EQ(rule(v2, TorchName("Tensor"), "}"s + Text("_is_buffer") + Int(1) + "s"), "STATE_RULE");
  EXPECT_EQ(rule(v2, "ctorch.nn.parameter\nParameter\n", "}"), "");
  EXPECT_EQ(rule(v2, "cevil\nTensor\n", "}"), "SCHEMA");
  EXPECT_EQ(rule("cos\nsystem\n", TorchName("Tensor"), "}"), "SCHEMA");
  EXPECT_EQ(rule("ctorch.storage\n_load_from_bytes\n", TorchName("Tensor"), "}"), "SCHEMA");
  EXPECT_EQ(rule("ctorch._tensor\n_rebuild_from_type_v2\n", TorchName("Tensor"), "}"), "SCHEMA");
}

TEST(TorchValuesTest, ValuesOfTorch) {
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch", "Size", Ints({1, 2})), {})), "");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch", "Size", Ints({-1})), {})), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch", "Size", Ints(std::vector<int64_t>(65, 1))), {})),
            "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch", "device", Text("cuda") + Int(1)), {})), "");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch", "device", Text("cuda") + Int(128)), {})), "SCHEMA");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch", "device", Text("hpu")), {})), "SCHEMA");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch.serialization", "_get_layout", Text("torch.os")), {})),
            "SCHEMA");
  const std::string meta = TorchName("float32") + Ints({3, 4}) + Ints({4, 1}) + "\x89";
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch._utils", "_rebuild_meta_tensor_no_storage", meta), {})),
            "");
  EXPECT_EQ(RuleOf(LegacyFile(Call("torch._utils", "_rebuild_meta_tensor_no_storage",
                                   TorchName("float32") + Ints({3}) + Ints({-4}) + "\x89"),
                              {})),
            "ARRAY_BOUNDS");
}

TEST(TorchValuesTest, MetadataOfAStateDictStay) {
  const std::string dict = "ccollections\nOrderedDict\n)R";
  const std::string versions = dict + Text("") + "}"s + Text("version") + Int(1) + "ss";
  EXPECT_EQ(RuleOf(LegacyFile(dict + "}"s + Text("_metadata") + versions + "sb", {})), "");
  EXPECT_EQ(RuleOf(LegacyFile(dict + "}"s + Text("keys") + versions + "sb", {})), "STATE_RULE");
  EXPECT_EQ(RuleOf(LegacyFile(dict + "}"s + Text("_metadata") + "]sb", {})), "STATE_RULE");
  EXPECT_EQ(RuleOf(LegacyFile(dict + "}"s + Text("_metadata") + dict + Text("") + "}"s +
                                  Text("version") + "cbuiltins\nprint\nsssb",
                              {})),
            "STATE_RULE");
  // spectral_norm keeps the version of its hook in a dict of its own; nothing is deeper.
  const auto hook = [&](const std::string& value) {
    return RuleOf(LegacyFile(dict + "}"s + Text("_metadata") + dict + Text("") + "}"s +
                                 Text("spectral_norm") + "}"s + Text("weight.version") + value +
                                 "ssssb",
                             {}));
  };
  EXPECT_EQ(hook(Int(1)), "");
  EXPECT_EQ(hook("}"), "STATE_RULE");
  EXPECT_EQ(hook("cbuiltins\nprint\n"), "STATE_RULE");
  // They are other dicts than the one whose attribute they are.
  EXPECT_EQ(RuleOf(LegacyFile(dict + "q\1}" + Text("_metadata") + "h\1sb", {})), "STATE_RULE");
  EXPECT_EQ(RuleOf(LegacyFile(dict + "q\1}" + Text("_metadata") + dict + Text("") + "h\1ssb", {})),
            "STATE_RULE");
  // Items that come later are not those that were proven.
  EXPECT_NE(RuleOf(LegacyFile(
                dict + "}"s + Text("_metadata") + versions + "sb"s + Int(1) + Int(2) + "s", {})),
            "");
}

}  // namespace
}  // namespace loadlock::formats
