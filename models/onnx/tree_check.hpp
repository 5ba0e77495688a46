#pragma once
/// Are the lists of a classical operator (ai.onnx.ml) what ONNX Runtime takes them for? It walks trees and reads lists
/// as they come: a node that is its own ancestor never ends, a list that is too short ends the process.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::onnx {

/// The attributes of one node.
struct Lists {
  std::map<std::string, std::vector<std::int64_t>> integers;  ///< one number is a list of one
  std::map<std::string, std::size_t> numbers;  ///< lengths of lists of floats, also those held as tensors
  std::map<std::string, std::vector<std::string_view>> texts;

  [[nodiscard]] std::size_t length_of(const std::string& name) const noexcept;
  [[nodiscard]] const std::vector<std::int64_t>& integers_of(const std::string& name) const noexcept;
};

/// For TreeEnsembleRegressor and TreeEnsembleClassifier: lists of one length, children that are there, one parent each,
/// no circles, leaves' weights that belong to nodes. For LinearClassifier and LinearRegressor: as many coefficients as
/// classes (targets) and features need. Others pass. Returns how many features of its input the operator reads, 0 when
/// that is not known. Throws tensors::Refusal.
std::int64_t check_lists(std::string_view type, const std::string& name, const Lists& lists);

}  // namespace weir::onnx
