#include "models/onnx/row_multiple.hpp"

#include <algorithm>
#include <array>

namespace weir::onnx {
namespace {

// Moves, compares, looks up, adds: every element exactly, or every row in a loop of its own.
constexpr std::array<std::string_view, 52> kByRow = {
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "ArrayFeatureExtractor",
    "Binarizer",
    "Cast",
    "CategoryMapper",
    "Ceil",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Div",
    "Equal",
    "Expand",
    "FeatureVectorizer",
    "Flatten",
    "Floor",
    "Gather",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "Imputer",
    "IsNaN",
    "LabelEncoder",
    "Less",
    "LessOrEqual",
    "Mul",
    "Neg",
    "Normalizer",
    "Not",
    "OneHotEncoder",
    "Or",
    "Reshape",
    "Round",
    "Scaler",
    "Shape",
    "Slice",
    "Split",
    "Squeeze",
    "StringNormalizer",
    "Sub",
    "Tile",
    "Transpose",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "Unsqueeze",
    "Where",
    "Xor",
    "ZipMap",
};
constexpr std::array<std::string_view, 8> kByBlocks = {"Gemm", "LinearClassifier", "LinearRegressor", "MatMul",
                                                       "Relu", "Sigmoid",          "Softmax",         "Tanh"};

bool holds(const auto& names, std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::size_t row_multiple_of(std::string_view domain, std::string_view type) noexcept {
  const bool is_standard = domain.empty() || domain == "ai.onnx" || domain == "ai.onnx.ml";
  if (is_standard && holds(kByRow, type)) return 1;
  return is_standard && holds(kByBlocks, type) ? 4 : 16;
}

}  // namespace weir::onnx
