#include "sandbox/decoders/archive/name.h"

#include <algorithm>
#include <cstdint>

#include "sandbox/bytes/cursor.h"
#include "sandbox/bytes/utf8.h"

namespace loadlock::archive {
namespace {

bool IsDots(std::string_view component) { return component == "." || component == ".."; }

const char* ComponentProblem(std::string_view name) {
  while (true) {
    const size_t slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    if (component.empty()) return "it has an empty component, or names a directory";
    if (IsDots(component)) return "it leaves its folder";
    if (slash == std::string_view::npos) return nullptr;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace

const char* NameProblem(std::string_view name, Encoding encoding) {
  if (name.empty()) return "it is empty";
  if (name.size() > kMaxName) return "it is longer than 1,024 bytes";
  if (name.front() == '/') return "it is absolute";
  if (name.size() > 1 && name[1] == ':') return "it names a drive";
  const bytes::Bytes raw(reinterpret_cast<const uint8_t*>(name.data()), name.size());
  if (std::any_of(raw.begin(), raw.end(), [](uint8_t c) { return c < 0x20 || c == 0x7F; })) {
    return "it has control characters";
  }
  if (name.find('\\') != std::string_view::npos) return "it has a backslash";
  const bool ascii = std::all_of(raw.begin(), raw.end(), [](uint8_t c) { return c < 0x80; });
  if (!ascii && encoding != Encoding::kUtf8)
    return "it is not ASCII, and nothing says in which encoding it is";
  if (!bytes::ValidUtf8(raw)) return "it is not UTF-8";
  return ComponentProblem(name);
}

}  // namespace loadlock::archive
