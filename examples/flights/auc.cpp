#include "auc.hpp"

#include <algorithm>
#include <cmath>

#include <weir/check.hpp>

namespace flights {

namespace {
constexpr std::size_t kMinUnsorted = 1024;  // below this, sorting early saves nothing
constexpr double kBrierUnit = 0x1p-40;
constexpr std::uint64_t kMaxBrierCount = std::uint64_t{1} << 24;
}  // namespace

void Auc::add(double score, bool positive) {
  WEIR_CHECK(!std::isnan(score), "a score is a number");
  counts_.push_back({score, positive ? 1U : 0U, positive ? 0U : 1U});
  if (counts_.size() > 2 * sorted_ + kMinUnsorted) compact();
}

void Auc::merge(const Auc& other) {
  const std::vector<ScoreCount> copy = other.counts_;  // `other` may be this
  counts_.insert(counts_.end(), copy.begin(), copy.end());
  compact();
}

Auc Auc::from_counts(std::span<const ScoreCount> counts) {
  Auc auc;
  auc.counts_.assign(counts.begin(), counts.end());
  auc.compact();
  return auc;
}

void Auc::compact() {
  if (sorted_ == counts_.size()) return;
  const auto unsorted = counts_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  std::sort(unsorted, counts_.end(), [](const ScoreCount& a, const ScoreCount& b) { return a.score < b.score; });
  std::inplace_merge(counts_.begin(), unsorted, counts_.end(),
                     [](const ScoreCount& a, const ScoreCount& b) { return a.score < b.score; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < counts_.size(); ++i) {
    if (counts_[i].score == counts_[last].score) {
      counts_[last].positives += counts_[i].positives;
      counts_[last].negatives += counts_[i].negatives;
    } else {
      counts_[++last] = counts_[i];
    }
  }
  counts_.resize(last + 1);
  sorted_ = counts_.size();
}

std::span<const ScoreCount> Auc::counts() {
  compact();
  return counts_;
}

std::optional<double> Auc::value() {
  compact();
  std::uint64_t positives = 0, negatives = 0;
  std::uint64_t twice_wins = 0;  // pairs won by the positive record count 2, ties 1
  for (const ScoreCount& count : counts_) {
    twice_wins += count.positives * (2 * negatives + count.negatives);
    positives += count.positives;
    negatives += count.negatives;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return static_cast<double>(twice_wins) / (2.0 * static_cast<double>(positives) * static_cast<double>(negatives));
}

void Brier::add(double probability, bool positive) {
  WEIR_CHECK(probability >= 0 && probability <= 1, "a probability lies between 0 and 1");
  WEIR_CHECK(count < kMaxBrierCount, "more records than the sum can hold");
  const double distance = probability - (positive ? 1.0 : 0.0);
  sum += static_cast<std::uint64_t>(std::llround(distance * distance / kBrierUnit));
  ++count;
}

void Brier::merge(const Brier& other) {
  WEIR_CHECK(count + other.count <= kMaxBrierCount, "more records than the sum can hold");
  sum += other.sum;
  count += other.count;
}

std::optional<double> Brier::value() const {
  if (count == 0) return std::nullopt;
  return static_cast<double>(sum) * kBrierUnit / static_cast<double>(count);
}

}  // namespace flights
