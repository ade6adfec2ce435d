// The event loop, the accept loop and the descriptor socket with real sockets and memory files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/rpc/connections.h"
#include "server/rpc/event_loop.h"
#include "server/rpc/fd_protocol.h"
#include "server/rpc/fd_server.h"
#include "server/rpc/leases.h"
#include "server/rpc/sockets.h"
#include "server/store/artifact.h"
#include "server/store/memfd.h"
#include "tests/support/temp_folder.h"

namespace loadlock::rpc {
namespace {

struct Answer {
  ssize_t size = -1;
  std::array<uint8_t, 64> bytes{};
  std::vector<channel::UniqueFd> descriptors;
};

class HandOverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    stream_.emplace(*UnixListener::Bind(dir_ + "/s", SOCK_STREAM));
    packet_.emplace(*UnixListener::Bind(dir_ + "/s.fd", SOCK_SEQPACKET));
    connections_ =
        std::make_unique<Connections>(loop_.get(), &callers_, &leases_, 75, [this](int fd, uid_t) {
          adopted_.Reset(fd);
          adopted_count_.fetch_add(1);
        });
    fd_server_ = std::make_unique<FdServer>(loop_.get(), &leases_, 75);
    ASSERT_TRUE(connections_->Serve(*stream_).ok());
    ASSERT_TRUE(fd_server_->Serve(*packet_).ok());
    loop_->SetTick(absl::Milliseconds(5), [this] {
      if (stop_.load()) loop_->Stop();
    });
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void TearDown() override {
    stop_.store(true);
    thread_.join();
    fd_server_.reset();
    connections_.reset();
    stream_.reset();
    packet_.reset();
  }

  channel::UniqueFd Connect(const std::string& name, int type) const {
    channel::UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string path = dir_ + name;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  Answer Ask(const std::string& token) const {
    const channel::UniqueFd fd = Connect("/s.fd", SOCK_SEQPACKET);
    EXPECT_EQ(send(fd.get(), token.data(), token.size(), 0), static_cast<ssize_t>(token.size()));
    Answer answer;
    iovec part = {answer.bytes.data(), answer.bytes.size()};
    alignas(cmsghdr) std::array<char, 256> control{};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    answer.size = recvmsg(fd.get(), &message, MSG_CMSG_CLOEXEC);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      for (size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
        int received = -1;
        std::memcpy(&received, CMSG_DATA(header) + at, sizeof(int));
        answer.descriptors.emplace_back(received);
      }
    }
    return answer;
  }

  static std::shared_ptr<LeasedModel> Model(const std::string& artifact,
                                            const std::string& decoded) {
    auto model = std::make_shared<LeasedModel>();
    store::Artifact stored = *store::TakeBytes(artifact, 1000);
    model->artifact = stored.fd();
    model->artifact_size = artifact.size();
    if (!decoded.empty()) model->decoded = store::TakeBytes(decoded, 1000)->fd();
    model->decoded_size = decoded.size();
    return model;
  }

  std::string Lease(std::shared_ptr<const LeasedModel> model, uid_t uid) {
    leases_.OpenConnection("unix:99");
    return leases_.Add({"unix:99", uid}, std::move(model), absl::Minutes(1))->token;
  }

  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 400 && !condition(); ++i) absl::SleepFor(absl::Milliseconds(5));
    return condition();
  }

  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
  CallerTable callers_;
  LeaseTable leases_{16, 75};
  std::unique_ptr<EventLoop> loop_;
  std::optional<UnixListener> stream_;
  std::optional<UnixListener> packet_;
  channel::UniqueFd adopted_;
  std::atomic<int> adopted_count_{0};
  std::atomic<bool> stop_{false};
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<FdServer> fd_server_;
  std::thread thread_;
};

TEST_F(HandOverTest, TokenGivesSealedReadOnlyDescriptors) {
  const Answer answer = Ask(Lease(Model("artifact", "deco"), getuid()));
  ASSERT_EQ(answer.size, static_cast<ssize_t>(kAnswerBytes));
  EXPECT_EQ(answer.bytes[0], 0);
  EXPECT_EQ(answer.bytes[1], 8);
  EXPECT_EQ(answer.bytes[9], 4);
  ASSERT_EQ(answer.descriptors.size(), 2U);
  std::array<char, 16> content{};
  EXPECT_EQ(pread(answer.descriptors[0].get(), content.data(), 16, 0), 8);
  EXPECT_EQ(std::string(content.data(), 8), "artifact");
  for (const channel::UniqueFd& fd : answer.descriptors) {
    EXPECT_TRUE(store::IsSealed(fd.get()));
    EXPECT_LT(write(fd.get(), "x", 1), 0);
    EXPECT_EQ(mmap(nullptr, 4, PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
  }
}

TEST_F(HandOverTest, WithoutDecodedDataThereIsOneDescriptor) {
  const Answer answer = Ask(Lease(Model("artifact", ""), getuid()));
  EXPECT_EQ(answer.bytes[0], 0);
  EXPECT_EQ(answer.descriptors.size(), 1U);
}

TEST_F(HandOverTest, WrongTokensGetNothing) {
  const std::string token = Lease(Model("artifact", ""), getuid());
  const std::string others = Lease(Model("artifact", ""), getuid() + 1);
  for (const std::string& wrong :
       {std::string(kTokenBytes, '\0'), token.substr(1), token + "x", std::string("x"), others}) {
    const Answer answer = Ask(wrong);
    ASSERT_EQ(answer.size, static_cast<ssize_t>(kAnswerBytes));
    EXPECT_EQ(answer.bytes[0], 1);
    EXPECT_EQ(answer.bytes[1], 0);
    EXPECT_TRUE(answer.descriptors.empty());
  }
  EXPECT_EQ(Ask(token).bytes[0], 0);
  EXPECT_TRUE(leases_.End(token, {"unix:99", getuid()}).ok());
  EXPECT_EQ(Ask(token).bytes[0], 1);
}

TEST_F(HandOverTest, SilentClientsDoNotBlockOthers) {
  const channel::UniqueFd silent = Connect("/s.fd", SOCK_SEQPACKET);
  EXPECT_EQ(Ask(Lease(Model("artifact", ""), getuid())).bytes[0], 0);
}

TEST_F(HandOverTest, CallerIsKnownAndLeasesEndWithTheConnection) {
  channel::UniqueFd client = Connect("/s", SOCK_STREAM);
  ASSERT_TRUE(Eventually([&] { return adopted_count_.load() == 1; }));
  const std::string peer = "fd:" + std::to_string(adopted_.get());
  const std::optional<Caller> caller = callers_.Resolve(peer);
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ(caller->uid, getuid());
  const std::string token = leases_.Add(*caller, Model("artifact", ""), absl::Minutes(1))->token;
  EXPECT_EQ(Ask(token).bytes[0], 0);
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return leases_.size() == 0; }));
  EXPECT_EQ(Ask(token).bytes[0], 1);
  EXPECT_TRUE(Eventually([&] { return !callers_.Resolve(peer).has_value(); }));
}

TEST_F(HandOverTest, AnotherConnectionOfTheSameUserIsAnotherCaller) {
  channel::UniqueFd first = Connect("/s", SOCK_STREAM);
  ASSERT_TRUE(Eventually([&] { return adopted_count_.load() == 1; }));
  const Caller one = *callers_.Resolve("fd:" + std::to_string(adopted_.get()));
  channel::UniqueFd keep(adopted_.Release());
  channel::UniqueFd second = Connect("/s", SOCK_STREAM);
  ASSERT_TRUE(Eventually([&] { return adopted_count_.load() == 2; }));
  const Caller two = *callers_.Resolve("fd:" + std::to_string(adopted_.get()));
  EXPECT_NE(one.connection, two.connection);
  EXPECT_EQ(one.uid, two.uid);
}

TEST(CallerTableTest, RemovalSparesTheNextUserOfTheNumber) {
  CallerTable table;
  table.Add(7, {"unix:1", 1000});
  table.Add(7, {"unix:2", 1001});
  table.Remove(7, "unix:1");
  ASSERT_TRUE(table.Resolve("fd:7").has_value());
  EXPECT_EQ(table.Resolve("fd:7")->connection, "unix:2");
  table.Remove(7, "unix:2");
  EXPECT_FALSE(table.Resolve("fd:7").has_value());
  EXPECT_FALSE(table.Resolve("fd:x").has_value());
  EXPECT_EQ(table.Resolve("ipv4:127.0.0.1:9")->uid, std::nullopt);
}

}  // namespace
}  // namespace loadlock::rpc
