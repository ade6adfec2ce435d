// Mutations of policy files as what they say: entries, rules and sets changed, and names that stand
// in more than one file, because that is where composition decides.
#include <string>
#include <string_view>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "loadlock/v1/policy.pb.h"
#include "tests/fuzz/blind.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/mutate_proto.h"
#include "tests/fuzz/policy_files.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using google::protobuf::FieldDescriptor;

// What could stand in a string field, by its name.
std::string TextFor(const FieldDescriptor& field, const std::string& old, Dice* dice) {
  const std::string& name = field.name();
  if (dice->OneIn(6)) {
    std::string text = old;
    MutateBlindly(&text, 8, dice);
    return text;
  }
  if (name == "extends") return dice->Of<const char*>({"a", "b", "c", "d", "none"});
  if (name == "name" && field.containing_type()->name() == "Entry") {
    return dice->Of<const char*>({"m.A", "m.B", "m.f", "m.n.A", "A", "m..A", "m.A.b"});
  }
  if (name == "at") return dice->Of<const char*>({"k", "m.A.k", "@TREE", "@NONE", "l", "m."});
  if (name == "schema") {
    return dice->Of<const char*>({"TREE", "NEW_OBJ", "SPARSE", "COUNTER", "LOWERED", "", "X"});
  }
  if (name == "invariants") return dice->Of<const char*>({"FOREST", "TREE_OWNER", "MLP", "X"});
  if (name == "one_of" || name == "force") {
    return dice->Of<const char*>(
        {"None", "True", "1", "-0.5", "'a'", "\"a\"", "clamp", "x", "1e9"});
  }
  if (name == "shape") return dice->Of<const char*>({"*", "3", "k", "len(k)", "len(", "-1"});
  if (name == "dtypes") return dice->Of<const char*>({"f8", "U*", "i8", "*"});
  if (name == "classes") return dice->Of<const char*>({"m.A", "m.B", "A"});
  return dice->Of<const char*>({"k", "l", "__class__", "s", "t", "", "a.b"});
}

class Silent : public google::protobuf::io::ErrorCollector {
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

void MutatePolicy(std::string* text, Dice* dice) {
  v1::Policy policy;
  google::protobuf::TextFormat::Parser parser;
  Silent silent;
  parser.RecordErrorsTo(&silent);
  if (!parser.ParseFromString(*text, &policy)) return MutateBlindly(text, 32, dice);
  const auto source = [dice](const FieldDescriptor& field, const std::string& old) {
    return TextFor(field, old, dice);
  };
  const std::string name = policy.name();
  for (uint32_t i = 1 + dice->Below(3); i > 0; --i) MutateMessage(&policy, source, dice);
  // A policy of another name is refused before anything else is looked at.
  if (!dice->OneIn(30)) policy.set_name(name);
  google::protobuf::TextFormat::PrintToString(policy, text);
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace loadlock::fuzz;  // NOLINT(google-build-using-namespace): the entry is in C's
  Dice dice(seed);
  std::string all(AsText(data, size));
  Files files = SplitFiles(all);
  if (files.empty() || dice.OneIn(10)) {
    MutateBlindly(&all, max_size - size, &dice);
    return StoreInput(all, data, max_size);
  }
  const size_t at = dice.Below(files.size());
  if (dice.OneIn(12)) {
    // A second policy that says nearly the same.
    const std::string name = dice.Of<const char*>({"a", "b", "c", "d"});
    std::string text = std::string("name: \"") + name + "\" extends: \"" + files[at].first + "\"\n";
    loadlock::v1::Policy copy;
    if (google::protobuf::TextFormat::ParseFromString(files[at].second, &copy)) {
      copy.set_name(name);
      copy.clear_attribute_sets();
      copy.clear_extends();
      copy.add_extends(files[at].first);
      google::protobuf::TextFormat::PrintToString(copy, &text);
    }
    files.emplace_back(name, text);
  } else {
    MutatePolicy(&files[at].second, &dice);
  }
  return StoreInput(JoinFiles(files), data, max_size);
}
