// All that the daemon sees of one worker: the bytes that buffers are ranges of, and the packets.
//
// The file form, which the seeds have: parts of one tag byte, a length (u32, little endian) and as
// many bytes. 'a' is the artifact, 'd' the decoded data, 'p' one packet. What is no such part any
// more is one last packet, so that every input means something.
#ifndef LOADLOCK_TESTS_FUZZ_RECORDED_H_
#define LOADLOCK_TESTS_FUZZ_RECORDED_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loadlock::fuzz {

struct Recorded {
  std::string artifact;
  std::string decoded;
  std::vector<std::string> packets;
};

inline void AppendPart(char tag, std::string_view bytes, std::string* out) {
  out->push_back(tag);
  for (unsigned shift = 0; shift < 32; shift += 8) {
    out->push_back(static_cast<char>(bytes.size() >> shift));
  }
  out->append(bytes);
}

inline std::string ToFile(const Recorded& recorded) {
  std::string out;
  AppendPart('a', recorded.artifact, &out);
  AppendPart('d', recorded.decoded, &out);
  for (const std::string& packet : recorded.packets) AppendPart('p', packet, &out);
  return out;
}

inline Recorded FromFile(std::string_view file) {
  constexpr size_t kHeader = 5;
  Recorded recorded;
  while (file.size() >= kHeader) {
    size_t length = 0;
    for (size_t i = 1; i < kHeader; ++i) {
      length |= size_t{static_cast<uint8_t>(file[i])} << (8 * (i - 1));
    }
    if (length > file.size() - kHeader) break;
    const std::string_view bytes = file.substr(kHeader, length);
    if (file[0] == 'a') {
      recorded.artifact = bytes;
    } else if (file[0] == 'd') {
      recorded.decoded = bytes;
    } else {
      recorded.packets.emplace_back(bytes);
    }
    file.remove_prefix(kHeader + length);
  }
  if (!file.empty()) recorded.packets.emplace_back(file);
  return recorded;
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_RECORDED_H_
