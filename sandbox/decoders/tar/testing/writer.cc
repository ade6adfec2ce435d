#include "sandbox/decoders/tar/testing/writer.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace loadlock::tar::testing {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kChecksum = 148;

std::string Octal(uint64_t number, int digits) {
  std::array<char, 32> text = {};
  (void)std::snprintf(text.data(), text.size(), "%0*llo", digits,
                      static_cast<unsigned long long>(number));
  return text.data();
}

}  // namespace

void Put(std::string& header, size_t offset, const std::string& text) {
  header.replace(offset, text.size(), text);
}

std::string WriteEntry(const Entry& entry) {
  std::string header(kBlock, '\0');
  Put(header, 0, entry.name);
  Put(header, 100, "0000644");
  Put(header, 108, "0000000");
  Put(header, 116, "0000000");
  Put(header, 124, Octal(entry.content.size(), 11));
  Put(header, 136, "00000000000");
  header[156] = entry.type;
  Put(header, 257, std::string("ustar\00000", 8));
  if (entry.change) entry.change(header);
  Put(header, kChecksum, std::string(8, ' '));
  uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  Put(header, kChecksum, Octal(sum, 6) + std::string("\0 ", 2));
  const size_t padding = (kBlock - entry.content.size() % kBlock) % kBlock;
  return header + entry.content + std::string(padding, '\0');
}

std::string Write(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries) out += WriteEntry(entry);
  return out + std::string(2 * kBlock, '\0');
}

std::string PaxRecord(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

}  // namespace loadlock::tar::testing
