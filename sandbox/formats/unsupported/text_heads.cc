#include <algorithm>
#include <array>
#include <string_view>

#include "sandbox/bytes/text.h"
#include "sandbox/formats/unsupported/heads.h"

namespace loadlock::formats {
namespace {

using bytes::Bytes;

// Enough for what comes before the first word that tells: a prologue, a licence, a doc string.
constexpr size_t kLooked = 16384;

// The begin of the file without a byte order mark and without space before the text; empty if there
// is a byte in it that no text has.
std::string_view TextOf(Bytes artifact) {
  std::string_view text(reinterpret_cast<const char*>(artifact.data()),
                        std::min(artifact.size(), kLooked));
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f';
  });
  if (control) return {};
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n\f")));
  return text;
}

// Behind line `begin`s comment or doc string; the text itself if it has none.
std::string_view SkipComment(std::string_view text) {
  if (text.starts_with('#')) {
    (void)bytes::TakeUntil('\n', &text);
    return text;
  }
  for (const std::string_view quotes : {"\"\"\"", "'''"}) {
    if (!text.starts_with(quotes)) continue;
    const size_t end = text.find(quotes, quotes.size());
    return end == text.npos ? std::string_view() : text.substr(end + quotes.size());
  }
  return text;
}

bool IsStatement(std::string_view line) {
  constexpr std::array<std::string_view, 6> kWords = {"import ", "from ",  "def ",
                                                      "class ",  "async ", "if __name__"};
  const auto begins = [line](std::string_view word) { return line.starts_with(word); };
  if (!std::any_of(kWords.begin(), kWords.end(), begins)) return false;
  // Prose may begin with such a word as well; it does not go on like this.
  if (line.starts_with("from ")) return line.find(" import ") != line.npos;
  return line.starts_with("import ") || line.find(':') != line.npos;
}

}  // namespace

bool IsXml(Bytes artifact) {
  const std::string_view text = TextOf(artifact);
  return text.starts_with("<?xml") || text.starts_with("<PMML");
}

bool IsPmml(Bytes artifact) {
  return IsXml(artifact) && TextOf(artifact).find("<PMML") != std::string_view::npos;
}

bool IsHtml(Bytes artifact) {
  const std::string_view text = TextOf(artifact);
  return text.starts_with("<!DOCTYPE") || text.starts_with("<!doctype") ||
         text.starts_with("<html") || text.starts_with("<HTML");
}

bool IsLfsPointer(Bytes artifact) {
  return TextOf(artifact).starts_with("version https://git-lfs.github.com/spec/");
}

bool IsPythonSource(Bytes artifact) {
  std::string_view text = TextOf(artifact);
  if (text.starts_with("#!")) {
    return text.substr(0, text.find('\n')).find("python") != std::string_view::npos;
  }
  while (!text.empty()) {
    const std::string_view rest = SkipComment(text);
    if (rest.size() == text.size()) return IsStatement(text.substr(0, text.find('\n')));
    text = rest;
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n\f")));
  }
  return false;
}

}  // namespace loadlock::formats
