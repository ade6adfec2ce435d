// The part of Resolve that is about what operators see: log, audit log, metrics, probes.
#ifndef LOADLOCK_SERVER_CONFIG_RESOLVE_OBSERVING_H_
#define LOADLOCK_SERVER_CONFIG_RESOLVE_OBSERVING_H_

#include "absl/status/status.h"
#include "server/config/config_file.h"
#include "server/config/flags.h"
#include "server/config/settings.h"

namespace loadlock::config {

absl::Status TakeObserving(const ConfigFile& file, const Flags& flags, Settings* out);

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_RESOLVE_OBSERVING_H_
