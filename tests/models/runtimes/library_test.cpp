// Where a plug-in finds its runtime's library: a program of its own, since what was opened first counts for the
// process.

#include <gtest/gtest.h>

#include <cstdlib>

#include "models/csv_table.hpp"
#include "models/runtimes/model_case.hpp"

namespace weir::test {
namespace {

using MakeRuntime = std::shared_ptr<const ModelRuntime> (*)(RuntimeOptions);

void expect_library_is_looked_for(MakeRuntime make, const char* file, const char* variable, const char* library,
                                  const char* not_it) {
  const std::string bytes = read_file(kRuntimeModels / file);
  const auto refusal = [&](const RuntimeOptions& options) {
    const auto model = make(options)->load(bytes, {});
    return model.is_ok() ? "accepted" : model.status().to_string();
  };
  const std::string missing = refusal({.library = "/nowhere/libruntime.so"});
  EXPECT_NE(missing.find("failed_precondition"), std::string::npos) << missing;
  for (const char* part : {"/nowhere/libruntime.so", "./dev runtimes", variable, "RuntimeOptions::library"})
    EXPECT_NE(missing.find(part), std::string::npos) << part << "\n" << missing;
  EXPECT_NE(refusal({.library = WEIR_TEST_OTHER_LIBRARY}).find(not_it), std::string::npos)
      << refusal({.library = WEIR_TEST_OTHER_LIBRARY});
  ASSERT_EQ(::setenv(variable, "/nowhere/else.so", 1), 0);
  EXPECT_NE(refusal({}).find("/nowhere/else.so"), std::string::npos) << refusal({});
  EXPECT_EQ(refusal({.library = library}), "accepted");  // the option goes before the variable; each load tries again
  EXPECT_EQ(refusal({}), "accepted");
  ASSERT_EQ(::unsetenv(variable), 0);
}

#ifdef WEIR_TEST_ONNX
TEST(RuntimeLibrary, OfOnnxIsNamedByOptionOrVariable) {
  expect_library_is_looked_for(onnx_runtime, "linear.onnx", "WEIR_ONNXRUNTIME_LIBRARY", WEIR_TEST_ONNX,
                               "it does not export OrtGetApiBase");
}
#endif
#ifdef WEIR_TEST_TENSORFLOW
TEST(RuntimeLibrary, OfTensorFlowIsNamedByOptionOrVariable) {
  expect_library_is_looked_for(tensorflow_runtime, "keras-frozen.pb", "WEIR_TENSORFLOW_LIBRARY", WEIR_TEST_TENSORFLOW,
                               "it lacks TF_");
}
#endif

}  // namespace
}  // namespace weir::test
