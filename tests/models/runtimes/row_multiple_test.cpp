// What row_multiple_of reads of executed graphs.

#include "models/tensorflow/row_multiple.hpp"

#include <gtest/gtest.h>

#include "models/runtimes/graph_writer.hpp"

namespace weir::tensorflow {
namespace {

using test::GraphType;
using test::GraphWriter;

// On both kinds of processors.
std::pair<std::size_t, std::size_t> rows_of(const GraphWriter& graph) {
  return {row_multiple_of(graph.run_metadata(), Processor::kAvx512),
          row_multiple_of(graph.run_metadata(), Processor::kOther)};
}
using Pair = std::pair<std::size_t, std::size_t>;
constexpr Pair kWidest{16, 48};

GraphWriter with(std::string_view operation, GraphType type = GraphType::kFloat) {
  GraphWriter graph;
  graph.node("x", "_Arg", {}, {{"T", GraphWriter::type(type)}});
  graph.node("y", operation, {"x"}, {{"T", GraphWriter::type(type)}});
  return graph;
}

GraphWriter with_fused(const std::vector<std::string>& fused, GraphType type = GraphType::kFloat) {
  GraphWriter graph = with("Relu");
  graph.node("z", "_FusedMatMul", {"y", "w", "b"},
             {{"T", GraphWriter::type(type)}, {"fused_ops", GraphWriter::texts(fused)}});
  return graph;
}

GraphWriter with_product(const std::vector<std::int64_t>& weights, bool transposes) {
  GraphWriter graph = with("Relu");
  graph.constant("w", weights);
  graph.node("z", "MatMul", {"y", "w"},
             {{"T", GraphWriter::type(GraphType::kFloat)}, {"transpose_b", GraphWriter::flag(transposes)}});
  return graph;
}

TEST(TensorFlowRowMultiple, IsOneWhereEveryRowIsTreatedByItself) {
  EXPECT_EQ(rows_of(with("Relu")), Pair(1, 1));
  EXPECT_EQ(rows_of(with("Tanh")), Pair(1, 1));
  EXPECT_EQ(rows_of(with("LookupTableFindV2")), Pair(1, 1));
}

TEST(TensorFlowRowMultiple, IsAVectorForFunctionsOfVectors) {
  EXPECT_EQ(rows_of(with("Sigmoid")), Pair(8, 8));
  EXPECT_EQ(rows_of(with("Softmax")), Pair(8, 8));
  EXPECT_EQ(rows_of(with("Exp", GraphType::kDouble)), Pair(8, 8));
}

TEST(TensorFlowRowMultiple, IsABlockOfTheProcessorForProducts) {
  EXPECT_EQ(rows_of(with_fused({"BiasAdd"})), Pair(2, 12));
  EXPECT_EQ(rows_of(with_fused({"BiasAdd", "Relu"})), Pair(2, 12));
  EXPECT_EQ(rows_of(with_product({11, 2}, false)), Pair(2, 12));
  EXPECT_EQ(rows_of(with_product({2, 11}, true)), Pair(2, 12));
}

TEST(TensorFlowRowMultiple, IsMoreForSmallProductsWithOneColumn) {
  EXPECT_EQ(rows_of(with_product({1000, 1}, false)), Pair(2, 2));
  EXPECT_EQ(rows_of(with_product({17, 1}, false)), Pair(2, 2));
  EXPECT_EQ(rows_of(with_product({16, 1}, false)), Pair(4, 4));
  EXPECT_EQ(rows_of(with_product({11, 1}, false)), Pair(8, 8));
  EXPECT_EQ(rows_of(with_product({3, 1}, false)), Pair(16, 16));
  EXPECT_EQ(rows_of(with_product({1, 1}, false)), Pair(16, 16));
  EXPECT_EQ(rows_of(with_product({11, 1}, true)), Pair(2, 12));  // one row, eleven columns
}

TEST(TensorFlowRowMultiple, IsTheLeastThatServesAll) {
  GraphWriter graph = with_fused({"BiasAdd", "Relu"});
  graph.node("p", "Sigmoid", {"z"}, {{"T", GraphWriter::type(GraphType::kFloat)}});
  EXPECT_EQ(rows_of(graph), Pair(8, 24));
}

TEST(TensorFlowRowMultiple, IsTheWidestForWhatIsNotKnown) {
  EXPECT_EQ(rows_of(with("Mean")), kWidest);
  EXPECT_EQ(rows_of(with("StatefulPartitionedCall")), kWidest);
  EXPECT_EQ(rows_of(with("Tanh", GraphType::kDouble)), kWidest);
  EXPECT_EQ(rows_of(with_fused({"BiasAdd", "Unheard"})), kWidest);
  EXPECT_EQ(rows_of(with_fused({})), kWidest);
  EXPECT_EQ(rows_of(with_fused({"BiasAdd"}, GraphType::kDouble)), kWidest);
  EXPECT_EQ(rows_of(with_product({1, 11}, true)), kWidest);
  GraphWriter computed = with("Relu");
  computed.node("z", "MatMul", {"x", "y"}, {{"T", GraphWriter::type(GraphType::kFloat)}});
  EXPECT_EQ(rows_of(computed), kWidest);
}

TEST(TensorFlowRowMultiple, IsTheWidestForWhatCannotBeRead) {
  EXPECT_EQ(row_multiple_of("", Processor::kAvx512), 16U);
  EXPECT_EQ(row_multiple_of(GraphWriter().run_metadata(), Processor::kAvx512), 16U);
  const std::string whole = with_fused({"BiasAdd"}).run_metadata();
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_EQ(row_multiple_of(whole.substr(0, size), Processor::kAvx512), 16U) << size;
}

}  // namespace
}  // namespace weir::tensorflow
