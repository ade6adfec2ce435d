#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

constexpr int64_t kFar = int64_t{1} << 40;
constexpr int64_t kMost = 0x7FFFFFFFFFFFFFFF;

// Twelve float32 of the decoded file.
NodeId Storage(Output& o, std::string_view type = "float32", int64_t elements = 12,
               std::string_view bytes = std::string(48, '\0')) {
  const uint32_t buffer = o.Decoded(bytes);
  return o.Node(v1::NODE_KIND_STORAGE, {o.Text(type), buffer, o.Ints({elements})});
}

struct Layout {
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

uint32_t Numbers(Output& o, const Layout& layout) {
  std::vector<int64_t> numbers = {layout.offset};
  numbers.insert(numbers.end(), layout.sizes.begin(), layout.sizes.end());
  numbers.insert(numbers.end(), layout.strides.begin(), layout.strides.end());
  return o.Ints(numbers);
}

NodeId View(Output& o, NodeId storage, std::string_view dtype, const Layout& layout,
            uint32_t flags = 0) {
  return o.Node(v1::NODE_KIND_TENSOR,
                {storage, o.Text(dtype), flags, static_cast<uint32_t>(layout.sizes.size()),
                 Numbers(o, layout)});
}

void Tensor(Output& o, const Layout& layout, std::string_view dtype = "float32",
            uint32_t flags = 0) {
  o.Clear();
  o.Root(View(o, Storage(o), dtype, layout, flags));
}

NodeId Indices(Output& o, const std::vector<int64_t>& sizes, const std::vector<int64_t>& values) {
  const NodeId storage = Storage(o, "int64", static_cast<int64_t>(values.size()), Bytes(values));
  std::vector<int64_t> strides(sizes.size(), 1);
  if (sizes.size() == 2) strides[0] = sizes[1];
  return View(o, storage, "int64", {0, sizes, strides});
}

// Two rows of three columns with two elements.
void Coordinates(Output& o, const std::vector<int64_t>& values, uint32_t flags = 0) {
  o.Clear();
  const NodeId indices = Indices(o, {2, 2}, values);
  const NodeId data = View(o, Storage(o), "float32", {0, {2}, {1}});
  o.Root(o.Node(v1::NODE_KIND_SPARSE_TENSOR,
                {o.Text("sparse_coo"), flags, 2, o.Ints({2, 3}), indices, data}));
}

void Compressed(Output& o, const std::vector<int64_t>& starts, const std::vector<int64_t>& plain,
                std::string_view layout = "sparse_csr", const Layout& values = {0, {2}, {1}}) {
  o.Clear();
  const NodeId first = Indices(o, {static_cast<int64_t>(starts.size())}, starts);
  const NodeId second = Indices(o, {static_cast<int64_t>(plain.size())}, plain);
  const NodeId data = View(o, Storage(o), "float32", values);
  o.Root(o.Node(v1::NODE_KIND_SPARSE_TENSOR,
                {o.Text(layout), 0, 2, o.Ints({2, 3}), first, second, data}));
}

void Channels(Output& o, int64_t axis, int64_t channels) {
  o.Clear();
  const NodeId storage = Storage(o, "qint8", 6, "123456");
  const auto count = static_cast<size_t>(channels);
  const NodeId scales =
      View(o, Storage(o, "float64", channels, Bytes(std::vector<double>(count, 1))), "float64",
           {0, {channels}, {1}});
  const NodeId zeros = Indices(o, {channels}, std::vector<int64_t>(count, 0));
  o.Root(o.Node(v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR,
                {storage, o.Text("qint8"), 2, Numbers(o, {0, {2, 3}, {3, 1}}), scales, zeros,
                 o.Ints({axis})}));
}

void Attribute(Output& o, std::string_view key) {
  o.Clear();
  const NodeId tensor = View(o, Storage(o), "float32", {0, {12}, {1}});
  const NodeId state = o.Dict({{key, o.None()}});
  o.Root(o.Node(v1::NODE_KIND_PARAMETER, {tensor, 1, state}));
}

void Module(Output& o, std::string_view key, NodeId (*value)(Output&)) {
  o.Clear();
  const NodeId state = o.Dict({{"_parameters", o.Dict({})},
                               {"_buffers", o.Dict({})},
                               {"_modules", o.Dict({})},
                               {key, value(o)}});
  o.Root(o.Object("torch.nn.modules.linear.Identity", state));
}

void Honestly(Output& o) { Tensor(o, {3, {3, 3}, {3, 1}}, "float32", 1); }

void OutsideTheArtifact(Output& o) {
  Honestly(o);
  o.graph.set_buffer_offsets(0, uint64_t{1} << 40);
}

void OutsideTheDecoded(Output& o) {
  Honestly(o);
  o.graph.set_buffer_lengths(0, 49);
}

void StorageLies(Output& o, int64_t elements) {
  o.Clear();
  o.Root(Storage(o, "float32", elements));
}

// A fortune of storages that are all the same bytes.
void Overlapping(Output& o) {
  o.Clear();
  const uint32_t buffer = o.Decoded(std::string(1 << 20, '\0'));
  std::vector<uint32_t> storages;
  for (int i = 0; i < 64; ++i) {
    const uint32_t again =
        i == 0 ? buffer
               : o.Buffer(v1::BUFFER_SOURCE_DECODED,
                          o.graph.buffer_offsets(static_cast<int>(buffer)), 1 << 20);
    storages.push_back(o.Node(v1::NODE_KIND_STORAGE, {o.Text("uint8"), again, o.Ints({1 << 20})}));
  }
  o.Root(o.List(storages));
}

void StorageTwice(Output& o) {
  o.Clear();
  const NodeId first = Storage(o);
  const NodeId second = o.Node(v1::NODE_KIND_STORAGE, {o.Text("float32"), 0, o.Ints({12})});
  o.Root(o.List({first, second}));
}

void FusedStep(Output& o) {
  o.Clear();
  const NodeId group =
      o.Dict({{"params", o.List({o.Int(0)})}, {"fused", o.Node(v1::NODE_KIND_TRUE)}});
  o.Root(o.Dict({{"state", o.Dict({})}, {"param_groups", o.List({group})}}));
}

constexpr std::array kLies = {
    Lie{"tensor-honest", Honestly},
    Lie{"tensor-outside-the-artifact", OutsideTheArtifact},
    Lie{"tensor-outside-the-decoded", OutsideTheDecoded},
    Lie{"tensor-storage-longer", [](Output& o) { StorageLies(o, 13); }},
    Lie{"tensor-storage-overflows", [](Output& o) { StorageLies(o, (int64_t{1} << 62) + 12); }},
    Lie{"tensor-storage-negative", [](Output& o) { StorageLies(o, -1); }},
    Lie{"tensor-storages-overlap", Overlapping},
    Lie{"tensor-storage-twice", StorageTwice},
    Lie{"tensor-past-the-end",
        [](Output& o) {
          Tensor(o, {0, {13}, {1}});
        }},
    Lie{"tensor-offset-past-the-end",
        [](Output& o) {
          Tensor(o, {12, {1}, {1}});
        }},
    Lie{"tensor-stride-past-the-end",
        [](Output& o) {
          Tensor(o, {0, {2}, {12}});
        }},
    Lie{"tensor-stride-overflows",
        [](Output& o) {
          Tensor(o, {kMost, {3, 3}, {kMost, kMost}});
        }},
    Lie{"tensor-shape-overflows",
        [](Output& o) {
          Tensor(o, {0, {kFar, kFar}, {0, 0}});
        }},
    Lie{"tensor-offset-negative",
        [](Output& o) {
          Tensor(o, {-1, {1}, {1}});
        }},
    Lie{"tensor-stride-negative",
        [](Output& o) {
          Tensor(o, {11, {12}, {-1}});
        }},
    Lie{"tensor-another-dtype",
        [](Output& o) {
          Tensor(o, {0, {6}, {1}}, "float64");
        }},
    Lie{"tensor-dtype-of-half-a-byte",
        [](Output& o) {
          Tensor(o, {0, {1}, {1}}, "quint4x2");
        }},
    Lie{"tensor-without-quantizer",
        [](Output& o) {
          o.Clear();
          o.Root(View(o, Storage(o, "qint8", 2, "12"), "qint8", {0, {2}, {1}}));
        }},
    Lie{"tensor-without-end",
        [](Output& o) {
          Tensor(o, {0, {kFar}, {0}});
        }},
    Lie{"tensor-rank-65",
        [](Output& o) {
          Tensor(o, {0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)});
        }},
    Lie{"tensor-unknown-flag",
        [](Output& o) {
          Tensor(o, {0, {1}, {1}}, "float32", 64);
        }},
    Lie{"tensor-of-no-storage",
        [](Output& o) {
          Honestly(o);
          const NodeId none = o.None();
          o.Operand(v1::NODE_KIND_TENSOR, 0) = none;
        }},
    Lie{"sparse-honest",
        [](Output& o) {
          Coordinates(o, {0, 1, 2, 0}, 8);
        }},
    Lie{"sparse-index-far",
        [](Output& o) {
          Coordinates(o, {0, kFar, 2, 0}, 8);
        }},
    Lie{"sparse-index-next",
        [](Output& o) {
          Coordinates(o, {0, 2, 2, 0});
        }},
    Lie{"sparse-index-negative",
        [](Output& o) {
          Coordinates(o, {0, 1, -kFar, 0});
        }},
    Lie{"sparse-not-coalesced",
        [](Output& o) {
          Coordinates(o, {1, 0, 2, 0}, 8);
        }},
    Lie{"sparse-starts-fall",
        [](Output& o) {
          Compressed(o, {0, 2, 1}, {0, 1});
        }},
    Lie{"sparse-starts-past-the-end",
        [](Output& o) {
          Compressed(o, {0, kFar, 2}, {0, 1});
        }},
    Lie{"sparse-starts-short",
        [](Output& o) {
          Compressed(o, {0, 2}, {0, 1});
        }},
    Lie{"sparse-plain-index-far",
        [](Output& o) {
          Compressed(o, {0, 1, 2}, {0, kFar});
        }},
    Lie{"sparse-block-of-nothing",
        [](Output& o) {
          Compressed(o, {0, 1, 2}, {0, 1}, "sparse_bsr", {0, {2, 0, 1}, {1, 1, 1}});
        }},
    Lie{"quantized-honest", [](Output& o) { Channels(o, 1, 3); }},
    Lie{"quantized-axis-wrong", [](Output& o) { Channels(o, 2, 3); }},
    Lie{"quantized-axis-negative", [](Output& o) { Channels(o, -1, 3); }},
    Lie{"quantized-scales-short", [](Output& o) { Channels(o, 1, 2); }},
    Lie{"tensor-attribute-data", [](Output& o) { Attribute(o, "data"); }},
    Lie{"tensor-attribute-hooks", [](Output& o) { Attribute(o, "_backward_hooks"); }},
    Lie{"module-forward",
        [](Output& o) { Module(o, "forward", [](Output& p) { return p.None(); }); }},
    Lie{"module-hook",
        [](Output& o) {
          Module(o, "_forward_hooks", [](Output& p) { return p.Dict({{"0", p.Int(1)}}); });
        }},
    Lie{"optimizer-fused", FusedStep},
};

}  // namespace

std::span<const Lie> TensorLies() { return kLies; }

}  // namespace loadlock::hostile
