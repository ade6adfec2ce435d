// Torch files put together from opcodes and fields, so that each of them can lie.
#ifndef LOADLOCK_SANDBOX_FORMATS_TESTING_TORCH_H_
#define LOADLOCK_SANDBOX_FORMATS_TESTING_TORCH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loadlock::formats::torch_testing {

struct TorchStorage {
  std::string key = "0";
  std::string cls = "torch\nFloatStorage";
  int64_t elements = 4;
  std::string data = std::string(16, '\1');
  std::string location = "cpu";
};

// Opcodes that leave one value each.
std::string Text(std::string_view text);
std::string Int(int64_t value);
std::string Ints(const std::vector<int64_t>& values);
std::string Call(std::string_view module, std::string_view name, const std::string& args);
// The name torch.float32 for "float32".
std::string TorchName(std::string_view name);
std::string Hooks();
// A storage by its persistent id; a legacy one ends with `view`.
std::string ZipStorage(const TorchStorage& storage);
std::string LegacyStorage(const TorchStorage& storage, const std::string& view = "N");
// _rebuild_tensor_v2(storage, offset, sizes, strides, False, hooks)
std::string Tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                   const std::vector<int64_t>& strides);

// PROTO 2, the opcodes, STOP.
std::string Pickle(const std::string& opcodes);

// A legacy file of an object and its storages, listed in this order.
std::string LegacyFile(const std::string& object, const std::vector<TorchStorage>& storages);
std::string LegacyHead();
std::string LegacyData(const std::vector<TorchStorage>& storages);

// A member of a tar archive; what is not set is as Python's tarfile writes it.
struct TarMember {
  std::string name;
  std::string content;
  char type = '0';
  std::string prefix = "";
  std::string size = "";  // instead of the true one
};

// Filled up to whole records of 10 KiB.
std::string TarFile(const std::vector<TarMember>& members);

// The members of a torch file of 0.1: two floats in storage 1, a tensor 2 over them.
std::string TarStorages(const std::string& views = "]");
std::string TarTensors(int64_t offset = 0, const std::vector<int64_t>& sizes = {2},
                       const std::vector<int64_t>& strides = {1});

}  // namespace loadlock::formats::torch_testing

#endif  // LOADLOCK_SANDBOX_FORMATS_TESTING_TORCH_H_
