#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/verify/findings.h"
#include "server/verify/verify.h"
#include "server/verify/wire.h"

namespace loadlock::verify {
namespace {

// A worker stops at its first refusal; a few more are room for formats with members.
constexpr int kMaxFindings = 100;
// As in columns.cc: more names than any model has.
constexpr int kMaxGlobals = 100'000;
constexpr size_t kMaxRuleId = 63;
constexpr size_t kMaxFormat = 64;
constexpr size_t kMaxName = 512;
constexpr size_t kMaxText = 1024;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("result: ", what));
}

bool IsRuleId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxRuleId &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

bool IsFormat(absl::string_view text) {
  return text.size() <= kMaxFormat && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '+' || c == '.' ||
                  c == '-' || c == '_';
         });
}

// Copies the known fields, made safe to print.
absl::Status CleanFinding(const v1::Finding& from, v1::Finding* to) {
  if (!IsRuleId(from.rule_id())) return Malformed("rule id");
  if (from.severity() != v1::SEVERITY_INFO && from.severity() != v1::SEVERITY_WARNING &&
      from.severity() != v1::SEVERITY_ERROR) {
    return Malformed("severity");
  }
  to->set_rule_id(from.rule_id());
  to->set_severity(from.severity());
  to->set_message(Safe(from.message(), kMaxText));
  to->set_name(Safe(from.name(), kMaxText));
  to->set_member_path(Safe(from.member_path(), kMaxText));
  if (from.has_byte_offset()) to->set_byte_offset(from.byte_offset());
  to->set_opcode(Safe(from.opcode(), kMaxRuleId));
  to->set_object_path(Safe(from.object_path(), kMaxText));
  to->set_allow(Safe(from.allow(), kMaxText));
  return absl::OkStatus();
}

absl::Status CleanGlobal(const v1::GlobalUse& from, v1::GlobalUse* to) {
  if (from.module().empty() || from.module().size() > kMaxName || from.name().empty() ||
      from.name().size() > kMaxName) {
    return Malformed("a name is empty or longer than 512 bytes");
  }
  to->set_module(from.module());
  to->set_name(from.name());
  to->set_count(from.count());
  to->set_first_offset(from.first_offset());
  to->set_opcode(Safe(from.opcode(), kMaxRuleId));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::WorkerResult> DecodeWorkerResult(absl::string_view bytes) {
  using R = v1::WorkerResult;
  // The channel's limit and the numbers of elements bound the memory.
  const absl::Status scanned =
      ScanWire(bytes, *R::descriptor(),
               {{R::kFindingsFieldNumber, kMaxFindings, "too many findings"},
                {R::kGlobalsFieldNumber, kMaxGlobals, "too many names"}},
               std::numeric_limits<uint64_t>::max());
  if (!scanned.ok()) return Malformed(scanned.message());
  v1::WorkerResult raw;
  if (!raw.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("does not parse");
  }
  if (!IsFormat(raw.format())) return Malformed("format");
  v1::WorkerResult result;
  result.set_format(raw.format());
  for (const v1::Finding& finding : raw.findings()) {
    if (absl::Status status = CleanFinding(finding, result.add_findings()); !status.ok()) {
      return status;
    }
  }
  for (const v1::GlobalUse& use : raw.globals()) {
    if (absl::Status status = CleanGlobal(use, result.add_globals()); !status.ok()) return status;
  }
  result.set_graph_bytes(raw.graph_bytes());
  result.set_provenance_bytes(raw.provenance_bytes());
  result.set_decoded_size(raw.decoded_size());
  return result;
}

}  // namespace loadlock::verify
