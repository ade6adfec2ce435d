// Several policy files in one input: each after a line "=== NAME", in which NAME is the stem.
#ifndef LOADLOCK_TESTS_FUZZ_POLICY_FILES_H_
#define LOADLOCK_TESTS_FUZZ_POLICY_FILES_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loadlock::fuzz {

// Name and text. Few, because what is hostile is one file and not their number.
using Files = std::vector<std::pair<std::string, std::string>>;
inline constexpr size_t kMaxFiles = 8;
inline constexpr std::string_view kFileMark = "=== ";

inline Files SplitFiles(std::string_view all) {
  Files files;
  while (!all.empty()) {
    const size_t end = all.find('\n');
    const std::string_view line = all.substr(0, end);
    all.remove_prefix(end == std::string_view::npos ? all.size() : end + 1);
    if (line.substr(0, kFileMark.size()) == kFileMark) {
      if (files.size() == kMaxFiles) break;
      files.emplace_back(line.substr(kFileMark.size()), "");
      continue;
    }
    if (files.empty()) files.emplace_back("p", "");
    files.back().second.append(line).push_back('\n');
  }
  return files;
}

inline std::string JoinFiles(const Files& files) {
  std::string all;
  for (const auto& [name, text] : files) {
    all.append(kFileMark).append(name).append("\n").append(text);
    if (!all.ends_with('\n')) all.push_back('\n');
  }
  return all;
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_POLICY_FILES_H_
