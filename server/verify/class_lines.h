// The policy line that a class lacks which no policy lists.
#ifndef LOADLOCK_SERVER_VERIFY_CLASS_LINES_H_
#define LOADLOCK_SERVER_VERIFY_CLASS_LINES_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

// Looks at every object of an unlisted class once.
class ClassLines {
 public:
  // `scope` must outlive it.
  explicit ClassLines(const Scope& scope);

  // What stands in the line after the name, so that all objects of the class get by: the trust,
  // and a state rule for each key that holds objects. Empty if no line lets them.
  std::string After(uint32_t global_index) const;

 private:
  struct Kinds {
    // Bit n: v1::ValueKind n was seen.
    uint32_t seen = 0;
    bool holds_object = false;
  };
  struct Class {
    // More than a dict of its own with keys that the general rules let pass.
    bool odd = false;
    std::map<absl::string_view, Kinds> keys;
  };

  void Look(NodeId object, Class* found) const;

  const Scope& scope_;
  absl::flat_hash_map<uint32_t, Class> classes_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_CLASS_LINES_H_
