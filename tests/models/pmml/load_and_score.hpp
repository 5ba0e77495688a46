#pragma once
/// One fuzzing step: load bytes as PMML and, when they are a model, score rows of awkward values, one by one and
/// together.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <weir/model.hpp>

namespace weir::test {

/// What values a row may have: awkward ones, and those that the document itself writes between quotes.
class AwkwardValues {
 public:
  explicit AwkwardValues(std::string_view document) : random_(static_cast<unsigned>(document.size())) {
    std::size_t at = 0;
    while (texts_.size() < 64 && (at = document.find('"', at)) != std::string_view::npos) {
      const std::size_t end = document.find('"', at + 1);
      if (end == std::string_view::npos) break;
      const std::string text(document.substr(at + 1, end - at - 1));
      char* rest = nullptr;
      if (const double number = std::strtod(text.c_str(), &rest); rest != text.c_str()) numbers_.push_back(number);
      if (text.size() < 40) texts_.push_back(text);
      at = end + 1;
    }
  }
  double number() {
    return random_() % 8 == 0 ? std::ldexp(static_cast<double>(random_()), -28) - 4 : one_of(numbers_);
  }
  std::string_view text() { return random_() % 16 == 0 ? std::string_view() : one_of(texts_); }

 private:
  template <class T>
  const T& one_of(const std::vector<T>& values) {
    return values[random_() % values.size()];
  }
  std::mt19937 random_;
  std::vector<double> numbers_ = {0,   -0.0,  std::nan(""), 1, -1, 2, -1e300, std::numeric_limits<double>::infinity(),
                                  3.5, 5e-324};
  std::vector<std::string> texts_ = {"", "a", "2013-02-30", "\xFF\xFE", "setosa"};
};

struct LoadAndScore {
  bool is_model = false;
  std::string difference;  ///< between a row scored alone and with others; empty when there is none
};

inline LoadAndScore load_and_score(std::string_view bytes) {
  ModelLimits limits;
  limits.max_bytes = std::size_t{4} << 20;
  limits.max_memory_bytes = std::size_t{64} << 20;
  limits.max_load_ms = 5'000;
  const auto model = pmml_runtime()->load(bytes, limits);
  if (!model.is_ok()) return {};
  std::vector<Field> fields((*model)->inputs().begin(), (*model)->inputs().end());
  for (std::size_t i = 0; i < fields.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (fields[i].name.empty() || fields[i].name == fields[j].name) return {true, ""};
  if (!fields.empty() && fields[0].name.empty()) return {true, ""};
  const FeatureSchema schema(fields);
  std::vector<std::string> wanted;
  std::size_t number_outputs = 0, text_outputs = 0;
  for (const Field& output : (*model)->outputs()) {
    wanted.push_back(output.name);
    ++(output.type == FieldType::kNumber ? number_outputs : text_outputs);
  }
  const auto scorer = (*model)->bind(schema, wanted);
  if (!scorer.is_ok()) return {true, ""};

  constexpr std::size_t kRows = 70;  // a block of 64, and some
  AwkwardValues values(bytes);
  std::vector<double> numbers(kRows * schema.number_columns());
  std::vector<std::string_view> texts(kRows * schema.text_columns());
  for (double& number : numbers) number = values.number();
  for (std::string_view& text : texts) text = values.text();
  struct Answers {
    std::vector<double> numbers;
    std::vector<std::string> texts;
    std::vector<unsigned char> failed;
  };
  const auto score = [&](std::size_t together) {
    Answers answers{std::vector<double>(kRows * number_outputs), std::vector<std::string>(kRows * text_outputs),
                    std::vector<unsigned char>(kRows)};
    ScoreErrors errors;
    ScoreScratch scratch;
    for (std::size_t row = 0; row < kRows; row += together)
      (*scorer)->score({std::min(together, kRows - row), numbers.data() + row * schema.number_columns(),
                        schema.number_columns(), texts.data() + row * schema.text_columns(), schema.text_columns()},
                       {answers.numbers.data() + row * number_outputs, answers.texts.data() + row * text_outputs,
                        answers.failed.data() + row},
                       errors, scratch);
    return answers;
  };
  const Answers all = score(kRows), alone = score(1);
  const auto same = [](double one, double other) {
    return std::bit_cast<std::uint64_t>(one) == std::bit_cast<std::uint64_t>(other) ||
           (std::isnan(one) && std::isnan(other));
  };
  for (std::size_t i = 0; i < all.numbers.size(); ++i)
    if (!same(all.numbers[i], alone.numbers[i]))
      return {true, "row " + std::to_string(i / number_outputs) + ": " + std::to_string(all.numbers[i]) + " and " +
                        std::to_string(alone.numbers[i])};
  if (all.texts != alone.texts) return {true, "texts"};
  if (all.failed != alone.failed) return {true, "failed rows"};
  return {true, ""};
}

}  // namespace weir::test
