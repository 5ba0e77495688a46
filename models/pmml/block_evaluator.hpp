#pragma once
/// Models that score many rows side by side, straight from a matrix of inputs: no slots, no instructions.

#include <cstddef>
#include <cstdint>
#include <span>

#include "models/pmml/kernels/kernels.hpp"
#include "models/pmml/program.hpp"

namespace weir::pmml {

/// Up to kBlockRows rows; column i is the block evaluator's input i.
struct BlockRows {
  const double* values;
  std::size_t stride;  ///< doubles from row to row
  std::size_t rows;
};

/// The side of an evaluator that works in blocks. It gives the same bits as evaluate(), row by row.
class BlockEvaluator {
 public:
  virtual ~BlockEvaluator() = default;
  /// The slots whose values are its inputs.
  [[nodiscard]] virtual std::span<const std::uint32_t> block_inputs() const noexcept = 0;
  /// The slots of the answer that it gives.
  [[nodiscard]] virtual std::span<const std::uint32_t> block_outputs() const noexcept = 0;
  /// Computes inputs that no instruction computes; false when the row is for evaluate(). Called where needs_prepare().
  virtual bool prepare(Frame& frame) const noexcept {
    static_cast<void>(frame);
    return true;
  }
  [[nodiscard]] virtual bool needs_prepare() const noexcept { return false; }
  /// Bytes of working memory for a call, aligned to 64 (a multiple of 64).
  [[nodiscard]] virtual std::size_t block_memory_bytes() const noexcept = 0;
  /// Output i of row r to out[r * block_outputs().size() + i]; other[r] = 1 for a row that is for evaluate().
  virtual void evaluate_block(const BlockRows& in, double* out, unsigned char* other, void* memory) const noexcept = 0;
};

}  // namespace weir::pmml
