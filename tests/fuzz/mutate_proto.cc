#include "tests/fuzz/mutate_proto.h"

#include "google/protobuf/descriptor.h"

namespace loadlock::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Messages of the schema nest a few levels; config and report no more than four.
constexpr int kMaxDepth = 6;

class Mutator {
 public:
  Mutator(const TextSource& text, Dice* dice) : text_(text), dice_(*dice) {}

  void Mutate(Message* message, int depth) {
    const int fields = message->GetDescriptor()->field_count();
    if (fields == 0) return;
    const FieldDescriptor* field =
        message->GetDescriptor()->field(static_cast<int>(dice_.Below(static_cast<size_t>(fields))));
    if (field->is_repeated()) {
      MutateRepeated(message, field, depth);
    } else if (dice_.OneIn(8)) {
      message->GetReflection()->ClearField(message, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Inside(message->GetReflection()->MutableMessage(message, field), depth);
    } else {
      SetOne(message, field);
    }
  }

 private:
  void Inside(Message* message, int depth) {
    if (depth < kMaxDepth) Mutate(message, depth + 1);
  }

  void MutateRepeated(Message* message, const FieldDescriptor* field, int depth) {
    const Reflection* reflection = message->GetReflection();
    const int size = reflection->FieldSize(*message, field);
    const int at = static_cast<int>(dice_.Below(static_cast<size_t>(size)));
    const bool nested = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    switch (size == 0 ? 0 : dice_.Below(nested ? 10 : 5)) {
      case 0:
        if (nested) {
          Inside(reflection->AddMessage(message, field), depth);
        } else {
          AddOne(message, field);
        }
        return;
      case 1:
        reflection->SwapElements(message, field, at, size - 1);
        reflection->RemoveLast(message, field);
        return;
      case 2:
        reflection->SwapElements(message, field, at,
                                 static_cast<int>(dice_.Below(static_cast<size_t>(size))));
        return;
      case 3:
        if (nested) {
          reflection->AddMessage(message, field)
              ->CopyFrom(reflection->GetRepeatedMessage(*message, field, at));
        } else {
          AddOne(message, field);
        }
        return;
      default:
        if (nested) Inside(reflection->MutableRepeatedMessage(message, field, at), depth);
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
          reflection->SetRepeatedString(
              message, field, at,
              text_(*field, reflection->GetRepeatedString(*message, field, at)));
        }
    }
  }

  int64_t Number() { return TellingInt(&dice_, static_cast<int64_t>(dice_.Below(100))); }
  int EnumNumber(const FieldDescriptor* field) {
    const auto count = static_cast<size_t>(field->enum_type()->value_count());
    if (dice_.OneIn(16)) return static_cast<int>(Number());
    return field->enum_type()->value(static_cast<int>(dice_.Below(count)))->number();
  }
  double Real() { return dice_.OneIn(2) ? dice_.Below(10) : static_cast<double>(Number()); }

  void SetOne(Message* message, const FieldDescriptor* field) {
    const Reflection* reflection = message->GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection->SetInt32(message, field, static_cast<int32_t>(Number()));
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection->SetInt64(message, field, Number());
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection->SetUInt32(message, field, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection->SetUInt64(message, field, static_cast<uint64_t>(Number()));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection->SetDouble(message, field, Real());
      case FieldDescriptor::CPPTYPE_FLOAT:
        return reflection->SetFloat(message, field, static_cast<float>(Real()));
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->SetBool(message, field, dice_.OneIn(2));
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection->SetEnumValue(message, field, EnumNumber(field));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection->SetString(message, field,
                                     text_(*field, reflection->GetString(*message, field)));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return;
    }
  }

  void AddOne(Message* message, const FieldDescriptor* field) {
    const Reflection* reflection = message->GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection->AddInt32(message, field, static_cast<int32_t>(Number()));
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection->AddInt64(message, field, Number());
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection->AddUInt32(message, field, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection->AddUInt64(message, field, static_cast<uint64_t>(Number()));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection->AddDouble(message, field, Real());
      case FieldDescriptor::CPPTYPE_FLOAT:
        return reflection->AddFloat(message, field, static_cast<float>(Real()));
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->AddBool(message, field, dice_.OneIn(2));
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection->AddEnumValue(message, field, EnumNumber(field));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection->AddString(message, field, text_(*field, ""));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return;
    }
  }

  const TextSource& text_;
  Dice& dice_;
};

}  // namespace

void MutateMessage(Message* message, const TextSource& text, Dice* dice) {
  Mutator(text, dice).Mutate(message, 0);
}

}  // namespace loadlock::fuzz
