#include <random>

#include <gtest/gtest.h>

#include <weir/model_record.hpp>
#include <weir/serde.hpp>

#include "proto/model.pb.h"

namespace weir {
namespace {

ModelRecord full() {
  ModelRecord record;
  record.key = "JFK";
  record.name = "delay";
  record.description = "monthly";
  record.type = "PMML";
  record.version = 7;
  record.effective_at = Timestamp{Duration{-5}};
  record.data = std::string("<PMML\0/>", 8);
  record.sha256 = std::string(32, 'x');
  record.created = Timestamp{Duration{9}};
  record.verification = {
      {{{"distance", 3.5}, {"carrier", std::string("AA")}}, {{"p", 0.25}, {"label", std::string("late")}}, 1e-3}};
  record.metrics = {{"auc", 0.75}};
  record.lineage = "train.py";
  record.options.features = {"x", "y"};
  record.options.inputs = {"in"};
  record.options.outputs = {"out", "more"};
  record.options.classes = {"no", "yes"};
  record.options.tag = "serve";
  record.options.signature = "serving_default";
  record.signature = "s";
  return record;
}

TEST(ModelRecord, GoesThroughItsBytes) {
  const ModelRecord record = full();
  const auto decoded = decode_model_record(encode_model_record(record));
  ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
  EXPECT_EQ(*decoded, record);
  EXPECT_EQ(*deserialize<ModelRecord>(serialize(record)), record);

  ModelRecord order;
  order.key = "JFK";
  order.control = ModelControl::kRollback;
  order.version = 3;
  EXPECT_EQ(*decode_model_record(encode_model_record(order)), order);

  ModelRecord own = full();
  own.type = "MY-RUNTIME";
  EXPECT_EQ(decode_model_record(encode_model_record(own))->type, "MY-RUNTIME");
}

TEST(ModelRecord, FieldNumbersAreThePublishedOnes) {
  // name=1 "n", description=2 "d", dataType=3 "k", modeltype=4 PMML(2), data=5 "x".
  const std::string bytes(
      "\x0a\x01n\x12\x01"
      "d\x1a\x01k\x20\x02\x2a\x01x",
      14);
  const auto record = decode_model_record(bytes);
  ASSERT_TRUE(record.is_ok()) << record.status().to_string();
  EXPECT_EQ(record->name, "n");
  EXPECT_EQ(record->description, "d");
  EXPECT_EQ(record->key, "k");
  EXPECT_EQ(record->type, "PMML");
  EXPECT_EQ(record->data, "x");
  const std::string location("\x20\x00\x32\x01l", 5);  // modeltype=TENSORFLOW said aloud, location=6
  EXPECT_EQ(decode_model_record(location)->type, "TENSORFLOW");
  EXPECT_EQ(decode_model_record(location)->location, "l");
}

TEST(ModelRecord, AbsentTypeIsNotTensorflowAndAbsentContentIsNotEmpty) {
  const auto nothing = decode_model_record("");
  ASSERT_FALSE(nothing.is_ok());
  EXPECT_EQ(nothing.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(nothing.status().message().find("no model type"), std::string::npos);
  EXPECT_NE(nothing.status().message().find("no content"), std::string::npos);
  ModelRecord empty = full();
  empty.data = "";
  EXPECT_NE(check(empty).message().find("the content is empty"), std::string::npos);
  empty = full();
  empty.sha256 = "short";
  EXPECT_NE(check(empty).message().find("5 bytes long"), std::string::npos);
  empty = full();
  empty.version = -1;
  EXPECT_FALSE(check(empty).is_ok());
}

TEST(ModelRecord, UnknownTypesKeepTheirNumber) {
  const std::string bytes("\x20\x09\x2a\x01x", 5);  // modeltype=9
  EXPECT_EQ(parse_model_record(bytes)->type, "modeltype 9");
}

TEST(ModelRecord, TextsThatAreNotUtf8ComeThrough) {
  ModelRecord record = full();
  record.key = record.name = record.description = record.type = record.lineage = "\xff\xfe";
  EXPECT_EQ(*decode_model_record(encode_model_record(record)), record);
}

TEST(ModelRecord, HostileBytesNeverPass) {
  const std::string whole = encode_model_record(full());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A prefix may be a message of its own; it is then parsed, and its lack found by check() or harmless.
    const auto parsed = parse_model_record(std::string_view(whole).substr(0, size));
    if (parsed.is_ok()) {
      EXPECT_NE(*parsed, full());
    }
  }
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto parsed = parse_model_record(bytes);
    if (parsed.is_ok()) {
      EXPECT_TRUE(parse_model_record(encode_model_record(*parsed)).is_ok());
    }
  }
  proto::ModelDescriptor unknown;
  unknown.set_control(static_cast<proto::ModelDescriptor::Control>(17));
  EXPECT_EQ(parse_model_record(unknown.SerializeAsString()).status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace weir
