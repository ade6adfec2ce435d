#include "server/config/complain.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace loadlock::config {

Complain OfFlag(std::string flag) {
  return [flag = std::move(flag)](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("command line: ", flag, ": ", what));
  };
}

Complain OfField(const ConfigFile& file, std::string path, int index) {
  return [&file, path = std::move(path), index](absl::string_view what) {
    return file.Error(path, what, index);
  };
}

absl::Status CheckAbsolute(const std::string& path, const Complain& complain) {
  if (path.empty() || path[0] != '/') return complain("must be an absolute path");
  if (path.find('\0') != std::string::npos) return complain("holds a NUL byte");
  return absl::OkStatus();
}

}  // namespace loadlock::config
