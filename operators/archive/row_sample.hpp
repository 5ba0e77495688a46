#pragma once
/// RowSample: quantiles of two columns from at most so many rows, chosen evenly (reservoir sampling, the same rows in
/// every run).

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

class RowSample {
 public:
  explicit RowSample(std::size_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}

  void add(const std::array<double, 2>& row);
  /// At Distribution::kAt, nearest rank. Precondition: there are rows; none is NaN.
  [[nodiscard]] std::array<double, 9> quantiles(std::size_t column) const;

 private:
  std::size_t capacity_;
  std::uint64_t seen_ = 0;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
  std::vector<std::array<double, 2>> rows_;
};

}  // namespace weir
