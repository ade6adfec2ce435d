// Text from outside on its way to a log, a terminal or JSON: nothing that steers gets through, what
// is escaped can be told from what is not, and all readers agree on what UTF-8 is.
#include <algorithm>
#include <string>
#include <string_view>

#include "client/cli/text.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/bytes/utf8.h"
#include "server/observe/text.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

bytes::Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

uint32_t Hex(std::string_view digits) {
  uint32_t value = 0;
  for (const char c : digits) {
    const size_t digit = std::string_view("0123456789abcdef").find(c);
    Require(digit != std::string_view::npos, "an escape has small hexadecimal digits");
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

// Undoes observe::Printable: \\ and \xNN.
std::string Unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text[0] != '\\') {
      out += text[0];
      text.remove_prefix(1);
    } else if (text.substr(0, 2) == "\\\\") {
      out += '\\';
      text.remove_prefix(2);
    } else {
      Require(text.size() >= 4 && text[1] == 'x', "an escape is whole");
      out += static_cast<char>(Hex(text.substr(2, 2)));
      text.remove_prefix(4);
    }
  }
  return out;
}

// What a reader of JSON takes a string for.
std::string FromJson(std::string_view json) {
  Require(json.size() >= 2 && json.front() == '"' && json.back() == '"', "a string has quotes");
  json = json.substr(1, json.size() - 2);
  std::string out;
  uint32_t high = 0;  // The first half of a pair; 0 if none waits.
  while (!json.empty()) {
    const char c = json[0];
    Require(c != '"' && static_cast<uint8_t>(c) >= 0x20, "nothing in a JSON string ends it early");
    if (c != '\\') {
      out += c;
      json.remove_prefix(1);
      continue;
    }
    Require(json.size() >= 2, "an escape is whole");
    if (json[1] != 'u') {
      Require(json[1] == '"' || json[1] == '\\', "an escape that is used");
      out += json[1];
      json.remove_prefix(2);
      continue;
    }
    Require(json.size() >= 6, "an escape is whole");
    const uint32_t unit = Hex(json.substr(2, 4));
    json.remove_prefix(6);
    if (high != 0) {
      Require(unit >= 0xDC00 && unit < 0xE000, "the second half of a pair");
      bytes::AppendUtf8(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00), &out);
      high = 0;
    } else if (unit >= 0xD800 && unit < 0xDC00) {
      high = unit;
    } else {
      Require(unit < 0xDC00 || unit > 0xDFFF, "the first half of a pair");
      bytes::AppendUtf8(unit, &out);
    }
  }
  Require(high == 0, "no half of a pair");
  return out;
}

void CheckLog(std::string_view text, size_t limit) {
  const absl::string_view view(text.data(), text.size());
  const std::string cut = observe::Printable(view, limit);
  Require(cut.size() <= std::max<size_t>(limit, 3), "a text is no longer than it may be");
  const std::string whole = observe::Printable(view, 4 * text.size());
  for (const std::string& shown : {cut, whole}) {
    Require(IsPrintable(shown) && bytes::ValidUtf8(AsBytes(shown)), "a text for the log is plain");
    for (const char* hidden : {"\xE2\x80\xAE", "\xE2\x80\xAB", "\xE2\x80\xA8", "\xE2\x80\x8B",
                               "\xE2\x81\xA6", "\xC2\x9B", "\xEF\xBB\xBF"}) {
      Require(shown.find(hidden) == std::string::npos, "nothing in it is hidden");
    }
  }
  Require(Unescaped(whole) == text, "what is escaped can be told from what is not");
}

void CheckJson(std::string_view text) {
  std::string json;
  observe::AppendJsonString(absl::string_view(text.data(), text.size()), &json);
  Require(bytes::ValidUtf8(AsBytes(json)), "JSON is UTF-8");
  const std::string ascii = cli::AsciiJson(json);
  Require(IsPrintableAscii(ascii), "the command's JSON is ASCII");
  const std::string value = FromJson(json);
  Require(FromJson(ascii) == value, "and means the same");
  if (bytes::ValidUtf8(AsBytes(text))) Require(value == text, "a text comes through JSON whole");
}

void CheckTerminal(std::string_view text, size_t columns) {
  const std::string shown = cli::Printable(absl::string_view(text.data(), text.size()), columns);
  Require(IsPrintable(shown) && bytes::ValidUtf8(AsBytes(shown)), "a text for a terminal is plain");
  size_t characters = 0;
  for (const char c : shown) characters += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  Require(characters <= columns + 3, "and has the columns that it may have");
}

void CheckUtf8(std::string_view text) {
  const bool valid = bytes::ValidUtf8(AsBytes(text));
  Require(valid == cli::IsUtf8(absl::string_view(text.data(), text.size())),
          "the worker and the command agree on UTF-8");
  std::string latin1;
  if (!valid || !bytes::Utf8ToLatin1(AsBytes(text), &latin1)) return;
  std::string again;
  for (const char c : latin1) bytes::AppendUtf8(static_cast<uint8_t>(c), &again);
  Require(again == text, "Latin-1 comes back");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  fuzz::Input input(fuzz::AsText(data, size));
  const size_t limit = input.Byte();
  fuzz::CheckUtf8(input.rest());
  fuzz::CheckLog(input.rest(), limit);
  fuzz::CheckJson(input.rest());
  fuzz::CheckTerminal(input.rest(), limit);
  return 0;
}
