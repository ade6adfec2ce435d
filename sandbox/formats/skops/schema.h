#ifndef LOADLOCK_SANDBOX_FORMATS_SKOPS_SCHEMA_H_
#define LOADLOCK_SANDBOX_FORMATS_SKOPS_SCHEMA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/json/document.h"
#include "sandbox/formats/skops/members.h"

namespace loadlock::formats::skops {

// schema.json and how to speak of places in it.
class Schema {
 public:
  // Refuses what JSON is refused for; what is no object with a protocol of 0 to 2.
  [[nodiscard]] std::optional<graph::Refusal> Read(const graph::Buffer& text,
                                                   bytes::Budget* budget);

  const json::Document& document() const { return document_; }
  json::ValueId root() const { return document_.root(); }
  int protocol() const { return protocol_; }

  // ".content.coef_.file" for the value; for messages, made anew by a search from the root.
  std::string Path(json::ValueId value) const;
  // A refusal at a place in schema.json.
  graph::Refusal RefuseAt(json::ValueId value, const char* rule, std::string message) const;

  // Whether two nodes say the same: everything but the ids, and files by their content. skops
  // reads the first of two nodes with one id, and so does what is built here; another reader
  // could take the other.
  bool Same(json::ValueId a, json::ValueId b, Members* members, bytes::Budget* budget) const;

 private:
  bool SameScalar(json::ValueId a, json::ValueId b) const;

  json::Document document_;
  int protocol_ = 0;
};

}  // namespace loadlock::formats::skops

#endif  // LOADLOCK_SANDBOX_FORMATS_SKOPS_SCHEMA_H_
