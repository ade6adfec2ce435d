// Errors that name where a value came from: a flag, or a field and its line.
#ifndef LOADLOCK_SERVER_CONFIG_COMPLAIN_H_
#define LOADLOCK_SERVER_CONFIG_COMPLAIN_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/config/config_file.h"

namespace loadlock::config {

using Complain = std::function<absl::Status(absl::string_view what)>;

Complain OfFlag(std::string flag);
// `file` must outlive it. `index`: the element of a repeated field.
Complain OfField(const ConfigFile& file, std::string path, int index = -1);

// Absolute, and without NUL bytes.
absl::Status CheckAbsolute(const std::string& path, const Complain& complain);

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_COMPLAIN_H_
