#include "sandbox/channel/frame.h"

#include <array>

namespace loadlock::channel {
namespace {

constexpr uint32_t kStart = 1;  // bit 0: nothing was said yet

// Bit of a row of the table below; row i of it has bit i + 1.
constexpr uint32_t Bit(size_t row) { return uint32_t{1} << (row + 1); }

enum Row : size_t {
  kFailedRow,
  kReadyRow,
  kGraphRow,
  kProvenanceRow,
  kResultRow,
  kEndRow,
  kViolationRow,
  kAnswerRow
};

struct Rule {
  FrameType type;
  uint32_t after;  // the frames it may directly follow
  bool once;
};

// What a worker may say. kJob is missing: only the daemon sends it.
constexpr std::array<Rule, 8> kRules = {{
    {FrameType::kFailed, kStart, true},
    {FrameType::kReady, kStart, true},
    {FrameType::kGraph, Bit(kReadyRow) | Bit(kGraphRow), false},
    {FrameType::kProvenance, Bit(kGraphRow) | Bit(kProvenanceRow), false},
    {FrameType::kResult, Bit(kReadyRow) | Bit(kGraphRow) | Bit(kProvenanceRow) | Bit(kResultRow),
     false},
    {FrameType::kEnd, Bit(kResultRow), true},
    {FrameType::kViolation, Bit(kReadyRow) | Bit(kGraphRow) | Bit(kProvenanceRow) | Bit(kResultRow),
     true},
    {FrameType::kAnswer, Bit(kReadyRow), true},
}};

}  // namespace

std::optional<FrameType> ParseFrameType(uint8_t byte) {
  if (byte == static_cast<uint8_t>(FrameType::kJob)) return FrameType::kJob;
  for (const Rule& rule : kRules) {
    if (byte == static_cast<uint8_t>(rule.type)) return rule.type;
  }
  return std::nullopt;
}

FrameOrder FrameOrder::AfterReady() {
  FrameOrder order;
  order.last_ = kReadyRow + 1;
  order.seen_ = Bit(kReadyRow);
  return order;
}

bool FrameOrder::Accept(FrameType type) {
  for (size_t row = 0; row < kRules.size(); ++row) {
    const Rule& rule = kRules[row];
    if (rule.type != type) continue;
    const uint32_t last = uint32_t{1} << last_;
    if ((rule.after & last) == 0 || (rule.once && (seen_ & Bit(row)) != 0)) return false;
    last_ = static_cast<uint8_t>(row + 1);
    seen_ |= Bit(row);
    return true;
  }
  return false;
}

}  // namespace loadlock::channel
