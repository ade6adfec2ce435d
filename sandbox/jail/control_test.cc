#include "sandbox/jail/control.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace loadlock::jail {
namespace {

using channel::UniqueFd;

class Control : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends = {-1, -1};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_.Reset(ends[0]);
    far_.Reset(ends[1]);
  }

  Received Receive() { return ReceiveMessage(far_.get(), &message_, &fds_, MSG_DONTWAIT); }

  UniqueFd near_;
  UniqueFd far_;
  Message message_;
  std::array<UniqueFd, 2> fds_;
};

TEST_F(Control, CarriesFieldsTextAndDescriptors) {
  Message sent;
  sent.kind = MessageKind::kFailed;
  sent.id = 42;
  sent.SetText("clone: no");
  const UniqueFd file(memfd_create("x", MFD_CLOEXEC));
  ASSERT_TRUE(SendMessage(near_.get(), sent, {file.get(), near_.get()}, 0));
  ASSERT_EQ(Receive(), Received::kMessage);
  EXPECT_EQ(message_.kind, MessageKind::kFailed);
  EXPECT_EQ(message_.id, 42u);
  EXPECT_EQ(message_.Text(), "clone: no");
  EXPECT_TRUE(fds_[0].valid());
  EXPECT_TRUE(fds_[1].valid());
  EXPECT_EQ(Receive(), Received::kNothing);
}

TEST_F(Control, CutsLongTexts) {
  message_.SetText(std::string(5000, 'x'));
  EXPECT_EQ(message_.Text(), std::string(Message::kMaxText, 'x'));
  ASSERT_TRUE(SendMessage(near_.get(), message_, {}, 0));
  EXPECT_EQ(Receive(), Received::kMessage);
  EXPECT_EQ(message_.Text().size(), Message::kMaxText);
}

TEST_F(Control, RefusesOtherVersionsAndSizes) {
  Message sent;
  sent.version = kControlVersion + 1;
  ASSERT_TRUE(SendMessage(near_.get(), sent, {}, 0));
  EXPECT_EQ(Receive(), Received::kClosed);
  ASSERT_EQ(send(near_.get(), "short", 5, 0), 5);
  EXPECT_EQ(Receive(), Received::kClosed);
  sent = {};
  sent.text_size = 3;
  ASSERT_GT(send(near_.get(), &sent, offsetof(Message, text) + 2, 0), 0);
  EXPECT_EQ(Receive(), Received::kClosed);
  sent.text_size = Message::kMaxText + 1;
  ASSERT_GT(send(near_.get(), &sent, sizeof(sent), 0), 0);
  EXPECT_EQ(Receive(), Received::kClosed);
}

TEST_F(Control, RefusesValuesThatThereAreNot) {
  const auto receive_with = [&](size_t offset, uint8_t value) {
    const Message sent;
    std::array<uint8_t, offsetof(Message, text)> bytes;
    memcpy(bytes.data(), &sent, bytes.size());
    bytes.at(offset) = value;
    EXPECT_GT(send(near_.get(), bytes.data(), bytes.size(), 0), 0);
    return Receive();
  };
  EXPECT_EQ(receive_with(offsetof(Message, kind), 6), Received::kMessage);
  EXPECT_EQ(receive_with(offsetof(Message, kind), 0), Received::kClosed);
  EXPECT_EQ(receive_with(offsetof(Message, kind), 7), Received::kClosed);
  EXPECT_EQ(receive_with(offsetof(Message, tier), 3), Received::kClosed);
  EXPECT_EQ(receive_with(offsetof(Message, minimum), 3), Received::kClosed);
  EXPECT_EQ(receive_with(offsetof(Message, usable), 2), Received::kClosed);
  EXPECT_EQ(receive_with(offsetof(Message, urgent), 255), Received::kClosed);
}

TEST_F(Control, SeesTheEndOfTheOtherSide) {
  near_.Reset();
  EXPECT_EQ(Receive(), Received::kClosed);
  EXPECT_FALSE(SendMessage(far_.get(), message_, {}, 0));
}

TEST(ToRaw, RoundsCpuTimeUpAndNeverToZero) {
  WorkerLimits limits;
  limits.cpu = absl::Milliseconds(1);
  EXPECT_EQ(ToRaw(limits).cpu_seconds, 1u);
  limits.cpu = absl::Milliseconds(2001);
  EXPECT_EQ(ToRaw(limits).cpu_seconds, 3u);
  limits.cpu = absl::ZeroDuration();
  EXPECT_EQ(ToRaw(limits).cpu_seconds, 1u);
}

}  // namespace
}  // namespace loadlock::jail
