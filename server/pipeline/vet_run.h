// What a Vetter knows of one request so far; for vet.cc and remembering.cc.
#ifndef LOADLOCK_SERVER_PIPELINE_VET_RUN_H_
#define LOADLOCK_SERVER_PIPELINE_VET_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/pipeline/vet.h"

namespace loadlock::pipeline {

struct Vetter::Run {
  std::shared_ptr<const Rules> rules;  // Of the whole request.
  const policy::CompiledPolicy* policy = nullptr;
  admission::Principal caller;
  store::OpenedFile file;  // If it is one.
  uint64_t size = 0;
  // What every verdict on this artifact has.
  v1::Report base;
  v1::Timing timing;
  admission::Reservation reservation;
  bool cached = false;
  // With a memory: what is known of the file, and its copy.
  std::optional<store::FileIdentity> id;
  std::shared_ptr<const store::Artifact> artifact;
  std::string sha256;

  ParseRequest ForParser(const Request& request, store::SharedFd fd, bool in_memory) const {
    return {.artifact = std::move(fd),
            .size = size,
            .artifact_bytes = in_memory ? size : 0,
            .policy = policy,
            .caller = request.caller,
            .deadline = request.deadline,
            .cancelled = request.cancelled};
  }
};

// CANCELLED or DEADLINE_EXCEEDED if the caller waits no more.
absl::Status StillWanted(const Request& request);

// The finding for another digest than the caller expects.
v1::Finding Mismatch(const std::string& sha256, const std::string& expected);

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_VET_RUN_H_
