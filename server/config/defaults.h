// The daemon's default limits, each with its reason. They fit a machine with 16 GiB.
#ifndef LOADLOCK_SERVER_CONFIG_DEFAULTS_H_
#define LOADLOCK_SERVER_CONFIG_DEFAULTS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace loadlock::config {

inline constexpr uint64_t kKiB = uint64_t{1} << 10;
inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kGiB = uint64_t{1} << 30;

// The artifact is copied to memory, so its cap is a cap on memory. Classical models stay below
// 1 GiB; 4 GiB is a quarter of the machine for one request.
inline constexpr uint64_t kMaxArtifactBytes = 4 * kGiB;

// Stops decompression bombs. Twice the largest compressed models in use.
inline constexpr uint64_t kMaxDecodedBytes = 2 * kGiB;

// The wire format's own cap. A forest of 1,000 trees has about 10^5 nodes.
inline constexpr uint64_t kMaxNodes = 10'000'000;

// 10^7 nodes at about 100 bytes each, so both limits bite at the same artifact.
inline constexpr uint64_t kMaxHeapBytes = kGiB;

// Parsing runs at some 100 MB/s even for the slowest decoder (bzip2 about 30 MB/s), so 30 s is
// ample for honest input, and an endless loop costs one core no longer than this.
inline constexpr absl::Duration kMaxCpuTime = absl::Seconds(30);

// Twice the CPU time: on a loaded machine a worker gets at least half a core.
inline constexpr absl::Duration kMaxWallTime = absl::Seconds(60);

// Each running request holds one process and up to two threads. More than this gains nothing on
// the 2 to 8 cores that go with 16 GiB.
inline constexpr uint32_t kMaxRunningRequests = 16;

// Four rounds of running requests: beyond that a caller does better to try elsewhere.
inline constexpr uint32_t kMaxQueuedRequests = 64;

// Half of the machine; the rest belongs to the model server beside the daemon.
inline constexpr uint64_t kMaxTotalBytes = 8 * kGiB;

// An idle worker takes about 1 MiB. Two a core cover a burst while new ones start; the bound
// keeps machines with many cores from holding hundreds.
inline constexpr uint32_t kWarmWorkersPerCore = 2;
inline constexpr uint32_t kMaxWarmWorkers = 32;

// Each lease holds up to two descriptors; 1024 leases stay far below the usual hard limit of
// open files.
inline constexpr uint32_t kMaxLeases = 1024;

// A client fetches at once. Five minutes cover a slow one, and an hour one that keeps the model.
inline constexpr absl::Duration kDefaultLease = absl::Minutes(5);
inline constexpr absl::Duration kMaxLease = absl::Hours(1);

// Python's own recursion limit: nothing deeper was ever written by pickle.
inline constexpr uint32_t kMaxDepth = 1000;

// So that a caller at full load leaves something for the next one to start with at once: one or two
// of the running requests, and bytes for two small artifacts. Not less than 88, so that two of the
// largest requests of one caller (3.4 GiB each while they are parsed) run side by side.
inline constexpr uint32_t kMaxCallerPercent = 90;

// Below the 30 s that Kubernetes and systemd grant before they kill.
inline constexpr absl::Duration kDrainTimeout = absl::Seconds(20);

inline constexpr absl::string_view kUnixSocket = "/run/loadlock/loadlock.sock";
inline constexpr absl::string_view kLogLevel = "info";

// The store, where there is one. Eight of the largest artifacts.
inline constexpr uint64_t kMaxStoreBytes = 32 * kGiB;
// A memory file of less costs little, and making a file on disk more than copying as much.
inline constexpr uint64_t kMinFileBytes = kMiB;
// Graphs of large models take a few megabytes.
inline constexpr uint64_t kMaxOutputBytes = kGiB;
// A thousand small models, or a few with large graphs.
inline constexpr uint64_t kMaxMemoryBytes = 64 * kMiB;

// What a worker may take grows with its artifact, up to the limits above, so that small artifacts
// do not reserve gigabytes that they cannot fill: base + factor * artifact size.
// Decoded: zlib's best ratio is 1032; other codecs exceed it only on constant data, for which the
// base leaves room.
inline constexpr uint64_t kDecodedBase = 128 * kMiB;
inline constexpr uint64_t kDecodedPerByte = 1032;
// Heap: the dictionary of xz -9 takes 64 MiB; one byte of a pickle makes at most one node.
inline constexpr uint64_t kHeapBase = 128 * kMiB;
inline constexpr uint64_t kHeapPerByte = 128;
// Nodes: no byte of a pickle makes more than one, and models compress ten times at best, so that
// only the small file of a bomb is held below kMaxNodes.
inline constexpr uint64_t kNodesBase = 4'000'000;
inline constexpr uint64_t kNodesPerByte = 16;
inline constexpr uint64_t kBytesPerNode = 24;
// What is reserved before anything is known of the artifact: models decode to four times their file
// and take a few bytes of heap for each of its. One that needs more is parsed again with all of the
// above, so that a large file does not keep gigabytes from others that it will not use.
inline constexpr uint64_t kFirstDecodedPerByte = 4;
inline constexpr uint64_t kFirstHeapPerByte = 16;
// Less is not worth a second parse.
inline constexpr uint64_t kWorthASecondParse = 256 * kMiB;

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_DEFAULTS_H_
