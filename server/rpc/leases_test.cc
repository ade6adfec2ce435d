#include "server/rpc/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/time/clock.h"
#include "server/rpc/fd_protocol.h"

namespace loadlock::rpc {
namespace {

using absl::StatusCode;

const Caller kAlice = {"unix:1", 1000};
const Caller kAliceAgain = {"unix:2", 1000};
const Caller kBob = {"unix:3", 1001};
const Caller kRemote = {"ipv4:127.0.0.1:4000", std::nullopt};

class LeasesTest : public ::testing::Test {
 protected:
  LeasesTest() {
    for (const Caller& caller : {kAlice, kAliceAgain, kBob}) {
      table_.OpenConnection(caller.connection);
    }
  }

  std::string Add(const Caller& caller, absl::Duration lifetime = absl::Minutes(1)) {
    const absl::StatusOr<NewLease> lease =
        table_.Add(caller, std::make_shared<LeasedModel>(), lifetime);
    EXPECT_TRUE(lease.ok()) << lease.status();
    return lease.ok() ? lease->token : std::string();
  }

  LeaseTable table_{4, 100};
};

TEST_F(LeasesTest, TokensAreLongAndDiffer) {
  std::set<std::string> tokens;
  for (int i = 0; i < 4; ++i) tokens.insert(Add(kAlice));
  EXPECT_EQ(tokens.size(), 4U);
  for (const std::string& token : tokens) EXPECT_EQ(token.size(), kTokenBytes);
}

TEST_F(LeasesTest, OnlyItsCallerMayUseIt) {
  const std::string token = Add(kAlice);
  EXPECT_TRUE(table_.Find(token, kAlice).ok());
  EXPECT_EQ(table_.Find(token, kAliceAgain).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.Find(token, kBob).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.Find(token, kRemote).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.Find(token, {"unix:1", 1001}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.Find(std::string(kTokenBytes, 'x'), kAlice).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(table_.End(token, kBob).code(), StatusCode::kNotFound);
  EXPECT_TRUE(table_.Find(token, kAlice).ok());
}

TEST_F(LeasesTest, DescriptorsAreForTheSameUser) {
  const std::string token = Add(kAlice);
  EXPECT_TRUE(table_.FindForUser(token, 1000).ok());
  EXPECT_EQ(table_.FindForUser(token, 1001).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.FindForUser(token, 0).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.FindForUser(Add(kRemote), 1000).status().code(), StatusCode::kNotFound);
}

TEST_F(LeasesTest, EndsOnce) {
  const std::string token = Add(kAlice);
  EXPECT_TRUE(table_.End(token, kAlice).ok());
  EXPECT_EQ(table_.End(token, kAlice).code(), StatusCode::kNotFound);
  EXPECT_EQ(table_.FindForUser(token, 1000).status().code(), StatusCode::kNotFound);
}

TEST_F(LeasesTest, EndsWithItsConnection) {
  const std::string mine = Add(kAlice);
  const std::string other = Add(kAliceAgain);
  table_.EndConnection(kAlice.connection);
  EXPECT_FALSE(table_.Find(mine, kAlice).ok());
  EXPECT_FALSE(table_.FindForUser(mine, 1000).ok());
  EXPECT_TRUE(table_.Find(other, kAliceAgain).ok());
  EXPECT_EQ(table_.size(), 1U);
}

TEST_F(LeasesTest, AnAnswerThatComesAfterTheConnectionsEndLeavesNothing) {
  table_.EndConnection(kAlice.connection);
  EXPECT_EQ(table_.Add(kAlice, std::make_shared<LeasedModel>(), absl::Minutes(1)).status().code(),
            StatusCode::kCancelled);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(LeasesTest, Expires) {
  const std::string token = Add(kAlice, absl::Milliseconds(20));
  EXPECT_TRUE(table_.Find(token, kAlice).ok());
  absl::SleepFor(absl::Milliseconds(30));
  EXPECT_FALSE(table_.Find(token, kAlice).ok());
  EXPECT_EQ(table_.size(), 1U);
  table_.Sweep();
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(LeasesTest, AreBounded) {
  for (int i = 0; i < 4; ++i) Add(kAlice, absl::Milliseconds(i == 0 ? 1 : 100'000));
  absl::SleepFor(absl::Milliseconds(5));
  Add(kAlice);  // In the place of the expired one.
  const absl::Status full =
      table_.Add(kBob, std::make_shared<LeasedModel>(), absl::Minutes(1)).status();
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), testing::HasSubstr("max_leases (4)"));
  EXPECT_EQ(table_.CheckRoom(kBob).code(), StatusCode::kResourceExhausted);
}

TEST_F(LeasesTest, AUserKeepsTheModelAliveBeyondTheLease) {
  auto model = std::make_shared<LeasedModel>();
  model->artifact_size = 7;
  const std::weak_ptr<LeasedModel> watch = model;
  const std::string token = table_.Add(kAlice, std::move(model), absl::Minutes(1))->token;
  std::shared_ptr<const LeasedModel> used = *table_.Find(token, kAlice);
  EXPECT_TRUE(table_.End(token, kAlice).ok());
  EXPECT_EQ(used->artifact_size, 7U);
  used.reset();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace loadlock::rpc
