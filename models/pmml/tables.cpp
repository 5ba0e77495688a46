#include <re2/re2.h>

#include <algorithm>
#include <bit>

#include "models/pmml/program.hpp"

namespace weir::pmml {

Tables::Tables() = default;
Tables::~Tables() = default;

std::size_t Tables::memory_bytes() const noexcept {
  std::size_t bytes = texts.memory_bytes() + arguments.size() * sizeof(std::uint32_t) + regexes.size() * 4096;
  for (const auto& set : sets) bytes += 64 + set.values().size() * 9;
  for (const auto& bin : bins) bytes += bin.bins.size() * sizeof(Bin);
  for (const auto& line : interpolations) bytes += line.from.size() * 16;
  for (const auto& native : natives) bytes += native->memory_bytes();
  return bytes + maps.size() * 256;
}

ValueSet::ValueSet(std::vector<double> values) : values_(std::move(values)) {
  std::sort(values_.begin(), values_.end());
  values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
  if (values_.empty()) return;
  const double span = values_.back() - values_.front();
  const bool whole =
      std::all_of(values_.begin(), values_.end(), [](double value) { return value == std::trunc(value); });
  if (!whole || !(span < 4096)) return;
  base_ = values_.front();
  limit_ = values_.back() + 1;
  bits_.resize(static_cast<std::size_t>(span) / 64 + 1);
  for (const double value : values_) {
    const auto at = static_cast<std::size_t>(value - base_);
    bits_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
}

bool ValueSet::contains(double value) const noexcept {
  if (bits_.empty()) return std::binary_search(values_.begin(), values_.end(), value);
  if (!(value >= base_ && value < limit_)) return false;
  const auto at = static_cast<std::size_t>(value - base_);
  return (bits_[at / 64] >> (at % 64) & 1) != 0 && base_ + static_cast<double>(at) == value;
}

std::uint64_t ValueMap::mix(std::uint64_t hash, double value) noexcept {
  return combine_hashes(hash, std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value));
}

void ValueMap::add(const std::vector<double>& key, double value) {
  keys_.insert(keys_.end(), key.begin(), key.end());
  values_.push_back(value);
}

void ValueMap::finish() {
  table_.assign(std::bit_ceil(values_.size() * 2 + 2), Texts::kNone);
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t row = 0; row < values_.size(); ++row) {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < columns_; ++i) hash = mix(hash, keys_[row * columns_ + i]);
    std::size_t at = hash & mask;
    // The first row with a key wins: later equal ones are found after it.
    while (table_[at] != Texts::kNone) at = (at + 1) & mask;
    table_[at] = row;
  }
}

double ValueMap::find(const double* slots, const std::uint32_t* columns) const noexcept {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < columns_; ++i) hash = mix(hash, slots[columns[i]]);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask; table_[at] != Texts::kNone; at = (at + 1) & mask) {
    const double* key = keys_.data() + table_[at] * columns_;
    std::size_t same = 0;
    while (same < columns_ && key[same] == slots[columns[same]]) ++same;
    if (same == columns_) return values_[table_[at]];
  }
  return otherwise_;
}

}  // namespace weir::pmml
