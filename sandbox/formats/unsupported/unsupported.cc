#include "sandbox/formats/unsupported/unsupported.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "sandbox/formats/unsupported/heads.h"

namespace loadlock::formats {
namespace {

using bytes::Bytes;

struct Unsupported {
  const char* name;
  bool (*matches)(Bytes artifact);
  const char* what;
};

// The first that matches: what is more special comes before what is more general.
constexpr Unsupported kUnsupported[] = {
    {"hdf5", IsHdf5,
     "an HDF5 file (older Keras models among others), which loadlock does not read; Keras layers "
     "may hold Python code; save the weights as .npz or .safetensors"},
    {"tensorflow", IsSavedModel,
     "what looks like a TensorFlow SavedModel, whose operations may read and write files; save "
     "its variables as .npz or .safetensors"},
    {"coreml", IsCoreMl,
     "what looks like a Core ML model, which loadlock does not read; give the model that it was "
     "converted from"},
    {"onnx", IsOnnx,
     "what looks like an ONNX model, which loadlock does not read; a runtime can load it without "
     "unpickling, so restrict its custom operators and external data there"},
    {"tflite", IsTflite,
     "a TensorFlow Lite model, a flatbuffer whose indices its reader trusts; save the weights as "
     ".npz or .safetensors"},
    {"ggml", IsOldGgml,
     "a ggml file from before GGUF, which its own library does not read any more; convert it to "
     "GGUF where it was made"},
    {"7z", Is7z, "a 7z archive; unpack it and give the files in it"},
    {"rar", IsRar, "a RAR archive; unpack it and give the files in it"},
    {"catboost", IsCatboost,
     "a CatBoost model, a flatbuffer with unchecked indices, which its library reads in the "
     "process that loads it; ask for ONNX (model.save_model(path, format='onnx'))"},
    {"xgboost-binary", IsOldXgboost,
     "a model in xgboost's old binary form, which newer versions do not load either; save it as "
     "JSON or UBJSON with the version that wrote it"},
    {"joblib-0.9", IsOldJoblib,
     "a file of joblib before 0.10, whose arrays lie in other files; load it where it was written "
     "and save it with a newer joblib"},
    {"r", IsR,
     "an R object (.rds or .RData), which may hold code that R runs; export what the model needs, "
     "for example as PMML or JSON, and load that with a reader of it"},
    {"parquet", IsParquet, "a Parquet file: a table, and no model"},
    {"arrow", IsArrow, "an Arrow or Feather file: a table, and no model"},
    {"matlab", IsMatlab, "a MATLAB file; save its arrays as .npz"},
    {"java", IsJava,
     "a serialized Java object, which runs code when it is read; save the model as PMML or JSON"},
    {"executable", IsExecutable, "a program, and no model"},
    {"pyc", IsPyc, "compiled Python code, which is there to be run; loadlock never runs any"},
    {"python", IsPythonSource,
     "what looks like Python source, which is there to be run; loadlock never runs any"},
    {"pmml", IsPmml,
     "a PMML document, which loadlock does not read; it is XML without code, so load it with a "
     "reader of PMML that resolves no external entities"},
    {"xml", IsXml, "an XML document, which is no model that loadlock reads"},
    {"html", IsHtml, "a web page, and no model: the download went wrong or needs a log-in"},
    {"git-lfs", IsLfsPointer,
     "a Git LFS pointer, and not the file that it stands for; fetch that with git lfs pull"},
};

const Unsupported* Find(Bytes artifact) {
  for (const Unsupported& format : kUnsupported) {
    if (format.matches(artifact)) return &format;
  }
  return nullptr;
}

}  // namespace

const char* IdentifyUnsupported(Bytes artifact) {
  const Unsupported* format = Find(artifact);
  return format == nullptr ? nullptr : format->name;
}

void RefuseUnsupported(const Input& input, Output* output) {
  const Unsupported* format = Find(input.artifact);
  output->format = format->name;
  output->refusals.push_back(
      graph::Refuse("UNKNOWN_FORMAT", absl::StrCat("this is ", format->what)));
}

}  // namespace loadlock::formats
