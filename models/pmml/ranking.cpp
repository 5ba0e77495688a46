// The k-th best of a row of slots: what OutputField@rank asks for.

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

class Ranked final : public Native {
 public:
  Ranked(std::uint32_t first, std::size_t count, std::size_t rank, bool smallest_first)
      : first_(first), count_(count), rank_(rank), sign_(smallest_first ? -1 : 1) {}

  // Counts who is before each: ranks are small and classes few.
  [[nodiscard]] double call(Frame& frame) const noexcept override {
    const double* values = frame.slots + first_;
    double best = kMissing;
    std::size_t best_at = count_;
    // The value of rank r is the best of those after the value of rank r - 1.
    for (std::size_t r = 0; r < rank_; ++r) {
      const double last = best;
      const std::size_t last_at = best_at;
      best_at = count_;
      for (std::size_t i = 0; i < count_; ++i) {
        const double value = sign_ * values[i];
        if (is_missing(value)) continue;
        if (r > 0 && !(value < last || (value == last && i > last_at))) continue;
        if (best_at == count_ || value > best) {
          best = value;
          best_at = i;
        }
      }
      if (best_at == count_) return kMissing;
    }
    return static_cast<double>(best_at);
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof(*this); }

 private:
  std::uint32_t first_;
  std::size_t count_;
  std::size_t rank_;
  double sign_;
};

}  // namespace

std::uint32_t ranked(Compiler& compiler, BlockBuilder& block, std::uint32_t first, std::size_t count, std::size_t rank,
                     bool smallest_first) {
  return compiler.call(block, std::make_unique<Ranked>(first, count, rank, smallest_first));
}

bool asks_for(const ModelBuild& build, std::string_view feature) {
  const Element output = build.at.child("Output");
  if (!output) return false;
  for (const Element at : output)
    if (at.is("OutputField") && at.attribute_or("feature", "") == feature) return true;
  return false;
}

}  // namespace weir::pmml
