#pragma once
/// Inner loops of scoring, compiled once for each kind of vector unit and chosen when the program runs.
///
/// Every form gives the same bits: each result has its own order of additions, fixed here, and multiply-adds are fused
/// in all forms (where a processor cannot, by the C library, slowly) or in none. Nothing here allocates or throws.

#include <cstddef>
#include <cstdint>

namespace weir::pmml {

enum class VectorUnit : unsigned char { kNone, kAvx2, kAvx512 };

/// Rows and columns of matrices are padded to this many doubles.
inline constexpr std::size_t kLane = 8;
inline constexpr std::size_t padded(std::size_t count) noexcept { return (count + kLane - 1) / kLane * kLane; }

/// Rows that forests score together: one bit each.
inline constexpr std::size_t kBlockRows = 64;

/// A fully connected layer. Wide: weights[input][padded(outputs)], one chain of fused multiply-adds for each output,
/// from the bias, in the order of the inputs. Narrow: weights[output][padded(inputs)], eight partial sums for each
/// output, added as a tree, then the bias.
struct DenseWeights {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  bool narrow = false;
  const double* weights = nullptr;
  const double* biases = nullptr;  ///< padded(outputs)
};

/// One test of a complete tree: true when the row's rank in that input is at most `rank`.
struct RankTest {
  std::uint16_t input;
  std::int16_t rank;
};

struct Kernels {
  VectorUnit unit;
  /// out[r] = intercept + sum of coefficients[i] * rows[r * stride + i]: four partial sums (i modulo 4, the last ones
  /// topped up with zeros), (0 + 1) + (2 + 3). `coefficients` is padded with zeros.
  void (*linear)(const double* coefficients, std::size_t count, double intercept, const double* rows,
                 std::size_t stride, std::size_t count_of_rows, double* out) noexcept;
  /// x[i] = e^x[i], within one unit in the last place.
  void (*exponentials)(double* x, std::size_t count) noexcept;
  /// x[i] = 1 / (1 + e^-x[i])
  void (*logistics)(double* x, std::size_t count) noexcept;
  /// z[r * z_stride + j], all padded(outputs) of a wide layer; `x` is not padded.
  void (*dense)(const DenseWeights& layer, const double* x, std::size_t stride, std::size_t rows, double* z,
                std::size_t z_stride) noexcept;
  /// out[v] = sum over i of (vectors[i * padded_count + v] - x[i])^2, for padded_count vectors.
  void (*squared_distances)(const double* vectors, std::size_t padded_count, const double* x, std::size_t size,
                            double* out) noexcept;
  /// out[v] = sum over i of vectors[i * padded_count + v] * x[i]
  void (*dot_products)(const double* vectors, std::size_t padded_count, const double* x, std::size_t size,
                       double* out) noexcept;
  /// The first index from `from` on with x[i] < limit; `count` when there is none.
  std::size_t (*find_below)(const double* x, std::size_t from, std::size_t count, double limit) noexcept;
  /// out[r] = how many of the ascending thresholds are below x[r], for kBlockRows rows. Null with find_leaves.
  void (*ranks)(const double* thresholds, std::size_t count, const double* x, std::int16_t* out) noexcept;
  /// The leaf that each of kBlockRows rows reaches in a complete tree of up to 8 levels whose children of test n are
  /// 2n + 1 (true) and 2n + 2. ranks[input * kBlockRows + row]. Null where walking is faster.
  void (*find_leaves)(const RankTest* tests, unsigned depth, const std::int16_t* ranks, std::uint8_t* leaves) noexcept;
  /// sums[r] += weight * values[leaves[r]], for kBlockRows rows; each product is rounded.
  void (*add_leaves)(const double* values, const std::uint8_t* leaves, double weight, double* sums) noexcept;
  /// missing[r] = 1 where a row has a NaN among its first `count` values; left alone elsewhere.
  void (*find_missing)(const double* rows, std::size_t stride, std::size_t count_of_rows, std::size_t count,
                       unsigned char* missing) noexcept;
};

/// The fastest that this processor has, unless a test asked for less.
const Kernels& kernels() noexcept;
/// For tests: no better vector unit than this, in the whole process. Returns what is used now.
VectorUnit limit_vector_unit(VectorUnit most) noexcept;

}  // namespace weir::pmml
