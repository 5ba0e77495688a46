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

std::string some_ballots() {
  ArchivedBallots entry;
  entry.key = "k";
  entry.features[3] = 7;
  entry.models = {{"smart", 2, {1}, "TOY", {}}};
  ArchivedBallot& ballot = entry.ballots.emplace_back();
  ballot.time = Timestamp{Duration{-5}};
  ballot.position = 12;
  ballot.numbers = {-0.0, std::bit_cast<double>(0x7ff8000000000123)};
  ballot.texts = {std::nullopt, ""};
  ballot.policy = "median";
  ballot.deadline_ns = 1'000;
  ballot.latency_ns = 77;
  ballot.status = AnswerStatus::kAnswered;
  ballot.winner = 1;
  ballot.answer_numbers = {4};
  ballot.votes.resize(2);
  ballot.votes[0].status = VoteStatus::kLate;
  ballot.votes[1] = {VoteStatus::kVoted, 0, 1, 9, {4}, {"yes"}, ""};
  return serialize(ArchiveRecord{entry});
}

TEST(ArchivedBallots, ComeBackBitByBit) {
  const auto back = deserialize<ArchiveRecord>(some_ballots());
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  ASSERT_NE(back->ballots(), nullptr);
  EXPECT_EQ(back->ballots()->models.at(0).version, 2);
  const ArchivedBallot& ballot = back->ballots()->ballots.at(0);
  EXPECT_EQ(ballot.time, Timestamp{Duration{-5}});
  EXPECT_EQ(ballot.position, 12U);
  EXPECT_TRUE(same_bits(ballot.numbers, {-0.0, std::bit_cast<double>(0x7ff8000000000123)}));
  EXPECT_EQ(ballot.texts, (std::vector<std::optional<std::string>>{std::nullopt, ""}));
  EXPECT_EQ(ballot.winner, 1);
  EXPECT_EQ(ballot.votes.at(0).model, ArchivedVote::kNobody);
  EXPECT_EQ(ballot.votes.at(1).model, 0U);
  EXPECT_EQ(ballot.votes[1].texts, std::vector<std::string>{"yes"});
  EXPECT_EQ(serialize(*back), some_ballots());
}

TEST(ArchivedBallots, DamagedOnesAreRefused) {
  const std::string bytes = some_ballots();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(deserialize<ArchiveRecord>(bytes.substr(0, size)).is_ok()) << size;
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    std::string damaged = bytes;
    damaged[place] = static_cast<char>(0xff);
    (void)deserialize<ArchiveRecord>(damaged).is_ok();  // whatever it says, it says it
  }
  std::string other = bytes;
  other[0] = 1;
  EXPECT_FALSE(deserialize<ArchiveRecord>(other).is_ok()) << "version 1 has no ballots";
}

TEST(ArchivedInputs, OfTheFirstVersionCanBeRead) {
  using namespace std::string_literals;
  const std::string bytes = "\x01\x01\x01k"s + std::string(32, '\0') + "\x00\x00\x01\x01\x01\x01"s +
                            "\x00\x00\x00\x00\x00\x00\xf0\x3f"s + "\x00\x00\x00"s;
  const auto record = deserialize<ArchiveRecord>(bytes);
  ASSERT_TRUE(record.is_ok()) << record.status().to_string();
  ASSERT_NE(record->inputs(), nullptr);
  EXPECT_EQ(record->inputs()->key, "k");
  EXPECT_EQ(record->inputs()->numbers, std::vector<double>{1});
  EXPECT_EQ(record->inputs()->statuses, std::vector<ScoreStatus>{ScoreStatus::kNoModel});
  EXPECT_EQ(serialize(*record), bytes) << "and is still written so";
}

TEST(ArchivedSchema, OfSeveralModelsComesBackAndThatOfTheFirstVersionToo) {
  ArchivedSchema schema{{{"x", FieldType::kNumber}}, {}};
  EXPECT_EQ(schema.encode().front(), 1);
  EXPECT_TRUE(ArchivedSchema::decode(schema.encode())->members.empty());
  schema.members = {{"smart", -3, 0.9, 2, true, {"p", "q"}}};
  schema.policies = {{"median", "bytes"}, {"code", ""}};
  const std::string bytes = schema.encode();
  EXPECT_EQ(bytes.front(), 2);
  const auto back = ArchivedSchema::decode(bytes);
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  ASSERT_EQ(back->members.size(), 1U);
  EXPECT_EQ(back->members[0].priority, -3);
  EXPECT_EQ(back->members[0].outputs, (std::vector<std::string>{"p", "q"}));
  EXPECT_TRUE(back->members[0].wait_for_model);
  EXPECT_EQ(back->policies.at(1).name, "code");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(ArchivedSchema::decode(bytes.substr(0, size)).is_ok()) << size;
}

}  // namespace
}  // namespace weir
