#include "tools/weirctl/job_models.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/model_inbox.hpp>
#include <weir/model_signature.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

#include "support/temporary_directory.hpp"

namespace weirctl {
namespace {

using namespace std::chrono_literals;
using weir::testing_support::TemporaryDirectory;

struct Reading {
  std::string machine;
  double temperature = 0;
  double vibration = 0;
};

constexpr const char* kModels = "examples/serving/models/";

// A job that serves, with a token, and takes models signed by one key only.
class JobModels : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(make_keys(private_key()).is_ok());
    weir::Pipeline pipeline({.name = "machines"});
    pipeline.serve_http({.token = "secret", .max_event_streams = 2});
    auto readings = pipeline.from_source(weir::vector_source<Reading>({{"press", 1, 2}}))
                        .uid("readings")
                        .key_by([](const Reading& reading) { return reading.machine; });
    auto models =
        pipeline.from_source(weir::model_inbox_source()).uid("models").key_by([](const weir::ModelRecord& model) {
          return model.key;
        });
    auto features = weir::features<Reading>()
                        .number("temperature", [](const Reading& reading) { return reading.temperature; })
                        .number("vibration", [](const Reading& reading) { return reading.vibration; });
    weir::ServeOptions options;
    options.model_name = "risk";
    options.signature_keys = {*weir::ModelPublicKey::read(private_key() + ".pub")};
    readings.connect(models)
        .co_process(weir::ServeModel<Reading>({weir::pmml_runtime()}, features, options))
        .uid("risk")
        .sink_to(weir::for_each_sink<weir::Scored<Reading>>([](const weir::Scored<Reading>&) {}))
        .uid("risks");
    auto started = pipeline.start();
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    job_.emplace(std::move(*started));
    client_.emplace(*JobClient::make("http://127.0.0.1:" + std::to_string(job_->http_port()), "secret"));
  }
  [[nodiscard]] std::string private_key() const { return directory_.file("key"); }
  [[nodiscard]] Publication publication(const std::string& model, const std::string& version) const {
    Publication publication;
    publication.file = kModels + model;
    publication.key = "press/1";
    publication.name = "risk";
    publication.version = version;
    publication.private_key_file = private_key();
    return publication;
  }
  Outcome publish_and_follow(const Publication& publication, std::chrono::milliseconds patience = 10min) {
    without_events_.clear();
    bool is_accepted = false;
    const auto outcome = weirctl::publish_and_follow(
        *client_, publication,
        {.deadline = std::chrono::steady_clock::now() + patience,
         .accepted =
             [&](const Published& published) {
               is_accepted = true;
               EXPECT_EQ(published.key, publication.key);
               EXPECT_EQ(published.sha256.size(), 64U);
             },
         .without_events = [this](const weir::Status& reason) { without_events_ += reason.message(); },
         .pause = [] { std::this_thread::yield(); }});
    EXPECT_TRUE(outcome.is_ok()) << outcome.status().to_string();
    EXPECT_TRUE(is_accepted);
    return outcome.is_ok() ? *outcome : Outcome{};
  }
  std::string state_of(std::int64_t version) {
    const auto lines = versions(*client_, "press/1");
    if (!lines.is_ok()) return lines.status().to_string();
    for (const ModelLine& line : *lines)
      if (line.version == version && line.state != "refused") return line.state;
    return "unknown";
  }
  // Until a version is in a state: each answer is a whole state of the task, so this ends.
  void wait_for(std::int64_t version, const std::string& state) {
    while (state_of(version) != state && job_->status().state == weir::JobStatus::State::kRunning)
      std::this_thread::yield();
    EXPECT_EQ(state_of(version), state);
  }

  const TemporaryDirectory directory_;
  std::optional<weir::Job> job_;
  std::optional<JobClient> client_;
  std::string without_events_;  // why the last model was not followed by events
};

TEST_F(JobModels, APublishedModelIsFollowedListedRolledBackAndRetired) {
  const Outcome first = publish_and_follow(publication("spring.pmml", "1"));
  EXPECT_EQ(first.fate, Fate::kAccepted);
  ASSERT_EQ(first.lines.size(), 1U);
  EXPECT_EQ(first.lines[0].uid, "risk");
  EXPECT_EQ(first.lines[0].state, "current");
  EXPECT_EQ(publish_and_follow(publication("summer.pmml", "2")).fate, Fate::kAccepted);
  const auto all = list(*client_, "press");
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[0].key, "press/1");
  EXPECT_EQ((*all)[0].type, "PMML");
  EXPECT_TRUE(list(*client_, "other")->empty());
  ASSERT_TRUE(order(*client_, "rollback", "press/1", "", "").is_ok());
  wait_for(1, "current");
  ASSERT_TRUE(order(*client_, "retire", "press/1", "risk", "1").is_ok());
  wait_for(1, "retired");
}

TEST_F(JobModels, ARefusedModelComesWithItsReason) {
  Publication unsigned_one = publication("spring.pmml", "1");
  unsigned_one.private_key_file.clear();
  const Outcome refused = publish_and_follow(unsigned_one);
  EXPECT_EQ(refused.fate, Fate::kRefused);
  ASSERT_EQ(refused.lines.size(), 1U);
  EXPECT_NE(refused.lines[0].reason.find("not signed"), std::string::npos);
  EXPECT_NE(refused.lines[0].to_string().find("not signed"), std::string::npos);
  // The same model, signed, is another publication.
  EXPECT_EQ(publish_and_follow(publication("spring.pmml", "1")).fate, Fate::kAccepted);
  ASSERT_TRUE(make_keys(directory_.file("stranger")).is_ok());
  Publication foreign = publication("summer.pmml", "2");
  foreign.private_key_file = directory_.file("stranger");
  EXPECT_EQ(publish_and_follow(foreign).fate, Fate::kRefused);
}

TEST_F(JobModels, EventsTellWhatIsThereAndThenEachChange) {
  ASSERT_EQ(publish_and_follow(publication("spring.pmml", "1")).fate, Fate::kAccepted);
  std::vector<std::string> told;
  const auto followed = follow_events(
      *client_, "press",
      [&](const ModelLine& line) {
        EXPECT_EQ(line.uid, "risk");
        EXPECT_EQ(line.key, "press/1");
        told.push_back(std::to_string(line.version) + " " + line.state);
        if (told.size() == 1) {
          EXPECT_EQ(publish_and_follow(publication("summer.pmml", "2")).fate, Fate::kAccepted);
        }
        return told.size() < 8;
      },
      [] { return false; });
  EXPECT_TRUE(followed.is_ok()) << followed.to_string();
  EXPECT_EQ(told, (std::vector<std::string>{"1 current", "2 received", "2 loading", "2 verifying", "2 warming",
                                            "2 ready", "1 retired", "2 current"}));
  JobClient stranger = *JobClient::make("127.0.0.1:" + std::to_string(job_->http_port()), "");
  const auto refused = follow_events(
      stranger, "", [](const ModelLine&) { return true; }, [] { return true; });
  EXPECT_NE(refused.message().find("401"), std::string::npos) << "no use in trying again";
  int tries = 0;
  JobClient nobody = *JobClient::make("127.0.0.1:1", "");
  EXPECT_FALSE(follow_events(
                   nobody, "", [](const ModelLine&) { return true; }, [&] { return ++tries < 3; })
                   .is_ok());
  EXPECT_EQ(tries, 3);
  // The end of the job is the end.
  bool is_first = true;
  std::thread stopper;
  const auto ended = follow_events(
      *client_, "",
      [&](const ModelLine&) {
        if (std::exchange(is_first, false)) stopper = std::thread([this] { EXPECT_TRUE(job_->stop().is_ok()); });
        return true;
      },
      [] { return false; });
  stopper.join();
  EXPECT_TRUE(ended.is_ok()) << ended.to_string();
}

TEST_F(JobModels, SaysWhatTheJobSaid) {
  Publication unknown = publication("spring.pmml", "x");
  unknown.private_key_file.clear();
  EXPECT_NE(publish(*client_, unknown).status().message().find("400: version is 'x'"), std::string::npos);
  unknown.file = directory_.file("missing");
  EXPECT_EQ(publish(*client_, unknown).status().code(), weir::StatusCode::kNotFound);
  EXPECT_EQ(versions(*client_, "nobody").status().code(), weir::StatusCode::kNotFound);
  JobClient stranger = *JobClient::make("127.0.0.1:" + std::to_string(job_->http_port()), "");
  EXPECT_NE(list(stranger, "").status().message().find("401"), std::string::npos);
  unknown = publication("spring.pmml", "x");
  unknown.private_key_file.clear();
  const auto refused = weirctl::publish_and_follow(*client_, unknown,
                                                   {.deadline = std::chrono::steady_clock::now() + 10min,
                                                    .accepted = [](const Published&) { ADD_FAILURE(); },
                                                    .without_events = [](const weir::Status&) { ADD_FAILURE(); },
                                                    .pause = [] {}});
  EXPECT_NE(refused.status().message().find("400: version is 'x'"), std::string::npos) << refused.status().to_string();
}

TEST_F(JobModels, AModelIsFollowedByEventsAndByAskingWhereThereAreNone) {
  EXPECT_EQ(publish_and_follow(publication("spring.pmml", "1")).fate, Fate::kAccepted);
  EXPECT_EQ(without_events_, "");
  // As many listeners as the job takes.
  Outcome asked;
  const auto listen = [this](const std::function<bool()>& work) {
    return client_->stream("/v1/events", "", work, [](std::string_view) { return true; });
  };
  const auto outer = listen([&] {
    const auto inner = listen([&] {
      asked = publish_and_follow(publication("summer.pmml", "2"));
      return false;
    });
    EXPECT_TRUE(inner.is_ok()) << inner.to_string();
    return false;
  });
  EXPECT_TRUE(outer.is_ok()) << outer.to_string();
  EXPECT_EQ(asked.fate, Fate::kAccepted);
  EXPECT_NE(without_events_.find("503"), std::string::npos) << without_events_;
}

TEST_F(JobModels, PatienceWithAModelThatNobodyDecidesAboutEnds) {
  Publication ignored = publication("spring.pmml", "1");
  ignored.name = "other";
  const Outcome outcome = publish_and_follow(ignored, 200ms);
  EXPECT_EQ(outcome.fate, Fate::kUnknown);
  EXPECT_TRUE(outcome.lines.empty());
}

TEST(JobAddress, IsAnHttpAddress) {
  for (const char* good : {"http://127.0.0.1:8080", "localhost:80/", "http://[::1]:8080", "weir.example"})
    EXPECT_TRUE(JobClient::make(good, "").is_ok()) << good;
  for (const char* wrong : {"", "https://127.0.0.1", "http://a:b", "http://a/b", "http://a b", "http://u@h:1", "[::1"})
    EXPECT_FALSE(JobClient::make(wrong, "").is_ok()) << wrong;
  JobClient nobody = *JobClient::make("127.0.0.1:1", "");
  EXPECT_FALSE(nobody.request("GET", "/").is_ok());
  EXPECT_EQ(query_of({{"a", ""}, {"b", "x y/z"}, {"c", "1"}}), "?b=x%20y%2Fz&c=1");
}

TEST(JobKeys, AreWrittenOnceAndPrivate) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(make_keys(directory.file("key")).is_ok());
  struct stat facts {};
  ASSERT_EQ(::stat(directory.file("key").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_EQ(*weir::public_key_of(directory.read("key")), *weir::ModelPublicKey::read(directory.file("key.pub")));
  EXPECT_FALSE(make_keys(directory.file("key")).is_ok()) << "never overwritten";
  Publication publication;
  publication.file = directory.write("m.pmml", "<PMML/>");
  publication.key = "k";
  publication.private_key_file = directory.file("key");
  const auto signature = sign(publication);
  ASSERT_TRUE(signature.is_ok()) << signature.status().to_string();
  EXPECT_EQ(signature->size(), 88U);
  publication.file = directory.write("m", "what is it?");
  EXPECT_FALSE(sign(publication).is_ok()) << "no type";
}

}  // namespace
}  // namespace weirctl
