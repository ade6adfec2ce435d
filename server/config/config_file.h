// Reads a textproto loadlock.v1.Config and remembers on which line each field stands.
#ifndef LOADLOCK_SERVER_CONFIG_CONFIG_FILE_H_
#define LOADLOCK_SERVER_CONFIG_CONFIG_FILE_H_

#include <google/protobuf/text_format.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "loadlock/v1/config.pb.h"

namespace loadlock::config {

class ConfigFile {
 public:
  // Parses `text`; `name` is what errors call it. Errors are INVALID_ARGUMENT with one line,
  // "NAME:LINE: FIELD: what".
  static absl::StatusOr<ConfigFile> Parse(std::string name, const std::string& text);

  // Reads and parses the file (at most 1 MiB: a configuration is short).
  static absl::StatusOr<ConfigFile> Read(const std::string& path);

  const v1::Config& config() const { return config_; }

  // The error for the field at `path` ("limits.max_nodes", "roots"), element `index` if it is
  // repeated, with its line.
  absl::Status Error(absl::string_view path, absl::string_view what, int index = -1) const;

 private:
  int LineOf(absl::string_view path, int index) const;  // 1-based; 0 if the field is absent.

  std::string name_;
  v1::Config config_;
  std::unique_ptr<google::protobuf::TextFormat::ParseInfoTree> places_;
};

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_CONFIG_FILE_H_
