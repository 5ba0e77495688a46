// Every vector unit and every way to cut rows into calls gives the same bits.

#include "models/pmml/kernels/kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include <weir/model.hpp>

#include "models/csv_table.hpp"
#include "models/pmml/document.hpp"

namespace weir::test {
namespace {

using pmml::kBlockRows;
using pmml::Kernels;
using pmml::VectorUnit;

constexpr VectorUnit kUnits[] = {VectorUnit::kNone, VectorUnit::kAvx2, VectorUnit::kAvx512};

class EveryUnit : public testing::Test {
 protected:
  void TearDown() override { pmml::limit_vector_unit(VectorUnit::kAvx512); }
};
using PmmlKernels = EveryUnit;
using PmmlScoring = EveryUnit;

std::vector<double> random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<double> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(std::ldexp(random(), -32) * 20 - 10);
  return numbers;
}

std::vector<std::uint64_t> bits_of(const std::vector<double>& numbers) {
  std::vector<std::uint64_t> bits;
  for (const double number : numbers) bits.push_back(std::isnan(number) ? 1 : std::bit_cast<std::uint64_t>(number));
  return bits;
}

// What `compute(kernels)` gives with each unit is the same; returns it.
template <class Compute>
std::vector<double> same_on_all(const Compute& compute) {
  std::vector<double> first;
  for (const VectorUnit unit : kUnits) {
    pmml::limit_vector_unit(unit);
    const std::vector<double> now = compute(pmml::kernels());
    if (first.empty()) first = now;
    EXPECT_EQ(bits_of(now), bits_of(first)) << "unit " << static_cast<int>(unit);
  }
  return first;
}

TEST_F(PmmlKernels, ThePlainFormIsAlwaysThere) {
  EXPECT_EQ(pmml::limit_vector_unit(VectorUnit::kNone), VectorUnit::kNone);
  EXPECT_EQ(pmml::kernels().unit, VectorUnit::kNone);
}

TEST_F(PmmlKernels, ExponentialsAreWithinAnUlp) {
  std::vector<double> x = random_numbers(2'000, 1);
  for (double& value : x) value *= value < 0 ? 74 : 70;
  x.insert(x.end(), {0, -0.0, 1e-300, 709.78, 709.79, 1e308, INFINITY, -708.5, -745.1, -745.2, -1e308, -INFINITY, NAN});
  const std::vector<double> y = same_on_all([&](const Kernels& with) {
    std::vector<double> values = x;
    with.exponentials(values.data(), values.size());
    return values;
  });
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = std::exp(x[i]);
    if (std::isnan(expected) || std::isinf(expected) || expected < 1e-307) {
      EXPECT_TRUE(std::isnan(expected) ? std::isnan(y[i]) : std::abs(y[i] - expected) < 1e-322 || y[i] == expected)
          << x[i];
    } else {
      EXPECT_NEAR(y[i] / expected, 1, 3e-16) << x[i];
    }
  }
  const std::vector<double> one_by_one = same_on_all([&](const Kernels& with) {
    std::vector<double> values = x;
    for (double& value : values) with.logistics(&value, 1);
    return values;
  });
  const std::vector<double> together = same_on_all([&](const Kernels& with) {
    std::vector<double> values = x;
    with.logistics(values.data(), values.size());
    return values;
  });
  EXPECT_EQ(bits_of(one_by_one), bits_of(together));
}

TEST_F(PmmlKernels, LinearAndDenseAgreeWithPlainLoops) {
  for (const std::size_t inputs : {1, 3, 4, 7, 8, 11, 16, 30, 33})
    for (const std::size_t outputs : {1, 2, 5, 8, 17, 64, 70})
      for (const std::size_t rows : {1, 2, 3, 9}) {
        SCOPED_TRACE(std::to_string(inputs) + " x " + std::to_string(outputs) + ", " + std::to_string(rows) + " rows");
        const std::size_t stride = inputs + 2, width = pmml::padded(outputs);
        const auto x = random_numbers(rows * stride, 1), biases = random_numbers(width, 2);
        for (const bool narrow : {false, true}) {
          const std::size_t step_in = narrow ? 1 : width, step_out = narrow ? pmml::padded(inputs) : 1;
          const auto weights = random_numbers(pmml::padded(inputs) * width, 3);
          const auto z = same_on_all([&](const Kernels& with) {
            std::vector<double> sums(rows * width, 0);
            with.dense({inputs, outputs, narrow, weights.data(), biases.data()}, x.data(), stride, rows, sums.data(),
                       width);
            return sums;
          });
          for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t j = 0; j < outputs; ++j) {
              double sum = biases[j];
              for (std::size_t i = 0; i < inputs; ++i) sum += x[row * stride + i] * weights[i * step_in + j * step_out];
              EXPECT_NEAR(z[row * width + j], sum, 1e-11);
            }
        }
        std::vector<double> coefficients = random_numbers(inputs, 4);
        coefficients.resize((inputs + 3) / 4 * 4, 0);
        const auto y = same_on_all([&](const Kernels& with) {
          std::vector<double> sums(rows);
          with.linear(coefficients.data(), inputs, 0.5, x.data(), stride, rows, sums.data());
          return sums;
        });
        for (std::size_t row = 0; row < rows; ++row) {
          double sum = 0.5;
          for (std::size_t i = 0; i < inputs; ++i) sum += coefficients[i] * x[row * stride + i];
          EXPECT_NEAR(y[row], sum, 1e-11);
        }
      }
}

TEST_F(PmmlKernels, FindBelowStopsAtTheFirstOne) {
  for (const std::size_t count : {0, 1, 7, 8, 15, 16, 17, 33, 100}) {
    std::vector<double> x = random_numbers(count, 9);
    if (count > 3) x[3] = std::nan("");
    for (const double limit : {-100.0, -9.0, -5.0, 100.0})
      for (std::size_t from = 0; from <= count; ++from) {
        std::size_t expected = from;
        while (expected < count && !(x[expected] < limit)) ++expected;
        EXPECT_EQ(same_on_all([&](const Kernels& with) {
                    return std::vector<double>{static_cast<double>(with.find_below(x.data(), from, count, limit))};
                  }),
                  std::vector<double>{static_cast<double>(expected)});
      }
  }
}

TEST_F(PmmlKernels, RanksCountTheThresholdsBelow) {
  for (const std::size_t count : {0, 1, 2, 3, 64, 65, 1'000}) {
    std::vector<double> thresholds = random_numbers(count, 5);
    std::sort(thresholds.begin(), thresholds.end());
    std::vector<double> x = random_numbers(kBlockRows, 6);
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 8); ++i) x[i] = thresholds[i * count / 8];
    x[20] = INFINITY;
    x[21] = -INFINITY;
    for (const VectorUnit unit : kUnits) {
      pmml::limit_vector_unit(unit);
      if (pmml::kernels().ranks == nullptr) continue;
      std::vector<std::int16_t> ranks(kBlockRows, -1);
      pmml::kernels().ranks(thresholds.data(), count, x.data(), ranks.data());
      for (std::size_t row = 0; row < kBlockRows; ++row)
        EXPECT_EQ(ranks[row], std::lower_bound(thresholds.begin(), thresholds.end(), x[row]) - thresholds.begin());
    }
  }
}

// A forest that has everything: complete trees, lopsided ones, deep ones, tests on texts, leaves without a score.
std::string forest_document(bool classes, const std::string& method, const std::string& attributes) {
  std::mt19937 random(7);
  const auto grow = [&](const auto& self, int depth, const std::string& predicate, std::string& text) -> void {
    text += "<Node";
    if (depth == 0 || random() % 9 == 0) {
      text += classes ? " score=\"" + std::string(1, static_cast<char>('a' + random() % 3)) + "\">"
                      : " score=\"" + std::to_string(static_cast<double>(random() % 100'000) / 777) + "\">";
      text += predicate;
      if (classes)
        for (const char name : {'a', 'b', 'c'})
          text += std::string("<ScoreDistribution value=\"") + name + "\" recordCount=\"" +
                  std::to_string(random() % 50 + 1) + "\"/>";
      text += "</Node>";
      return;
    }
    text += ">" + predicate;
    if (random() % 12 == 0) {
      const std::string field = "field=\"s\" operator=";
      self(self, depth - 1, "<SimplePredicate " + field + "\"equal\" value=\"red\"/>", text);
      self(self, depth - 1, "<SimplePredicate " + field + "\"notEqual\" value=\"red\"/>", text);
    } else {
      const std::string field = "field=\"x" + std::to_string(random() % 5) + "\"";
      const std::string value =
          " value=\"" + std::to_string(static_cast<double>(random() % 20'000) / 1'000 - 10) + "\"/>";
      const bool less = random() % 2 == 0;
      self(self, depth - 1,
           "<SimplePredicate " + field + " operator=\"" + (less ? "lessThan\"" : "lessOrEqual\"") + value, text);
      self(self, depth - 1,
           "<SimplePredicate " + field + " operator=\"" + (less ? "greaterOrEqual\"" : "greaterThan\"") + value, text);
    }
    text += "</Node>";
  };
  std::string fields, schema = "<MiningSchema>";
  for (int i = 0; i < 5; ++i) {
    fields += number_field("x" + std::to_string(i));
    schema += "<MiningField name=\"x" + std::to_string(i) + "\"/>";
  }
  schema += "<MiningField name=\"s\"/></MiningSchema>";
  const std::string function = classes ? "functionName=\"classification\"" : "functionName=\"regression\"";
  std::string segments;
  for (int tree = 0; tree < 40; ++tree) {
    segments += "<Segment weight=\"" + std::to_string(1 + tree % 3) + ".25\"><True/><TreeModel " + function +
                " missingValueStrategy=\"defaultChild\">" + schema;
    std::string nodes;
    grow(grow, tree < 30 ? 1 + tree % 8 : 12, "<True/>", nodes);
    segments += nodes + "</TreeModel></Segment>";
  }
  return pmml(fields + text_field("s"), "<MiningModel " + function + " " + attributes + ">" + schema +
                                            "<Segmentation multipleModelMethod=\"" + method + "\">" + segments +
                                            "</Segmentation></MiningModel>");
}

struct Table {
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::size_t number_columns = 0, text_columns = 0, rows = 0;
};

Table awkward_table(const FeatureSchema& schema) {
  Table table;
  table.rows = 200;
  table.number_columns = schema.number_columns();
  table.text_columns = schema.text_columns();
  table.numbers = random_numbers(table.rows * table.number_columns, 8);
  for (std::size_t i = 0; i < table.numbers.size(); i += 41) table.numbers[i] = std::nan("");
  for (std::size_t i = 5; i < table.numbers.size(); i += 53) table.numbers[i] = std::round(table.numbers[i]);
  static constexpr std::string_view kTexts[] = {"red", "green", "unheard of", "blue sky"};
  for (std::size_t i = 0; i < table.rows * table.text_columns; ++i) table.texts.push_back(kTexts[i % 4]);
  return table;
}

// All number outputs, `at_once` rows a call; a failed row gives infinity.
std::vector<double> scores(const Model& model, std::size_t at_once) {
  const FeatureSchema schema(std::vector<Field>(model.inputs().begin(), model.inputs().end()));
  const Table table = awkward_table(schema);
  std::vector<std::string> wanted;
  for (const Field& field : model.outputs())
    if (field.type == FieldType::kNumber) wanted.push_back(field.name);
  const auto scorer = model.bind(schema, wanted);
  EXPECT_TRUE(scorer.is_ok());
  std::vector<double> out(table.rows * wanted.size(), 0);
  std::vector<unsigned char> failed(table.rows);
  ScoreErrors errors;
  ScoreScratch scratch;
  for (std::size_t row = 0; row < table.rows; row += at_once) {
    const std::size_t count = std::min(at_once, table.rows - row);
    (*scorer)->score({count, table.numbers.data() + row * table.number_columns, table.number_columns,
                      table.texts.data() + row * table.text_columns, table.text_columns},
                     {out.data() + row * wanted.size(), nullptr, failed.data() + row}, errors, scratch);
  }
  for (std::size_t row = 0; row < table.rows; ++row)
    if (failed[row] != 0)
      std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(row * wanted.size()), wanted.size(), INFINITY);
  return out;
}

void expect_one_answer(const std::string& document) {
  const auto model = pmml_runtime()->load(document, {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  const std::vector<double> first = same_on_all([&](const Kernels&) { return scores(**model, 1); });
  EXPECT_GT(std::count_if(first.begin(), first.end(), [](double value) { return std::isfinite(value); }), 50);
  for (const std::size_t at_once : {7, 64, 200})
    EXPECT_EQ(bits_of(same_on_all([&](const Kernels&) { return scores(**model, at_once); })), bits_of(first))
        << at_once;
}

TEST_F(PmmlScoring, IsTheSameOnEveryUnitAndForEveryBatch) {
  for (const char* name : {"linear", "logistic", "softmax", "mlp", "mlp-classes", "svm", "svm-classes", "tree",
                           "tree-classes", "forest", "forest-classes", "boosting", "boosting-binary", "bins"}) {
    SCOPED_TRACE(name);
    expect_one_answer(read_file(std::string("tests/models/pmml_sklearn/") + name + ".pmml"));
  }
}

// More instances than one block of them, many equally far away.
TEST_F(PmmlScoring, OfNeighborsIsTheSameOnEveryUnitAndForEveryBatch) {
  for (const char* measure : {"euclidean", "squaredEuclidean", "cityBlock"})
    for (const char* method : {"average", "weightedAverage", "median"}) {
      SCOPED_TRACE(measure + std::string(" ") + method);
      std::mt19937 random(3);
      std::string rows;
      for (int i = 0; i < 700; ++i) {
        rows += "<row>";
        for (const char name : {'x', 'z', 'y'}) {
          const std::string cell(1, name);
          rows += "<" + cell + ">" + std::to_string(static_cast<int>(random() % 20) - 10) + "</" + cell + ">";
        }
        rows += "</row>";
      }
      expect_one_answer(pmml(
          number_field("x") + number_field("z") + number_field("y"),
          "<NearestNeighborModel functionName=\"regression\" numberOfNeighbors=\"9\" continuousScoringMethod=\"" +
              std::string(method) +
              R"("><MiningSchema><MiningField name="x"/><MiningField name="z"/><MiningField name="y" usageType="target"/>
</MiningSchema><TrainingInstances><InstanceFields><InstanceField field="x"/><InstanceField field="z"/>
<InstanceField field="y"/></InstanceFields><InlineTable>)" +
              rows + "</InlineTable></TrainingInstances><ComparisonMeasure kind=\"distance\"><" + measure +
              R"(/></ComparisonMeasure><KNNInputs><KNNInput field="x"/><KNNInput field="z"/></KNNInputs>
</NearestNeighborModel>)"));
    }
}

TEST_F(PmmlScoring, OfForestsIsTheSameOnEveryUnitAndForEveryBatch) {
  for (const char* method : {"sum", "average", "weightedAverage"})
    for (const char* attributes : {"", "x-mathContext=\"float\""}) {
      SCOPED_TRACE(method + std::string(attributes));
      expect_one_answer(forest_document(false, method, attributes));
    }
  for (const char* method : {"average", "weightedAverage", "majorityVote", "weightedMajorityVote"}) {
    SCOPED_TRACE(method);
    expect_one_answer(forest_document(true, method, ""));
  }
}

}  // namespace
}  // namespace weir::test
