// For tests and fuzz targets: one parse with everything that it needs around it.
#ifndef LOADLOCK_SANDBOX_FORMATS_TESTING_H_
#define LOADLOCK_SANDBOX_FORMATS_TESTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"

namespace loadlock::formats {

using Blob = std::vector<uint8_t>;

Blob ToBlob(std::string_view text);

// What a test machine has to spare and a small file cannot need: 16 MiB decoded.
bytes::BudgetLimits SmallBudget();

// Parses and, if that is accepted, encodes as the worker does.
class Parsed {
 public:
  // `artifact` must outlive this.
  explicit Parsed(bytes::Bytes artifact, bytes::BudgetLimits limits = SmallBudget());
  ~Parsed();
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  // Rule id of the first refusal, of the parse or of the encoding; empty if accepted.
  std::string rule() const;
  std::string message() const;
  const std::string& format() const { return output_.format; }
  const Output& output() const { return output_; }
  const graph::Builder& graph() const { return builder_; }
  const graph::Encoded& encoded() const { return encoded_; }
  const graph::DecodedFile& decoded() const { return decoded_; }
  bytes::Bytes DecodedBytes() { return decoded_.Map(); }
  bool Names(std::string_view module, std::string_view name) const;

 private:
  int fd_;
  bytes::Budget budget_;
  graph::Builder builder_;
  graph::DecodedFile decoded_;
  Output output_;
  graph::Encoded encoded_;
};

// A file of testdata/, by its name without ".bin".
Blob ReadTestFile(const std::string& name);
// The names of all of them, sorted. Never empty: a missing folder is a failure.
std::vector<std::string> TestFiles();
// "joblib+zlib" for "joblib+zlib__arrays".
std::string FormatOf(const std::string& test_file);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_TESTING_H_
