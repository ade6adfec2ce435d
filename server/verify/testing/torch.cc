#include "server/verify/testing/torch.h"

#include <memory>
#include <numeric>
#include <utility>

#include "server/verify/torch/element_type.h"

namespace loadlock::verify::testing {
namespace {

uint32_t Layout(Draft& draft, int64_t offset, const std::vector<int64_t>& sizes,
                const std::vector<int64_t>& strides) {
  std::vector<int64_t> numbers = {offset};
  numbers.insert(numbers.end(), sizes.begin(), sizes.end());
  numbers.insert(numbers.end(), strides.begin(), strides.end());
  return draft.Ints(numbers);
}

std::vector<uint32_t> All(const Makers& makers, Draft& draft) {
  std::vector<uint32_t> ids;
  for (const Maker& maker : makers) ids.push_back(maker(draft));
  return ids;
}

}  // namespace

Maker Once(Maker maker) {
  // Shared, so that a copy costs nothing whatever the maker holds.
  struct Made {
    Maker maker;
    std::weak_ptr<const int> draft;
    NodeId node = kAbsent;
  };
  auto made = std::make_shared<Made>(Made{std::move(maker), {}, kAbsent});
  return [made](Draft& draft) {
    if (made->draft.lock() != draft.identity()) {
      made->node = made->maker(draft);
      made->draft = draft.identity();
    }
    return made->node;
  };
}

Maker Set(Makers items) {
  return [items = std::move(items)](Draft& draft) {
    return draft.Node(v1::NODE_KIND_SET, All(items, draft));
  };
}

Maker Pairs(Makers items, v1::NodeKind kind) {
  return [items = std::move(items), kind](Draft& draft) {
    return draft.Node(kind, All(items, draft));
  };
}

Maker StateDict(Maker metadata, Makers items) {
  items.insert(items.begin(), std::move(metadata));
  return Pairs(std::move(items), v1::NODE_KIND_STATE_DICT);
}

Maker Storage(std::string type, std::string bytes, int64_t elements) {
  return [type = std::move(type), bytes = std::move(bytes), elements](Draft& draft) {
    const torch::ElementType* known = torch::FindElementType(type);
    const int64_t size = known == nullptr ? 1 : known->size;
    const int64_t count = elements >= 0 ? elements : static_cast<int64_t>(bytes.size()) / size;
    return draft.Node(v1::NODE_KIND_STORAGE,
                      {draft.String(type), draft.Buffer(bytes), draft.Int(count)});
  };
}

Maker MetaStorage(std::string type, int64_t elements) {
  return [type = std::move(type), elements](Draft& draft) {
    return draft.Node(v1::NODE_KIND_STORAGE, {draft.String(type), kAbsent, draft.Int(elements)});
  };
}

Maker TensorOf(Maker storage, ViewSpec view) {
  return [storage = std::move(storage), view = std::move(view)](Draft& draft) {
    const NodeId base = storage(draft);
    return draft.Node(v1::NODE_KIND_TENSOR, {base, draft.String(view.dtype), view.flags,
                                             static_cast<uint32_t>(view.sizes.size()),
                                             Layout(draft, view.offset, view.sizes, view.strides)});
  };
}

std::vector<int64_t> RowMajor(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

Maker Blank(std::vector<int64_t> sizes) {
  const int64_t count =
      std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
  return Tensor<float>(std::move(sizes), std::vector<float>(static_cast<size_t>(count), 0.0F));
}

Maker Sparse(SparseSpec spec) {
  return [spec = std::move(spec)](Draft& draft) {
    const std::vector<uint32_t> parts = All(spec.parts, draft);
    std::vector<uint32_t> operands = {draft.String(spec.layout), spec.flags,
                                      static_cast<uint32_t>(spec.sizes.size()),
                                      draft.Ints(spec.sizes)};
    operands.insert(operands.end(), parts.begin(), parts.end());
    return draft.Node(v1::NODE_KIND_SPARSE_TENSOR, operands);
  };
}

Maker Quantized(const QuantSpec& spec) {
  return [spec](Draft& draft) {
    const NodeId storage = Storage(spec.storage, spec.bytes)(draft);
    std::vector<uint32_t> operands = {storage, draft.String(spec.dtype),
                                      static_cast<uint32_t>(spec.sizes.size()),
                                      Layout(draft, 0, spec.sizes, spec.strides)};
    if (!spec.scales) {
      operands.insert(operands.end(), {draft.Float(spec.scale), draft.Int(spec.zero)});
      return draft.Node(v1::NODE_KIND_QUANTIZED_TENSOR, operands);
    }
    const NodeId scales = spec.scales(draft);
    const NodeId zeros = spec.zeros(draft);
    operands.insert(operands.end(), {scales, zeros, draft.Int(spec.axis)});
    return draft.Node(v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR, operands);
  };
}

Maker Parameter(Maker tensor, bool requires_grad, Maker state) {
  return [tensor = std::move(tensor), requires_grad, state = std::move(state)](Draft& draft) {
    const NodeId inner = tensor(draft);
    const NodeId attributes = state ? state(draft) : kAbsent;
    return draft.Node(v1::NODE_KIND_PARAMETER, {inner, requires_grad ? 1U : 0U, attributes});
  };
}

Maker WithState(Maker tensor, Maker state) {
  return [tensor = std::move(tensor), state = std::move(state)](Draft& draft) {
    const NodeId inner = tensor(draft);
    return draft.Node(v1::NODE_KIND_TENSOR_WITH_STATE, {inner, state(draft)});
  };
}

Attrs ModuleAttrs(Attrs parameters, Attrs modules, Attrs buffers) {
  return {{"training", Bool(false)},
          {"_parameters", Dict(std::move(parameters))},
          {"_buffers", Dict(std::move(buffers))},
          {"_non_persistent_buffers_set", Set({})},
          {"_forward_hooks", Pairs({}, v1::NODE_KIND_ORDERED_DICT)},
          {"_is_full_backward_hook", None()},
          {"_modules", Dict(std::move(modules))}};
}

Attrs Join(Attrs attrs, const Attrs& more) {
  for (const auto& [key, maker] : more) attrs[key] = maker;
  return attrs;
}

Maker Linear(int64_t in, int64_t out, std::string class_name) {
  return Obj(std::move(class_name), Join(ModuleAttrs({{"weight", Parameter(Blank({out, in}))},
                                                      {"bias", Parameter(Blank({out}))}}),
                                         {{"in_features", Int(in)}, {"out_features", Int(out)}}));
}

std::string TorchOutcome(const Maker& root) { return Outcome(VerifyMade(root, "torch")); }

}  // namespace loadlock::verify::testing
