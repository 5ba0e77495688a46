// Bodies of POST /v2/models/{m}/infer.

#include "operators/inference/inference_request.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace weir::inference {
namespace {

std::string fault_of(const std::string& body) {
  const auto parsed = parse_inference_request(body);
  if (parsed.is_ok()) return "none";
  EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
  return parsed.status().message();
}

/// A request with one input of these members.
std::string one(const std::string& members) { return R"({"inputs":[{"name":"x",)" + members + "}]}"; }

TEST(InferenceRequest, ColumnsOfAllDatatypesFlatAndNested) {
  const auto parsed = parse_inference_request(R"({"id":"7","parameters":{"priority":1},"inputs":[
    {"name":"a","datatype":"FP64","shape":[3],"data":[0.1,2,null]},
    {"name":"b","datatype":"FP32","shape":[3,1],"data":[[0.1],[-1e3],[7]]},
    {"name":"c","datatype":"INT64","shape":[3,1],"data":[9007199254740992,-1,0]},
    {"name":"d","datatype":"BOOL","shape":[3],"data":[true,false,null]},
    {"name":"e","datatype":"BYTES","shape":[3],"parameters":{"content_type":"str"},"data":["","\u00e9",null]},
    {"name":"f","datatype":"UINT8","shape":[3],"data":[255,0,1.0]}],
    "outputs":[{"name":"p","parameters":{"binary_data":false}},{"name":"q"}]})");
  ASSERT_TRUE(parsed.is_ok()) << parsed.status().to_string();
  EXPECT_EQ(parsed->id, "7");
  EXPECT_EQ(parsed->rows, 3U);
  EXPECT_EQ(parsed->outputs, (std::vector<std::string>{"p", "q"}));
  ASSERT_EQ(parsed->inputs.size(), 6U);
  EXPECT_EQ(parsed->inputs[0].numbers[0], 0.1);
  EXPECT_TRUE(std::isnan(parsed->inputs[0].numbers[2]));
  EXPECT_EQ(parsed->inputs[1].numbers[0], static_cast<double>(0.1F)) << "what the sender holds in single precision";
  EXPECT_EQ(parsed->inputs[2].numbers[0], 9007199254740992.0);
  EXPECT_EQ(parsed->inputs[3].numbers[0], 1);
  EXPECT_TRUE(std::isnan(parsed->inputs[3].numbers[2]));
  EXPECT_EQ(parsed->inputs[4].type, FieldType::kText);
  EXPECT_EQ(parsed->inputs[4].texts[0], "") << "an empty text is a value";
  EXPECT_EQ(parsed->inputs[4].texts[1], "\xC3\xA9");
  EXPECT_FALSE(parsed->inputs[4].texts[2].has_value());
  EXPECT_EQ(parsed->inputs[5].numbers[0], 255);
}

TEST(InferenceRequest, FaultsNameTheTensor) {
  EXPECT_EQ(fault_of(one(R"("datatype":"FP64","shape":[1],"data":[1])")), "none");
  const std::pair<std::string, const char*> cases[] = {
      {"", "no JSON"},
      {"[]", "must be a JSON object"},
      {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[NaN]}]})", "no JSON"},
      {"{}", "needs 'inputs'"},
      {R"({"inputs":{}})", "needs 'inputs'"},
      {R"({"inputs":[]})", "needs 'inputs'"},
      {R"({"inputs":[1]})", "must hold objects"},
      {R"({"id":7,"inputs":[]})", "'id' must be a text"},
      {R"({"inputs":[{"datatype":"FP64","shape":[1],"data":[1]}]})", "needs 'name'"},
      {one(R"("shape":[1],"data":[1])"), "input 'x' needs 'datatype'"},
      {one(R"("datatype":"FP16","shape":[1],"data":[1])"), "datatype 'FP16'"},
      {one(R"("datatype":"FP64","data":[1])"), "input 'x' needs 'shape'"},
      {one(R"("datatype":"FP64","shape":[],"data":[1])"), "needs 'shape'"},
      {one(R"("datatype":"FP64","shape":[-1],"data":[1])"), "whole numbers"},
      {one(R"("datatype":"FP64","shape":[1.5],"data":[1])"), "whole numbers"},
      {one(R"("datatype":"FP64","shape":[1,2],"data":[1,2])"), "[n] or [n, 1]"},
      {one(R"("datatype":"FP64","shape":[1,1,1],"data":[1])"), "[n] or [n, 1]"},
      {one(R"("datatype":"FP64","shape":[0],"data":[])"), "no rows"},
      {one(R"("datatype":"FP64","shape":[10001],"data":[])"), "10001 rows"},
      {one(R"("datatype":"FP64","shape":[9223372036854775807],"data":[])"), "9223372036854775807 rows"},
      {one(R"("datatype":"FP64","shape":[2],"data":[1])"), "says 2 rows, 'data' has 1"},
      {one(R"("datatype":"FP64","shape":[1],"data":[1,2])"), "says 1 rows, 'data' has 2"},
      {one(R"("datatype":"FP64","shape":[1,1],"data":[[1,2]])"), "row 0: it must hold one value"},
      {one(R"("datatype":"FP64","shape":[1,1],"data":[[[1]]])"), "row 0: the value is no FP64"},
      {one(R"("datatype":"FP64","shape":[1],"data":["1"])"), "row 0: the value is no FP64"},
      {one(R"("datatype":"FP32","shape":[1],"data":[1e300])"), "no FP32"},
      {one(R"("datatype":"INT32","shape":[2],"data":[1,2.5])"), "row 1: the value is no INT32"},
      {one(R"("datatype":"INT32","shape":[1],"data":[2147483648])"), "no INT32"},
      {one(R"("datatype":"INT64","shape":[1],"data":[9007199254740994])"), "no INT64 that is exact"},
      {one(R"("datatype":"UINT8","shape":[1],"data":[-1])"), "no UINT8"},
      {one(R"("datatype":"BOOL","shape":[1],"data":[1])"), "no BOOL"},
      {one(R"("datatype":"BYTES","shape":[1],"data":[1])"), "no BYTES"},
      {one(R"("datatype":"FP64","shape":[1])"), "input 'x' needs 'data'"},
      {one(R"("datatype":"FP64","shape":[1],"parameters":{"binary_data_size":8})"), "binary data"},
      {one(R"("datatype":"FP64","shape":[1],"parameters":{"shared_memory_region":"r"})"), "shared memory"},
      {one(R"("datatype":"FP64","shape":[1],"parameters":[])"), "'parameters' is no object"},
      {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]},
                     {"name":"x","datatype":"FP64","shape":[1],"data":[1]}]})",
       "'x' is given twice"},
      {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]},
                     {"name":"y","datatype":"FP64","shape":[2],"data":[1,2]}]})",
       "input 'y' has 2 rows, the inputs before it have 1"},
      {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]}],"outputs":{}})", "'outputs' must be"},
      {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]}],"outputs":[{"name":"p"},{"name":"p"}]})",
       "'p' is asked for twice"},
      {R"({"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]}],
           "outputs":[{"name":"p","parameters":{"classification":3}}]})",
       "'classification'"},
  };
  for (const auto& [body, expected] : cases)
    EXPECT_NE(fault_of(body).find(expected), std::string::npos) << body << "\n" << fault_of(body);
}

TEST(InferenceRequest, DeepNestingIsRefusedNotFollowed) {
  std::string deep(200'000, '[');
  EXPECT_NE(fault_of(deep).find("no JSON"), std::string::npos);
  EXPECT_NE(
      fault_of(one(R"("datatype":"FP64","shape":[1],"data":)" + std::string(20, '[') + "1" + std::string(20, ']')))
          .find("no JSON"),
      std::string::npos);
}

}  // namespace
}  // namespace weir::inference
