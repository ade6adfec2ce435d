#include "server/observe/request_id.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace loadlock::observe {

RequestIds::RequestIds() : prefix_(absl::StrFormat("%08x", std::random_device{}())) {}

std::string RequestIds::Next() {
  return absl::StrCat(prefix_, "-", count_.fetch_add(1, std::memory_order_relaxed) + 1);
}

}  // namespace loadlock::observe
