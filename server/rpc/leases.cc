#include "server/rpc/leases.h"

#include <sys/random.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/observe/error.h"
#include "server/rpc/fd_protocol.h"

namespace loadlock::rpc {
namespace {

absl::StatusOr<std::string> NewToken() {
  std::string token(kTokenBytes, '\0');
  ssize_t got = 0;
  do {
    got = getrandom(token.data(), token.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(token.size())) {
    return observe::Error(absl::StatusCode::kInternal, "NO_RANDOM", "getrandom failed");
  }
  return token;
}

absl::Status NoSuchLease() {
  return observe::Error(absl::StatusCode::kNotFound, "NO_SUCH_LEASE",
                        "no such lease: unknown, expired, ended, or another caller's");
}

bool Same(const Caller& a, const Caller& b) {
  return a.connection == b.connection && a.uid == b.uid;
}

}  // namespace

void LeaseTable::OpenConnection(const std::string& connection) {
  const std::lock_guard lock(mutex_);
  connections_.insert(connection);
}

void LeaseTable::EndConnection(const std::string& connection) {
  std::vector<std::shared_ptr<const LeasedModel>> freed;  // Outside of the lock.
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
  for (auto it = leases_.begin(); it != leases_.end();) {
    const auto current = it++;
    if (current->second.caller.connection != connection) continue;
    freed.push_back(Take(current));
  }
}

std::shared_ptr<const LeasedModel> LeaseTable::Take(Leases::iterator lease) {
  std::shared_ptr<const LeasedModel> model = std::move(lease->second.model);
  places_.GiveBack(lease->second.caller.uid, 1);
  leases_.erase(lease);
  return model;
}

absl::Status LeaseTable::Answer(const Caller& caller,
                                admission::SharedBudget::Answer answer) const {
  switch (answer) {
    case admission::SharedBudget::Answer::kGranted:
      return absl::OkStatus();
    case admission::SharedBudget::Answer::kFull:
      return observe::LimitReached("max_leases", max_leases_, "no lease is free; unload models");
    case admission::SharedBudget::Answer::kOverShare:
      return places_.OverShare(caller.uid, "leases");
  }
  return absl::InternalError("unknown answer");
}

absl::Status LeaseTable::CheckRoom(const Caller& caller) const {
  const std::lock_guard lock(mutex_);
  return Answer(caller, places_.Check(caller.uid, 1));
}

absl::StatusOr<NewLease> LeaseTable::Add(const Caller& caller,
                                         std::shared_ptr<const LeasedModel> model,
                                         absl::Duration lifetime) {
  Sweep();
  absl::StatusOr<std::string> token = NewToken();
  if (!token.ok()) return token.status();
  const std::lock_guard lock(mutex_);
  if (caller.uid && !connections_.contains(caller.connection)) {
    return observe::Error(absl::StatusCode::kCancelled, "CANCELLED", "the connection has ended");
  }
  absl::Status status = Answer(caller, places_.Take(caller.uid, 1));
  if (!status.ok()) return status;
  leases_[*token] = Entry{caller, clock::SteadyTime::Now() + lifetime, std::move(model)};
  return NewLease{*std::move(token), absl::Now() + lifetime};
}

const LeaseTable::Entry* LeaseTable::Lookup(const std::string& token) const {
  const auto found = leases_.find(token);
  if (found == leases_.end() || found->second.expires <= clock::SteadyTime::Now()) return nullptr;
  return &found->second;
}

absl::StatusOr<std::shared_ptr<const LeasedModel>> LeaseTable::Find(const std::string& token,
                                                                    const Caller& caller) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = Lookup(token);
  if (entry == nullptr || !Same(entry->caller, caller)) return NoSuchLease();
  return entry->model;
}

absl::StatusOr<std::shared_ptr<const LeasedModel>> LeaseTable::FindForUser(const std::string& token,
                                                                           uid_t uid) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = Lookup(token);
  if (entry == nullptr || entry->caller.uid != uid) return NoSuchLease();
  return entry->model;
}

absl::Status LeaseTable::End(const std::string& token, const Caller& caller) {
  std::shared_ptr<const LeasedModel> freed;  // Outside of the lock.
  const std::lock_guard lock(mutex_);
  const Entry* entry = Lookup(token);
  if (entry == nullptr || !Same(entry->caller, caller)) return NoSuchLease();
  freed = Take(leases_.find(token));
  return absl::OkStatus();
}

void LeaseTable::Sweep() {
  std::vector<std::shared_ptr<const LeasedModel>> freed;  // Outside of the lock.
  const clock::SteadyTime now = clock::SteadyTime::Now();
  const std::lock_guard lock(mutex_);
  for (auto it = leases_.begin(); it != leases_.end();) {
    const auto current = it++;
    if (current->second.expires > now) continue;
    freed.push_back(Take(current));
  }
}

void LeaseTable::Clear() {
  std::vector<std::shared_ptr<const LeasedModel>> freed;  // Outside of the lock.
  const std::lock_guard lock(mutex_);
  while (!leases_.empty()) freed.push_back(Take(leases_.begin()));
}

uint32_t LeaseTable::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(leases_.size());
}

}  // namespace loadlock::rpc
