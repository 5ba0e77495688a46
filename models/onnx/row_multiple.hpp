#pragma once
/// In what multiples of rows must an operator run, so that a row's answers have the same bits wherever it stands?

#include <cstddef>
#include <string_view>

namespace weir::onnx {

/// 1: it treats every row by itself. 4: a row alone, or left over from blocks, is multiplied by another routine (matrix
/// products, and functions whose routines take four values at once). 16: an operator that is not known to be either:
/// the widest vector of floats. All are powers of two: the largest of a graph's serves the whole.
std::size_t row_multiple_of(std::string_view domain, std::string_view type) noexcept;

}  // namespace weir::onnx
