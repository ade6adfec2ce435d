// Sets of characters as coarse as a question of overlap needs them: each of ASCII, and four kinds
// of others. A set may say more than its pattern matches, never less.
#ifndef LOADLOCK_SERVER_VERIFY_REGEX_CHAR_SET_H_
#define LOADLOCK_SERVER_VERIFY_REGEX_CHAR_SET_H_

#include <bitset>
#include <cstdint>

namespace loadlock::verify::regex {

class CharSet {
 public:
  static constexpr size_t kAscii = 128;
  // Beyond ASCII: digits, other characters of words, spaces, the rest.
  static constexpr size_t kDigits = 128;
  static constexpr size_t kLetters = 129;
  static constexpr size_t kSpaces = 130;
  static constexpr size_t kOthers = 131;

  static CharSet All() {
    CharSet all;
    all.bits_.set();
    return all;
  }
  // "d", "w" or "s"; of ASCII alone if the pattern says so.
  static CharSet Escape(char lower, bool ascii) {
    CharSet set;
    for (unsigned c = 0; c < kAscii; ++c) {
      const bool digit = c >= '0' && c <= '9';
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
      const bool space = c == ' ' || (c >= 9 && c <= 13) || (!ascii && c >= 28 && c <= 31);
      set.bits_[c] = lower == 'd' ? digit : lower == 'w' ? digit || letter : space;
    }
    set.bits_[kDigits] = !ascii && lower != 's';
    set.bits_[kLetters] = !ascii && lower == 'w';
    set.bits_[kSpaces] = !ascii && lower == 's';
    return set;
  }

  // A code point. What kind one beyond ASCII is of nobody asks: it may be of each.
  void Add(uint32_t code) { AddRange(code, code); }
  void AddRange(uint32_t first, uint32_t last) {
    for (uint32_t c = first; c <= last && c < kAscii; ++c) bits_.set(c);
    if (last >= kAscii) {
      for (const size_t kind : {kDigits, kLetters, kSpaces, kOthers}) bits_.set(kind);
    }
  }
  // Whether the case matters no more: what may equal a letter is added.
  void Fold() {
    for (unsigned c = 'a'; c <= 'z'; ++c) {
      const unsigned upper = c - 'a' + 'A';
      // K and S have equals beyond ASCII, and so has I.
      const bool beyond = bits_[kLetters] && (c == 'k' || c == 's' || c == 'i');
      const bool any = bits_[c] || bits_[upper] || beyond;
      bits_[c] = bits_[upper] = any;
      if (any && (c == 'k' || c == 's' || c == 'i')) bits_.set(kLetters);
    }
  }
  // Of exact sets only; one that says more would say less.
  CharSet Complement() const {
    CharSet other;
    other.bits_ = ~bits_;
    return other;
  }
  // Takes out the kinds beyond ASCII.
  void ClearBeyond() {
    for (const size_t kind : {kDigits, kLetters, kSpaces, kOthers}) bits_.reset(kind);
  }
  bool IsEmpty() const { return bits_.none(); }
  bool Overlaps(const CharSet& other) const { return (bits_ & other.bits_).any(); }
  bool IsWithin(const CharSet& other) const { return (bits_ & ~other.bits_).none(); }
  void operator|=(const CharSet& other) { bits_ |= other.bits_; }

 private:
  std::bitset<132> bits_;
};

}  // namespace loadlock::verify::regex

#endif  // LOADLOCK_SERVER_VERIFY_REGEX_CHAR_SET_H_
