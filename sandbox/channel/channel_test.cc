// Both ends of the channel against each other, and the daemon's end against hostile senders.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/channel/frame.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/channel/worker_end.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::channel {
namespace {

using clock::SteadyTime;
using Kind = ReadOutcome::Kind;
using std::string_literals::operator""s;

constexpr Limits kLimits = {
    .max_graph_bytes = 1 << 20, .max_provenance_bytes = 1 << 20, .max_result_bytes = 1 << 16};

struct Pair {
  UniqueFd daemon;
  UniqueFd worker;
};

Pair MakePair() {
  std::array<int, 2> fds = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void SendRaw(int fd, std::string_view packet) {
  ASSERT_EQ(send(fd, packet.data(), packet.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(packet.size()));
}

std::string Packet(char type, size_t payload) {
  std::string packet(payload + 1, 'x');
  packet[0] = type;
  return packet;
}

size_t OpenFds() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

ReadOutcome Read(const Pair& pair, WorkerOutput* output, absl::Duration patience = absl::Seconds(5),
                 const std::function<bool()>& cancelled = {}) {
  return ReadWorkerOutput(pair.daemon.get(), kLimits, SteadyTime::Now() + patience, cancelled,
                          output);
}

// What the daemon makes of a row of packets, followed by the end of the worker.
ReadOutcome Outcome(std::initializer_list<std::string> packets) {
  Pair pair = MakePair();
  for (const std::string& packet : packets) SendRaw(pair.worker.get(), packet);
  pair.worker.Reset();
  WorkerOutput output;
  return Read(pair, &output);
}

TEST(Channel, CarriesJobAndDescriptorsOneWayAndFramesTheOther) {
  Pair pair = MakePair();
  const UniqueFd artifact(memfd_create("artifact", MFD_CLOEXEC));
  const UniqueFd decoded(memfd_create("decoded", MFD_CLOEXEC));
  ASSERT_TRUE(SendJob(pair.daemon.get(), "the job", artifact.get(), decoded.get()).ok());
  auto job = ReceiveJob(pair.worker.get());
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->job, "the job");
  struct stat sent, received;
  ASSERT_EQ(fstat(artifact.get(), &sent), 0);
  ASSERT_EQ(fstat(job->artifact.get(), &received), 0);
  EXPECT_EQ(sent.st_ino, received.st_ino);
  ASSERT_EQ(fstat(decoded.get(), &sent), 0);
  ASSERT_EQ(fstat(job->decoded.get(), &received), 0);
  EXPECT_EQ(sent.st_ino, received.st_ino);
  EXPECT_EQ(fcntl(job->decoded.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

  // A graph of many packets, larger than the socket's buffer.
  const std::string graph(700'000, 'g');
  std::thread worker([&] {
    FrameWriter writer(pair.worker.get());
    EXPECT_TRUE(writer.Write(FrameType::kGraph, graph).ok());
    EXPECT_TRUE(writer.Write(FrameType::kProvenance, "where").ok());
    EXPECT_TRUE(writer.Write(FrameType::kResult, "res").ok());
    EXPECT_TRUE(writer.Write(FrameType::kResult, "ult").ok());
    EXPECT_TRUE(writer.End().ok());
  });
  WorkerOutput output;
  const ReadOutcome outcome = Read(pair, &output);
  worker.join();
  EXPECT_EQ(outcome.kind, Kind::kComplete) << outcome.message;
  EXPECT_EQ(output.graph, graph);
  EXPECT_EQ(output.provenance, "where");
  EXPECT_EQ(output.result, "result");
}

// Writes one answer and reads it back; how many packets it took.
size_t PacketsOfAnswer(const std::string& graph, const std::string& provenance,
                       const std::string& result) {
  Pair pair = MakePair();
  EXPECT_TRUE(FrameWriter(pair.worker.get()).Answer(graph, provenance, result).ok());
  size_t packets = 0;
  std::string packet(kMaxPacket, 0);
  while (recv(pair.daemon.get(), packet.data(), packet.size(), MSG_DONTWAIT) > 0) ++packets;
  EXPECT_TRUE(FrameWriter(pair.worker.get()).Answer(graph, provenance, result).ok());
  WorkerOutput output;
  EXPECT_EQ(Read(pair, &output).kind, Kind::kComplete);
  EXPECT_EQ(output.graph, graph);
  EXPECT_EQ(output.provenance, provenance);
  EXPECT_EQ(output.result, result);
  return packets;
}

TEST(Channel, AnswersInOnePacketIfItHoldsIt) {
  EXPECT_EQ(PacketsOfAnswer("graph", "where", "result"), 1u);
  EXPECT_EQ(PacketsOfAnswer("", "", "refused"), 1u);
  EXPECT_EQ(PacketsOfAnswer("graph", "", "result"), 1u);
  EXPECT_EQ(PacketsOfAnswer(std::string(kMaxAnswer - 2, 'g'), "p", "r"), 1u);
  EXPECT_EQ(PacketsOfAnswer(std::string(kMaxAnswer - 1, 'g'), "p", "r"), 4u);
}

TEST(Channel, GreetingIsReadWithoutBlocking) {
  Pair pair = MakePair();
  EXPECT_EQ(ReadGreeting(pair.daemon.get()).kind, Greeting::Kind::kNotYet);
  ASSERT_TRUE(FrameWriter(pair.worker.get()).Ready(0x15).ok());
  const Greeting ready = ReadGreeting(pair.daemon.get());
  EXPECT_EQ(ready.kind, Greeting::Kind::kReady);
  EXPECT_EQ(ready.layers, 0x15);
  ASSERT_TRUE(FrameWriter(pair.worker.get()).Write(FrameType::kFailed, "capset: EPERM").ok());
  const Greeting failed = ReadGreeting(pair.daemon.get());
  EXPECT_EQ(failed.kind, Greeting::Kind::kFailed);
  EXPECT_EQ(failed.message, "capset: EPERM");
  for (const std::string& packet : {"Y"s, "Yab"s, "R"s, "E"s, "?"s}) {
    SendRaw(pair.worker.get(), packet);
    EXPECT_EQ(ReadGreeting(pair.daemon.get()).kind, Greeting::Kind::kBroken) << packet;
  }
  pair.worker.Reset();
  EXPECT_EQ(ReadGreeting(pair.daemon.get()).kind, Greeting::Kind::kBroken);
}

TEST(ReadWorkerOutput, RefusesGarbageAndWrongOrder) {
  EXPECT_EQ(Outcome({"Rx", "E"}).kind, Kind::kComplete);
  for (const std::string& garbage : {"\0"s, "\xff\xff"s, "r"s, "Jx"s, "Y\x01"s, "Fx"s}) {
    EXPECT_EQ(Outcome({garbage, "Rx", "E"}).kind, Kind::kProtocol) << garbage;
  }
  EXPECT_EQ(Outcome({"E"}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"Gx", "E"}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"Px", "Rx", "E"}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"Rx", "Gx", "E"}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"Gx", "Px", "Gx", "Rx", "E"}).kind, Kind::kProtocol);
  EXPECT_NE(Outcome({"Rx", "Gx"}).message.find("'G'"), std::string::npos);
}

TEST(ReadWorkerOutput, RefusesWrongSizes) {
  EXPECT_EQ(Outcome({"G", "Rx", "E"}).kind, Kind::kProtocol);  // empty chunk
  EXPECT_EQ(Outcome({"R", "E"}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"Rx", "Ex"}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({Packet('G', kMaxPayload), "Rx", "E"}).kind, Kind::kComplete);
  const ReadOutcome oversize = Outcome({Packet('G', kMaxPayload + 1), "Rx", "E"});
  EXPECT_EQ(oversize.kind, Kind::kProtocol);
  EXPECT_NE(oversize.message.find("longer"), std::string::npos);
}

TEST(ReadWorkerOutput, RefusesAnAnswerWhosePartsDoNotFit) {
  const auto answer = [](uint32_t graph, uint32_t provenance, const std::string& bytes) {
    std::string packet = "A";
    for (const uint32_t size : {graph, provenance}) {
      for (int i = 0; i < 4; ++i) packet.push_back(static_cast<char>(size >> (8 * i)));
    }
    return Outcome({packet + bytes});
  };
  EXPECT_EQ(answer(2, 1, "ggpr").kind, Kind::kComplete);
  EXPECT_EQ(answer(2, 1, "ggp").kind, Kind::kProtocol);  // no result
  EXPECT_EQ(answer(2, 1, "gg").kind, Kind::kProtocol);
  EXPECT_EQ(answer(0, 1, "pr").kind, Kind::kProtocol);  // provenance of nothing
  EXPECT_EQ(answer(0, 0, "").kind, Kind::kProtocol);
  EXPECT_EQ(answer(~uint32_t{0}, ~uint32_t{0}, "ggpr").kind, Kind::kProtocol);
  EXPECT_EQ(answer(~uint32_t{0}, 5, "ggpr").kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"A\0\0\0\0\0\0\0"s}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({"Gx", "A\0\0\0\0\0\0\0\0x"s}).kind, Kind::kProtocol);
}

TEST(ReadWorkerOutput, CapsEachKindOfBytes) {
  const std::string full = Packet('R', kLimits.max_result_bytes / 2);
  EXPECT_EQ(Outcome({full, full, "E"}).kind, Kind::kComplete);
  const ReadOutcome outcome = Outcome({full, full, "Rx", "E"});
  EXPECT_EQ(outcome.kind, Kind::kTooMuch);
  EXPECT_NE(outcome.message.find("result"), std::string::npos) << outcome.message;

  Pair pair = MakePair();
  std::thread worker([&] {
    // Never stops; the write fails when the daemon has closed its end.
    const std::string chunk = Packet('G', kMaxPayload);
    while (send(pair.worker.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  WorkerOutput output;
  EXPECT_EQ(Read(pair, &output).kind, Kind::kTooMuch);
  EXPECT_LE(output.graph.size(), kLimits.max_graph_bytes);
  pair.daemon.Reset();
  worker.join();
}

TEST(ReadWorkerOutput, SeesAnEarlyEnd) {
  EXPECT_EQ(Outcome({}).kind, Kind::kClosed);
  EXPECT_EQ(Outcome({"Gx"}).kind, Kind::kClosed);
  EXPECT_EQ(Outcome({"Rx"}).kind, Kind::kClosed);
  EXPECT_EQ(Outcome({""}).kind, Kind::kClosed);  // an empty packet cannot be told from the end
}

TEST(ReadWorkerOutput, ReportsAViolation) {
  std::string packet = "V\x29\x01\0\0\0\0\0\0"s;
  const uint32_t arch = AUDIT_ARCH_X86_64;
  for (size_t i = 0; i < 4; ++i) packet[5 + i] = static_cast<char>(arch >> (8 * i));
  const ReadOutcome outcome = Outcome({"Gx", packet});
  EXPECT_EQ(outcome.kind, Kind::kViolation);
  EXPECT_EQ(outcome.syscall_nr, 0x129u);
  EXPECT_EQ(outcome.arch, arch);
  EXPECT_EQ(Outcome({packet.substr(0, 8)}).kind, Kind::kProtocol);
  EXPECT_EQ(Outcome({packet.append("x")}).kind, Kind::kProtocol);
}

TEST(ReadWorkerOutput, DeadlineHoldsAgainstSilenceAndAgainstDripping) {
  Pair pair = MakePair();
  WorkerOutput output;
  SteadyTime start = SteadyTime::Now();
  EXPECT_EQ(Read(pair, &output, absl::Milliseconds(60)).kind, Kind::kDeadline);
  EXPECT_GE(SteadyTime::Now() - start, absl::Milliseconds(60));
  EXPECT_EQ(Read(pair, &output, -absl::Seconds(1)).kind, Kind::kDeadline);

  std::atomic<bool> stop = false;
  std::thread drip([&] {
    while (!stop) {
      SendRaw(pair.worker.get(), "Gx");
      absl::SleepFor(absl::Milliseconds(1));
    }
  });
  start = SteadyTime::Now();
  EXPECT_EQ(Read(pair, &output, absl::Milliseconds(100)).kind, Kind::kDeadline);
  EXPECT_LT(SteadyTime::Now() - start, absl::Seconds(3));
  stop = true;
  drip.join();
}

TEST(ReadWorkerOutput, StopsWhenCancelled) {
  Pair pair = MakePair();
  WorkerOutput output;
  const SteadyTime start = SteadyTime::Now();
  int asked = 0;
  EXPECT_EQ(Read(pair, &output, absl::Seconds(30), [&] { return ++asked == 3; }).kind,
            Kind::kCancelled);
  EXPECT_LT(SteadyTime::Now() - start, absl::Seconds(10));
}

TEST(ReadWorkerOutput, DropsDescriptorsOfAHostileWorker) {
  Pair pair = MakePair();
  const UniqueFd memory(memfd_create("x", MFD_CLOEXEC));
  // SendJob is a way to send two descriptors; make the packet an innocent result frame.
  const size_t before = OpenFds();
  ASSERT_TRUE(SendJob(pair.worker.get(), "x", memory.get(), memory.get()).ok());
  WorkerOutput output;
  const ReadOutcome outcome = Read(pair, &output);
  EXPECT_EQ(outcome.kind, Kind::kProtocol);
  EXPECT_NE(outcome.message.find("descriptors"), std::string::npos) << outcome.message;
  EXPECT_EQ(OpenFds(), before);
}

TEST(ReceiveJob, WantsExactlyOneJobWithTwoDescriptors) {
  Pair pair = MakePair();
  SendRaw(pair.daemon.get(), "Jx");
  EXPECT_EQ(ReceiveJob(pair.worker.get()).status().code(), absl::StatusCode::kInternal);

  const UniqueFd memory(memfd_create("x", MFD_CLOEXEC));
  const auto send_fds = [&](std::string packet, size_t count) {
    std::array<int, 4> fds;
    fds.fill(memory.get());
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control = {};
    iovec part = {packet.data(), packet.size()};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(rights), fds.data(), count * sizeof(int));
    ASSERT_GT(sendmsg(pair.daemon.get(), &header, 0), 0);
  };
  const size_t before = OpenFds();
  for (const size_t count : {size_t{1}, size_t{3}, size_t{4}}) {
    send_fds("Jx", count);
    EXPECT_EQ(ReceiveJob(pair.worker.get()).status().code(), absl::StatusCode::kInternal) << count;
    EXPECT_EQ(OpenFds(), before) << count;
  }
  send_fds("Rx", 2);
  EXPECT_EQ(ReceiveJob(pair.worker.get()).status().code(), absl::StatusCode::kInternal);
  send_fds("Jx", 2);
  EXPECT_TRUE(ReceiveJob(pair.worker.get()).ok());
  EXPECT_EQ(OpenFds(), before);
  pair.daemon.Reset();
  EXPECT_EQ(ReceiveJob(pair.worker.get()).status().code(), absl::StatusCode::kCancelled);
}

TEST(SendJob, RefusesWhatDoesNotFitAndADeadWorker) {
  Pair pair = MakePair();
  const UniqueFd memory(memfd_create("x", MFD_CLOEXEC));
  EXPECT_EQ(
      SendJob(pair.daemon.get(), std::string(kMaxPacket, 'x'), memory.get(), memory.get()).code(),
      absl::StatusCode::kInvalidArgument);
  pair.worker.Reset();
  EXPECT_EQ(SendJob(pair.daemon.get(), "x", memory.get(), memory.get()).code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace loadlock::channel
