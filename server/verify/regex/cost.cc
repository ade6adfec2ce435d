#include "server/verify/regex/cost.h"

#include <algorithm>
#include <optional>

namespace loadlock::verify::regex {
namespace {

// What people write is a line or two; compiling takes its time for each character.
constexpr size_t kMaxText = 2048;
// Repeated more often than this is endless.
constexpr uint32_t kFewTimes = 16;
// Ways to match that do not grow with the text.
constexpr uint64_t kMaxWays = 256;
// Characters that its bounded parts may take together, each tried at each place of a text.
constexpr uint64_t kMaxWidth = 65536;

constexpr char kNested[] =
    "the pattern repeats what can itself match in several ways, so that a search may never end";
constexpr char kPower[] =
    "the pattern has several endless parts that take the same characters, so that a search may "
    "take more than the square of the text's length";

// What may come after a place.
struct After {
  CharSet first;
  // The rest is never in vain: all of it may be left out.
  bool never_fails = true;
};

// How a search grows: with the text's length to the power of `power`, and one more if an endless
// part comes behind the last that can be cut at will.
struct Cost {
  uint32_t power = 0;
  bool tail = false;
  uint64_t ways = 1;
};

bool IsPlace(const Item& item) {
  return item.kind == Item::Kind::kBegin || item.kind == Item::Kind::kAnchor ||
         item.kind == Item::Kind::kWordBoundary || item.kind == Item::Kind::kLook;
}

// All that an item may take.
CharSet UnionOf(const Item& item) {
  CharSet all = item.set;
  if (item.kind == Item::Kind::kLook) return all;
  for (const Items& items : item.alternatives) {
    for (const Item& each : items) all |= UnionOf(each);
  }
  return all;
}

bool MayBeEmpty(const Item& item);
bool MayBeEmpty(const Items& items) {
  return std::all_of(items.begin(), items.end(), [](const Item& item) { return MayBeEmpty(item); });
}
bool MayBeEmpty(const Item& item) {
  if (item.least == 0 || IsPlace(item) || item.kind == Item::Kind::kReference) return true;
  return item.kind == Item::Kind::kGroup &&
         std::any_of(item.alternatives.begin(), item.alternatives.end(),
                     [](const Items& items) { return MayBeEmpty(items); });
}

CharSet FirstOf(const Items& items);
CharSet FirstOf(const Item& item) {
  CharSet first = item.set;
  if (item.kind == Item::Kind::kLook) return first;
  for (const Items& items : item.alternatives) first |= FirstOf(items);
  return first;
}
CharSet FirstOf(const Items& items) {
  CharSet first;
  for (const Item& item : items) {
    first |= FirstOf(item);
    if (!MayBeEmpty(item)) break;
  }
  return first;
}

// One way only to take the characters that it takes: no choice in it but between alternatives that
// begin differently.
bool IsFixed(const Items& items);
bool BeginDifferently(const std::vector<Items>& alternatives) {
  CharSet seen;
  for (const Items& items : alternatives) {
    const CharSet first = FirstOf(items);
    if (alternatives.size() > 1 && (MayBeEmpty(items) || first.Overlaps(seen))) return false;
    seen |= first;
  }
  return true;
}
bool IsFixed(const Item& item) {
  if (item.least != item.most || IsPlace(item) || item.kind == Item::Kind::kReference) return false;
  return item.kind == Item::Kind::kSet ||
         (BeginDifferently(item.alternatives) &&
          std::all_of(item.alternatives.begin(), item.alternatives.end(),
                      [](const Items& items) { return IsFixed(items); }));
}
bool IsFixed(const Items& items) {
  return std::all_of(items.begin(), items.end(), [](const Item& item) { return IsFixed(item); });
}

class Analysis {
 public:
  explicit Analysis(const Pattern& pattern) : pattern_(pattern) {
    words_ = CharSet::Escape('w', false);
  }

  absl::string_view WhyNot() {
    uint64_t width = 0;
    for (const Items& items : pattern_.alternatives) width += WidthOf(items);
    if (width > kMaxWidth) return "the pattern is too long once its repeats are written out";
    After end;
    for (const Items& items : pattern_.alternatives) {
      const Cost cost = CostOf(items, end, Cost());
      if (nested_) return kNested;
      if (cost.ways > kMaxWays) return kNested;
      const bool anchored = !items.empty() && items.front().kind == Item::Kind::kBegin &&
                            (pattern_.flags & kMultiline) == 0;
      if (cost.power + (cost.tail ? 1 : 0) + (anchored ? 0 : 1) > 2) return kPower;
    }
    return "";
  }

 private:
  static uint64_t WidthOf(const Items& items) {
    uint64_t width = 0;
    for (const Item& item : items) {
      uint64_t each = 1;
      for (const Items& inner : item.alternatives) each = std::max(each, WidthOf(inner));
      const uint64_t times = item.most == kEndless ? item.least : item.most;
      width += each * std::max<uint64_t>(1, times);
      if (width > kMaxWidth) return kMaxWidth + 1;
    }
    return width;
  }

  // What follows items[index], of which `taken` may be taken.
  After AfterItem(const Items& items, size_t index, const CharSet& taken,
                  const After& follow) const {
    After after;
    for (size_t i = index + 1; i < items.size(); ++i) {
      const Item& item = items[i];
      // Where a run of a word's characters ends, there is a boundary.
      if (item.kind == Item::Kind::kWordBoundary && taken.IsWithin(words_)) continue;
      if (IsPlace(item)) {
        after.first |= CharSet::All();
        after.never_fails = false;
        continue;
      }
      after.first |= FirstOf(item);
      if (MayBeEmpty(item) && item.kind != Item::Kind::kReference) continue;
      after.never_fails = false;
      return after;
    }
    after.first |= follow.first;
    after.never_fails = after.never_fails && follow.never_fails;
    return after;
  }

  // Of a choice of how often an item is taken: nothing if the rest decides it.
  static void AddChoice(const Item& item, const CharSet& taken, const After& after, Cost* cost) {
    if (item.least == item.most) return;
    const bool endless = item.most == kEndless || item.most - item.least > kFewTimes;
    const bool overlaps = taken.Overlaps(after.first);
    if (!endless) {
      // Even where the rest never fails: a caller may ask for a match of the whole text.
      if (overlaps) cost->ways = std::min(kMaxWays + 1, cost->ways * (item.most - item.least + 1));
    } else if (!after.never_fails) {
      if (overlaps) ++cost->power;
      cost->tail = !overlaps;
    }
  }

  Cost CostOf(const Items& items, const After& follow, Cost cost) {
    for (size_t i = 0; i < items.size() && !nested_; ++i) {
      const Item& item = items[i];
      const CharSet taken = UnionOf(item);
      const After after = AfterItem(items, i, taken, follow);
      if (!item.alternatives.empty()) {
        if (item.most > 1) {
          if (!IsRepeatable(item)) nested_ = true;
        } else {
          // A look is over once it has matched.
          cost = CostOfAlternatives(item, item.kind == Item::Kind::kLook ? After() : after, cost);
        }
      }
      AddChoice(item, taken, after, &cost);
    }
    return cost;
  }

  // One after the other is tried, and again for each way in which the items before can match.
  Cost CostOfAlternatives(const Item& item, const After& after, const Cost& before) {
    Cost all = before;
    for (const Items& items : item.alternatives) {
      const Cost cost = CostOf(items, after, before);
      all.power = std::max(all.power, cost.power);
      all.tail = all.tail || cost.tail;
      all.ways = std::max(all.ways, cost.ways);
    }
    if (!BeginDifferently(item.alternatives)) {
      all.ways = std::min(kMaxWays + 1, all.ways * item.alternatives.size());
    }
    return all;
  }

  // A group that is taken several times: where one time ends must be plain from the characters.
  bool IsRepeatable(const Item& group) {
    if (BeginDifferently(group.alternatives) &&
        std::all_of(group.alternatives.begin(), group.alternatives.end(),
                    [](const Items& items) { return !items.empty() && IsFixed(items); })) {
      return true;
    }
    if (group.alternatives.size() != 1 || group.alternatives[0].size() < 2) return false;
    const Items& items = group.alternatives[0];
    return IsDelimited(items, 0) || IsDelimited(items, items.size() - 1);
  }

  // The item at `place` is one character that none of the others takes, and each of the others ends
  // where the next begins.
  static bool IsDelimited(const Items& items, size_t place) {
    const Item& delimiter = items[place];
    if (delimiter.kind != Item::Kind::kSet || delimiter.least != 1 || delimiter.most != 1) {
      return false;
    }
    for (size_t i = 0; i < items.size(); ++i) {
      if (i == place) continue;
      const Item& item = items[i];
      if (item.kind != Item::Kind::kSet || item.set.Overlaps(delimiter.set)) return false;
      if (item.least == item.most) continue;
      // Up to the delimiter, in this turn or in the next.
      for (size_t j = i + 1; j < items.size() && j != place; ++j) {
        if (item.set.Overlaps(items[j].set)) return false;
        if (items[j].least > 0) break;
      }
    }
    return true;
  }

  const Pattern& pattern_;
  CharSet words_;
  bool nested_ = false;
};

}  // namespace

absl::string_view WhyNotBounded(const Source& source) {
  if (source.text.size() > kMaxText) return "the pattern is longer than 2048 bytes";
  const std::optional<Pattern> pattern = Parse(source);
  if (!pattern) {
    return "the pattern is none, or of a part of the grammar or with flags whose cost is not known";
  }
  return Analysis(*pattern).WhyNot();
}

}  // namespace loadlock::verify::regex
