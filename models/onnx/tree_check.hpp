#pragma once
/// Is a TreeEnsemble made of trees? ONNX Runtime walks what it is given: a node that is its own ancestor never ends.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::onnx {

class TreeCheck {
 public:
  /// An attribute nodes_... of the operator.
  void add(const std::string& name, std::vector<std::int64_t> numbers, std::vector<std::string_view> strings);
  /// Throws tensors::Refusal when lists differ in length, a child is missing or has two parents, or there is a circle.
  /// Says nothing about operators that keep their trees otherwise (TreeEnsemble of opset 5 holds tensors).
  void check(const std::string& name) const;
  /// The largest index of a feature it reads; -1: none.
  [[nodiscard]] std::int64_t largest_feature() const noexcept;

 private:
  std::vector<std::int64_t> tree_;
  std::vector<std::int64_t> id_;
  std::vector<std::int64_t> true_;
  std::vector<std::int64_t> false_;
  std::vector<std::int64_t> feature_;
  std::vector<std::string_view> mode_;
};

}  // namespace weir::onnx
