// The literals of policies, and the shapes of names. The operator writes them, but a literal that
// is understood in two ways opens a policy wider than he thinks.
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/policy/literal.h"
#include "server/policy/names.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using policy::Literal;

std::string Repr(std::monostate) { return "None"; }
std::string Repr(bool value) { return value ? "True" : "False"; }
std::string Repr(int64_t value) { return std::to_string(value); }

std::string Repr(double value) {
  char out[64];
  const auto end = std::to_chars(out, out + sizeof(out), value).ptr;
  std::string text(out, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string Repr(const std::string& value) {
  const char quote = value.find('\'') == std::string::npos ? '\'' : '"';
  std::string out(1, quote);
  for (const char c : value) {
    if (c == '\\') out += c;
    out += c;
  }
  return out + quote;
}

void CheckLiteral(std::string_view text) {
  const std::optional<Literal> literal =
      policy::ParseLiteral(absl::string_view(text.data(), text.size()));
  if (!literal) return;
  const std::string repr = std::visit([](const auto& value) { return Repr(value); }, *literal);
  const std::optional<Literal> again = policy::ParseLiteral(repr);
  Require(again.has_value() && *again == *literal, "a literal written is read again");
  const bool spelled_once =
      !std::holds_alternative<double>(*literal) && !std::holds_alternative<std::string>(*literal);
  Require(!spelled_once || repr == text, "None, bools and ints have one spelling");
  if (const double* number = std::get_if<double>(&*literal)) {
    Require(std::isfinite(*number), "a number is finite");
    Require(text.find_first_of(".e") != std::string_view::npos, "an int is no float");
  }
  if (const std::string* string = std::get_if<std::string>(&*literal)) {
    Require(IsPrintable(*string), "a string is what it looks like");
  }
}

// Names hold these bytes and no others, whatever shape they have.
void CheckNames(std::string_view text) {
  const absl::string_view name(text.data(), text.size());
  const bool plain =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") ==
      std::string_view::npos;
  const size_t dot = text.rfind('.');
  if (policy::IsIdentifier(name)) {
    Require(plain && !text.empty() && dot == std::string_view::npos, "an identifier has no dots");
  }
  if (policy::IsDottedName(name)) {
    Require(plain && text.size() <= 1024 && dot != std::string_view::npos &&
                policy::IsIdentifier(name.substr(dot + 1)),
            "a name ends in an identifier");
  }
  if (policy::IsPolicyName(name)) {
    Require(
        !text.empty() && text.size() <= 64 && text.find_first_of("/.\\") == std::string_view::npos,
        "the name of a policy is no path");
  }
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  loadlock::fuzz::CheckLiteral(loadlock::fuzz::AsText(data, size));
  loadlock::fuzz::CheckNames(loadlock::fuzz::AsText(data, size));
  return 0;
}
