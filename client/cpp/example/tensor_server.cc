// A model server in small: it takes models that it does not trust and answers from their tensors.
//
//   tensor_server unix:/run/loadlock/loadlock.sock     # or "private": a daemon of its own
//   load /models/weights.safetensors                   # vetted, then served instead of the last
//   list                                               # names, types and shapes
//   sum fc.weight                                      # reads every element, where it lies
//
// One command a line from standard input, one answer or more to standard output. A model that is
// refused changes nothing: what was served before is served on.
#include <loadlock/client.h>

#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using loadlock::client::Client;
using loadlock::client::Model;
using loadlock::client::PrivateDaemon;
using loadlock::client::Refused;
using loadlock::client::Tensor;

// What a request needs of a model. Whoever holds it may go on with it after the next was loaded:
// the bytes are mapped, and nobody can change them.
struct Served {
  Model model;
  std::map<std::string, Tensor> tensors;
};

template <typename Element>
double At(const uint8_t* bytes, uint64_t index) {
  Element element;  // A storage may begin at any byte of the file.
  std::memcpy(&element, bytes + index * sizeof(element), sizeof(element));
  return static_cast<double>(element);
}

using Read = double (*)(const uint8_t* bytes, uint64_t index);

// torch's names of the types, and numpy's. Others are the reader's own work: bfloat16, say.
Read ReaderOf(std::string_view dtype) {
  if (dtype == "float32" || dtype == "<f4") return At<float>;
  if (dtype == "float64" || dtype == "<f8") return At<double>;
  if (dtype == "int64" || dtype == "<i8") return At<int64_t>;
  if (dtype == "uint8" || dtype == "|u1") return At<uint8_t>;
  return nullptr;
}

// Walks the elements of a view in its order. The library has proven that each lies in the storage.
std::optional<double> SumOf(const Model& model, const Tensor& tensor) {
  const Read read = ReaderOf(tensor.dtype);
  if (read == nullptr || tensor.negative) return std::nullopt;
  const uint8_t* const bytes = model.StorageOf(tensor).data();
  std::vector<uint64_t> index(tensor.sizes.size(), 0);
  uint64_t at = tensor.offset;
  double sum = 0;
  for (uint64_t left = tensor.ElementCount(); left > 0; --left) {
    sum += read(bytes, at);
    for (size_t axis = index.size(); axis-- > 0;) {
      at += tensor.strides[axis];
      if (++index[axis] < tensor.sizes[axis]) break;
      at -= tensor.strides[axis] * tensor.sizes[axis];
      index[axis] = 0;
    }
  }
  return sum;
}

void Explain(const loadlock::v1::Report& report) {
  for (const auto& finding : report.findings()) {
    std::cout << "  " << finding.rule_id() << ": " << finding.message() << "\n";
  }
}

// What is served from now on; null, with the reason said, if it is not to be had.
std::shared_ptr<const Served> Load(const Client& client, const std::string& path) {
  auto result = client.Load(path);
  if (!result.ok()) {  // no verdict: no such file, too large, no daemon, ...
    std::cout << "error: " << result.status().message() << "\n";
    return nullptr;
  }
  if (const auto* refused = std::get_if<Refused>(&*result)) {
    std::cout << "refused\n";
    Explain(refused->report);
    return nullptr;
  }
  auto served = std::make_shared<Served>(Served{std::get<Model>(*std::move(result)), {}});
  for (const auto& [name, node] : served->model.NamedTensors()) {
    auto tensor = served->model.TensorAt(node);
    if (!tensor.ok()) {
      std::cout << "error: " << tensor.status().message() << "\n";
      return nullptr;
    }
    served->tensors.emplace(name, *std::move(tensor));
  }
  std::cout << "serving " << served->tensors.size() << " tensors, SHA-256 "
            << served->model.report().sha256() << "\n";
  return served;
}

void List(const Served& served) {
  for (const auto& [name, tensor] : served.tensors) {
    std::cout << name << " " << tensor.dtype << " [";
    for (size_t i = 0; i < tensor.sizes.size(); ++i) {
      std::cout << (i == 0 ? "" : ", ") << tensor.sizes[i];
    }
    std::cout << "]\n";
  }
}

void Sum(const Served& served, const std::string& name) {
  const auto found = served.tensors.find(name);
  if (found == served.tensors.end()) {
    std::cout << "error: no such tensor\n";
  } else if (const auto sum = SumOf(served.model, found->second)) {
    std::cout << "sum " << *sum << "\n";
  } else {
    std::cout << "error: elements of " << found->second.dtype << " are not read here\n";
  }
}

int Serve(const Client& client) {
  std::shared_ptr<const Served> served;
  for (std::string line; std::getline(std::cin, line);) {
    const size_t space = line.find(' ');
    const std::string command = line.substr(0, space);
    const std::string argument = space == line.npos ? "" : line.substr(space + 1);
    if (command == "load") {
      if (auto loaded = Load(client, argument)) served = std::move(loaded);
    } else if (served == nullptr) {
      std::cout << "error: nothing is loaded\n";
    } else if (command == "list") {
      List(*served);
    } else if (command == "sum") {
      Sum(*served, argument);
    } else {
      std::cout << "error: load PATH, list, or sum NAME\n";
    }
    std::cout.flush();
  }
  return 0;
}

int Fail(const absl::Status& status) {
  std::cerr << status << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tensor_server unix:SOCKET|HOST:PORT|private\n";
    return 2;
  }
  std::string address = argv[1];
  std::optional<PrivateDaemon> own;  // ends with this process, however that ends
  if (address == "private") {
    auto started = PrivateDaemon::Start();
    if (!started.ok()) return Fail(started.status());
    own = *std::move(started);
    if (auto ready = own->AwaitReady(absl::Seconds(30)); !ready.ok()) return Fail(ready);
    address = "unix:" + own->socket_path();
  }
  auto client = Client::Connect(address);
  if (!client.ok()) return Fail(client.status());
  return Serve(*client);
}
