#include "server/config/config_file.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace loadlock::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

constexpr size_t kMaxFileBytes = size_t{1} << 20;

// Keeps the first error only: the daemon says one line.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!found_) found_ = Found{line, column, message};
  }

  struct Found {
    int line;  // 0-based, -1 if unknown.
    int column;
    std::string message;
  };
  const std::optional<Found>& found() const { return found_; }

 private:
  std::optional<Found> found_;
};

// The field that a line is about: the word before its first ':' or '{'.
std::string FieldOnLine(const std::string& text, int line) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (line < 0 || static_cast<size_t>(line) >= lines.size()) return "end of file";
  absl::string_view content = absl::StripAsciiWhitespace(lines[static_cast<size_t>(line)]);
  const auto is_name = [](char c) { return absl::ascii_isalnum(c) || c == '_'; };
  const auto end = std::find_if_not(content.begin(), content.end(), is_name);
  const absl::string_view word = content.substr(0, static_cast<size_t>(end - content.begin()));
  return word.empty() ? "syntax" : std::string(word.substr(0, 64));
}

}  // namespace

absl::StatusOr<ConfigFile> ConfigFile::Parse(std::string name, const std::string& text) {
  ConfigFile file;
  file.name_ = std::move(name);
  file.places_ = std::make_unique<TextFormat::ParseInfoTree>();
  FirstError errors;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(file.places_.get());
  if (!parser.ParseFromString(text, &file.config_)) {
    const FirstError::Found found =
        errors.found().value_or(FirstError::Found{-1, 0, "is not a textproto"});
    return absl::InvalidArgumentError(absl::StrCat(file.name_, ":", found.line + 1, ": ",
                                                   FieldOnLine(text, found.line), ": ",
                                                   absl::Utf8SafeCHexEscape(found.message)));
  }
  return file;
}

absl::StatusOr<ConfigFile> ConfigFile::Read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::InvalidArgumentError(absl::StrCat(path, ":0: file: cannot be opened"));
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad())
    return absl::InvalidArgumentError(absl::StrCat(path, ":0: file: cannot be read"));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":0: file: is larger than 1 MiB"));
  }
  return Parse(path, text);
}

absl::Status ConfigFile::Error(absl::string_view path, absl::string_view what, int index) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ":", LineOf(path, index), ": ", path, ": ", what));
}

int ConfigFile::LineOf(absl::string_view path, int index) const {
  const Descriptor* type = v1::Config::descriptor();
  const TextFormat::ParseInfoTree* tree = places_.get();
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  int line = 0;
  for (size_t i = 0; i < parts.size() && tree != nullptr; ++i) {
    const FieldDescriptor* field = type->FindFieldByName(parts[i]);
    if (field == nullptr) return line;
    const TextFormat::ParseLocation place =
        tree->GetLocation(field, field->is_repeated() ? std::max(index, 0) : -1);
    if (place.line >= 0) line = place.line + 1;
    if (i + 1 == parts.size()) return line;
    tree = tree->GetTreeForNested(field, -1);
    type = field->message_type();
  }
  return line;
}

}  // namespace loadlock::config
