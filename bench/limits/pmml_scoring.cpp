#include "bench/limits/pmml_scoring.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

// One copy for each kind of processor, chosen when the program is loaded: before a sanitizer is ready.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(WEIR_SANITIZED)
#define WEIR_FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WEIR_FOR_EACH_PROCESSOR
#endif

namespace weir::bench::pmml {
namespace {

// The leaf (its index among the leaves) of kTogether walks through complete trees: walk k goes through splits[k] with
// rows[k].
template <std::size_t kTogether>
inline void walk(std::size_t depth, const Trees::Split* const* splits, const double* const* rows,
                 std::size_t* at) noexcept {
  for (std::size_t k = 0; k < kTogether; ++k) at[k] = 0;
  for (std::size_t level = 0; level < depth; ++level)
    for (std::size_t k = 0; k < kTogether; ++k) {
      const Trees::Split& split = splits[k][at[k]];
      at[k] = 2 * at[k] + 1 + (rows[k][split.feature] <= split.threshold ? 0 : 1);
    }
}

constexpr std::size_t kTogether = 10;

double score_ensemble(const Trees& model, const double* row) noexcept {
  const std::size_t splits = model.splits_of_tree(), leaves = model.leaves_of_tree();
  std::array<const double*, kTogether> rows;
  rows.fill(row);
  double sum = 0;
  for (std::size_t first = 0; first < model.count; first += kTogether) {
    std::array<const Trees::Split*, kTogether> trees;
    std::array<std::size_t, kTogether> at;
    for (std::size_t k = 0; k < kTogether; ++k) trees[k] = model.splits.data() + (first + k) * splits;
    walk<kTogether>(model.depth, trees.data(), rows.data(), at.data());
    for (std::size_t k = 0; k < kTogether; ++k) sum += model.leaves[(first + k) * leaves + at[k] - splits];
  }
  return model.combine == Trees::Combine::kAverage ? sum / static_cast<double>(model.count) : sum + model.constant;
}

inline std::size_t value_index(const std::array<std::string_view, SklearnPipeline::kTextValues>& values,
                               std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < values.size() && values[i] != text) ++i;
  return i;
}

}  // namespace

WEIR_FOR_EACH_PROCESSOR
void score_rows(const Linear& model, const double* rows, std::size_t count, double* out) noexcept {
  for (std::size_t row = 0; row < count; ++row) {
    const double* x = rows + row * kInputs;
    double sum = model.intercept;
    for (std::size_t i = 0; i < kInputs; ++i) sum += model.coefficients[i] * x[i];
    out[row] = sum;
  }
  if (model.logistic)
    for (std::size_t row = 0; row < count; ++row) out[row] = 1 / (1 + std::exp(-out[row]));
}

WEIR_FOR_EACH_PROCESSOR
void score_rows(const Network& model, const double* rows, std::size_t count, double* out) noexcept {
  for (std::size_t row = 0; row < count; ++row) {
    const double* x = rows + row * Network::kIn;
    alignas(64) std::array<double, Network::kFirst> first = model.first_bias;
    for (std::size_t i = 0; i < Network::kIn; ++i)
      for (std::size_t j = 0; j < Network::kFirst; ++j) first[j] += x[i] * model.first[i][j];
    for (double& value : first) value = value > 0 ? value : 0;
    alignas(64) std::array<double, Network::kSecond> second = model.second_bias;
    for (std::size_t i = 0; i < Network::kFirst; ++i)
      for (std::size_t j = 0; j < Network::kSecond; ++j) second[j] += first[i] * model.second[i][j];
    double sum = model.last_bias;
    for (std::size_t j = 0; j < Network::kSecond; ++j) sum += (second[j] > 0 ? second[j] : 0) * model.last[j];
    out[row] = sum;
  }
}

void score_rows(const Trees& model, const double* rows, std::size_t count, double* out) noexcept {
  if (model.combine != Trees::Combine::kOne) {
    for (std::size_t row = 0; row < count; ++row) out[row] = score_ensemble(model, rows + row * kInputs);
    return;
  }
  constexpr std::size_t kRows = 8;
  const Trees::Split* tree = model.splits.data();
  const std::size_t splits = model.splits_of_tree();
  std::size_t row = 0;
  for (; row + kRows <= count; row += kRows) {
    std::array<const Trees::Split*, kRows> trees;
    std::array<const double*, kRows> x;
    std::array<std::size_t, kRows> at;
    trees.fill(tree);
    for (std::size_t k = 0; k < kRows; ++k) x[k] = rows + (row + k) * kInputs;
    walk<kRows>(model.depth, trees.data(), x.data(), at.data());
    for (std::size_t k = 0; k < kRows; ++k) out[row + k] = model.leaves[at[k] - splits];
  }
  for (; row < count; ++row) {
    const double* x = rows + row * kInputs;
    std::size_t at = 0;
    walk<1>(model.depth, &tree, &x, &at);
    out[row] = model.leaves[at - splits];
  }
}

void score_rows(const DeepTrees& model, const double* rows, std::size_t count, double* out) noexcept {
  constexpr std::size_t kTrees = 8;
  const DeepTrees::Node* nodes = model.nodes.data();
  for (std::size_t row = 0; row < count; ++row) {
    const double* x = rows + row * kInputs;
    double sum = 0;
    for (std::size_t first = 0; first < model.roots.size(); first += kTrees) {
      std::array<std::uint32_t, kTrees> at;
      for (std::size_t k = 0; k < kTrees; ++k) at[k] = model.roots[first + k];
      for (bool moved = true; moved;) {
        moved = false;
        for (std::size_t k = 0; k < kTrees; ++k) {
          const DeepTrees::Node& node = nodes[at[k]];
          const bool leaf = node.feature == DeepTrees::kLeaf;
          const double value = x[leaf ? 0 : node.feature];
          at[k] = leaf ? at[k] : node.left + (value <= node.threshold ? 0U : 1U);
          moved |= !leaf;
        }
      }
      for (std::size_t k = 0; k < kTrees; ++k) sum += nodes[at[k]].threshold;
    }
    out[row] = sum / static_cast<double>(model.roots.size());
  }
}

WEIR_FOR_EACH_PROCESSOR
void score_rows(const Machine& model, const double* rows, std::size_t count, double* out) noexcept {
  constexpr std::size_t kBlock = 64;
  const std::size_t vectors = model.vectors.size();
  for (std::size_t row = 0; row < count; ++row) {
    const double* x = rows + row * kInputs;
    double sum = model.bias;
    for (std::size_t first = 0; first < vectors; first += kBlock) {
      const std::size_t block = std::min(kBlock, vectors - first);
      std::array<double, kBlock> exponents;
      for (std::size_t v = 0; v < block; ++v) {
        const double* vector = model.vectors[first + v].data();
        double distance = 0;
        for (std::size_t i = 0; i < kInputs; ++i) distance += (vector[i] - x[i]) * (vector[i] - x[i]);
        exponents[v] = -model.gamma * distance;
      }
      for (std::size_t v = 0; v < block; ++v) sum += model.coefficients[first + v] * std::exp(exponents[v]);
    }
    out[row] = sum;
  }
}

// All distances of a block first, then those below the worst of the nearest so far are put in their place.
WEIR_FOR_EACH_PROCESSOR
void score_rows(const Neighbors& model, const double* rows, std::size_t count, double* out) noexcept {
  constexpr std::size_t kMost = 16, kBlock = 64;
  for (std::size_t row = 0; row < count; ++row) {
    const double* x = rows + row * kInputs;
    std::array<double, kMost> distances;
    std::array<double, kMost> targets;
    distances.fill(1e300);
    targets.fill(0);
    const std::size_t last = model.nearest - 1;
    for (std::size_t first = 0; first < model.instances.size(); first += kBlock) {
      const std::size_t block = std::min(kBlock, model.instances.size() - first);
      std::array<double, kBlock> near;
      for (std::size_t k = 0; k < block; ++k) {
        const double* instance = model.instances[first + k].data();
        double distance = 0;
        for (std::size_t i = 0; i < kInputs; ++i) distance += (instance[i] - x[i]) * (instance[i] - x[i]);
        near[k] = distance;
      }
      for (std::size_t k = 0; k < block; ++k) {
        if (!(near[k] < distances[last])) continue;
        std::size_t at = last;
        for (; at > 0 && near[k] < distances[at - 1]; --at) {
          distances[at] = distances[at - 1];
          targets[at] = targets[at - 1];
        }
        distances[at] = near[k];
        targets[at] = model.targets[first + k];
      }
    }
    double sum = 0;
    for (std::size_t k = 0; k < model.nearest; ++k) sum += targets[k];
    out[row] = sum / static_cast<double>(model.nearest);
  }
}

// Missing numbers are NaN: looked for in the bits, as -ffast-math has no NaN.
void score_rows(const SklearnPipeline& model, const double* rows, const std::string_view* texts, std::size_t count,
                double* out) noexcept {
  using P = SklearnPipeline;
  for (std::size_t row = 0; row < count; ++row) {
    std::array<double, P::kNumbers> x;
    for (std::size_t i = 0; i < P::kNumbers; ++i) {
      const double value = rows[row * P::kNumbers + i];
      const bool missing = (__builtin_bit_cast(std::uint64_t, value) << 1) > 0xffe0000000000000ULL;
      x[i] = missing ? model.replacements[i] : value;
    }
    x[1] = std::log(x[1] + 1);
    double sum = model.intercept;
    for (std::size_t i = 0; i + 1 < P::kNumbers; ++i)
      sum += model.coefficients[i] * ((x[i] - model.means[i]) / model.deviations[i]);
    std::size_t bin = 0;
    while (bin < model.cuts.size() && x[P::kNumbers - 1] >= model.cuts[bin]) ++bin;
    sum += model.bin_coefficients[bin];
    for (std::size_t text = 0; text < P::kTexts; ++text) {
      const std::size_t value = value_index(model.values[text], texts[row * P::kTexts + text]);
      if (value < P::kTextValues) sum += model.text_coefficients[text][value];
    }
    out[row] = 1 / (1 + std::exp(-sum));
  }
}

}  // namespace weir::bench::pmml
