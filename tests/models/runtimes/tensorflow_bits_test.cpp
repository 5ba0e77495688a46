// A row's answers have the same bits in a batch of any size and at every place in it: graphs of many shapes.

#include <gtest/gtest.h>

#include <limits>

#include "models/runtimes/graph_writer.hpp"
#include "models/runtimes/model_case.hpp"

namespace weir::test {
namespace {

Rows rows_of(std::int64_t width, bool with_missing) {
  std::vector<Field> fields;
  for (std::int64_t i = 0; i < width; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  Rows rows = Rows::made_up(fields);
  for (std::size_t i = 0; with_missing && i < rows.numbers.size(); i += 37)
    rows.numbers[i] = std::numeric_limits<double>::quiet_NaN();
  return rows;
}

void expect_same_bits_of(const GraphWriter& graph, const std::string& output, std::int64_t width,
                         bool with_missing = true) {
  const auto model = tensorflow_runtime()->load_with(graph.bytes(), {.inputs = {"x"}, .outputs = {output}}, {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  expect_same_bits(**model, rows_of(width, with_missing));
}

void expect_same_bits_of_layers(const std::vector<std::int64_t>& widths, std::string_view inner,
                                std::string_view last) {
  std::string trace(inner);
  for (const std::int64_t width : widths) trace += " " + std::to_string(width);
  SCOPED_TRACE(trace + " " + std::string(last));
  GraphWriter graph;
  std::string at = graph.placeholder("x", widths.front());
  for (std::size_t i = 1; i < widths.size(); ++i)
    at = graph.dense("layer" + std::to_string(i), at, widths[i - 1], widths[i], i + 1 < widths.size() ? inner : last);
  expect_same_bits_of(graph, at, widths.front());
}

TEST(TensorFlowBits, OfNetworksOfManyShapes) {
  for (const char* last : {"", "Sigmoid", "Tanh", "Softmax", "Exp"}) {
    expect_same_bits_of_layers({11, 32, 16, 1}, "Relu", last);
    expect_same_bits_of_layers({4, 7, 3}, "Relu", last);
    expect_same_bits_of_layers({33, 11, 7, 2}, "Relu", last);
    expect_same_bits_of_layers({64, 100, 10}, "Relu", last);
  }
  for (const char* inner : {"Relu6", "Tanh", "Elu", "Selu", "Sigmoid", "Softplus"}) {
    expect_same_bits_of_layers({11, 33, 3}, inner, "");
    expect_same_bits_of_layers({3, 11, 1}, inner, "Sigmoid");
  }
  expect_same_bits_of_layers({300, 65, 1}, "Relu", "");
  expect_same_bits_of_layers({20, 500, 1}, "Relu", "");
}

TEST(TensorFlowBits, OfProductsWithoutABias) {
  for (const std::int64_t from : {1, 2, 3, 7, 9, 10, 11, 14, 15, 16, 17, 18, 33, 64, 300}) {
    for (const std::int64_t to : {1, 2, 3, 11, 33}) {
      SCOPED_TRACE(std::to_string(from) + " x " + std::to_string(to));
      GraphWriter graph;
      const std::string x = graph.placeholder("x", from);
      const std::string product = graph.float_node("product", "MatMul", {x, graph.constant("weights", {from, to})});
      expect_same_bits_of(graph, product, from);
    }
  }
}

TEST(TensorFlowBits, OfFunctionsOfEachElement) {
  for (const char* function :
       {"Abs",     "Elu",        "Erf",      "Exp",   "Expm1",  "LeakyRelu", "Log1p",   "LogSoftmax",
        "Neg",     "Reciprocal", "Relu",     "Relu6", "Rsqrt",  "Selu",      "Sigmoid", "Sin",
        "Softmax", "Softplus",   "Softsign", "Sqrt",  "Square", "Tanh"}) {
    for (const std::int64_t width : {1, 3, 7, 11, 32, 33}) {
      SCOPED_TRACE(function + (" of " + std::to_string(width)));
      GraphWriter graph;
      const std::string x = graph.placeholder("x", width);
      expect_same_bits_of(graph, graph.float_node("y", function, {x}), width);
    }
  }
}

TEST(TensorFlowBits, OfFunctionsOfTwoElements) {
  for (const char* function : {"AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference"}) {
    for (const std::int64_t width : {1, 3, 7, 11, 33}) {
      SCOPED_TRACE(function + (" of " + std::to_string(width)));
      GraphWriter graph;
      const std::string x = graph.placeholder("x", width);
      expect_same_bits_of(graph, graph.float_node("y", function, {x, graph.constant("other", {width})}), width);
    }
  }
}

}  // namespace
}  // namespace weir::test
