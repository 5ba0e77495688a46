#include "operators/serving/model_log.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <weir/model_inbox.hpp>

#include "operators/serving/model_inbox_routes.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::serving {
namespace {

class ModelLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<ModelLog> open(std::uint64_t limit = 1 << 20) {
    auto log = ModelLog::open(path_, limit);
    EXPECT_TRUE(log.is_ok()) << log.status().to_string();
    return log.is_ok() ? std::move(log).value() : nullptr;
  }
  static std::vector<std::string> all(const ModelLog& log) {
    std::vector<std::string> entries;
    for (std::uint64_t at = ModelLog::kBegin; at < log.end();) {
      const auto entry = log.read(at);
      EXPECT_TRUE(entry.is_ok()) << entry.status().to_string();
      if (!entry.is_ok()) break;
      entries.push_back(entry->payload);
      at = entry->next;
    }
    return entries;
  }
  void damage(std::uint64_t offset) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put('\x7f');
  }

  const weir::testing::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "topics/models.log";
};

TEST_F(ModelLogTest, KeepsWhatWasSynced) {
  {
    const auto log = open();
    ASSERT_TRUE(log->append("one").is_ok());
    ASSERT_TRUE(log->append("").is_ok());
    EXPECT_EQ(log->end(), ModelLog::kBegin) << "not durable yet";
    ASSERT_TRUE(log->sync().is_ok());
    ASSERT_TRUE(log->append(std::string(100'000, 'x')).is_ok());
    ASSERT_TRUE(log->sync().is_ok());
  }
  const auto log = open();
  EXPECT_EQ(all(*log), (std::vector<std::string>{"one", "", std::string(100'000, 'x')}));
  EXPECT_EQ(log->cut_off(), 0U);
}

TEST_F(ModelLogTest, CutsOffATailTornAnywhere) {
  {
    const auto log = open();
    ASSERT_TRUE(log->append("first").is_ok());
    ASSERT_TRUE(log->append("second").is_ok());
    ASSERT_TRUE(log->sync().is_ok());
  }
  const auto whole = std::filesystem::file_size(path_);
  const auto first = ModelLog::kBegin + 12 + 5;
  for (auto size = whole - 1; size > first; --size) {
    std::filesystem::resize_file(path_, size);
    {
      const auto log = open();
      EXPECT_EQ(all(*log), std::vector<std::string>{"first"});
      EXPECT_EQ(log->cut_off(), size - first);
      ASSERT_TRUE(log->append("second").is_ok());
      ASSERT_TRUE(log->sync().is_ok());
    }
    EXPECT_EQ(all(*open()), (std::vector<std::string>{"first", "second"}));
  }
  std::filesystem::resize_file(path_, 3);  // torn while it was made
  EXPECT_TRUE(all(*open()).empty());
}

TEST_F(ModelLogTest, DamageInTheMiddleIsAnErrorAndAtTheEndATornTail) {
  {
    const auto log = open();
    for (const char* payload : {"first", "second", "third"}) ASSERT_TRUE(log->append(payload).is_ok());
    ASSERT_TRUE(log->sync().is_ok());
  }
  damage(std::filesystem::file_size(path_) - 1);
  EXPECT_EQ(all(*open()), (std::vector<std::string>{"first", "second"}));
  damage(ModelLog::kBegin + 12);
  const auto log = ModelLog::open(path_, 1 << 20);
  ASSERT_FALSE(log.is_ok());
  EXPECT_EQ(log.status().code(), StatusCode::kDataLoss);
}

TEST_F(ModelLogTest, RefusesWhatIsNoLogAndWhatIsTooMuch) {
  std::filesystem::create_directories(directory_ / "topics");
  std::ofstream(path_) << "something else";
  EXPECT_EQ(ModelLog::open(path_, 1 << 20).status().code(), StatusCode::kDataLoss);
  std::filesystem::remove(path_);
  const auto log = open(100);
  ASSERT_TRUE(log->append("fits").is_ok());
  EXPECT_EQ(log->append(std::string(100, 'x')).code(), StatusCode::kResourceExhausted);
  ASSERT_TRUE(log->sync().is_ok());
  EXPECT_EQ(all(*log), std::vector<std::string>{"fits"});
  EXPECT_FALSE(log->read(9).is_ok()) << "no entry begins there";
}

TEST(ModelLogInMemory, IsALogToo) {
  const auto log = ModelLog::open("", 1 << 20);
  ASSERT_TRUE((*log)->append("one").is_ok());
  ASSERT_TRUE((*log)->append("two").is_ok());
  ASSERT_TRUE((*log)->sync().is_ok());
  const auto first = (*log)->read(ModelLog::kBegin);
  EXPECT_EQ(first->payload, "one");
  EXPECT_EQ((*log)->read(first->next)->payload, "two");
}

TEST(ModelType, IsFoundInTheBytes) {
  EXPECT_EQ(sniff_model_type("\xef\xbb\xbf <?xml version=\"1.0\"?>\n<PMML version=\"4.4\">"), "PMML");
  EXPECT_EQ(sniff_model_type("<html>"), "");
  EXPECT_EQ(sniff_model_type(std::string_view("\x08\x07\x12\x07pytorch", 11)), "ONNX");
  EXPECT_EQ(sniff_model_type(""), "");
  EXPECT_EQ(sniff_model_type("CONST 1"), "");
}

TEST(EffectiveAt, IsADateOrMicroseconds) {
  EXPECT_EQ(format_timestamp(*parse_effective_at("2013-07-04T10:00:00Z")), "2013-07-04T10:00:00Z");
  EXPECT_EQ(parse_effective_at("1970-01-01T00:00:01.5Z")->time_since_epoch().count(), 1'500'000);
  EXPECT_EQ(parse_effective_at("-12")->time_since_epoch().count(), -12);
  for (const char* wrong : {"", "2013-07-04", "2013-02-30T10:00:00Z", "2013-07-04T24:00:00Z", "2013-07-04T10:00:00",
                            "2013-07-04T10:00:00.Z", "2013-07-04T10:00:00.1234567Z", "2013-07-04T10:00:0Z", "x"}) {
    EXPECT_FALSE(parse_effective_at(wrong).is_ok()) << wrong;
  }
}

}  // namespace
}  // namespace weir::serving
