// The grammar of .npy headers, token by token and whole. A header that is read can be written by
// the rules of Python's repr(), and is then read as the same.
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/npy/header.h"
#include "sandbox/decoders/npy/literal.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using npy::LiteralReader;
using Encoding = LiteralReader::Encoding;

std::string Repr(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\'' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + "'";
}

bytes::Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A token that was read from `text`, with the spaces around it.
void CheckString(std::string_view value) {
  Require(bytes::ValidUtf8(AsBytes(value)), "a string is UTF-8");
  const std::string repr = Repr(value);
  std::string again;
  LiteralReader reader(bytes::Cursor(AsBytes(repr)), Encoding::kUtf8);
  Require(reader.ReadString(&again) && again == value, "a string written is read again");
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// True if something was read.
bool ReadOne(LiteralReader* reader, std::string_view text) {
  const uint64_t before = reader->offset();
  std::string string;
  int64_t number = 0;
  bool flag = false;
  const auto taken = [&] { return Trimmed(text.substr(before, reader->offset() - before)); };
  if (reader->ReadString(&string)) {
    CheckString(string);
  } else if (reader->ReadInt(&number)) {
    Require(number >= 0 && taken() == absl::StrCat(number), "a number has one spelling");
  } else if (reader->ReadBool(&flag)) {
    Require(taken() == (flag ? "True" : "False"), "a bool has one spelling");
  } else {
    Require(reader->offset() == before, "what fails stays where it was");
    for (const char mark : {'{', '}', '(', ')', '[', ']', ',', ':'}) {
      if (reader->Accept(mark)) return true;
    }
    return false;
  }
  Require(reader->offset() > before && reader->offset() <= text.size(), "a token is not empty");
  return true;
}

void CheckTokens(std::string_view text, Encoding encoding) {
  LiteralReader reader(bytes::Cursor(AsBytes(text)), encoding);
  while (ReadOne(&reader, text)) {
  }
  const uint64_t end = reader.offset();
  Require(reader.AcceptPaddingToEnd() == (text.substr(end) == "\n"), "the end is one newline");
}

std::string Write(const npy::Descr& descr);

std::string WriteFields(const npy::Descr& descr) {
  std::string out = "[";
  for (const npy::Field& field : descr.fields) {
    absl::StrAppend(&out, "(", Repr(field.name), ", ", Write(field.descr), "), ");
  }
  return out + "]";
}

// Recursion is bounded: a header that is accepted nests 8 records.
std::string Write(const npy::Descr& descr) {
  return descr.record ? WriteFields(descr) : Repr(descr.typestr);
}

std::string Write(const npy::Header& header) {
  std::string out =
      absl::StrCat("{'descr': ", Write(header.descr),
                   ", 'fortran_order': ", header.fortran_order ? "True" : "False", ", 'shape': (");
  for (const int64_t dimension : header.shape) absl::StrAppend(&out, dimension, ", ");
  return out + ")}\n";
}

void CheckHeader(std::string_view file) {
  npy::Header header;
  bytes::Cursor cursor(AsBytes(file));
  if (const auto refusal = npy::ReadHeader(&cursor, &header)) {
    CheckRefusal(*refusal, file.size());
    return;
  }
  Require(header.data_offset == cursor.offset() && header.data_offset <= file.size(),
          "the data begin behind the header");
  const std::string text = Write(header);
  if (text.size() > npy::kMaxHeader) return;
  std::string again("\x93NUMPY\x03\x00", 8);
  for (unsigned shift = 0; shift < 32; shift += 8) again += static_cast<char>(text.size() >> shift);
  again += text;
  npy::Header second;
  bytes::Cursor reader(AsBytes(again));
  Require(!npy::ReadHeader(&reader, &second) && Write(second) == text, "a header is read again");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const std::string_view text = fuzz::AsText(data, size);
  fuzz::CheckHeader(text);
  fuzz::CheckTokens(text, fuzz::Encoding::kLatin1);
  if (bytes::ValidUtf8({data, size})) fuzz::CheckTokens(text, fuzz::Encoding::kUtf8);
  // The header alone, so that the grammar is met without luck with magic and length.
  if (size <= npy::kMaxHeader) {
    std::string file("\x93NUMPY\x02\x00", 8);
    for (unsigned shift = 0; shift < 32; shift += 8) file += static_cast<char>(size >> shift);
    fuzz::CheckHeader(file.append(text));
  }
  return 0;
}
