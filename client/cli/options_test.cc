#include "client/cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace loadlock::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Parsed {
  std::variant<Options, ExitCode> result;
  std::string out;
  std::string err;

  const Options& options() const { return std::get<Options>(result); }
  bool Failed() const {
    return std::holds_alternative<ExitCode>(result) &&
           std::get<ExitCode>(result) == ExitCode::kUndecided && out.empty() && !err.empty();
  }
};

Parsed Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "loadlock");
  std::ostringstream out;
  std::ostringstream err;
  auto result = ParseOptions(static_cast<int>(arguments.size()), arguments.data(), out, err);
  return {std::move(result), out.str(), err.str()};
}

TEST(ParseOptions, ReadsAnAudit) {
  const Parsed parsed = Parse({"audit", "--json", "a", "--policy", "sklearn", "b", "-q",
                               "--no-color", "--address", "unix:/s"});
  const Options& options = parsed.options();
  EXPECT_EQ(options.command, Command::kAudit);
  EXPECT_THAT(options.paths, ElementsAre("a", "b"));
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.quiet);
  EXPECT_TRUE(options.no_color);
  EXPECT_EQ(options.policy, "sklearn");
  EXPECT_EQ(options.address, "unix:/s");
  EXPECT_FALSE(options.private_daemon);
}

TEST(ParseOptions, TakesStrangeNamesAfterTwoDashes) {
  EXPECT_THAT(Parse({"audit", "--", "--json", "-q"}).options().paths, ElementsAre("--json", "-q"));
  EXPECT_FALSE(Parse({"audit", "--", "--json"}).options().json);
}

TEST(ParseOptions, ReadsTheOtherCommands) {
  EXPECT_EQ(Parse({"info", "--private"}).options().command, Command::kInfo);
  EXPECT_TRUE(Parse({"info", "--private"}).options().private_daemon);
  const Options inspect = Parse({"inspect", "f", "--depth", "2", "--width", "9"}).options();
  EXPECT_EQ(inspect.command, Command::kInspect);
  EXPECT_EQ(inspect.depth, 2);
  EXPECT_EQ(inspect.width, 9);
}

TEST(ParseOptions, ChecksTheDigest) {
  const std::string upper(64, 'A');
  EXPECT_EQ(Parse({"audit", "f", "--sha256", upper.c_str()}).options().sha256,
            std::string(64, 'a'));
  for (const std::string& bad :
       {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g'), std::string(64, ' ')}) {
    EXPECT_TRUE(Parse({"audit", "f", "--sha256", bad.c_str()}).Failed()) << bad;
  }
}

TEST(ParseOptions, AWrongCommandLineIsNeverAccepted) {
  for (const auto& bad :
       std::vector<std::vector<const char*>>{{},
                                             {"audit"},
                                             {"inspect"},
                                             {"inspect", "a", "b"},
                                             {"inspect", "a", "--depth", "0"},
                                             {"inspect", "a", "--width", "x"},
                                             {"info", "a"},
                                             {"scan", "a"},
                                             {"audit", "a", "--jsn"},
                                             {"audit", "a", "--policy"},
                                             {"audit", "a", "--address", "unix:/s", "--private"}}) {
    EXPECT_TRUE(Parse(bad).Failed());
  }
}

// `loadlock audit *` in a folder with a file of such a name.
TEST(ParseOptions, WhatItCannotReadIsEscaped) {
  for (const char* hostile :
       {"--\x1b]0;pwned\x07", "-\x1b[2J", "--a\nb", "--\u202egpj", "--\xff"}) {
    const Parsed parsed = Parse({"audit", "f", hostile});
    EXPECT_TRUE(parsed.Failed());
    EXPECT_THAT(parsed.err, HasSubstr("\\"));
    for (const char* raw : {"\x1b", "\x07", "\u202e", "\xff", "a\nb"}) {
      EXPECT_THAT(parsed.err, testing::Not(HasSubstr(raw)));
    }
  }
}

TEST(ParseOptions, HelpSaysHowItEnds) {
  for (const auto& line : std::vector<std::vector<const char*>>{
           {"--help"}, {"audit", "--help"}, {"inspect", "-h"}, {"info", "--help"}}) {
    const Parsed parsed = Parse(line);
    EXPECT_EQ(std::get<ExitCode>(parsed.result), ExitCode::kAccepted);
    EXPECT_THAT(parsed.out, HasSubstr("could not be decided"));
    EXPECT_THAT(parsed.out, HasSubstr("LOADLOCK_ADDRESS"));
    EXPECT_EQ(parsed.err, "");
  }
  EXPECT_THAT(Parse({"--version"}).out,
              testing::MatchesRegex("loadlock [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace loadlock::cli
