#pragma once
/// What weir itself reads of an ONNX file before the runtime sees it: a damaged or dangerous one is refused, the labels
/// of classifiers are kept. Field numbers are those of onnx.proto (ONNX 1.16).

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::onnx {

struct Document {
  std::string producer;  ///< `skl2onnx 1.17.0`
  std::size_t nodes = 0;
  /// Labels of the one classifier in the graph; empty when there is none, or several that differ.
  std::vector<std::string> labels;
  /// Labels of each ZipMap by the name of its output, in the order of a sorted map.
  std::map<std::string, std::vector<std::string>> maps;
  /// How many features the trees that read a value by this name need: ONNX Runtime does not look.
  std::map<std::string, std::int64_t> features_read;
  std::size_t row_multiple = 1;  ///< see tensors::Run
};

/// Throws tensors::Refusal: not an ONNX model; truncated; tensors that hold more or less data than they say; data in
/// other files; trees that are no trees; more than the bounds of docs/runtimes.md.
Document read_document(std::string_view bytes);

}  // namespace weir::onnx
