#include "operators/serving/model_request.hpp"

#include <gtest/gtest.h>

#include <weir/blob_store.hpp>

#include "operators/serving/base64.hpp"

namespace weir::serving {
namespace {

constexpr const char* kPmml = "<PMML version=\"4.4\"></PMML>";

HttpRequest post(std::map<std::string, std::string> query, std::string body = kPmml) {
  HttpRequest request;
  request.method = "POST";
  request.query = std::move(query);
  request.body = std::move(body);
  return request;
}

std::string refusal(const HttpRequest& request) {
  const auto record = model_of(request);
  if (record.is_ok()) return "accepted";
  EXPECT_EQ(record.status().code(), StatusCode::kInvalidArgument);
  return record.status().message();
}

TEST(ModelRequest, TakesTheBodyAndTheQuery) {
  const auto record = model_of(post({{"key", "JFK"},
                                     {"name", "delay"},
                                     {"version", "3"},
                                     {"effective_at", "2013-07-04T10:00:00Z"},
                                     {"description", "a model"},
                                     {"lineage", "job 7"},
                                     {"sha256", sha256_hex(kPmml)},
                                     {"ed25519", "AAECAw=="},
                                     {"features", "a,b"},
                                     {"signature", "serve"}}));
  ASSERT_TRUE(record.is_ok()) << record.status().to_string();
  EXPECT_EQ(record->key, "JFK");
  EXPECT_EQ(record->name, "delay");
  EXPECT_EQ(record->version, 3);
  EXPECT_EQ(record->type, "PMML");
  EXPECT_EQ(record->data, kPmml);
  EXPECT_EQ(format_timestamp(*record->effective_at), "2013-07-04T10:00:00Z");
  EXPECT_EQ(record->description, "a model");
  EXPECT_EQ(record->lineage, "job 7");
  EXPECT_EQ(record->sha256.size(), 32U);
  EXPECT_EQ(record->signature, std::string("\0\1\2\3", 4));
  EXPECT_EQ(record->options.features, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(record->options.signature, "serve");
  EXPECT_TRUE(record->created.has_value());
}

TEST(ModelRequest, TakesHeaders) {
  HttpRequest request = post({{"key", "JFK"}});
  request.headers = {{"weir-key", "JFK"}, {"weir-version", "2"}, {"weir-effective-at", "5"}, {"weir-type", "OWN"}};
  const auto record = model_of(request);
  ASSERT_TRUE(record.is_ok()) << record.status().to_string();
  EXPECT_EQ(record->version, 2);
  EXPECT_EQ(record->type, "OWN");
  EXPECT_EQ(record->effective_at, Timestamp{Duration{5}});
  request.headers["weir-key"] = "LGA";
  EXPECT_NE(refusal(request).find("'key' is given twice"), std::string::npos);
}

TEST(ModelRequest, TakesAForm) {
  HttpRequest request = post({},
                             "--X\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nJFK\r\n"
                             "--X\r\nContent-Disposition: form-data; name=\"model\"; filename=\"m.pmml\"\r\n"
                             "Content-Type: application/xml\r\n\r\n" +
                                 std::string(kPmml) + "\r\n--X--\r\n");
  request.headers["content-type"] = "multipart/form-data; boundary=X";
  const auto record = model_of(request);
  ASSERT_TRUE(record.is_ok()) << record.status().to_string();
  EXPECT_EQ(record->key, "JFK");
  EXPECT_EQ(record->data, kPmml);
  request.query["key"] = "LGA";
  EXPECT_NE(refusal(request).find("given twice"), std::string::npos);
  request.query.clear();
  request.body = "--X\r\nContent-Disposition: form-data; name=\"mode1\"\r\n\r\nx\r\n--X--";
  EXPECT_NE(refusal(request).find("no field is called 'mode1'"), std::string::npos);
  request.body = "--X--";
  EXPECT_NE(refusal(request).find("no key"), std::string::npos);
  request.query["key"] = "JFK";
  EXPECT_NE(refusal(request).find("no model"), std::string::npos);
}

TEST(ModelRequest, TakesALocation) {
  const auto record = model_of(post({{"key", "JFK"}, {"location", "JFK/a.pmml"}, {"type", "PMML"}}, ""));
  ASSERT_TRUE(record.is_ok()) << record.status().to_string();
  EXPECT_EQ(record->location, "JFK/a.pmml");
  EXPECT_FALSE(record->data.has_value());
  EXPECT_NE(refusal(post({{"key", "JFK"}, {"location", "a"}, {"type", "PMML"}})).find("one of them"),
            std::string::npos);
  EXPECT_NE(refusal(post({{"key", "JFK"}, {"location", "a"}}, "")).find("type"), std::string::npos);
}

TEST(ModelRequest, SaysWhatIsWrong) {
  EXPECT_NE(refusal(post({})).find("no key"), std::string::npos);
  EXPECT_NE(refusal(post({{"key", "JFK"}}, "")).find("no model"), std::string::npos);
  EXPECT_NE(refusal(post({{"key", "JFK"}}, "hello")).find("neither like PMML nor like ONNX"), std::string::npos);
  for (const char* version : {"0", "-1", "x", "1.5", "99999999999999999999"})
    EXPECT_NE(refusal(post({{"key", "JFK"}, {"version", version}})).find("version"), std::string::npos) << version;
  for (const char* digest : {"12", "zz8a4a20c78a4a20c78a4a20c78a4a20c78a4a20c78a4a20c78a4a20c78a4a20", "+1"})
    EXPECT_NE(refusal(post({{"key", "JFK"}, {"sha256", digest}})).find("sha256"), std::string::npos) << digest;
  EXPECT_NE(refusal(post({{"key", "JFK"}, {"ed25519", "no base64"}})).find("base64"), std::string::npos);
  EXPECT_NE(refusal(post({{"key", "JFK"}, {"effective_at", "today"}})).find("effective_at"), std::string::npos);
}

TEST(ModelOrder, TakesNameVersionAndTime) {
  const auto order =
      order_of(post({{"name", "delay"}, {"version", "2"}, {"effective_at", "7"}}, ""), "JFK", ModelControl::kRollback);
  ASSERT_TRUE(order.is_ok()) << order.status().to_string();
  EXPECT_EQ(order->control, ModelControl::kRollback);
  EXPECT_EQ(order->key, "JFK");
  EXPECT_EQ(order->version, 2);
  EXPECT_FALSE(order_of(post({}), "", ModelControl::kRetire).is_ok());
}

TEST(EffectiveAt, IsADateOrMicroseconds) {
  EXPECT_EQ(format_timestamp(*parse_event_time("effective_at", "2013-07-04T10:00:00Z")), "2013-07-04T10:00:00Z");
  EXPECT_EQ(parse_event_time("effective_at", "1970-01-01T00:00:01.5Z")->time_since_epoch().count(), 1'500'000);
  EXPECT_EQ(parse_event_time("effective_at", "-12")->time_since_epoch().count(), -12);
  for (const char* wrong : {"", "2013-07-04", "2013-02-30T10:00:00Z", "2013-07-04T24:00:00Z", "2013-07-04T10:00:00",
                            "2013-07-04T10:00:00.Z", "2013-07-04T10:00:00.1234567Z", "2013-07-04T10:00:0Z", "x"}) {
    EXPECT_FALSE(parse_event_time("effective_at", wrong).is_ok()) << wrong;
  }
}

TEST(Base64, IsDecodedStrictly) {
  EXPECT_EQ(*decode_base64(""), "");
  EXPECT_EQ(*decode_base64("Zg=="), "f");
  EXPECT_EQ(*decode_base64("Zm8="), "fo");
  EXPECT_EQ(*decode_base64("Zm9v"), "foo");
  EXPECT_EQ(*decode_base64("//79"), "\xff\xfe\xfd");
  for (const char* wrong : {"Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-v", "Zg==Zg=="})
    EXPECT_FALSE(decode_base64(wrong).is_ok()) << wrong;
}

}  // namespace
}  // namespace weir::serving
