#include "sandbox/graph/refusal.h"

#include <utility>

namespace loadlock::graph {

Refusal Refuse(std::string_view rule_id, std::string message, std::optional<uint64_t> byte_offset) {
  Refusal refusal;
  refusal.rule_id = rule_id;
  refusal.message = std::move(message);
  refusal.byte_offset = byte_offset;
  return refusal;
}

std::string Quote(std::string_view raw, size_t max) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  const bool cut = raw.size() > max;
  for (const char c : raw.substr(0, max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
      out.push_back(c);
    } else {
      out += "\\x";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  if (cut) out += "...";
  return out;
}

}  // namespace loadlock::graph
