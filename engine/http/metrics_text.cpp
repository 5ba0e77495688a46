#include "engine/http/metrics_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include <weir/check.hpp>

#include "engine/http/http_response.hpp"

namespace weir::http {

namespace {

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::kCounter: return "counter";
    case MetricType::kGauge: return "gauge";
    case MetricType::kHistogram: return "histogram";
    case MetricType::kSummary: return "summary";
    case MetricType::kUntyped: return "untyped";
  }
  return "untyped";
}

bool is_name(std::string_view name, bool may_have_colon) {
  const auto is_letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (may_have_colon && c == ':');
  };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

std::string escaped(std::string_view text, bool is_quoted) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_quoted) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

template <class Number>
std::string shortest(Number value) {
  std::array<char, 32> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return std::string(digits.data(), result.ptr);
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view help, MetricType type) {
  WEIR_CHECK(is_name(name, true), "a metric's name is [a-zA-Z_:][a-zA-Z0-9_:]*");
  const auto [place, is_new] = index_.emplace(std::string(name), families_.size());
  if (!is_new) {
    WEIR_CHECK(families_[place->second].type == type, "a metric family has one type");
    return;
  }
  const std::string named(name);
  families_.push_back(
      {type,
       "# HELP " + named + " " + escaped(help, false) + "\n# TYPE " + named + " " + std::string(type_name(type)) + "\n",
       {}});
}

MetricsText::Family& MetricsText::family_of(std::string_view sample_name) {
  if (const auto found = index_.find(sample_name); found != index_.end()) return families_[found->second];
  for (const std::string_view suffix : {"_sum", "_count", "_bucket"}) {
    if (!sample_name.ends_with(suffix)) continue;
    const auto found = index_.find(sample_name.substr(0, sample_name.size() - suffix.size()));
    if (found == index_.end()) continue;
    Family& family = families_[found->second];
    const bool has_suffix =
        family.type == MetricType::kHistogram || (family.type == MetricType::kSummary && suffix != "_bucket");
    WEIR_CHECK(has_suffix, "only histograms and summaries have samples with suffixes");
    return family;
  }
  check_failed("family announced", std::string(sample_name).c_str(), __FILE__, __LINE__);
}

void MetricsText::write(std::string_view name, const MetricLabels& labels, std::string_view value) {
  std::string& out = family_of(name).samples;
  out += name;
  char separator = '{';
  for (const auto& [label, content] : labels) {
    WEIR_CHECK(is_name(label, false), "a label's name is [a-zA-Z_][a-zA-Z0-9_]*");
    out += separator;
    out += label;
    out += "=\"";
    out += escaped(content, true);
    out += '"';
    separator = ',';
  }
  if (!labels.empty()) out += '}';
  out += ' ';
  out += value;
  out += '\n';
}

void MetricsText::sample(std::string_view name, const MetricLabels& labels, double value) {
  if (std::isnan(value)) return write(name, labels, "NaN");
  if (std::isinf(value)) return write(name, labels, value > 0 ? "+Inf" : "-Inf");
  write(name, labels, shortest(value));
}

void MetricsText::sample_count(std::string_view name, const MetricLabels& labels, std::uint64_t value) {
  write(name, labels, shortest(value));
}

std::string MetricsText::text() const {
  std::string all;
  for (const Family& family : families_) all += family.header + family.samples;
  return all;
}

}  // namespace weir::http
