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
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

// Sends `count` and the descriptors.
void Answer(int socket, uint8_t count, const std::vector<int>& fds) {
  iovec data{&count, 1};
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
  ASSERT_EQ(sendmsg(socket, &message, MSG_NOSIGNAL), 1);
}

const std::string kToken(32, 't');

TEST(FetchDescriptors, SendsTheTokenAndTakesDescriptors) {
  const Pair pair = MakePair();
  const Fd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd second(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  Answer(pair.server.get(), 2, {first.get(), second.get()});
  auto fds = FetchDescriptorsFrom(pair.client.get(), kToken, absl::Seconds(5));
  ASSERT_TRUE(fds.ok()) << fds.status();
  ASSERT_EQ(fds->size(), 2u);
  struct stat expected {};
  struct stat got {};
  ASSERT_EQ(fstat(second.get(), &expected), 0);
  ASSERT_EQ(fstat((*fds)[1].get(), &got), 0);
  EXPECT_EQ(got.st_rdev, expected.st_rdev);
  EXPECT_TRUE(fcntl((*fds)[0].get(), F_GETFD) & FD_CLOEXEC);
  char sent[64];
  EXPECT_EQ(recv(pair.server.get(), sent, sizeof(sent), 0), 32);
  EXPECT_EQ(std::string(sent, 32), kToken);
}

TEST(FetchDescriptors, AnUnknownTokenIsDenied) {
  Pair pair = MakePair();
  Answer(pair.server.get(), 0, {});
  EXPECT_TRUE(absl::IsPermissionDenied(
      FetchDescriptorsFrom(pair.client.get(), kToken, absl::Seconds(5)).status()));
  pair = MakePair();
  std::thread closer([&pair] {
    char token[32];
    recv(pair.server.get(), token, sizeof(token), MSG_WAITALL);
    pair.server.Reset();
  });
  EXPECT_TRUE(absl::IsPermissionDenied(
      FetchDescriptorsFrom(pair.client.get(), kToken, absl::Seconds(5)).status()));
  closer.join();
}

TEST(FetchDescriptors, RefusesOtherCountsAndKeepsNoneOpen) {
  const Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int lowest_free = dup(file.get());
  close(lowest_free);
  for (const auto& [count, sent] :
       std::vector<std::pair<uint8_t, int>>{{2, 1}, {1, 2}, {0, 1}, {3, 3}, {2, 5}, {1, 0}}) {
    const Pair pair = MakePair();
    Answer(pair.server.get(), count, std::vector<int>(sent, file.get()));
    EXPECT_TRUE(absl::IsDataLoss(
        FetchDescriptorsFrom(pair.client.get(), kToken, absl::Seconds(5)).status()))
        << int{count} << " " << sent;
  }
  const int now = dup(file.get());
  close(now);
  EXPECT_EQ(now, lowest_free);
}

TEST(FetchDescriptors, DoesNotWaitForEver) {
  const Pair pair = MakePair();
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      FetchDescriptorsFrom(pair.client.get(), kToken, absl::Milliseconds(20)).status()));
}

}  // namespace
}  // namespace loadlock::client
