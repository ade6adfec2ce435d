// Values of Python and numpy that are made by calls, and by their constructors.
#include <gtest/gtest.h>

#include <string>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

Maker Big(std::string bytes) {
  return [bytes = std::move(bytes)](Draft& draft) {
    return draft.Node(v1::NODE_KIND_BIG_INT, {draft.Blob(bytes)});
  };
}
Maker RawBytes(std::string bytes) {
  return [bytes = std::move(bytes)](Draft& draft) {
    return draft.Node(v1::NODE_KIND_BYTES, {draft.Blob(bytes)});
  };
}
const Maker kEstimator = Obj("sklearn.preprocessing._label.LabelEncoder", {});

void AllAccepted(const Makers& makers) {
  for (size_t i = 0; i < makers.size(); ++i) EXPECT_EQ(OutcomeOf(makers[i]), "ACCEPTED") << i;
}
void AllRefused(const Makers& makers, const std::string& rule) {
  for (size_t i = 0; i < makers.size(); ++i) {
    const std::string outcome = OutcomeOf(makers[i]);
    EXPECT_TRUE(outcome.starts_with(rule)) << i << ": " << outcome;
  }
}

TEST(Numbers, AreTheirDigits) {
  const auto decimal = [](const std::string& text) { return Call("decimal.Decimal", {Str(text)}); };
  const auto fraction = [](const std::string& text) {
    return Call("fractions.Fraction", {Str(text)});
  };
  AllAccepted({decimal("1.5"), decimal("-0"), decimal("0E-7"), decimal("NaN"), decimal("-sNaN12"),
               decimal("-Infinity"), decimal("1E+9999"), decimal(std::string(1024, '9')),
               fraction("1/3"), fraction("-7"), fraction("0"),
               Call("fractions.Fraction", {Int(-1), Int(3)}),
               Call("fractions.Fraction", {Big(std::string(15, 'x')), Big(std::string(9, 'x'))})});
  AllRefused({decimal(""),
              decimal("1e5"),
              decimal("1E+10000"),
              decimal("1E5"),
              decimal(" 1"),
              decimal("1_0"),
              decimal("."),
              decimal("1."),
              decimal(".5"),
              decimal("0x1"),
              decimal("inf"),
              decimal("--1"),
              decimal(std::string(1025, '9')),
              decimal("NaNa"),
              Call("decimal.Decimal", {Int(1)}),
              Call("decimal.Decimal", {Float(1)}),
              Call("decimal.Decimal", {Tuple({Int(0), Tuple({Int(1)}), Int(1 << 30)})}),
              Call("decimal.Decimal", {}),
              Call("decimal.Decimal", {Str("1"), None()}),
              Call("decimal.Decimal", {kEstimator}),
              Call("decimal.Decimal", {Str("1")}, Dict({{"a", Int(1)}})),
              fraction("1/0"),
              fraction("1/-3"),
              fraction("1.5"),
              fraction("1e99999999"),
              fraction("1/3/4"),
              fraction("/3"),
              fraction("1/"),
              Call("fractions.Fraction", {Int(1), Int(0)}),
              Call("fractions.Fraction", {Int(1), Int(-2)}),
              Call("fractions.Fraction", {Float(1), Int(2)}),
              Call("fractions.Fraction", {NumpyInt(1), Int(2)}),
              Call("fractions.Fraction", {Big(std::string(600, 'x')), Int(1)}),
              Call("fractions.Fraction", {Int(1), Big(std::string(8, 'x') + "\xff")}),
              Call("fractions.Fraction", {Int(1), Int(2), Int(3)})},
             "SCHEMA");
}

TEST(Identifiers, AreOneInteger) {
  const auto uuid = [](Attrs state) { return Obj("uuid.UUID", std::move(state)); };
  AllAccepted({uuid({{"int", Int(0)}}), uuid({{"int", Big(std::string(16, '\xff') + '\0')}}),
               uuid({{"int", Int(5)}, {"is_safe", Int(-1)}})});
  AllRefused({uuid({}), uuid({{"int", Int(-1)}}), uuid({{"int", Float(1)}}),
              uuid({{"int", Big(std::string(16, '\xff') + '\1')}}),
              uuid({{"int", Big(std::string(16, '\xff'))}}), uuid({{"int", NumpyInt(1)}}),
              uuid({{"int", kEstimator}}), uuid({{"int", Int(5)}, {"is_safe", Int(2)}}),
              uuid({{"int", Int(5)}, {"hex", Str("a")}}),
              uuid({{"int", Int(5)}, {"is_safe", Int(0)}, {"more", Int(0)}}),
              ObjWith("uuid.UUID", Tuple({Str("a")}), Dict({{"int", Int(5)}})),
              ObjWith("uuid.UUID", Tuple({}), Int(5)), ObjWith("uuid.UUID", Tuple({}), nullptr)},
             "INVARIANT_UUID");
  EXPECT_NE(OutcomeOf(Call("uuid.UUID", {Str("a")})), "ACCEPTED");
}

TEST(Addresses, AreIntegersAndNetworksTexts) {
  const auto ip = [](const std::string& name, Maker argument) {
    return Call("ipaddress." + name, {std::move(argument)});
  };
  AllAccepted({ip("IPv4Address", Int(0xFFFFFFFF)), ip("IPv6Address", Int(1)),
               ip("IPv6Address", Big(std::string(16, '\xff') + '\0')),
               ip("IPv4Network", Str("10.0.0.0/8")), ip("IPv6Network", Str("fe80::/10")),
               ip("IPv4Interface", Str("10.0.0.1/8")), ip("IPv6Interface", Str("::1/128"))});
  AllRefused({ip("IPv4Address", Int(0x100000000)), ip("IPv4Address", Int(-1)),
              ip("IPv4Address", Str("1.2.3.4")), ip("IPv6Address", Big(std::string(18, '\1'))),
              ip("IPv4Network", Str("10.0.0.1/8")), ip("IPv4Network", Str("10.0.0.0")),
              ip("IPv4Network", Str("10.0.0.0/33")), ip("IPv4Network", Str("fe80::/10")),
              ip("IPv4Network", Str("10.0.0.0/255.0.0.0")), ip("IPv4Network", Int(1)),
              ip("IPv4Network", Tuple({Int(1), Int(8)})), ip("IPv6Network", Str("fe80::%1/64")),
              ip("IPv6Network", Str(std::string(100, ':'))),
              Call("ipaddress.IPv4Address", {Int(1)}, Dict({{"a", Int(1)}}))},
             "SCHEMA");
}

TEST(Patterns, AreCompiledWhenTheirCostIsKnown) {
  const auto pattern = [](Maker text, Maker flags) {
    return Call("re._compile", {std::move(text), std::move(flags)});
  };
  AllAccepted(
      {pattern(Str("\\w+"), Int(32)), pattern(Str("a"), Int(34)), pattern(RawBytes("a+"), Int(0))});
  AllRefused(
      {pattern(Str("(a+)+$"), Int(32)), pattern(Str("a"), Int(128)), pattern(Str("a"), Int(-1)),
       pattern(Str("a"), Int(int64_t{1} << 40)), pattern(Str("a"), Bool(true)),
       pattern(Str("a"), NumpyInt(32)), pattern(RawBytes("a"), Int(32)), pattern(Int(1), Int(32)),
       pattern(kEstimator, Int(32)), pattern(Str("a"), None()), Call("re._compile", {Str("a")}),
       Call("re._compile", {Str("a"), Int(32), Int(1)}),
       Call("re._compile", {Str("a"), Int(32)}, Dict({{"a", Int(1)}}))},
      "SCHEMA");
}

TEST(Bags, AreDictsByOtherNames) {
  const auto space = [](Attrs state) {
    return Call("types.SimpleNamespace", {}, Dict(std::move(state)));
  };
  const auto chain = [](Makers maps) {
    return Obj("collections.ChainMap", {{"maps", List(std::move(maps))}});
  };
  AllAccepted({space({{"a", Int(1)}, {"score", Float(1)}, {"model", kEstimator}}),
               Call("types.SimpleNamespace", {}),
               space({{"in", space({{"é", List({kEstimator})}})}}), chain({Dict({})}),
               chain({Dict({{"a", kEstimator}}), Dict({})}),
               chain({Call("collections.defaultdict", {Name("builtins.list")})})});
  AllRefused({space({{"__array_interface__", Dict({})}}), space({{"__class__", Int(1)}}),
              space({{"a b", Int(1)}}), space({{"", Int(1)}}), space({{"1a", Int(1)}}),
              space({{"a.b", Int(1)}}), space({{"predict", kEstimator}}),
              space({{"predict", List({kEstimator})}}), Call("types.SimpleNamespace", {Dict({})}),
              Call("types.SimpleNamespace", {}, Tuple({Dict({}), Dict({})})),
              Call("types.SimpleNamespace", {}, Tuple({None(), Dict({{"a", Int(1)}})}))},
             "SCHEMA");
  AllRefused({chain({}), chain({Int(1)}), chain({kEstimator}), chain({List({})}),
              Obj("collections.ChainMap", {}), Obj("collections.ChainMap", {{"maps", Dict({})}}),
              Obj("collections.ChainMap", {{"maps", List({Dict({})})}, {"get", Int(1)}})},
             "INVARIANT_CHAIN_MAP");
  // No name stands in a bag.
  EXPECT_NE(OutcomeOf(space({{"f", Name("numpy.log1p")}})), "ACCEPTED");
  EXPECT_NE(OutcomeOf(space({{"f", Name("posix.system")}})), "ACCEPTED");
  EXPECT_NE(OutcomeOf(chain({Dict({{"f", Name("numpy.log1p")}})})), "ACCEPTED");
}

// Attributes that a stranger chose, where a library expects those of its own classes.
TEST(Bags, StandInNoEstimator) {
  const Maker space = Call("types.SimpleNamespace", {}, Dict({{"n_features_in_", Int(1)}}));
  const auto with = [](Maker value) {
    return Obj("sklearn.multiclass.OneVsRestClassifier", {{"estimator", std::move(value)}});
  };
  EXPECT_EQ(OutcomeOf(with(kEstimator)), "ACCEPTED");
  AllRefused({with(space), with(List({space}))}, "STATE_RULE");
}

TEST(Seeds, AreIntegers) {
  const std::string name = "numpy.random.bit_generator.__pyx_unpickle_SeedSequence";
  const Maker cls = Name("numpy.random.bit_generator.SeedSequence");
  const Maker pool = Vec<uint32_t>({1, 2, 3, 4});
  const auto seed = [&](Makers state) {
    return Call(name, {cls, Int(1), None()}, Tuple(std::move(state)));
  };
  AllAccepted({seed({Int(5), Int(0), pool, Int(4), Tuple({})}),
               seed({Big(std::string(16, '\x7f')), Int(3), pool, Int(4), Tuple({Int(1), Int(2)})}),
               seed({List({Int(1), Int(2)}), Int(3), pool, Int(4), Tuple({})})});
  AllRefused(
      {seed({Int(-5), Int(0), pool, Int(4), Tuple({})}),
       seed({None(), Int(0), pool, Int(4), Tuple({})}),
       seed({kEstimator, Int(0), pool, Int(4), Tuple({})}),
       seed({List({Int(-1)}), Int(0), pool, Int(4), Tuple({})}),
       seed({Big(std::string(2000, '\x7f')), Int(0), pool, Int(4), Tuple({})}),
       seed({Int(5), Int(-1), pool, Int(4), Tuple({})}),
       seed({Int(5), Int(0), pool, Int(5), Tuple({})}),
       seed({Int(5), Int(0), pool, Int(int64_t{1} << 40), Tuple({})}),
       seed({Int(5), Int(0), Vec<double>({1, 2, 3, 4}), Int(4), Tuple({})}),
       seed({Int(5), Int(0), pool, Int(4), Int(1)}),
       seed({Int(5), Int(0), pool, Int(4), Tuple({Float(1)})}),
       seed({Int(5), Int(0), pool, Int(4), Tuple({}), Dict({})}), seed({}),
       Call(name, {cls, Int(1), None()}), Call(name, {cls, Int(1), Tuple({})}, Tuple({})),
       Call(name, {None(), Int(1), None()}, Tuple({Int(5), Int(0), pool, Int(4), Tuple({})}))},
      "SCHEMA");
}

TEST(Series, AreVectorsOfNumbers) {
  const Maker two = Vec<double>({-1, 1});
  const auto series = [&](Attrs state) {
    return Obj("numpy.polynomial.polynomial.Polynomial", std::move(state));
  };
  const auto poly = [](Attrs state) { return Obj("numpy.poly1d", std::move(state)); };
  const Attrs good = {{"coef", Vec<double>({1, 2})}, {"domain", two}, {"window", two}};
  AllAccepted({series(good), series(With(good, "_symbol", Str("x"))),
               poly({{"coeffs", Vec<int64_t>({1, 2})}, {"_variable", Str("x")}}),
               poly({{"_coeffs", Vec<double>({1})}, {"_variable", Str("t")}})});
  AllRefused(
      {series(With(good, "coef", Vec<double>({}))), series(With(good, "coef", nullptr)),
       series(With(good, "coef", Zeros({2, 2}))), series(With(good, "coef", List({Int(1)}))),
       series(With(good, "coef", Objects({1}, {Int(1)}))),
       series(With(good, "domain", Vec<double>({1}))), series(With(good, "window", kEstimator)),
       series(With(good, "symbol", Str("x y"))), series(With(good, "symbol", Str("__class__"))),
       series(With(good, "maxpower", Int(9))), series(With(good, "__array_ufunc__", None())),
       poly({}), poly({{"coeffs", Zeros({2, 2})}}), poly({{"coeffs", Int(1)}}),
       poly({{"coeffs", two}, {"_coeffs", two}}), poly({{"coeffs", two}, {"r", two}}),
       poly({{"coeffs", two}, {"_variable", Str("")}}),
       ObjWith("numpy.poly1d", Tuple({two}), Dict({{"coeffs", two}}))},
      "INVARIANT_SERIES");
}

TEST(Records, AreProvenArrays) {
  const Maker record = [](Draft& draft) {
    const NodeId field = DType("<f8")(draft);
    return draft.Node(v1::NODE_KIND_DTYPE_RECORD,
                      {draft.Int(8), draft.String("a"), field, draft.Int(0)});
  };
  const Maker one = Raw(record, {}, std::string(8, '\0'));
  const Maker many = Raw(record, {2}, std::string(16, '\0'));
  AllAccepted({Call("numpy.void", {one}), Call("numpy.record", {one}),
               Call("numpy.recarray", {many}), Call("numpy.rec.recarray", {many}),
               Call("numpy.recarray", {Zeros({2})})});
  AllRefused(
      {Call("numpy.void", {many}), Call("numpy.record", {Zeros({})}),
       Call("numpy.void", {Int(1 << 30)}), Call("numpy.void", {Str("a")}),
       Call("numpy.recarray", {Tuple({Int(3)})}), Call("numpy.recarray", {Objects({1}, {None()})}),
       Call("numpy.recarray", {many, many}), Call("numpy.recarray", {many}, Dict({}))},
      "SCHEMA");
}

TEST(Results, AreTuplesOfArrays) {
  const std::string name = "numpy.linalg._linalg.EigResult";
  const Maker two = Zeros({2});
  EXPECT_EQ(OutcomeOf(ObjWith(name, Tuple({two, two}), nullptr)), "ACCEPTED");
  AllRefused(
      {ObjWith(name, Tuple({two}), nullptr), ObjWith(name, Tuple({two, kEstimator}), nullptr),
       ObjWith(name, Tuple({two, two}), Dict({{"a", Int(1)}})), Obj(name, {})},
      "INVARIANT_NAMED_TUPLE");
}

}  // namespace
}  // namespace loadlock::verify::testing
