// What there is to reach from a worker: a file, a process, and listeners.
#ifndef LOADLOCK_TESTS_ESCAPE_OUTSIDE_WORLD_H_
#define LOADLOCK_TESTS_ESCAPE_OUTSIDE_WORLD_H_

#include "sandbox/channel/unique_fd.h"
#include "tests/escape/acts.h"

namespace loadlock::escape {

// Everything in it may be used by anybody, so that no file mode stops what the jail has to stop.
class OutsideWorld {
 public:
  OutsideWorld();
  ~OutsideWorld();
  OutsideWorld(const OutsideWorld&) = delete;
  OutsideWorld& operator=(const OutsideWorld&) = delete;

  const Outside& outside() const { return outside_; }
  // Undoes what an act may have done to the file.
  void Restore() const;

 private:
  std::string folder_;
  Outside outside_;
  channel::UniqueFd tcp_;
  channel::UniqueFd unix_;
  channel::UniqueFd abstract_;
};

}  // namespace loadlock::escape

#endif  // LOADLOCK_TESTS_ESCAPE_OUTSIDE_WORLD_H_
