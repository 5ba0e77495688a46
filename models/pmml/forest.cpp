#include "models/pmml/forest.hpp"

#include <algorithm>

namespace weir::pmml {
namespace {

constexpr std::size_t kWidth = 8;
constexpr std::uint32_t kShallow = 8;

// kCount walks advance together: their loads overlap, and no branch depends on the data. `row` is the same for all, or
// one for each.
template <std::size_t kCount, class RowOf>
void walk_group(const ForestNode* nodes, std::uint32_t depth, const RowOf& row_of, std::uint32_t* at) noexcept {
  const auto step = [&](std::size_t k) {
    const ForestNode& node = nodes[at[k]];
    return node.left + (row_of(k)[node.input] <= node.threshold ? 0U : 1U);
  };
  if (depth <= kShallow) {
    for (std::uint32_t d = 0; d < depth; ++d)
      for (std::size_t k = 0; k < kCount; ++k) at[k] = step(k);
    return;
  }
  // Deep trees are rarely balanced: stop when every walk rests.
  for (std::uint32_t moved = 1; moved != 0;) {
    moved = 0;
    for (std::size_t k = 0; k < kCount; ++k) {
      const std::uint32_t next = step(k);
      moved |= next ^ at[k];
      at[k] = next;
    }
  }
}

}  // namespace

bool Forest::prepare(Frame& frame) const noexcept {
  double* values = frame.slots;
  for (const Indicator& at : indicators) {
    if (at.test == Test::kPredicate) run(at.block, frame);
    const double x = values[at.slot];
    if (is_missing(x)) return false;
    bool truth = x != 0;
    switch (at.test) {
      case Test::kEqual: truth = x == at.value; break;
      case Test::kNotEqual: truth = x != at.value; break;
      case Test::kInSet: truth = frame.tables->sets[static_cast<std::size_t>(at.value)].contains(x); break;
      case Test::kNotInSet: truth = !frame.tables->sets[static_cast<std::size_t>(at.value)].contains(x); break;
      default: break;
    }
    values[at.target] = truth ? 1 : 0;
  }
  return true;
}

const double* Forest::gather(Frame& frame) const noexcept {
  double* to = frame.slots + first_input;
  bool missing = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    to[i] = frame.slots[inputs[i]];
    missing |= is_missing(to[i]);
  }
  return missing ? nullptr : to;
}

void Forest::walk(const double* x, std::size_t first, std::size_t count, double* out) const noexcept {
  std::uint32_t at[kWidth];
  const auto row_of = [x](std::size_t) { return x; };
  const Root* of = roots.data() + first;
  if (count == kWidth) {
    std::uint32_t depth = 0;
    for (std::size_t k = 0; k < kWidth; ++k) {
      at[k] = of[k].node;
      depth = std::max(depth, of[k].depth);
    }
    walk_group<kWidth>(nodes.data(), depth, row_of, at);
  } else {
    for (std::size_t k = 0; k < count; ++k) {
      at[k] = of[k].node;
      walk_group<1>(nodes.data(), of[k].depth, row_of, at + k);
    }
  }
  for (std::size_t k = 0; k < count; ++k) out[k] = leaves[at[k]];
}

void Forest::walk_rows(const BlockRows& in, std::size_t tree, double* reached) const noexcept {
  const Root& root = roots[tree];
  std::uint32_t at[kWidth];
  std::size_t row = 0;
  for (; row + kWidth <= in.rows; row += kWidth) {
    const double* first = in.values + row * in.stride;
    for (std::uint32_t& node : at) node = root.node;
    walk_group<kWidth>(
        nodes.data(), root.depth, [&](std::size_t k) { return first + k * in.stride; }, at);
    for (std::size_t k = 0; k < kWidth; ++k) reached[row + k] = leaves[at[k]];
  }
  for (; row < in.rows; ++row) {
    at[0] = root.node;
    walk_group<1>(
        nodes.data(), root.depth, [&](std::size_t) { return in.values + row * in.stride; }, at);
    reached[row] = leaves[at[0]];
  }
}

void Forest::find_missing(const BlockRows& in, unsigned char* other) const noexcept {
  kernels().find_missing(in.values, in.stride, in.rows, inputs.size(), other);
}

std::size_t Forest::block_memory_bytes() const noexcept {
  return kBlockRows * (2 * sizeof(double) + 2 + inputs.size() * sizeof(std::int16_t));
}

Forest::BlockMemory Forest::divide(void* memory) const noexcept {
  BlockMemory at{};
  at.column = static_cast<double*>(memory);
  at.reached = at.column + kBlockRows;
  at.leaves = reinterpret_cast<std::uint8_t*>(at.reached + kBlockRows);
  at.row = at.leaves + kBlockRows;
  at.ranks = reinterpret_cast<std::int16_t*>(at.row + kBlockRows);
  for (std::size_t row = 0; row < kBlockRows; ++row) {
    at.row[row] = static_cast<std::uint8_t>(row);
    at.reached[row] = 0;
  }
  return at;
}

void Forest::rank(const BlockRows& in, const BlockMemory& memory) const noexcept {
  const Kernels& with = kernels();
  for (std::size_t row = in.rows; row < kBlockRows; ++row) memory.column[row] = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t row = 0; row < in.rows; ++row) memory.column[row] = in.values[row * in.stride + i];
    with.ranks(thresholds.data() + first_threshold[i], first_threshold[i + 1] - first_threshold[i], memory.column,
               memory.ranks + i * kBlockRows);
  }
}

std::size_t Forest::memory_bytes() const noexcept {
  std::size_t bytes = nodes.size() * (sizeof(ForestNode) + sizeof(double)) + roots.size() * sizeof(Root) +
                      tests.size() * sizeof(RankTest) + (leaves_of_tests.size() + thresholds.size()) * sizeof(double);
  for (const Indicator& at : indicators) bytes += sizeof(at) + at.block.size() * sizeof(Instruction);
  return bytes;
}

}  // namespace weir::pmml
