#ifndef LOADLOCK_SANDBOX_BYTES_CURSOR_H_
#define LOADLOCK_SANDBOX_BYTES_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/types/span.h"

namespace loadlock::bytes {

using Bytes = absl::Span<const uint8_t>;

// The only way that parsers look at hostile bytes: a bounded view with a position. A getter
// advances by exactly what it returned, or fails and changes nothing. A cursor never sees
// beyond its view; a sub-parser gets Sub() and not the whole file.
//
// `base` is the offset of the view's first byte in the stream, so that offset() tells the
// place in the stream whatever the view is. The bytes must outlive the cursor.
class Cursor {
 public:
  Cursor() = default;
  explicit Cursor(Bytes view, uint64_t base = 0) : view_(view), base_(base) {}

  size_t position() const { return position_; }
  size_t remaining() const { return view_.size() - position_; }
  bool AtEnd() const { return position_ == view_.size(); }
  // Place of the next byte in the stream.
  uint64_t offset() const { return base_ + position_; }
  Bytes rest() const { return view_.subspan(position_); }

  bool Peek(uint8_t* out) const {
    if (AtEnd()) return false;
    *out = view_[position_];
    return true;
  }

  bool ReadU8(uint8_t* out) {
    if (AtEnd()) return false;
    *out = view_[position_++];
    return true;
  }
  bool ReadLe16(uint16_t* out) { return ReadLe(out); }
  bool ReadLe32(uint32_t* out) { return ReadLe(out); }
  bool ReadLe64(uint64_t* out) { return ReadLe(out); }
  bool ReadBe64(uint64_t* out) {
    uint64_t value = 0;
    if (!ReadLe(&value)) return false;
    *out = __builtin_bswap64(value);
    return true;
  }

  // The next n bytes, without a copy.
  bool Read(uint64_t n, Bytes* out) {
    if (n > remaining()) return false;
    *out = view_.subspan(position_, static_cast<size_t>(n));
    position_ += static_cast<size_t>(n);
    return true;
  }

  bool Skip(uint64_t n) {
    if (n > remaining()) return false;
    position_ += static_cast<size_t>(n);
    return true;
  }

  // Bytes up to the next '\n', which is consumed and not returned. Fails if there is none, or
  // none within `max` bytes.
  bool ReadLine(size_t max, Bytes* out) {
    const size_t window = remaining() > max ? max + 1 : remaining();
    if (window == 0) return false;
    const uint8_t* start = view_.data() + position_;
    const void* newline = std::memchr(start, '\n', window);
    if (newline == nullptr) return false;
    const auto length = static_cast<size_t>(static_cast<const uint8_t*>(newline) - start);
    *out = view_.subspan(position_, length);
    position_ += length + 1;
    return true;
  }

  // A cursor over `length` bytes that begin `start` bytes after the begin of this view,
  // whatever the position. Fails if they do not lie inside it.
  bool Sub(uint64_t start, uint64_t length, Cursor* out) const {
    if (start > view_.size() || length > view_.size() - start) return false;
    *out = Cursor(view_.subspan(static_cast<size_t>(start), static_cast<size_t>(length)),
                  base_ + start);
    return true;
  }

 private:
  template <typename T>
  bool ReadLe(T* out) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loadlock runs on little-endian");
    if (sizeof(T) > remaining()) return false;
    std::memcpy(out, view_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return true;
  }

  Bytes view_;
  uint64_t base_ = 0;
  size_t position_ = 0;
};

}  // namespace loadlock::bytes

#endif  // LOADLOCK_SANDBOX_BYTES_CURSOR_H_
