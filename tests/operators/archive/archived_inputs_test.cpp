#include <weir/archived_inputs.hpp>

#include <bit>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include <weir/blob_store.hpp>
#include <weir/serde.hpp>

namespace weir {
namespace {

ArchivedInputs sample() {
  ArchivedInputs inputs;
  inputs.key = "JFK";
  inputs.model = {"late", 7, sha256("model"), "PMML", {}};
  inputs.features = sha256("features");
  inputs.path = ScorePath::kShadow;
  inputs.statuses = {ScoreStatus::kOk, ScoreStatus::kError, ScoreStatus::kOk};
  inputs.times = {Timestamp{Duration{5}}, kMinTimestamp, Timestamp{Duration{-70'000}}};
  inputs.positions = {9, kNoPosition, 3};
  inputs.numbers = {std::bit_cast<double>(std::uint64_t{0x7ff8'0000'dead'beef}),
                    -0.0,
                    std::bit_cast<double>(std::uint64_t{0xfff8'0000'0000'0001}),
                    std::numeric_limits<double>::denorm_min(),
                    -std::numeric_limits<double>::infinity(),
                    0.1};
  inputs.texts = {"", std::nullopt, std::string("a\0b", 3)};
  inputs.number_outputs = {0.25, std::numeric_limits<double>::quiet_NaN(), -0.0};
  inputs.text_outputs = {"yes", "", "no"};
  return inputs;
}

bool same_bits(const std::vector<double>& one, const std::vector<double>& other) {
  return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size() * sizeof(double)) == 0;
}

TEST(ArchivedInputs, ComeBackBitByBit) {
  const ArchivedInputs inputs = sample();
  const auto back = deserialize<ArchiveRecord>(serialize(ArchiveRecord{inputs}));
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  const ArchivedInputs* found = back->inputs();
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->key, inputs.key);
  EXPECT_EQ(found->model, inputs.model);
  EXPECT_EQ(found->features, inputs.features);
  EXPECT_EQ(found->path, inputs.path);
  EXPECT_EQ(found->statuses, inputs.statuses);
  EXPECT_EQ(found->times, inputs.times);
  EXPECT_EQ(found->positions, inputs.positions);
  EXPECT_TRUE(same_bits(found->numbers, inputs.numbers)) << "NaN with its payload and sign, -0, subnormals";
  EXPECT_EQ(found->texts, inputs.texts) << "missing is not empty";
  EXPECT_TRUE(same_bits(found->number_outputs, inputs.number_outputs));
  EXPECT_EQ(found->text_outputs, inputs.text_outputs);
}

TEST(ArchivedInputs, WithoutModelTimesPositionsAndColumns) {
  ArchivedInputs inputs;
  inputs.key = "";
  inputs.statuses.assign(500, ScoreStatus::kNoModel);
  const std::string bytes = serialize(ArchiveRecord{inputs});
  EXPECT_LT(bytes.size(), 60U) << "what is alike or not there takes no room per row";
  const auto back = deserialize<ArchiveRecord>(bytes);
  ASSERT_TRUE(back.is_ok());
  EXPECT_EQ(back->inputs()->rows(), 500U);
  EXPECT_FALSE(back->inputs()->model.has_value());
  EXPECT_TRUE(back->inputs()->times.empty());
  EXPECT_TRUE(back->inputs()->positions.empty());
}

TEST(ArchivedInputs, ModelOptionsAndEventsComeBack) {
  ArchivedEvent event{"k",
                      {"n", 3, {}, "ONNX", {.features = {"a", "b"}, .tag = "serve"}},
                      ModelState::kRefused,
                      "bad",
                      Timestamp{Duration{7}},
                      Timestamp{Duration{8}}};
  const auto back = deserialize<ArchiveRecord>(serialize(ArchiveRecord{event}));
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  ASSERT_NE(back->event(), nullptr);
  EXPECT_EQ(back->event()->key, event.key);
  EXPECT_EQ(back->event()->model, event.model);
  EXPECT_EQ(back->event()->state, event.state);
  EXPECT_EQ(back->event()->reason, event.reason);
  EXPECT_EQ(back->event()->effective_at, event.effective_at);
  EXPECT_EQ(back->event()->at, event.at);
}

TEST(ArchivedInputs, EveryCutAndEveryChangedLengthIsRefusedOrReadsWithinItsBytes) {
  const std::string bytes = serialize(ArchiveRecord{sample()});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(deserialize<ArchiveRecord>(std::string_view(bytes).substr(0, size)).is_ok()) << size;
  EXPECT_FALSE(deserialize<ArchiveRecord>(bytes + "x").is_ok());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const char value : {'\0', '\x01', '\x7f', '\xff'}) {
      std::string changed = bytes;
      changed[at] = value;
      const auto back = deserialize<ArchiveRecord>(changed);
      if (!back.is_ok() || back->inputs() == nullptr) continue;
      const ArchivedInputs& inputs = *back->inputs();
      EXPECT_EQ(inputs.numbers.size() % inputs.rows(), 0U);
      EXPECT_EQ(inputs.texts.size() % inputs.rows(), 0U);
      EXPECT_TRUE(inputs.times.empty() || inputs.times.size() == inputs.rows());
    }
  }
  std::string future = bytes;
  future[0] = 2;
  EXPECT_FALSE(deserialize<ArchiveRecord>(future).is_ok()) << "a version this one does not know";
}

TEST(ArchivedSchema, ComesBackAndRefusesWhatIsNone) {
  const ArchivedSchema schema{{{"a", FieldType::kNumber}, {"b", FieldType::kText}}, {"probability(1)"}};
  const auto back = ArchivedSchema::decode(schema.encode());
  ASSERT_TRUE(back.is_ok());
  EXPECT_EQ(back->features, schema.features);
  EXPECT_EQ(back->outputs, schema.outputs);
  EXPECT_FALSE(ArchivedSchema::decode("").is_ok());
  EXPECT_FALSE(ArchivedSchema::decode("<PMML/>").is_ok());
  const ArchivedSchema twice{{{"a", FieldType::kNumber}, {"a", FieldType::kText}}, {}};
  EXPECT_FALSE(ArchivedSchema::decode(twice.encode()).is_ok());
}

}  // namespace
}  // namespace weir
