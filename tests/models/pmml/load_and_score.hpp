#pragma once
/// One fuzzing step: load bytes as PMML and, when they are a model, score rows of awkward values.

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <weir/model.hpp>

namespace weir::test {

/// True when the bytes were a model.
inline bool load_and_score(std::string_view bytes) {
  ModelLimits limits;
  limits.max_bytes = std::size_t{4} << 20;
  limits.max_memory_bytes = std::size_t{64} << 20;
  limits.max_load_ms = 5'000;
  const auto model = pmml_runtime()->load(bytes, limits);
  if (!model.is_ok()) return false;
  std::vector<Field> fields((*model)->inputs().begin(), (*model)->inputs().end());
  for (std::size_t i = 0; i < fields.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (fields[i].name.empty() || fields[i].name == fields[j].name) return true;
  if (!fields.empty() && fields[0].name.empty()) return true;
  const FeatureSchema schema(fields);
  std::vector<std::string> wanted;
  std::size_t number_outputs = 0, text_outputs = 0;
  for (const Field& output : (*model)->outputs()) {
    wanted.push_back(output.name);
    ++(output.type == FieldType::kNumber ? number_outputs : text_outputs);
  }
  const auto scorer = (*model)->bind(schema, wanted);
  if (!scorer.is_ok()) return true;
  constexpr std::size_t kRows = 6;
  const double awkward[] = {0, std::nan(""), 1, -1e300, std::numeric_limits<double>::infinity(), 3.5};
  const std::string_view texts_of[] = {"", std::string_view(), "a", "2013-02-30", "\xFF\xFE", "setosa"};
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t i = 0; i < schema.number_columns(); ++i) numbers.push_back(awkward[(row + i) % kRows]);
    for (std::size_t i = 0; i < schema.text_columns(); ++i) texts.push_back(texts_of[(row + i) % kRows]);
  }
  std::vector<double> out_numbers(kRows * number_outputs);
  std::vector<std::string> out_texts(kRows * text_outputs);
  std::vector<unsigned char> failed(kRows);
  ScoreErrors errors;
  ScoreScratch scratch;
  (*scorer)->score({kRows, numbers.data(), schema.number_columns(), texts.data(), schema.text_columns()},
                   {out_numbers.data(), out_texts.data(), failed.data()}, errors, scratch);
  return true;
}

}  // namespace weir::test
