// For tests and fuzz targets: tar archives that say whatever a test wants.
#ifndef LOADLOCK_SANDBOX_DECODERS_TAR_TESTING_WRITER_H_
#define LOADLOCK_SANDBOX_DECODERS_TAR_TESTING_WRITER_H_

#include <functional>
#include <string>
#include <vector>

namespace loadlock::tar::testing {

struct Entry {
  std::string name = {};
  std::string content = {};
  char type = '0';
  // Changes the header, 512 bytes, before its checksum is made.
  std::function<void(std::string& header)> change = {};
};

// Puts text at an offset of a header.
void Put(std::string& header, size_t offset, const std::string& text);

// One entry with its data and padding, in POSIX's form.
std::string WriteEntry(const Entry& entry);
// The entries and two blocks of zeros.
std::string Write(const std::vector<Entry>& entries);
// "LENGTH KEY=VALUE\n".
std::string PaxRecord(const std::string& key, const std::string& value);

}  // namespace loadlock::tar::testing

#endif  // LOADLOCK_SANDBOX_DECODERS_TAR_TESTING_WRITER_H_
