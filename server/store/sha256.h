// SHA-256, as OpenSSL computes it.
#ifndef LOADLOCK_SERVER_STORE_SHA256_H_
#define LOADLOCK_SERVER_STORE_SHA256_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

struct evp_md_ctx_st;

namespace loadlock::store {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::Span<const uint8_t> bytes);
  // Lower-case hex, 64 characters; once, at the end. INTERNAL if OpenSSL failed anywhere.
  absl::StatusOr<std::string> FinishHex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  bool good_ = false;
};

// True for 64 lower-case hex digits.
bool IsSha256Hex(const std::string& text);

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_SHA256_H_
