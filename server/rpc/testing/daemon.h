// For tests: a real loadlockd in a folder of its own.
#ifndef LOADLOCK_SERVER_RPC_TESTING_DAEMON_H_
#define LOADLOCK_SERVER_RPC_TESTING_DAEMON_H_

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "loadlock/v1/service.grpc.pb.h"
#include "sandbox/channel/unique_fd.h"
#include "tests/support/temp_folder.h"

namespace loadlock::rpc {

// A fresh folder with `policies/default.textproto` (an empty policy) and `models/`; removed at the
// end.
class TestFolder {
 public:
  TestFolder();
  std::string path(const std::string& name) const { return folder_.path() / name; }
  // Writes a file and returns its path.
  std::string Write(const std::string& name, const std::string& content) const {
    return folder_.Write(name, content);
  }
  std::string Read(const std::string& name) const { return folder_.Read(name); }

 private:
  support::TempFolder folder_;
};

// One run of loadlockd, killed by the destructor. Its standard error goes to `log` in the folder.
class TestDaemon {
 public:
  // `config` is textproto beside listen, roots, policies.
  explicit TestDaemon(const TestFolder& folder, const std::string& config = "");
  ~TestDaemon();
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  // Waits until it serves. False if it ended instead.
  bool AwaitReady();
  void Signal(int number) const;
  void CloseLifeline() { lifeline_.Reset(); }
  // Exit code, or -signal; -1000 if it does not end in time.
  int AwaitExit(absl::Duration timeout = absl::Seconds(20));

  // A new connection each.
  std::shared_ptr<grpc::Channel> Connect() const;
  std::unique_ptr<v1::LoadLock::Stub> Stub() const { return v1::LoadLock::NewStub(Connect()); }
  pid_t pid() const { return pid_; }

 private:
  std::string socket_;
  pid_t pid_ = -1;
  channel::UniqueFd ready_;
  channel::UniqueFd lifeline_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_TESTING_DAEMON_H_
