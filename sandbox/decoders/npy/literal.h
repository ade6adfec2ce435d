#ifndef LOADLOCK_SANDBOX_DECODERS_NPY_LITERAL_H_
#define LOADLOCK_SANDBOX_DECODERS_NPY_LITERAL_H_

#include <cstdint>
#include <string>

#include "sandbox/bytes/cursor.h"

namespace loadlock::npy {

// The few tokens of Python literals that numpy writes into a header. Readers of headers use
// Python's whole grammar (comments, adjacent strings, prefixes, arithmetic); what numpy never
// writes is not accepted. Spaces between tokens are skipped, no other white space is.
// Every reader advances past its token or fails and stays.
class LiteralReader {
 public:
  // How bytes above 127 are read: versions 1 and 2 of the format are Latin-1, 3 is UTF-8 (which
  // the caller has checked).
  enum class Encoding { kLatin1, kUtf8 };

  LiteralReader(bytes::Cursor cursor, Encoding encoding) : cursor_(cursor), encoding_(encoding) {}

  // One punctuation mark.
  bool Accept(char mark);
  // True if the mark comes next; it is not taken.
  bool Next(char mark);
  // A string in single or double quotes, as repr() writes it, to UTF-8. Escapes: \\ \' \" \n
  // \r \t \xNN \uNNNN \UNNNNNNNN, no surrogates. At most 10,000 bytes, as the header is.
  bool ReadString(std::string* out);
  // Decimal digits without sign, underscore, leading zero or suffix, at most 2^63 - 1.
  bool ReadInt(int64_t* out);
  // True or False.
  bool ReadBool(bool* out);
  // Spaces and one newline, and then the end.
  bool AcceptPaddingToEnd();

  // Place of the next token in the file.
  uint64_t offset();

 private:
  void SkipSpaces();
  bool AcceptWord(const char* word);
  bool ReadEscape(std::string* out);

  bytes::Cursor cursor_;
  Encoding encoding_;
};

}  // namespace loadlock::npy

#endif  // LOADLOCK_SANDBOX_DECODERS_NPY_LITERAL_H_
