#include "sandbox/decoders/zip/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

namespace loadlock::zip {
namespace {

// No header around the stream, a window of 32 KiB.
constexpr int kRawWindowBits = -15;
// Window, tables and bookkeeping.
constexpr uint64_t kMemory = uint64_t{64} << 10;
constexpr size_t kChunk = size_t{64} << 10;
// zlib counts in 32 bits.
constexpr size_t kMaxInput = size_t{1} << 30;

class Stream {
 public:
  Stream() { open_ = inflateInit2(&z_, kRawWindowBits) == Z_OK; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (open_) inflateEnd(&z_);
  }
  bool open() const { return open_; }

  // Fills `out` as far as the input allows; gives zlib's code.
  int Next(bytes::Bytes* in, std::vector<uint8_t>* out, size_t* produced) {
    const auto in_size = static_cast<uInt>(std::min(in->size(), kMaxInput));
    // zlib's interface is not const; it does not write to its input.
    z_.next_in = const_cast<Bytef*>(in->data());
    z_.avail_in = in_size;
    z_.next_out = out->data();
    z_.avail_out = static_cast<uInt>(out->size());
    const int code = inflate(&z_, Z_NO_FLUSH);
    in->remove_prefix(in_size - z_.avail_in);
    *produced = out->size() - z_.avail_out;
    return code;
  }

 private:
  z_stream z_ = {};
  bool open_ = false;
};

Inflated Run(bytes::Bytes data, uint64_t size, uint32_t crc, graph::DecodedFile* decoded) {
  Stream stream;
  if (!stream.open()) return {"BUDGET_HEAP", "there is no memory to inflate it"};
  std::vector<uint8_t> chunk(kChunk);
  uint64_t total = 0;
  uLong sum = crc32_z(0, nullptr, 0);
  for (;;) {
    const size_t before = data.size();
    size_t produced = 0;
    const int code = stream.Next(&data, &chunk, &produced);
    if (produced > size - total) return {"ZIP_MISMATCH", "it inflates to more than its size"};
    total += produced;
    sum = crc32_z(sum, chunk.data(), produced);
    if (!decoded->Append(bytes::Bytes(chunk).first(produced))) {
      return {"BUDGET_DECODED", "it inflates to more than the budget of the request"};
    }
    if (code == Z_STREAM_END) break;
    if (code == Z_MEM_ERROR) return {"BUDGET_HEAP", "there is no memory to inflate it"};
    if (code != Z_OK && code != Z_BUF_ERROR) return {"MALFORMED", "its deflate data are invalid"};
    if (produced == 0 && data.size() == before) {
      return {"MALFORMED", "its deflate data end before they are complete"};
    }
  }
  if (!data.empty()) return {"ZIP_MISMATCH", "bytes follow the end of its deflate data"};
  if (total != size) return {"ZIP_MISMATCH", "it inflates to less than its size"};
  if (static_cast<uint32_t>(sum) != crc) return {"ZIP_MISMATCH", "its checksum is wrong"};
  return {};
}

}  // namespace

Inflated Inflate(bytes::Bytes data, uint64_t size, uint32_t crc, bytes::Budget* budget,
                 graph::DecodedFile* decoded) {
  if (!budget->ChargeHeap(kMemory + kChunk)) {
    return {"BUDGET_HEAP", "there is no memory to inflate it"};
  }
  const Inflated result = Run(data, size, crc, decoded);
  budget->ReturnHeap(kMemory + kChunk);
  return result;
}

}  // namespace loadlock::zip
