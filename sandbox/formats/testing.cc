#include "sandbox/formats/testing.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace loadlock::formats {
namespace {

int NewMemfd() {
  const int fd = memfd_create("decoded", MFD_CLOEXEC);
  if (fd < 0) {
    std::perror("memfd_create");
    std::abort();
  }
  return fd;
}

}  // namespace

Blob ToBlob(std::string_view text) { return Blob(text.begin(), text.end()); }

bytes::BudgetLimits SmallBudget() {
  bytes::BudgetLimits limits;
  limits.max_nodes = 1'000'000;
  limits.max_heap_bytes = uint64_t{256} << 20;
  limits.max_decoded_bytes = uint64_t{16} << 20;
  return limits;
}

Parsed::Parsed(bytes::Bytes artifact, bytes::BudgetLimits limits)
    : fd_(NewMemfd()), budget_(limits), builder_(&budget_), decoded_(fd_, &budget_) {
  output_.graph = &builder_;
  Parse({artifact, &decoded_, &budget_}, &output_);
  if (!output_.refusals.empty()) return;
  if (auto refusal = builder_.Encode(output_.root, &encoded_)) {
    output_.refusals.push_back(*std::move(refusal));
  }
}

Parsed::~Parsed() { close(fd_); }

std::string Parsed::rule() const {
  return output_.refusals.empty() ? "" : output_.refusals.front().rule_id;
}

std::string Parsed::message() const {
  return output_.refusals.empty() ? "" : output_.refusals.front().message;
}

bool Parsed::Names(std::string_view module, std::string_view name) const {
  return std::any_of(output_.globals.begin(), output_.globals.end(), [&](const GlobalUse& use) {
    return use.module() == module && use.name() == name;
  });
}

Blob ReadTestFile(const std::string& name) {
  std::ifstream in(std::string(LOADLOCK_TESTDATA) + "/" + name + ".bin", std::ios::binary);
  if (!in) {
    (void)std::fprintf(stderr, "cannot read the test file %s\n", name.c_str());
    std::abort();
  }
  return Blob(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::string> TestFiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(LOADLOCK_TESTDATA)) {
    if (entry.path().extension() == ".bin") names.push_back(entry.path().stem().string());
  }
  if (names.empty()) {
    (void)std::fprintf(stderr, "no test files in %s\n", LOADLOCK_TESTDATA);
    std::abort();
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string FormatOf(const std::string& test_file) {
  return test_file.substr(0, test_file.find("__"));
}

}  // namespace loadlock::formats
