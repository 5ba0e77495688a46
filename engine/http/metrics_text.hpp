#pragma once
/// MetricsText: writes Prometheus' text exposition format, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
///
/// Families may be announced and filled by several components in any order; each comes out once, its samples together,
/// in the order of the first announcement. Thread: a value for one thread.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

/// Name and value; values may hold any bytes (ill-formed UTF-8 becomes U+FFFD).
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

enum class MetricType : unsigned char { kCounter, kGauge, kHistogram, kSummary, kUntyped };

/// The media type of the text.
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

class MetricsText {
 public:
  /// Announces a family; again with the same type it does nothing. `name`: [a-zA-Z_:][a-zA-Z0-9_:]*.
  void family(std::string_view name, std::string_view help, MetricType type);

  /// One sample of an announced family: `name` is the family's, or for histograms and summaries `_sum`, `_count` or
  /// `_bucket` behind it. A name that breaks the format or has no family is a fault of the caller and aborts.
  void sample(std::string_view name, const MetricLabels& labels, double value);
  /// Counts stay exact beyond 2^53.
  void sample_count(std::string_view name, const MetricLabels& labels, std::uint64_t value);

  /// The whole text.
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    MetricType type;
    std::string header;
    std::string samples;
  };

  Family& family_of(std::string_view sample_name);
  void write(std::string_view name, const MetricLabels& labels, std::string_view value);

  std::vector<Family> families_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace weir::http
