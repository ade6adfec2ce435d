#include "client/cpp/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace loadlock::client {
namespace {

TEST(ParseAddress, ReadsSocketsInThreeSpellings) {
  for (const char* text : {"/run/a.sock", "unix:/run/a.sock", "unix:///run/a.sock"}) {
    absl::StatusOr<Address> address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << text << address.status();
    EXPECT_EQ(address->kind, Address::Kind::kUnix);
    EXPECT_EQ(address->location, "/run/a.sock");
    EXPECT_EQ(address->Target(), "unix:/run/a.sock");
    EXPECT_EQ(ParseAddress(address->ToString())->location, address->location);
  }
}

TEST(ParseAddress, ReadsLoopbackPorts) {
  for (const char* text : {"127.0.0.1:50051", "127.255.0.3:1", "localhost:65535", "[::1]:7"}) {
    absl::StatusOr<Address> address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << text << address.status();
    EXPECT_EQ(address->kind, Address::Kind::kTcp);
    EXPECT_EQ(address->location, text);
  }
}

TEST(ParseAddress, RefusesOtherHosts) {
  for (const char* text :
       {"10.0.0.1:5000", "example.org:80", "127.0.0.1.example.org:80", "127.0.0:80",
        "127.0.0.0.1:80", "127.0.0.256:80", "[::2]:80", "0.0.0.0:80", "127.0.0.1,example.org:80"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(text).status())) << text;
  }
}

TEST(ParseAddress, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "a.sock", "unix:a.sock", "unix:", "localhost", "localhost:", "localhost:0",
        "localhost:65536", "localhost:x", "localhost:+80", "unix-abstract:a", "@a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(text).status())) << text;
  }
  EXPECT_FALSE(ParseAddress("/" + std::string(107, 'a')).ok());
  EXPECT_TRUE(ParseAddress("/" + std::string(106, 'a')).ok());
  EXPECT_FALSE(ParseAddress(absl::string_view("/a\0b", 4)).ok());
}

TEST(ConnectUnix, SaysThatNobodyListens) {
  EXPECT_TRUE(absl::IsNotFound(ConnectUnix("/nonexistent/loadlock.sock", SOCK_STREAM).status()));
  EXPECT_TRUE(absl::IsNotFound(ConnectUnix("/dev/null/loadlock.sock", SOCK_STREAM).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(ConnectUnix("/" + std::string(200, 'a'), SOCK_STREAM).status()));
}

}  // namespace
}  // namespace loadlock::client
