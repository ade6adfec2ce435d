#include "server/verify/texts.h"

#include <gtest/gtest.h>

#include <string>

namespace loadlock::verify {
namespace {

TEST(TokenPattern, RowsOfClassesWithOneEndlessRun) {
  for (const char* pattern : {"(?u)\\b\\w\\w+\\b",
                              "(?u)\\b\\w+\\b",
                              "\\w+",
                              "[a-zA-Z]+",
                              "\\b[a-zA-Z]{3,}\\b",
                              "\\S+",
                              "[^\\s]+",
                              "[a-z]",
                              ".",
                              "(?i)[a-z0-9_\\-]{2,16}",
                              "\\w{2}",
                              "#?\\w+",
                              "\\b[^\\d\\W]+\\b",
                              "[\u0430-\u044f]+",
                              "\\b\\w+'?\\w?\\b",
                              "(\\w+)",
                              "(?u)(?:\\w+)",
                              "a|b",
                              "\\b\\w\\w+\\b|!|\\?|\"|'",
                              "[\\w']+|[.,!?;]",
                              "(\\b\\w+\\b|\\d+)",
                              "\\|",
                              "[|]",
                              "a|b|c|d|e|f|g|h"}) {
    EXPECT_TRUE(IsTokenPattern(pattern)) << pattern;
  }
}

TEST(TokenPattern, WhatMayTakeLongOrIsNoPattern) {
  for (const char* pattern : {"",           "(a+)+b",
                              "(\\w+)*!",   "a||b",
                              "\\w+\\w+",   "\\w*\\w*x",
                              "a?a?a?",     "\\w{1,99}",
                              "\\w{,5}",    "\\w{3,2}",
                              "\\w{2",      "\\w+?",
                              "\\w++",      "a{2}{3}",
                              "[",          "[]",
                              "[a",         "[[a]]+",
                              "\\",         "\\1",
                              "(?=a)",      "\\b",
                              "(?u)",       "^a$",
                              "\\bx\\b\\w", "+",
                              "{2}",        "|a",
                              "a|",         "(a",
                              "a)",         "(a)(b)",
                              "((a))",      "(a|(b))",
                              "(a)+",       "(\\)",
                              "()",         "\\w+|\\w+\\w+",
                              "(?P<a>b)",   "a|b|c|d|e|f|g|h|i"}) {
    EXPECT_FALSE(IsTokenPattern(pattern)) << pattern;
  }
  EXPECT_TRUE(IsTokenPattern(std::string(256, 'a')));
  EXPECT_FALSE(IsTokenPattern(std::string(257, 'a')));
}

TEST(Importance, PublicAttributesThatEndWithNumbers) {
  for (const char* path : {"auto", "coef_", "feature_importances_", "named_steps.clf.coef_",
                           "named_steps.randomforestclassifier.feature_importances_",
                           "best_estimator_.coef_", "regressor_.coef_", "dual_coef_"}) {
    EXPECT_TRUE(IsImportance(path)) << path;
  }
  for (const char* path : {"", ".", "coef_.", ".coef_", "__class__.coef_", "_coef_",
                           "a.__dict__.coef_", "a._b.coef_", "a__b.coef_", "named_steps.clf",
                           "predict", "coef_()", "a b.coef_", "named_steps['x'].coef_"}) {
    EXPECT_FALSE(IsImportance(path)) << path;
  }
  EXPECT_FALSE(IsImportance(std::string(300, 'a') + "coef_"));
}

}  // namespace
}  // namespace loadlock::verify
