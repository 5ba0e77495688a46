#include <weir/serving/serving_statistics.hpp>

#include <algorithm>
#include <cmath>

namespace weir::serving {

std::int64_t LatencyHistogram::upper_end(std::uint32_t bucket) noexcept {
  if (bucket < 8) return bucket;
  const std::uint32_t shift = bucket / 8 - 1;
  return static_cast<std::int64_t>(((std::uint64_t{8} + bucket % 8 + 1) << shift) - 1);
}

void LatencyHistogram::widen(std::uint32_t bucket) {
  if (counts_.empty()) {
    first_ = bucket;
    counts_.assign(1, 0);
  } else if (bucket < first_) {
    counts_.insert(counts_.begin(), first_ - bucket, 0);
    first_ = bucket;
  } else if (bucket - first_ >= counts_.size()) {
    counts_.resize(bucket - first_ + 1, 0);
  }
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  if (other.counts_.empty()) return;
  widen(other.first_);
  widen(other.first_ + static_cast<std::uint32_t>(other.counts_.size()) - 1);
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[other.first_ - first_ + i] += other.counts_[i];
}

std::uint64_t LatencyHistogram::total() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::int64_t LatencyHistogram::quantile(double quantile) const noexcept {
  const std::uint64_t all = total();
  if (all == 0) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(all));
  const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return upper_end(first_ + static_cast<std::uint32_t>(i));
  }
  return upper_end(first_ + static_cast<std::uint32_t>(counts_.size()) - 1);
}

void LatencyHistogram::weir_write(ByteWriter& writer) const {
  writer.varint(first_);
  writer.varint(counts_.size());
  for (const std::uint64_t count : counts_) writer.varint(count);
}

void LatencyHistogram::weir_read(ByteReader& reader) {
  counts_.clear();
  const std::uint64_t first = reader.varint();
  const std::uint64_t size = reader.varint();
  const std::uint64_t buckets = bucket_of(kLargest) + 1;
  if (first > buckets || size > buckets - first || size > reader.remaining()) return reader.fail();
  first_ = static_cast<std::uint32_t>(first);
  for (std::uint64_t i = 0; i < size; ++i) counts_.push_back(reader.varint());
}

void LatencyHistogram::weir_schema(std::string& out) { out += "latency_histogram"; }

std::int64_t VersionStatistics::quantile_ns(double quantile) const noexcept {
  return std::clamp(latency.quantile(quantile), min_ns, max_ns);
}

void VersionStatistics::merge(const VersionStatistics& other) {
  if (other.usage == 0) return;
  since = usage == 0 ? other.since : std::min(since, other.since);
  min_ns = usage == 0 ? other.min_ns : std::min(min_ns, other.min_ns);
  max_ns = usage == 0 ? other.max_ns : std::max(max_ns, other.max_ns);
  last_used = std::max(last_used, other.last_used);
  usage += other.usage;
  errors += other.errors;
  total_ns += other.total_ns;
  latency.merge(other.latency);
}

void KeyStatistics::merge(const KeyStatistics& other, std::size_t keep) {
  no_model += other.no_model;
  for (const VersionStatistics& theirs : other.versions) {
    const auto ours = std::find_if(versions.begin(), versions.end(),
                                   [&](const VersionStatistics& one) { return one.model == theirs.model; });
    ours == versions.end() ? versions.push_back(theirs) : ours->merge(theirs);
  }
  std::stable_sort(versions.begin(), versions.end(),
                   [](const auto& left, const auto& right) { return left.since < right.since; });
  while (versions.size() > std::max<std::size_t>(keep, 1)) {
    versions.erase(std::min_element(versions.begin(), versions.end(), [](const auto& left, const auto& right) {
      return left.last_used < right.last_used;
    }));
  }
}

void VersionStatistics::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("model");
  model.weir_json(json);
  json.key("since");
  json.string(format_timestamp(since));
  json.key("last_used");
  json.string(format_timestamp(last_used));
  json.key("usage");
  json.number(usage);
  json.key("errors");
  json.number(errors);
  json.key("latency_ns");
  json.begin_object();
  json.key("total");
  json.number(total_ns);
  json.key("min");
  json.number(min_ns);
  json.key("max");
  json.number(max_ns);
  json.key("mean");
  json.number(usage == 0 ? 0.0 : static_cast<double>(total_ns) / static_cast<double>(usage));
  json.key("p50");
  json.number(quantile_ns(0.5));
  json.key("p99");
  json.number(quantile_ns(0.99));
  json.key("p999");
  json.number(quantile_ns(0.999));
  json.end_object();
  json.end_object();
}

VersionStatistics& KeyStatistics::find_or_add(const ModelId& model, std::uint32_t& hint, std::size_t keep) {
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (versions[i].model == model) {
      hint = static_cast<std::uint32_t>(i);
      return versions[i];
    }
  }
  while (versions.size() >= std::max<std::size_t>(keep, 1)) {
    const auto oldest = std::min_element(versions.begin(), versions.end(), [](const auto& left, const auto& right) {
      return left.last_used < right.last_used;
    });
    versions.erase(oldest);
  }
  versions.emplace_back().model = model;
  hint = static_cast<std::uint32_t>(versions.size() - 1);
  return versions.back();
}

void KeyStatistics::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("no_model");
  json.number(no_model);
  json.key("versions");
  write_json(json, versions);
  json.end_object();
}

}  // namespace weir::serving
