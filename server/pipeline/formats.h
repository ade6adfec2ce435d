// The formats that are parsed, by the names that reports give them.
#ifndef LOADLOCK_SERVER_PIPELINE_FORMATS_H_
#define LOADLOCK_SERVER_PIPELINE_FORMATS_H_

#include <array>

namespace loadlock::pipeline {

// As Report.format; "+gzip" and its like may follow any but an index, which lies in a folder. The
// daemon links no parser, so it cannot ask them.
inline constexpr std::array kFormats = {"pickle",
                                        "joblib",
                                        "joblib+zlib",
                                        "joblib+gzip",
                                        "joblib+bz2",
                                        "joblib+lzma",
                                        "joblib+xz",
                                        "joblib+lz4",
                                        "npy",
                                        "npz",
                                        "skops",
                                        "torch",
                                        "torch-legacy",
                                        "torch-tar",
                                        "xgboost-json",
                                        "xgboost-ubjson",
                                        "lightgbm",
                                        "safetensors",
                                        "safetensors-index",
                                        "gguf",
                                        "zip",
                                        "tar"};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_FORMATS_H_
