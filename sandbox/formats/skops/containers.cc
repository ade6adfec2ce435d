#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>

#include "absl/strings/charconv.h"
#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/text.h"
#include "sandbox/formats/skops/reader.h"

namespace loadlock::formats::skops {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// -?(0|[1-9][0-9]*): what json.dumps makes of an int.
bool IsDecimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// What json.dumps makes of a float, and float() of that.
bool ReadDouble(std::string_view text, double* out) {
  if (text == "NaN") return *out = std::numeric_limits<double>::quiet_NaN(), true;
  if (text == "Infinity") return *out = std::numeric_limits<double>::infinity(), true;
  if (text == "-Infinity") return *out = -std::numeric_limits<double>::infinity(), true;
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (digits.empty() || digits[0] < '0' || digits[0] > '9') return false;
  const auto [end, error] = absl::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

struct NumpyKeyType {
  std::string_view cls;
  std::string_view typestr;
};
constexpr NumpyKeyType kNumpyKeys[] = {
    {"int8", "|i1"},   {"int16", "<i2"},  {"int32", "<i4"},  {"int64", "<i8"},   {"uint8", "|u1"},
    {"uint16", "<u2"}, {"uint32", "<u4"}, {"uint64", "<u8"}, {"float32", "<f4"}, {"float64", "<f8"},
};

}  // namespace

bool Reader::ExpandNothing(const Place&) { return true; }

bool Reader::ExpandContent(const Place& place) { return ChildField(place.value, "content"); }

bool Reader::ExpandItems(const Place& place) {
  ValueId content = json::kNoValue;
  if (!Field(place.value, "content", Type::kArray, &content)) return false;
  for (const ValueId item : d_.items(content)) {
    if (!Child(item)) return false;
  }
  return true;
}

bool Reader::ExpandDict(const Place& place) {
  ValueId content = json::kNoValue;
  if (!Field(place.value, "content", Type::kObject, &content)) return false;
  const auto items = d_.items(content);
  for (size_t i = 1; i < items.size(); i += 2) {
    if (!Child(items[i])) return false;
  }
  return true;
}

bool Reader::ExpandDefaultDict(const Place& place) {
  ValueId content = json::kNoValue;
  return Field(place.value, "content", Type::kObject, &content) && ChildField(content, "main") &&
         ChildField(content, "default_factory");
}

// The types stand in a list of their own, one a key, and skops zips the two: with another number
// it would drop keys. They name nothing that is built, so they are no part of the graph.
bool Reader::ReadKeyTypes(const Place& place, size_t count, std::vector<Place>* out) {
  ValueId types = json::kNoValue;
  if (!Field(place.value, "key_types", Type::kObject, &types)) return false;
  Place list;
  const Kind* kind = nullptr;
  ValueId content = json::kNoValue;
  if (!ReadPlace(types, &list, &kind)) return false;
  if (kind->loader != "ListNode" || !list.Is("builtins", "list")) {
    return Malformed(types, "the types of a dict's keys are not a list");
  }
  if (!Field(types, "content", Type::kArray, &content)) return false;
  const auto items = d_.items(content);
  if (items.size() != count) {
    return Malformed(
        types, absl::StrCat("a dict has ", count, " keys and ", items.size(), " types of keys"));
  }
  const auto remember = [this](ValueId value) {
    int64_t id = 0;
    if (!ReadId(value, &id)) return false;
    if (id == 0) return true;
    const auto [it, fresh] = memo_.try_emplace(id, Seen{value, graph::kNoNode, false});
    if (fresh || (!it->second.open && schema_.Same(it->second.value, value, &members_, &budget_))) {
      return true;
    }
    return Malformed(value, "two nodes have the same __id__ and not the same content");
  };
  if (!remember(types)) return false;
  for (const ValueId item : items) {
    Place type;
    if (!ReadPlace(item, &type, &kind) || !remember(item)) return false;
    if (kind->loader != "TypeNode") return Malformed(item, "the type of a key is not a type");
    out->push_back(type);
  }
  return budget_.ChargeHeap(count * sizeof(Place));
}

NodeId Reader::Integer(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return b_.Int(value);
  std::vector<uint8_t> bytes;
  if (!budget_.ChargeWork(digits.size() * digits.size()) ||
      !pickle::ParseDecimal({reinterpret_cast<const uint8_t*>(digits.data()), digits.size()},
                            &bytes)) {
    return graph::kNoNode;
  }
  const std::string_view kept =
      b_.Keep({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return b_.IntFromBytes({reinterpret_cast<const uint8_t*>(kept.data()), kept.size()});
}

// key_type(key), for types that cannot do anything else than make a value.
NodeId Reader::Key(ValueId key, const Place& type) {
  const std::string_view text = d_.text(key);
  if (type.module == "numpy") return NumpyKey(key, type);
  if (type.Is("builtins", "str")) return Str(text);
  if (type.Is("builtins", "int") && IsDecimal(text) && text.size() <= json::kMaxNumberText) {
    return Integer(text);
  }
  double real = 0;
  if (type.Is("builtins", "float") && ReadDouble(text, &real)) return b_.Float(real);
  // bool("false") is True: a False key does not survive skops.
  if (type.Is("builtins", "bool") && text == "true") return b_.Bool(true);
  return FailNode(key, "SCHEMA",
                  absl::StrCat("the key '", graph::Quote(text), "' of a dict is not one of type ",
                               graph::Quote(type.module), ".", graph::Quote(type.cls),
                               " that skops reads as it was written"));
}

NodeId Reader::NumpyKey(ValueId key, const Place& type) {
  const std::string_view text = d_.text(key);
  if (type.cls == "str_") {
    return FailNode(key, "SCHEMA", "keys of type numpy.str_ are not supported");
  }
  for (const NumpyKeyType& known : kNumpyKeys) {
    if (known.cls != type.cls) continue;
    uint8_t raw[8] = {};
    const size_t size = static_cast<size_t>(known.typestr[2] - '0');
    double real = 0;
    if (known.typestr[1] == 'f') {
      if (!ReadDouble(text, &real)) break;
      const auto single = static_cast<float>(real);
      std::memcpy(raw, size == 4 ? static_cast<const void*>(&single) : &real, size);
    } else {
      int64_t number = 0;
      uint64_t natural = 0;
      const char* end = text.data() + text.size();
      const bool is_signed = known.typestr[1] == 'i';
      if (!IsDecimal(text)) break;
      const auto result = is_signed ? std::from_chars(text.data(), end, number)
                                    : std::from_chars(text.data(), end, natural);
      if (result.ec != std::errc() || result.ptr != end) break;
      const int shift = static_cast<int>(64 - 8 * size);
      if (is_signed && (number << shift >> shift) != number) break;
      if (!is_signed && (natural << shift >> shift) != natural) break;
      std::memcpy(raw, is_signed ? static_cast<const void*>(&number) : &natural, size);
    }
    const std::string_view kept = b_.Keep({reinterpret_cast<const char*>(raw), size});
    return b_.Scalar(b_.Dtype(known.typestr),
                     {reinterpret_cast<const uint8_t*>(kept.data()), kept.size()});
  }
  return FailNode(key, "SCHEMA",
                  absl::StrCat("the key '", graph::Quote(text), "' of a dict is not one of type ",
                               "numpy.", graph::Quote(type.cls), " that is known"));
}

NodeId Reader::FinishDict(const Place& place, absl::Span<const NodeId> children) {
  ValueId content = d_.Find(place.value, "content");
  const auto items = d_.items(content);
  std::vector<Place> types;
  if (!ReadKeyTypes(place, children.size(), &types)) return graph::kNoNode;
  std::vector<NodeId> pairs;
  for (size_t i = 0; i < children.size(); ++i) {
    const NodeId key = Key(items[2 * i], types[i]);
    if (key == graph::kNoNode || b_.exhausted()) return graph::kNoNode;
    pairs.insert(pairs.end(), {key, children[i]});
  }
  b_.SetOrigin(d_.offset(place.value), 0);
  if (place.Is("builtins", "dict") || place.Is("collections", "OrderedDict")) {
    const NodeId dict = place.cls == "dict" ? b_.Dict() : b_.OrderedDict();
    b_.Extend(dict, pairs);
    return dict;
  }
  if (place.Is("collections", "Counter")) {
    const NodeId counts[] = {b_.Dict()};
    b_.Extend(counts[0], pairs);
    return b_.Call(Name(place.module, place.cls), b_.Tuple(counts));
  }
  const NodeId object = b_.Object(Name(place.module, place.cls), b_.Tuple({}));
  if (!pairs.empty() && !b_.exhausted()) b_.Extend(b_.DictItems(object), pairs);
  return object;
}

// defaultdict(**main): keys that are no str would be an error there.
NodeId Reader::FinishDefaultDict(const Place& place, absl::Span<const NodeId> children) {
  if (b_.kind(children[0]) != graph::Kind::kDict) {
    return FailNode(place.value, "SCHEMA", "the items of a defaultdict are not a dict");
  }
  const auto view = b_.edges(children[0]);
  const std::vector<NodeId> pairs(view.begin(), view.end());
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (b_.kind(pairs[i]) != graph::Kind::kStr) {
      return FailNode(place.value, "SCHEMA", "a key of a defaultdict is not a str");
    }
  }
  const NodeId factory[] = {children[1]};
  const NodeId call = b_.Call(Name(place.module, place.cls), b_.Tuple(factory));
  if (!pairs.empty() && !b_.exhausted()) b_.Extend(b_.DictItems(call), pairs);
  return call;
}

NodeId Reader::FinishList(const Place& place, absl::Span<const NodeId> children) {
  if (place.Is("builtins", "list")) {
    const NodeId list = b_.List();
    b_.Extend(list, children);
    return list;
  }
  const NodeId object = b_.Object(Name(place.module, place.cls), b_.Tuple({}));
  if (!children.empty() && !b_.exhausted()) b_.Extend(b_.ListItems(object), children);
  return object;
}

NodeId Reader::FinishSet(const Place& place, absl::Span<const NodeId> children) {
  for (const NodeId child : children) {
    if (!b_.Has(child, graph::kFlagHashable)) {
      return FailNode(place.value, "MALFORMED", "a member of a set is no plain value");
    }
  }
  const NodeId set = b_.Set();
  b_.Extend(set, children);
  return set;
}

// A namedtuple is made by its class from its items.
NodeId Reader::FinishTuple(const Place& place, absl::Span<const NodeId> children) {
  const NodeId tuple = b_.Tuple(children);
  if (place.Is("builtins", "tuple")) return tuple;
  return b_.Object(Name(place.module, place.cls), tuple);
}

}  // namespace loadlock::formats::skops
