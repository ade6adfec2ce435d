#include "client/cpp/handover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>
#include <thread>

namespace loadlock::client {
namespace {

struct Pair {
  Fd client;
  Fd server;
};

Pair MakePair() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string Packet(char status, char artifact_size, char decoded_size) {
  std::string packet(17, '\0');
  packet[0] = status;
  packet[1] = artifact_size;
  packet[2] = 1;  // 256 more: the second byte counts too.
  packet[9] = decoded_size;
  return packet;
}

// Sends the packet and the descriptors.
void Answer(int socket, std::string packet, const std::vector<int>& fds) {
  iovec data{packet.data(), packet.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 8)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(part), fds.data(), sizeof(int) * fds.size());
  }
  ASSERT_EQ(sendmsg(socket, &message, MSG_NOSIGNAL), static_cast<ssize_t>(packet.size()));
}

const std::string kToken(32, 't');

TEST(FetchFiles, SendsTheTokenAndTakesDescriptors) {
  const Pair pair = MakePair();
  const Fd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd second(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  Answer(pair.server.get(), Packet(0, 3, 5), {first.get(), second.get()});
  auto files = FetchFilesFrom(pair.client.get(), kToken, absl::Seconds(5));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->artifact_size, 259u);
  EXPECT_EQ(files->decoded_size, 5u);
  struct stat expected {};
  struct stat got {};
  ASSERT_EQ(fstat(second.get(), &expected), 0);
  ASSERT_EQ(fstat(files->decoded.get(), &got), 0);
  EXPECT_EQ(got.st_rdev, expected.st_rdev);
  EXPECT_TRUE(fcntl(files->artifact.get(), F_GETFD) & FD_CLOEXEC);
  char sent[64];
  EXPECT_EQ(recv(pair.server.get(), sent, sizeof(sent), 0), 32);
  EXPECT_EQ(std::string(sent, 32), kToken);
}

TEST(FetchFiles, NothingDecodedMeansOneDescriptor) {
  const Pair pair = MakePair();
  const Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Answer(pair.server.get(), Packet(0, 3, 0), {file.get()});
  auto files = FetchFilesFrom(pair.client.get(), kToken, absl::Seconds(5));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(files->artifact.valid());
  EXPECT_FALSE(files->decoded.valid());
}

TEST(FetchFiles, AnUnknownLeaseIsNotFound) {
  const Pair pair = MakePair();
  Answer(pair.server.get(), std::string("\1") + std::string(16, '\0'), {});
  EXPECT_TRUE(
      absl::IsNotFound(FetchFilesFrom(pair.client.get(), kToken, absl::Seconds(5)).status()));
}

TEST(FetchFiles, RefusesOtherFormsAndKeepsNoDescriptorOpen) {
  const Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int lowest_free = dup(file.get());
  close(lowest_free);
  for (const auto& [packet, sent] :
       std::vector<std::pair<std::string, int>>{{Packet(0, 3, 5), 0},
                                                {Packet(0, 3, 5), 1},
                                                {Packet(0, 3, 5), 3},
                                                {Packet(0, 3, 5), 6},
                                                {Packet(0, 3, 0), 2},
                                                {Packet(0, 3, 0), 0},
                                                {Packet(0, 3, 0) + "x", 1},
                                                {Packet(0, 3, 0).substr(1), 1},
                                                {std::string(1, '\0'), 1}}) {
    const Pair pair = MakePair();
    Answer(pair.server.get(), packet, std::vector<int>(static_cast<size_t>(sent), file.get()));
    EXPECT_TRUE(
        absl::IsDataLoss(FetchFilesFrom(pair.client.get(), kToken, absl::Seconds(5)).status()))
        << packet.size() << " " << sent;
  }
  const int now = dup(file.get());
  close(now);
  EXPECT_EQ(now, lowest_free);
}

TEST(FetchFiles, ADaemonThatHangsUpIsAnError) {
  Pair pair = MakePair();
  std::thread closer([&pair] {
    char token[32];
    EXPECT_EQ(recv(pair.server.get(), token, sizeof(token), 0), 32);
    pair.server.Reset();
  });
  EXPECT_TRUE(
      absl::IsDataLoss(FetchFilesFrom(pair.client.get(), kToken, absl::Seconds(5)).status()));
  closer.join();
}

TEST(FetchFiles, DoesNotWaitForEver) {
  const Pair pair = MakePair();
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      FetchFilesFrom(pair.client.get(), kToken, absl::Milliseconds(20)).status()));
}

}  // namespace
}  // namespace loadlock::client
