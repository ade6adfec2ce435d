// The header of a .npy file: grammar alone, no dtype rules.
//
//   file    = "\x93NUMPY" version length header data
//   version = "\x01\x00" | "\x02\x00" | "\x03\x00"
//   length  = u16 little-endian (version 1) | u32 little-endian (versions 2 and 3)
//   header  = "{" key ":" value "," .. "}" " "* "\n"         Latin-1 (1, 2) or UTF-8 (3)
// with exactly the keys 'descr', 'fortran_order' and 'shape', each once.
//   descr   = string | "[" field "," .. "]"
//   field   = "(" string "," descr ")"
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#ifndef LOADLOCK_SANDBOX_DECODERS_NPY_HEADER_H_
#define LOADLOCK_SANDBOX_DECODERS_NPY_HEADER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::npy {

// numpy.load refuses longer headers, because Python's literal parser is slow and recursive.
inline constexpr uint32_t kMaxHeader = 10'000;
// Records in records. Consumers recurse; numpy's own files have one or two levels.
inline constexpr int kMaxRecordDepth = 8;
// numpy 1 allows 32 dimensions, numpy 2 allows 64; both read these.
inline constexpr size_t kMaxRank = 32;

struct Field;

// A dtype as it is written: a typestr, or the fields of a record.
struct Descr {
  std::string typestr;
  std::vector<Field> fields;
  bool record = false;
};

struct Field {
  std::string name;  // UTF-8; empty: padding
  Descr descr;
  // Of a field that is an array itself; else empty.
  std::vector<int64_t> shape;
};

struct Header {
  Descr descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  // Where the data begins.
  uint64_t data_offset = 0;
};

// Whether the file begins as a .npy file does; says nothing of the version.
bool HasMagic(bytes::Bytes file);

// Reads the header and moves the cursor to the data. Refuses: MALFORMED, TRUNCATED, DTYPE.
std::optional<graph::Refusal> ReadHeader(bytes::Cursor* cursor, Header* out);

}  // namespace loadlock::npy

#endif  // LOADLOCK_SANDBOX_DECODERS_NPY_HEADER_H_
