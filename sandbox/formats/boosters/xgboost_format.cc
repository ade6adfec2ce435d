#include "sandbox/formats/boosters/xgboost_format.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "sandbox/decoders/boosters/xgboost.h"
#include "sandbox/decoders/document/document.h"
#include "sandbox/formats/boosters/booster_object.h"

namespace loadlock::formats {
namespace {

constexpr std::array<std::string_view, 4> kFirstKeys = {"learner", "version", "Config", "Model"};

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string_view SkipSpace(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  return start == text.npos ? std::string_view() : text.substr(start);
}

bool IsFirstKey(std::string_view key) {
  return std::find(kFirstKeys.begin(), kFirstKeys.end(), key) != kFirstKeys.end();
}

bool IsJson(std::string_view text) {
  text = SkipSpace(text);
  if (text.empty() || text[0] != '{') return false;
  text = SkipSpace(text.substr(1));
  if (text.empty() || text[0] != '"') return false;
  const std::string_view key = text.substr(1, text.find('"', 1) - 1);
  return IsFirstKey(key) && text.find("\"learner\"") != text.npos;
}

bool IsUbjson(bytes::Bytes artifact) {
  bytes::Cursor cursor(artifact);
  uint8_t brace = 0;
  uint8_t letter = 0;
  uint64_t length = 0;
  bytes::Bytes key;
  constexpr uint64_t kLongest = 16;
  return cursor.ReadU8(&brace) && brace == '{' && cursor.ReadU8(&letter) && letter == 'L' &&
         cursor.ReadBe64(&length) && length <= kLongest && cursor.Read(length, &key) &&
         IsFirstKey(AsText(key));
}

}  // namespace

const char* IdentifyXgboost(bytes::Bytes artifact) {
  if (IsUbjson(artifact)) return "xgboost-ubjson";
  return IsJson(AsText(artifact)) ? "xgboost-json" : nullptr;
}

void ParseXgboost(const Input& input, Output* output) {
  document::Document doc(input.budget);
  auto refusal = IsUbjson(input.artifact) ? document::ReadUbjson(input.artifact, 0, &doc)
                                          : document::ReadJson(input.artifact, 0, &doc);
  graph::NodeId record = graph::kNoNode;
  if (!refusal) {
    refusal = boosters::LowerXgboost(doc, 0, {output->graph, input.decoded, input.budget}, &record);
  }
  PutBooster("xgboost.core", "handle", record, std::move(refusal), output);
}

}  // namespace loadlock::formats
