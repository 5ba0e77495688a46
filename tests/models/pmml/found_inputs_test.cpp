// What the fuzzer starts from loads; what it found does no harm any more (the sanitizer builds say so).

#include <gtest/gtest.h>

#include <filesystem>

#include "models/csv_table.hpp"
#include "models/pmml/load_and_score.hpp"

namespace weir::test {
namespace {

TEST(PmmlFuzz, SeedsAreModels) {
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/pmml/seeds")) {
    const auto model = pmml_runtime()->load(read_file(entry.path()), {});
    EXPECT_TRUE(model.is_ok() || model.status().to_string().find("verif") != std::string::npos)
        << entry.path() << ": " << model.status().to_string();
    ++seeds;
  }
  EXPECT_GE(seeds, 10U);
}

// The fuzzer starts from all small documents of the tests: whatever weir reads is in one of them.
TEST(PmmlFuzz, SeedsHoldEveryKindAndFeature) {
  std::string all;
  for (const char* folder : {"tests/models", "tests/fuzz/pmml/seeds"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".pmml" && entry.file_size() < 40'000) all += read_file(entry.path());
  for (const char* name : {"AnomalyDetectionModel",
                           "AssociationModel",
                           "BaselineModel",
                           "BayesianNetworkModel",
                           "ClusteringModel",
                           "GaussianProcessModel",
                           "GeneralRegressionModel",
                           "MiningModel",
                           "NaiveBayesModel",
                           "NearestNeighborModel",
                           "NeuralNetwork",
                           "RegressionModel",
                           "RuleSetModel",
                           "Scorecard",
                           "SupportVectorMachineModel",
                           "TimeSeriesModel",
                           "TreeModel",
                           "Apply",
                           "Constant",
                           "DefineFunction",
                           "DerivedField",
                           "Discretize",
                           "FieldRef",
                           "LocalTransformations",
                           "MapValues",
                           "NormContinuous",
                           "NormDiscrete",
                           "TextIndex",
                           "TextIndexNormalization",
                           "TransformationDictionary",
                           "CompoundPredicate",
                           "False",
                           "SimplePredicate",
                           "SimpleSetPredicate",
                           "True",
                           "ModelVerification",
                           "Output",
                           "Targets",
                           "Matrix",
                           "MeanClusterDistances",
                           "PoissonDistribution",
                           "UniformDistribution",
                           "BaseCumHazardTables",
                           "CompoundRule",
                           "ComplexPartialScore",
                           "PolynomialKernelType",
                           "RadialBasisKernelType",
                           "SigmoidKernelType",
                           "LinearKernelType",
                           "MissingValueWeights",
                           "binarySimilarity",
                           "minkowski",
                           "PredictorTerm"})
    EXPECT_NE(all.find(std::string("<") + name), std::string::npos) << name;
}

TEST(PmmlFuzz, InputsFoundDoNoHarm) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/pmml/found")) {
    SCOPED_TRACE(entry.path());
    EXPECT_EQ(load_and_score(read_file(entry.path())).difference, "");
    ++found;
  }
  EXPECT_GE(found, 1U);
}

}  // namespace
}  // namespace weir::test
