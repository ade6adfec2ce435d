#include "client/cli/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/support/temp_folder.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WalkTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name) { return temp_.Write(name, name); }

  // Names below the folder; a problem is marked with "!".
  std::vector<std::string> Names(const std::vector<Item>& items) {
    std::vector<std::string> names;
    for (const Item& item : items) {
      EXPECT_EQ(item.name.rfind(folder_.string(), 0), 0u) << item.name;
      names.push_back(
          absl::StrCat(item.problem.ok() ? "" : "!", item.name.substr(folder_.string().size())));
    }
    return names;
  }

  const support::TempFolder temp_;
  const fs::path folder_ = temp_.path();
};

TEST_F(WalkTest, SortsFoldersAndKeepsTheOrderOfArguments) {
  const std::string single = File("z");
  for (const char* name : {"d/b", "d/a/2", "d/a/1", "d/.hidden", "d/c"}) File(name);
  EXPECT_THAT(Names(Walk({single, folder_ / "d"})),
              ElementsAre("/z", "/d/.hidden", "/d/a/1", "/d/a/2", "/d/b", "/d/c"));
  EXPECT_THAT(Names(Walk({(folder_ / "d/").string()})),
              ElementsAre("/d/.hidden", "/d/a/1", "/d/a/2", "/d/b", "/d/c"));
}

TEST_F(WalkTest, MakesPathsAbsoluteAndKeepsNamesAsTyped) {
  File("d/a");
  const fs::path before = fs::current_path();
  fs::current_path(folder_ / "d");
  const std::vector<Item> items = Walk({"a", ".", "../d/a"});
  fs::current_path(before);
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].name, "a");
  EXPECT_EQ(items[1].name, "./a");
  EXPECT_EQ(items[2].name, "../d/a");
  for (const Item& item : items) EXPECT_EQ(item.path, folder_ / "d/a");
}

TEST_F(WalkTest, FollowsLinksThatAreNamedButNoneInFolders) {
  const std::string target = File("outside/target");
  File("d/a");
  fs::create_symlink(target, folder_ / "d/link");
  fs::create_directory_symlink(folder_ / "outside", folder_ / "d/folder");
  fs::create_directory_symlink(folder_, folder_ / "d/loop");
  fs::create_symlink("nowhere", folder_ / "d/broken");
  EXPECT_THAT(Names(Walk({folder_ / "d"})),
              ElementsAre("/d/a", "!/d/broken", "!/d/folder", "!/d/link", "!/d/loop"));
  const std::vector<Item> named = Walk({folder_ / "d/link"});
  ASSERT_EQ(named.size(), 1u);
  EXPECT_TRUE(named[0].problem.ok());
  EXPECT_EQ(named[0].path, target);
  EXPECT_EQ(named[0].name, folder_ / "d/link");
}

TEST_F(WalkTest, LeavesNothingOutSilently) {
  fs::create_directories(folder_ / "d/empty");
  ASSERT_EQ(mkfifo((folder_ / "d/fifo").c_str(), 0600), 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, (folder_ / "d/socket").c_str(), sizeof(name.sun_path) - 1);
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  const std::vector<Item> items = Walk({folder_ / "d", folder_ / "missing", folder_ / "d/empty"});
  close(socket_fd);
  EXPECT_THAT(Names(items), ElementsAre("!/d/fifo", "!/d/socket", "!/missing", "!/d/empty"));
  EXPECT_THAT(items[0].problem.message(), HasSubstr("pipe"));
  EXPECT_THAT(items[1].problem.message(), HasSubstr("socket"));
  EXPECT_TRUE(absl::IsNotFound(items[2].problem));
  EXPECT_THAT(items[3].problem.message(), HasSubstr("without any file"));
  EXPECT_EQ(Walk({"/dev/null"})[0].problem.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(Walk({""})[0].problem.ok());
}

TEST_F(WalkTest, AFolderThatCannotBeListedIsAProblem) {
  File("d/secret/a");
  File("d/z");
  fs::permissions(folder_ / "d/secret", fs::perms::none);
  const std::vector<Item> items = Walk({folder_ / "d"});
  fs::permissions(folder_ / "d/secret", fs::perms::owner_all);
  if (geteuid() == 0) {
    // Nothing is closed to root.
    EXPECT_THAT(Names(items), ElementsAre("/d/secret/a", "/d/z"));
  } else {
    EXPECT_THAT(Names(items), ElementsAre("!/d/secret", "/d/z"));
    EXPECT_TRUE(absl::IsPermissionDenied(items[0].problem));
  }
}

TEST_F(WalkTest, GoesDownDeepFolders) {
  fs::path deep = folder_ / "d";
  for (int i = 0; i < 400; ++i) deep /= "x";
  fs::create_directories(deep);
  std::ofstream(deep / "f") << "f";
  const std::vector<Item> items = Walk({folder_ / "d"});
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE(items[0].problem.ok());
}

}  // namespace
}  // namespace loadlock::cli
