#include "sandbox/formats/testing_torch.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace loadlock::formats::torch_testing {
namespace {

template <typename T>
std::string Le(T value) {
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

std::string Concat(std::initializer_list<std::string_view> pieces) {
  std::string out;
  for (const std::string_view piece : pieces) out += piece;
  return out;
}

}  // namespace

std::string Text(std::string_view text) {
  return Concat({"X", Le(static_cast<uint32_t>(text.size())), text});
}

std::string Int(int64_t value) {
  if (value == static_cast<int32_t>(value)) return Concat({"J", Le(static_cast<int32_t>(value))});
  return Concat({"\x8a\x08", Le(value)});
}

std::string Ints(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) out += Int(value);
  return out + "t";
}

std::string Call(std::string_view module, std::string_view name, const std::string& args) {
  return Concat({"c", module, "\n", name, "\n(", args, "tR"});
}

std::string TorchName(std::string_view name) { return Concat({"ctorch\n", name, "\n"}); }

std::string Hooks() { return "ccollections\nOrderedDict\n)R"; }

std::string ZipStorage(const TorchStorage& storage) {
  return Concat({"(", Text("storage"), "c", storage.cls, "\n", Text(storage.key),
                 Text(storage.location), Int(storage.elements), "tQ"});
}

std::string LegacyStorage(const TorchStorage& storage, const std::string& view) {
  return Concat({"(", Text("storage"), "c", storage.cls, "\n", Text(storage.key),
                 Text(storage.location), Int(storage.elements), view, "tQ"});
}

std::string Tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                   const std::vector<int64_t>& strides) {
  return Call("torch._utils", "_rebuild_tensor_v2",
              Concat({storage, Int(offset), Ints(sizes), Ints(strides), "\x89", Hooks()}));
}

std::string Pickle(const std::string& opcodes) { return Concat({"\x80\x02", opcodes, "."}); }

std::string LegacyHead() {
  return Concat(
      {Pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"), Pickle(Int(1001)), Pickle("}")});
}

std::string LegacyData(const std::vector<TorchStorage>& storages) {
  std::string keys = "](";
  std::string data;
  for (const TorchStorage& storage : storages) {
    keys += Text(storage.key);
    data += Le(storage.elements) + storage.data;
  }
  return Pickle(keys + "e") + data;
}

std::string TarFile(const std::vector<TarMember>& members) {
  constexpr size_t kBlock = 512;
  const auto octal = [](uint64_t value, int digits) {
    std::string out;
    for (int i = digits - 1; i >= 0; --i) {
      out.push_back(static_cast<char>('0' + (value >> (3 * i) & 7)));
    }
    return out;
  };
  std::string out;
  for (const TarMember& member : members) {
    std::string block(kBlock, '\0');
    const auto put = [&](size_t at, const std::string& text) {
      std::copy(text.begin(), text.end(), block.begin() + static_cast<ptrdiff_t>(at));
    };
    put(0, member.name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, member.size.empty() ? octal(member.content.size(), 11) : member.size);
    put(136, "00000000000");
    put(148, "        ");
    put(156, std::string(1, member.type));
    put(257, std::string("ustar\00000", 8));
    put(345, member.prefix);
    uint64_t sum = 0;
    for (const char c : block) sum += static_cast<uint8_t>(c);
    put(148, octal(sum, 6) + std::string(1, '\0'));
    out += block + member.content;
    out.resize((out.size() + kBlock - 1) / kBlock * kBlock, '\0');
  }
  out.resize((out.size() + 2 * kBlock + 10239) / 10240 * 10240, '\0');
  return out;
}

std::string TarStorages(const std::string& views) {
  return Concat({Pickle(Int(1)),
                 Pickle(Concat({"(", Int(1), Text("cpu"), "ctorch\nFloatStorage\nt"})),
                 Le(uint64_t{2}), "abcdefgh", Pickle(views)});
}

std::string TarTensors(int64_t offset, const std::vector<int64_t>& sizes,
                       const std::vector<int64_t>& strides) {
  std::string out =
      Concat({Pickle(Int(1)), Pickle(Concat({"(", Int(2), Int(1), "ctorch\nFloatTensor\nt"})),
              Le(static_cast<uint64_t>(sizes.size()))});
  for (const int64_t size : sizes) out += Le(size);
  for (const int64_t stride : strides) out += Le(stride);
  return out + Le(offset);
}

std::string LegacyFile(const std::string& object, const std::vector<TorchStorage>& storages) {
  return LegacyHead() + Pickle(object) + LegacyData(storages);
}

}  // namespace loadlock::formats::torch_testing
