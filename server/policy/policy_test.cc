// Loading, composing and validating policies.
#include "server/policy/policy.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "server/policy/compose.h"

namespace loadlock::policy {
namespace {

namespace fs = std::filesystem;

class PolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(::testing::TempDir()) /
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / (name + ".textproto")) << text;
  }
  // The message of the error, or "".
  std::string Error() {
    const auto set = PolicySet::Load(dir_.string());
    return set.ok() ? "" : std::string(set.status().message());
  }
  // Error of one file "p" with these lines after its name.
  std::string ErrorOf(const std::string& text) {
    Write("p", "name: \"p\"\n" + text);
    return Error();
  }

  fs::path dir_;
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(PolicyTest, FindsByModuleAndAttribute) {
  Write("p", R"(name: "p" entries { name: "a.b.C" trust: TRUST_NEW_DICT })");
  const auto set = PolicySet::Load(dir_.string());
  ASSERT_TRUE(set.ok()) << set.status();
  const CompiledPolicy* policy = (*set)->Find("p");
  ASSERT_NE(policy, nullptr);
  EXPECT_NE(policy->Find("a.b", "C"), nullptr);
  EXPECT_EQ(policy->Find("a", "b.C"), nullptr);
  EXPECT_EQ(policy->Find("a.b", "D"), nullptr);
  EXPECT_NE(policy->Find("a.b.C"), nullptr);
  EXPECT_EQ(policy->digest().size(), 64U);
  EXPECT_EQ((*set)->Find("q"), nullptr);
}

TEST_F(PolicyTest, ErrorsNameFileAndLine) {
  EXPECT_TRUE(Has(ErrorOf("entries { nme: 1 }"), "p.textproto:2: "));
  EXPECT_TRUE(Has(ErrorOf("\n\nentries { name: \"a.b\" }"), "p.textproto:4: "));
}

TEST_F(PolicyTest, NameIsTheStem) {
  Write("p", "name: \"q\"");
  EXPECT_TRUE(Has(Error(), "stem"));
  Write("p", "name: \"p\"");
  Write("Bad Name", "name: \"Bad Name\"");
  EXPECT_TRUE(Has(Error(), "stem"));
}

TEST_F(PolicyTest, FoldersMustHoldPolicies) {
  EXPECT_TRUE(Has(Error(), "none in"));
  EXPECT_FALSE(PolicySet::Load((dir_ / "absent").string()).ok());
}

TEST_F(PolicyTest, WrongEntriesAreRefused) {
  struct Case {
    const char* entry;
    const char* message;
  };
  for (const Case& one : std::initializer_list<Case>{
           {R"(name: "a" trust: TRUST_NAME)", "package.attribute"},
           {R"(name: "a.*" trust: TRUST_NAME)", "package.attribute"},
           {R"(name: "a..b" trust: TRUST_NAME)", "package.attribute"},
           {R"(name: "a.b")", "trust is missing"},
           {R"(name: "a.b" trust: TRUST_REWRITTEN)", "no native format"},
           {R"(name: "a.b" trust: TRUST_FACTORY)", "needs a schema"},
           {R"(name: "a.b" trust: TRUST_FACTORY schema: "ANY")", "does not exist"},
           {R"(name: "a.b" trust: TRUST_FACTORY schema: "SPARSE")", "does not fit"},
           {R"(name: "a.b" trust: TRUST_BY_NAME_AND_PARAMS schema: "TREE")", "does not fit"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT schema: "TREE")", "takes no schema"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT at: "x")", "only a TRUST_NAME"},
           {R"(name: "a.b" trust: TRUST_NAME at: "*")", "no key"},
           {R"(name: "a.b" trust: TRUST_NAME at: "@ANY")", "no schema"},
           {R"(name: "a.b" trust: TRUST_NAME invariants: "SVC")", "have a state"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT invariants: "ANY")", "does not exist"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT forbidden: "none")", "does not exist"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "__x" })", "dunder"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "a b" })", "identifier"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" one_of: "call" })", "literal"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" force: "call" })", "literal"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" force: "clamp" })", "clamp"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" min: 2 max: 1 })", "above max"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" drop: true required: true })",
            "required and dropped"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" kinds: VALUE_KIND_UNSPECIFIED })",
            "unknown kind"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" array { shape: "a+1" } })",
            "not understood"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" classes: "C" })", "class"},
           {R"(name: "a.b" trust: TRUST_NEW_DICT state { key: "x" } state { key: "x" })", "twice"},
       }) {
    const std::string error = ErrorOf("entries { " + std::string(one.entry) + " }");
    EXPECT_TRUE(Has(error, one.message)) << one.entry << ": " << error;
    EXPECT_TRUE(Has(error, "p.textproto:2: ")) << error;
  }
}

TEST_F(PolicyTest, ANameStandsOnceInAFile) {
  EXPECT_TRUE(Has(ErrorOf("entries { name: \"a.b\" trust: TRUST_NAME }\n"
                          "entries { name: \"a.b\" trust: TRUST_NAME }"),
                  "p.textproto:3: entry \"a.b\" stands twice"));
}

TEST_F(PolicyTest, ExtendsAreKnownAndNoCircle) {
  EXPECT_TRUE(Has(ErrorOf("extends: \"q\""), "does not exist"));
  Write("q", "name: \"q\" extends: \"p\"");
  EXPECT_TRUE(Has(Error(), "circle"));
  Write("q", "name: \"q\" extends: \"q\"");
  Write("p", "name: \"p\"");
  EXPECT_TRUE(Has(Error(), "circle"));
}

TEST_F(PolicyTest, ARepeatedNameMayOnlyNarrow) {
  Write("base", R"(name: "base"
    attribute_sets { name: "s" keys: "k" }
    entries { name: "a.C" trust: TRUST_NEW_DICT invariants: "SVC" forbidden: "s"
              state { key: "x" kinds: VALUE_KIND_INT } }
    entries { name: "a.f" trust: TRUST_NAME at: "one" at: "two" })");
  Write("p", R"(name: "p" extends: "base"
    entries { name: "a.C" trust: TRUST_NEW_DICT state { key: "x" max: 3 } }
    entries { name: "a.f" trust: TRUST_NAME at: "two" at: "three" })");
  const auto set = PolicySet::Load(dir_.string());
  ASSERT_TRUE(set.ok()) << set.status();
  const CompiledEntry* entry = (*set)->Find("p")->Find("a.C");
  ASSERT_EQ(entry->invariants().size(), 1U);
  EXPECT_TRUE(entry->IsForbidden("k"));
  const CompiledRule* rule = entry->FindRule("x");
  ASSERT_NE(rule, nullptr);
  EXPECT_NE(rule->next, nullptr) << "both rules apply";
  const CompiledEntry* function = (*set)->Find("p")->Find("a.f");
  EXPECT_TRUE(function->MayStandAt("m.C", "two"));
  EXPECT_FALSE(function->MayStandAt("m.C", "one"));
  EXPECT_FALSE(function->MayStandAt("m.C", "three"));
  EXPECT_NE((*set)->Find("p")->digest(), (*set)->Find("base")->digest());

  Write("p", R"(name: "p" extends: "base"
    entries { name: "a.f" trust: TRUST_NEW_DICT })");
  EXPECT_TRUE(Has(Error(), "p.textproto:2: entry \"a.f\" widens")) << Error();
}

TEST_F(PolicyTest, LessTrustLosesTheState) {
  Write("base", R"(name: "base" entries { name: "a.C" trust: TRUST_NEW_DICT invariants: "SVC" })");
  Write("p", R"(name: "p" extends: "base" entries { name: "a.C" trust: TRUST_NAME at: "key" })");
  const auto set = PolicySet::Load(dir_.string());
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_FALSE((*set)->Find("p")->Find("a.C")->MayStandAt("m.C", "key"))
      << "the class as a value is more than the base allowed";
}

TEST_F(PolicyTest, TheStateOfBothAppliesWithLessTrustToo) {
  Write("base", R"(name: "base"
    attribute_sets { name: "s" keys: "k" }
    entries { name: "a.C" trust: TRUST_NEW_SETSTATE invariants: "SVC" forbidden: "s"
              state { key: "x" kinds: VALUE_KIND_INT } })");
  Write("p", R"(name: "p" extends: "base" entries { name: "a.C" trust: TRUST_NEW_DICT })");
  const auto set = PolicySet::Load(dir_.string());
  ASSERT_TRUE(set.ok()) << set.status();
  const CompiledEntry* entry = (*set)->Find("p")->Find("a.C");
  EXPECT_EQ(entry->trust(), v1::TRUST_NEW_DICT);
  EXPECT_EQ(entry->invariants().size(), 1U);
  EXPECT_TRUE(entry->IsForbidden("k"));
  EXPECT_NE(entry->FindRule("x"), nullptr);
}

TEST_F(PolicyTest, AnotherUseIsNoNarrowerOne) {
  Write("base", R"(name: "base" entries { name: "a.C" trust: TRUST_FACTORY schema: "TREE" })");
  Write("p", R"(name: "p" extends: "base" entries { name: "a.C" trust: TRUST_NEW_SETSTATE })");
  EXPECT_TRUE(
      Has(Error(), "p.textproto:1: entry \"a.C\" makes TRUST_NEW_SETSTATE of TRUST_FACTORY"))
      << Error();
}

TEST_F(PolicyTest, DigestIsThatOfTheMeaning) {
  Write(
      "p",
      R"(name: "p" entries { name: "a.a" trust: TRUST_NAME } entries { name: "a.b" trust: TRUST_NAME })");
  const std::string first = (*PolicySet::Load(dir_.string()))->Find("p")->digest();
  Write("p", R"(# order and comments do not matter
    name: "p" entries { name: "a.b" trust: TRUST_NAME } entries { name: "a.a" trust: TRUST_NAME })");
  EXPECT_EQ((*PolicySet::Load(dir_.string()))->Find("p")->digest(), first);
  Write(
      "p",
      R"(name: "p" entries { name: "a.a" trust: TRUST_NAME at: "x" } entries { name: "a.b" trust: TRUST_NAME })");
  EXPECT_NE((*PolicySet::Load(dir_.string()))->Find("p")->digest(), first);
}

TEST_F(PolicyTest, PlacesAreExact) {
  Write("p", R"(name: "p" entries { name: "a.f" trust: TRUST_NAME at: "m.C.key" at: "@NEW_OBJ" })");
  const auto set = PolicySet::Load(dir_.string());
  ASSERT_TRUE(set.ok()) << set.status();
  const CompiledEntry* entry = (*set)->Find("p")->Find("a.f");
  EXPECT_TRUE(entry->MayStandAt("m.C", "key"));
  EXPECT_FALSE(entry->MayStandAt("m.D", "key"));
  EXPECT_FALSE(entry->MayStandAt("m", "C.key"));
  EXPECT_FALSE(entry->MayStandAt("x.m.C", "key"));
  EXPECT_TRUE(entry->MayStandInSchema("NEW_OBJ"));
  EXPECT_FALSE(entry->MayStandInSchema("TREE"));
}

TEST_F(PolicyTest, PlacesMayBeShared) {
  const std::string sets =
      R"(attribute_sets { name: "s" keys: "m.C.one" keys: "m.C.two" keys: "@NEW_OBJ" } )";
  const std::string entry = R"(entries { name: "a.f" trust: TRUST_NAME at: "$s" at: "m.D.key" })";
  Write("base", absl::StrCat(R"(name: "base" )", sets, entry));
  Write("p", R"(name: "p" extends: "base" entries {
    name: "a.f" trust: TRUST_NAME at: "m.C.two" at: "m.D.key" at: "m.E.key" })");
  const auto set = PolicySet::Load(dir_.string());
  ASSERT_TRUE(set.ok()) << set.status();
  const CompiledEntry* shared = (*set)->Find("base")->Find("a.f");
  EXPECT_TRUE(shared->MayStandAt("m.C", "one"));
  EXPECT_TRUE(shared->MayStandAt("m.D", "key"));
  EXPECT_FALSE(shared->MayStandAt("m.C", "key"));
  EXPECT_FALSE(shared->MayStandAt("m.C", "s"));
  EXPECT_TRUE(shared->MayStandInSchema("NEW_OBJ"));
  EXPECT_FALSE(shared->StandsInResults()) << "an argument stands in none";
  const CompiledEntry* narrowed = (*set)->Find("p")->Find("a.f");
  EXPECT_TRUE(narrowed->MayStandAt("m.C", "two"));
  EXPECT_TRUE(narrowed->MayStandAt("m.D", "key"));
  EXPECT_FALSE(narrowed->MayStandAt("m.C", "one"));
  EXPECT_FALSE(narrowed->MayStandAt("m.E", "key"));
  EXPECT_FALSE(narrowed->MayStandInSchema("NEW_OBJ"));

  Write("p", R"(name: "p" entries { name: "a.f" trust: TRUST_NAME at: "$t" })");
  EXPECT_TRUE(Has(Error(), R"(at "$t" names no set)")) << Error();
  // A set says no more than single places may: neither everywhere nor another set.
  for (const std::string wrong : {"*", "$s", "@NONE", "a b"}) {
    Write("p",
          absl::StrCat(R"(name: "p" extends: "base" attribute_sets { name: "t" keys: ")", wrong,
                       R"(" } entries { name: "torch.int8" trust: TRUST_NAME at: "$t" })"));
    EXPECT_TRUE(Has(Error(), absl::StrCat("at \"", wrong, "\""))) << wrong << ": " << Error();
  }
}

TEST(Literal, ParsesPythonsRepr) {
  EXPECT_EQ(ParseLiteral("None"), Literal(std::monostate()));
  EXPECT_EQ(ParseLiteral("True"), Literal(true));
  EXPECT_EQ(ParseLiteral("-12"), Literal(int64_t{-12}));
  EXPECT_EQ(ParseLiteral("0.5"), Literal(0.5));
  EXPECT_EQ(ParseLiteral("'a b'"), Literal(std::string("a b")));
  EXPECT_EQ(ParseLiteral("'\\\\w+'"), Literal(std::string("\\w+")));
  EXPECT_EQ(ParseLiteral("-9223372036854775808"), Literal(INT64_MIN));
  EXPECT_EQ(ParseLiteral("1e-05"), Literal(1e-05));
  EXPECT_EQ(ParseLiteral("1e+16"), Literal(1e16));
  for (const char* bad : {"", "none", "'a", "'", "'a'b'", "'\\n'", "inf", "nan", "f()", "[1]",
                          // One spelling only, and an int that does not fit is no float.
                          " 1", "1 ", "+1", "01", "-0", "1_0", "0x1f", ".5", "5.",
                          "9223372036854775808", "1e", "1e400", "1.5 ", "--1", "'\x1b'"}) {
    EXPECT_FALSE(ParseLiteral(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace loadlock::policy
