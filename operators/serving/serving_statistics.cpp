#include <weir/serving/serving_statistics.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace weir::serving {
namespace {

// Those unused longest go.
void forget_beyond(std::size_t keep, std::vector<VersionStatistics>& all) {
  while (all.size() > keep) {
    all.erase(std::min_element(all.begin(), all.end(),
                               [](const auto& left, const auto& right) { return left.last_used < right.last_used; }));
  }
}

}  // namespace

std::int64_t LatencyHistogram::upper_end(std::uint32_t bucket) noexcept {
  if (bucket < 8) return bucket;
  const std::uint32_t shift = bucket / 8 - 1;
  return static_cast<std::int64_t>(((std::uint64_t{8} + bucket % 8 + 1) << shift) - 1);
}

LatencyHistogram::LatencyHistogram(const LatencyHistogram& other)
    : far_(other.far_ == nullptr ? nullptr : std::make_unique<Counts>(*other.far_)),
      near_first_(other.near_first_),
      strays_(other.strays_),
      near_(other.near_) {}

void LatencyHistogram::Counts::add(std::uint32_t bucket, std::uint64_t count) {
  if (counts.empty()) {
    first = bucket;
    counts.assign(1, 0);
  } else if (bucket < first) {
    counts.insert(counts.begin(), first - bucket, 0);
    first = bucket;
  } else if (bucket - first >= counts.size()) {
    counts.resize(bucket - first + 1, 0);
  }
  counts[bucket - first] += count;
}

void LatencyHistogram::add_far(std::uint32_t bucket, std::uint64_t count) {
  if (count == 0) return;
  if (far_ == nullptr) far_ = std::make_unique<Counts>();
  far_->add(bucket, count);
}

void LatencyHistogram::empty_near() {
  for (std::uint32_t i = 0; i < kNear; ++i) add_far(near_first_ + i, std::exchange(near_[i], 0));
}

// A count that has grown, or a value away from the others. After some of those it is they that are usual.
void LatencyHistogram::add_elsewhere(std::uint32_t bucket, std::uint64_t count) {
  const std::uint32_t place = bucket - near_first_;
  if (place < kNear) return add_far(bucket, count + std::exchange(near_[place], 0));
  if (near_first_ != kNowhere && ++strays_ < kMostStrays) return add_far(bucket, count);
  empty_near();
  strays_ = 0;
  near_first_ = static_cast<std::uint16_t>(bucket - std::min(bucket, kNear / 2));
  add(upper_end(bucket), count);
}

template <class Visitor>
void LatencyHistogram::for_each(const Visitor& visit) const {
  for (std::uint32_t i = 0; i < kNear; ++i)
    if (near_[i] != 0) visit(near_first_ + i, std::uint64_t{near_[i]});
  if (far_ == nullptr) return;
  for (std::uint32_t i = 0; i < far_->counts.size(); ++i)
    if (far_->counts[i] != 0) visit(far_->first + i, far_->counts[i]);
}

LatencyHistogram::Counts LatencyHistogram::all() const {
  Counts all;
  for_each([&](std::uint32_t bucket, std::uint64_t count) { all.add(bucket, count); });
  return all;
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  other.for_each([&](std::uint32_t bucket, std::uint64_t count) { add_far(bucket, count); });
}

bool operator==(const LatencyHistogram& left, const LatencyHistogram& right) {
  const LatencyHistogram::Counts of_left = left.all();
  const LatencyHistogram::Counts of_right = right.all();
  return of_left.first == of_right.first && of_left.counts == of_right.counts;
}

std::uint64_t LatencyHistogram::total() const noexcept {
  std::uint64_t sum = 0;
  for_each([&](std::uint32_t /*bucket*/, std::uint64_t count) { sum += count; });
  return sum;
}

std::int64_t LatencyHistogram::quantile(double quantile) const {
  const std::uint64_t total = this->total();
  if (total == 0) return 0;
  const double wanted = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(total));
  const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  const Counts all = this->all();
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < all.counts.size(); ++i) {
    seen += all.counts[i];
    if (seen >= rank) return upper_end(all.first + static_cast<std::uint32_t>(i));
  }
  return upper_end(all.first + static_cast<std::uint32_t>(all.counts.size()) - 1);
}

void LatencyHistogram::weir_write(ByteWriter& writer) const {
  const Counts all = this->all();
  writer.varint(all.first);
  writer.varint(all.counts.size());
  for (const std::uint64_t count : all.counts) writer.varint(count);
}

void LatencyHistogram::weir_read(ByteReader& reader) {
  *this = {};
  const std::uint64_t first = reader.varint();
  const std::uint64_t size = reader.varint();
  const std::uint64_t buckets = bucket_of(kLargest) + 1;
  if (first > buckets || size > buckets - first || size > reader.remaining()) return reader.fail();
  for (std::uint64_t i = 0; i < size; ++i) add_far(static_cast<std::uint32_t>(first + i), reader.varint());
}

std::size_t LatencyHistogram::weir_heap_bytes() const noexcept {
  return far_ == nullptr ? 0 : sizeof(Counts) + far_->counts.capacity() * sizeof(std::uint64_t) + 32;
}

void LatencyHistogram::weir_schema(std::string& out) { out += "latency_histogram"; }

std::int64_t VersionStatistics::quantile_ns(double quantile) const {
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
  std::vector<VersionStatistics> all = versions.all();
  for (const VersionStatistics& theirs : other.versions.all()) {
    const auto ours =
        std::find_if(all.begin(), all.end(), [&](const VersionStatistics& one) { return one.model == theirs.model; });
    ours == all.end() ? all.push_back(theirs) : ours->merge(theirs);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& left, const auto& right) { return left.since < right.since; });
  forget_beyond(std::max<std::size_t>(keep, 1), all);
  versions.assign(std::move(all));
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

std::vector<VersionStatistics> VersionList::all() const {
  std::vector<VersionStatistics> all;
  all.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) all.push_back((*this)[i]);
  return all;
}

void VersionList::assign(std::vector<VersionStatistics> all) {
  std::erase_if(all, [](const VersionStatistics& one) { return one.usage == 0; });
  newest_ = {};
  older_ = nullptr;
  if (all.empty()) return;
  newest_ = std::move(all.back());
  all.pop_back();
  if (!all.empty()) older_ = std::make_unique<std::vector<VersionStatistics>>(std::move(all));
}

VersionStatistics& VersionList::add(VersionStatistics added) {
  if (!empty()) {
    if (older_ == nullptr) older_ = std::make_unique<std::vector<VersionStatistics>>();
    older_->push_back(std::move(newest_));
  }
  newest_ = std::move(added);
  return newest_;
}

void VersionList::weir_write(ByteWriter& writer) const {
  writer.varint(size());
  for (std::size_t i = 0; i < size(); ++i) Serde<VersionStatistics>::write(writer, (*this)[i]);
}

void VersionList::weir_read(ByteReader& reader) {
  std::vector<VersionStatistics> all;
  Serde<std::vector<VersionStatistics>>::read(reader, all);
  assign(std::move(all));
}

void VersionList::weir_schema(std::string& out) { Serde<std::vector<VersionStatistics>>::schema(out); }

std::size_t VersionList::weir_heap_bytes() const noexcept {
  std::size_t bytes = newest_.latency.weir_heap_bytes();
  if (older_ == nullptr) return bytes;
  bytes += older_->capacity() * sizeof(VersionStatistics) + sizeof *older_ + 32;
  for (const VersionStatistics& one : *older_) bytes += one.latency.weir_heap_bytes();
  return bytes;
}

VersionStatistics& KeyStatistics::find_or_add(const ModelId& model, std::uint32_t& hint, std::size_t keep) {
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (versions[i].model == model) {
      hint = static_cast<std::uint32_t>(i);
      return versions[i];
    }
  }
  if (versions.size() >= std::max<std::size_t>(keep, 1)) {
    std::vector<VersionStatistics> all = versions.all();
    forget_beyond(std::max<std::size_t>(keep, 1) - 1, all);
    versions.assign(std::move(all));
  }
  hint = static_cast<std::uint32_t>(versions.size());
  VersionStatistics added;
  added.model = model;
  return versions.add(std::move(added));
}

void KeyStatistics::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("no_model");
  json.number(no_model);
  json.key("versions");
  write_json(json, versions.all());
  json.end_object();
}

}  // namespace weir::serving
