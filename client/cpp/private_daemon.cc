#include "client/cpp/private_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace loadlock::client {
namespace {

// The wall clock may be set while a daemon starts.
using SteadyClock = std::chrono::steady_clock;

constexpr absl::string_view kDaemonName = "loadlockd";
// Descriptors of the daemon beyond the standard ones.
constexpr int kLifelineFd = 3;
constexpr int kReadyFd = 4;

bool IsProgram(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

// Folder of this program, empty if it cannot be told.
std::string OwnFolder() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0 || size == static_cast<ssize_t>(sizeof(path))) return "";
  const absl::string_view own(path, static_cast<size_t>(size));
  return std::string(own.substr(0, own.rfind('/')));
}

// A fresh directory whose socket path fits a socket address.
absl::StatusOr<std::string> MakeDirectory(const std::string& folder) {
  const char* chosen = folder.empty() ? std::getenv("TMPDIR") : folder.c_str();
  std::string base = chosen == nullptr || chosen[0] != '/' ? "/tmp" : chosen;
  constexpr absl::string_view kPattern = "/loadlock-XXXXXX";
  // Room for "/loadlock.sock.fd" and the final NUL.
  constexpr size_t kRoom = 18;
  if (base.size() + kPattern.size() + kRoom > sizeof(sockaddr_un::sun_path)) base = "/tmp";
  std::string path = absl::StrCat(base, kPattern);
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("making a directory in ", base));
  }
  return path;
}

struct Pipe {
  Fd read;
  Fd write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe2");
  Pipe made{Fd(ends[0]), Fd(ends[1])};
  // dup2 to 3 and 4 below must not overwrite an end that is still to be duplicated.
  for (Fd* end : {&made.read, &made.write}) {
    if (end->get() > kReadyFd) continue;
    *end = Fd(fcntl(end->get(), F_DUPFD_CLOEXEC, kReadyFd + 1));
    if (!end->valid()) return absl::ErrnoToStatus(errno, "fcntl");
  }
  return made;
}

absl::StatusOr<pid_t> Spawn(const std::string& binary, std::vector<std::string> arguments,
                            int lifeline, int ready) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  // Whoever reads this process's output to its end must not wait for the daemon too.
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, lifeline, kLifelineFd);
  posix_spawn_file_actions_adddup2(&actions, ready, kReadyFd);
  // Nothing else that this process happens to hold open.
  posix_spawn_file_actions_addclosefrom_np(&actions, kReadyFd + 1);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, binary.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("starting ", binary));
  return pid;
}

// Waits until `fd` can be read or has ended; false when the time is over.
bool AwaitReadable(int fd, SteadyClock::time_point deadline) {
  while (true) {
    const int64_t left = absl::ToInt64Milliseconds(absl::FromChrono(deadline - SteadyClock::now()));
    pollfd entry{fd, POLLIN, 0};
    const int count = poll(&entry, 1, left < 0 ? 0 : static_cast<int>(left) + 1);
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

}  // namespace

absl::StatusOr<std::string> FindDaemon() {
  if (const char* chosen = std::getenv("LOADLOCKD"); chosen != nullptr && chosen[0] != '\0') {
    if (IsProgram(chosen)) return std::string(chosen);
    return absl::NotFoundError(absl::StrCat("LOADLOCKD names no program: ", chosen));
  }
  const std::string beside = absl::StrCat(OwnFolder(), "/", kDaemonName);
  if (IsProgram(beside)) return beside;
  const char* path = std::getenv("PATH");
  for (absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (folder.empty() || folder.front() != '/') continue;
    std::string candidate = absl::StrCat(folder, "/", kDaemonName);
    if (IsProgram(candidate)) return candidate;
  }
  return absl::NotFoundError(absl::StrCat(kDaemonName, " is neither beside this program nor in ",
                                          "PATH; set LOADLOCKD to its path"));
}

absl::StatusOr<PrivateDaemon> PrivateDaemon::Start(const PrivateDaemonOptions& options) {
  std::string binary = options.binary;
  if (binary.empty()) {
    absl::StatusOr<std::string> found = FindDaemon();
    if (!found.ok()) return found.status();
    binary = *std::move(found);
  }
  absl::StatusOr<Pipe> lifeline = MakePipe();
  if (!lifeline.ok()) return lifeline.status();
  absl::StatusOr<Pipe> ready = MakePipe();
  if (!ready.ok()) return ready.status();
  absl::StatusOr<std::string> directory = MakeDirectory(options.folder);
  if (!directory.ok()) return directory.status();

  PrivateDaemon daemon;  // From here on its destructor removes the directory.
  daemon.directory_ = *std::move(directory);
  daemon.socket_path_ = absl::StrCat(daemon.directory_, "/loadlock.sock");
  std::vector<std::string> arguments = {binary, "--socket", daemon.socket_path_};
  for (const std::string& root : options.roots) {
    arguments.insert(arguments.end(), {"--root", root});
  }
  arguments.insert(arguments.end(), {"--lifeline-fd", absl::StrCat(kLifelineFd), "--ready-fd",
                                     absl::StrCat(kReadyFd), "--log-level", "error"});
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  absl::StatusOr<pid_t> pid =
      Spawn(binary, std::move(arguments), lifeline->read.get(), ready->write.get());
  if (!pid.ok()) return pid.status();
  daemon.pid_ = *pid;
  daemon.lifeline_ = std::move(lifeline->write);
  daemon.ready_ = std::move(ready->read);
  return daemon;
}

PrivateDaemon::PrivateDaemon(PrivateDaemon&& other) noexcept
    : directory_(std::exchange(other.directory_, "")),
      socket_path_(std::exchange(other.socket_path_, "")),
      lifeline_(std::move(other.lifeline_)),
      ready_(std::move(other.ready_)),
      pid_(std::exchange(other.pid_, -1)) {}

PrivateDaemon& PrivateDaemon::operator=(PrivateDaemon&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(socket_path_, other.socket_path_);
  std::swap(lifeline_, other.lifeline_);
  std::swap(ready_, other.ready_);
  std::swap(pid_, other.pid_);
  return *this;
}

PrivateDaemon::~PrivateDaemon() { Stop(); }

std::string PrivateDaemon::DescribeEnd() {
  int status = 0;
  // The pipe's end comes a moment before the process's.
  if (waitpid(pid_, &status, 0) != pid_) return "it ended in an unknown way";
  pid_ = -1;
  if (WIFSIGNALED(status)) return absl::StrCat("it was killed by signal ", WTERMSIG(status));
  return absl::StrCat("it ended with status ", WEXITSTATUS(status));
}

absl::Status PrivateDaemon::AwaitReady(absl::Duration timeout) {
  constexpr absl::string_view kGreeting = "ready\n";
  const SteadyClock::time_point deadline = SteadyClock::now() + absl::ToChronoNanoseconds(timeout);
  std::string heard;
  while (heard.size() < kGreeting.size()) {
    if (!AwaitReadable(ready_.get(), deadline)) {
      return absl::UnavailableError(absl::StrCat("the private loadlockd did not serve within ",
                                                 absl::FormatDuration(timeout)));
    }
    char buffer[16];
    const ssize_t got = read(ready_.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return absl::UnavailableError(
          absl::StrCat("the private loadlockd did not start: ", DescribeEnd()));
    }
    heard.append(buffer, static_cast<size_t>(got));
  }
  ready_.Reset();
  if (heard == kGreeting) return absl::OkStatus();
  return absl::UnavailableError("the private loadlockd did not say that it is ready");
}

void PrivateDaemon::Stop(absl::Duration grace) {
  lifeline_.Reset();
  ready_.Reset();
  if (pid_ > 0) {
    const Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (!process.valid() ||
        !AwaitReadable(process.get(), SteadyClock::now() + absl::ToChronoNanoseconds(grace))) {
      kill(pid_, SIGKILL);
    }
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  if (!directory_.empty()) {
    std::error_code ignored;  // What cannot be removed now cannot be removed at all.
    std::filesystem::remove_all(directory_, ignored);
    directory_.clear();
  }
}

}  // namespace loadlock::client
