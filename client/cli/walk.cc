#include "client/cli/walk.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;

absl::Status FromError(const std::error_code& error) { return SystemError(error.value()); }

absl::Status NotAFile(fs::file_type type) {
  switch (type) {
    case fs::file_type::symlink:
      return absl::InvalidArgumentError("a symbolic link, not followed; name it to audit it");
    case fs::file_type::fifo:
      return absl::InvalidArgumentError("a pipe, not a file");
    case fs::file_type::socket:
      return absl::InvalidArgumentError("a socket, not a file");
    case fs::file_type::block:
    case fs::file_type::character:
      return absl::InvalidArgumentError("a device, not a file");
    default:
      return absl::InvalidArgumentError("neither a file nor a folder");
  }
}

// The names in a folder, sorted.
std::vector<std::string> List(const std::string& folder, std::error_code* error) {
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, *error);
  while (!*error && entry != fs::directory_iterator()) {
    names.push_back(entry->path().filename().string());
    entry.increment(*error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Join(const std::string& folder, const std::string& name) {
  return absl::StrCat(folder, !folder.empty() && folder.back() == '/' ? "" : "/", name);
}

// Explicit stack: the depth of a folder tree is up to whoever made it.
void WalkFolder(Item root, std::vector<Item>* items) {
  std::vector<Item> waiting = {std::move(root)};
  while (!waiting.empty()) {
    Item item = std::move(waiting.back());
    waiting.pop_back();
    std::error_code error;
    const fs::file_type type = fs::symlink_status(item.path, error).type();
    if (error) {
      item.problem = FromError(error);
    } else if (type == fs::file_type::directory) {
      const std::vector<std::string> names = List(item.path, &error);
      for (auto name = names.rbegin(); name != names.rend(); ++name) {
        waiting.push_back({Join(item.name, *name), Join(item.path, *name), absl::OkStatus()});
      }
      if (!error) continue;
      item.problem = FromError(error);
    } else if (type != fs::file_type::regular) {
      item.problem = NotAFile(type);
    }
    items->push_back(std::move(item));
  }
}

}  // namespace

std::vector<Item> Walk(const std::vector<std::string>& arguments) {
  std::vector<Item> items;
  for (const std::string& argument : arguments) {
    Item item{argument, "", absl::OkStatus()};
    std::error_code error;
    item.path = fs::canonical(argument, error).string();
    if (error) {
      item.problem = FromError(error);
      items.push_back(std::move(item));
      continue;
    }
    const size_t before = items.size();
    WalkFolder(item, &items);
    if (items.size() == before) {
      item.problem = absl::NotFoundError("a folder without any file");
      items.push_back(std::move(item));
    }
  }
  return items;
}

}  // namespace loadlock::cli
