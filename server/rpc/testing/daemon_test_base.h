// For tests: a started loadlockd and the calls that every test of it makes.
#ifndef LOADLOCK_SERVER_RPC_TESTING_DAEMON_TEST_BASE_H_
#define LOADLOCK_SERVER_RPC_TESTING_DAEMON_TEST_BASE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/rpc/testing/daemon.h"

namespace loadlock::rpc {

// A pickle of None.
std::string NonePickle();
// os.system("true") as any scanner's first example; the sandbox never runs it.
std::string EvilPickle();
// A .npy of `count` doubles.
std::string Npy(size_t count);
// The reason of the ErrorInfo in a status; "" if there is none.
std::string ReasonOf(const grpc::Status& status);

class DaemonTest : public ::testing::Test {
 protected:
  // `config` is textproto beside listen, roots, policies.
  void Start(const std::string& config = "");
  grpc::Status Audit(const std::string& path, v1::Report* report);
  static grpc::Status Load(v1::LoadLock::Stub& stub, const std::string& path,
                           v1::LoadModelResponse* response);
  static grpc::Status Unload(v1::LoadLock::Stub& stub, const std::string& token);
  v1::GetServerInfoResponse Info();

  TestFolder folder_;
  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<v1::LoadLock::Stub> stub_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_TESTING_DAEMON_TEST_BASE_H_
