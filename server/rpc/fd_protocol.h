// The socket that hands over descriptors: byte layout.
//
// A SOCK_SEQPACKET unix socket (Lease.fd_socket). One exchange a connection:
//
//   client -> daemon  one packet: the 32 bytes of Lease.token
//   daemon -> client  one packet of 17 bytes:
//                       offset 0  u8   status: 0 ok, 1 no such lease (also: not of this user)
//                       offset 1  u64  artifact size in bytes, little endian
//                       offset 9  u64  decoded size in bytes, little endian
//                     and, with status 0, one SCM_RIGHTS message: the artifact's descriptor, then,
//                     only if the decoded size is not 0, the decoded data's.
//                     With status 1 both sizes are 0 and there is no descriptor.
//
// Then the daemon closes. The descriptors are open for reading only: memory files with the seals
// SHRINK, GROW, WRITE and SEAL, or files of the daemon's store, 0400 and of the user that
// SO_PEERCRED names. A token works as often as it is sent while its lease lives.
#ifndef LOADLOCK_SERVER_RPC_FD_PROTOCOL_H_
#define LOADLOCK_SERVER_RPC_FD_PROTOCOL_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace loadlock::rpc {

inline constexpr size_t kTokenBytes = 32;

enum class HandOverStatus : uint8_t { kOk = 0, kNoSuchLease = 1 };

struct HandOverAnswer {
  HandOverStatus status = HandOverStatus::kNoSuchLease;
  uint64_t artifact_size = 0;
  uint64_t decoded_size = 0;
};

inline constexpr size_t kAnswerBytes = 17;

inline std::array<uint8_t, kAnswerBytes> Encode(const HandOverAnswer& answer) {
  std::array<uint8_t, kAnswerBytes> out{};
  out[0] = static_cast<uint8_t>(answer.status);
  for (size_t i = 0; i < 8; ++i) {
    out[1 + i] = static_cast<uint8_t>(answer.artifact_size >> (8 * i));
    out[9 + i] = static_cast<uint8_t>(answer.decoded_size >> (8 * i));
  }
  return out;
}

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_FD_PROTOCOL_H_
