// The stages of a request, as places where a test can stop the process that has reached them.
//
// tests/faults builds daemon, launcher and worker once more with LOADLOCK_TEST_FAULTS, and kills,
// stops and cancels whatever it likes while one of them stands at a stage. In every other build a
// fault point is nothing, and no binary holds a trace of it (tests/layout).
#ifndef LOADLOCK_SANDBOX_FAULTS_FAULT_POINT_H_
#define LOADLOCK_SANDBOX_FAULTS_FAULT_POINT_H_

namespace loadlock::faults {

enum class Stage {
  // The daemon, in the order of a request that loads a model.
  kReceived,        // the call is there; nothing was decided
  kAdmitted,        // it has its place and a thread
  kOpened,          // the file is open, and the bytes for it are reserved
  kCopied,          // its bytes are in the memory file
  kSealed,          // which nobody can change any more
  kHashed,          // the digest is known
  kWorkerAcquired,  // a worker waits for the job
  kJobSent,         // it has it
  kOutputRead,      // it has answered
  kVerified,        // the verdict is found
  kLeased,          // the lease is in the table
  kAnswering,       // all that is left is to answer
  kAnswered,        // the answer was given to gRPC
  // Calls of their own.
  kUploading,    // a chunk of an upload was taken
  kFetchBegun,   // the model of a lease was found
  kFetchMiddle,  // some of it was sent
  kFdAsked,      // somebody asked for the descriptors of a lease
  kFdHanded,     // and got them
  kUnloading,    // a lease is about to end
  kDraining,     // no new request is taken
  // A file of the store.
  kStoreBegun,    // it has a name for as long as it is not complete, and some bytes
  kStoreWritten,  // it is complete
  kStoreSynced,   // and on the disk
  kStoreNamed,    // and has its name, which may not be on the disk yet
  kStoreKept,     // and which is
  kStoreEvicted,  // another was removed for it
  // The launcher.
  kSpawning,  // it was asked for a worker
  kSpawned,   // the worker runs, the daemon does not know yet
  kReaped,    // a worker ended, the daemon does not know yet
  // The worker.
  kLockedDown,      // before its greeting
  kJobRead,         // it holds the job
  kParsing,         // the artifact is mapped
  kParsed,          // nothing of the answer was sent
  kAnswerMiddle,    // a part of it was
  kAnswerComplete,  // all of it
};

#ifdef LOADLOCK_TEST_FAULTS
// Comes back when the test says so.
void FaultPoint(Stage stage);
#else
[[gnu::always_inline]] constexpr void FaultPoint(Stage /*stage*/) {}
#endif

}  // namespace loadlock::faults

#endif  // LOADLOCK_SANDBOX_FAULTS_FAULT_POINT_H_
