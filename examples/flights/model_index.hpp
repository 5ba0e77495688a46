#pragma once
// models/index.csv: which model takes effect when, and for which key. The demo's model stream is made of its lines.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>
#include <weir/time.hpp>

namespace flights {

// The kind that train.py fitted: ONNX and TensorFlow hold the logistic regressions of `lr`.
std::string trained_as(std::string_view kind);

struct ModelLine {
  std::string kind;  // `lr`, `boosting`, `onnx` or `tensorflow`
  std::string key;   // origin airport
  std::string name;
  std::int64_t version = 0;  // a date, 20130201: versions grow with time
  weir::Timestamp effective_at;
  std::string file;  // relative to the directory of the index
};

// All lines of one kind, in the file's order: by effective_at, then key. Out of order is an error.
weir::Result<std::vector<ModelLine>> parse_model_index(std::string_view csv, std::string_view kind);

}  // namespace flights
