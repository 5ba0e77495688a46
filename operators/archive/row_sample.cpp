#include "operators/archive/row_sample.hpp"

#include <algorithm>
#include <cmath>

#include <weir/replay.hpp>

namespace weir {

void RowSample::add(const std::array<double, 2>& row) {
  ++seen_;
  if (rows_.size() < capacity_) {
    rows_.push_back(row);
    return;
  }
  // Marsaglia's xorshift64.
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  if (const std::uint64_t place = random_ % seen_; place < capacity_) rows_[place] = row;
}

std::array<double, 9> RowSample::quantiles(std::size_t column) const {
  std::vector<double> values;
  values.reserve(rows_.size());
  for (const std::array<double, 2>& row : rows_) values.push_back(row[column]);
  std::sort(values.begin(), values.end());
  std::array<double, 9> found{};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double rank = std::ceil(Distribution::kAt[i] * static_cast<double>(values.size()));
    found[i] = values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  }
  return found;
}

}  // namespace weir
