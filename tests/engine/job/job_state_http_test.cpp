// Keyed state over HTTP: listings and single keys, live and of a checkpoint.

#include <map>
#include <set>
#include <thread>

#include "engine/job/job_http_fixture.hpp"

namespace weir::test {
namespace {

TEST_F(JobHttp, ListsStatesAndPagesThroughKeys) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  const json::value states = get_json("/v1/state");
  std::map<std::string, bool> queryable;
  for (const json::value& state : states.at("states").as_array())
    queryable[std::string(state.at("uid").as_string()) + "/" + std::string(state.at("state").as_string())] =
        state.at("queryable").as_bool();
  EXPECT_EQ(queryable, (std::map<std::string, bool>{
                           {"keep/hidden", false}, {"keep/last", true}, {"keep/sum", true}, {"keep/timers", false}}));

  for (const int limit : {1, 3, 100}) {
    std::map<std::string, Number> entries;
    std::string cursor;
    int pages = 0;
    do {
      const json::value page =
          get_json("/v1/state/keep/sum?limit=" + std::to_string(limit) + (cursor.empty() ? "" : "&cursor=" + cursor));
      EXPECT_LE(page.at("entries").as_array().size(), static_cast<std::size_t>(limit));
      for (const json::value& entry : page.at("entries").as_array())
        EXPECT_TRUE(entries.emplace(entry.at("key").as_string(), entry.at("value").as_int64()).second)
            << "a key comes once";
      EXPECT_TRUE(page.at("position").as_object().contains("sources"));
      cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
      ASSERT_LT(++pages, 100);
    } while (!cursor.empty());
    EXPECT_EQ(entries.size(), 16U) << "limit " << limit;
    for (const auto& [key, value] : entries) EXPECT_EQ(value, 50) << key;
  }
  std::set<std::string> with_prefix;
  std::string cursor;
  do {
    const json::value page = get_json("/v1/state/keep/sum?prefix=1" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const json::value& entry : page.at("entries").as_array())
      with_prefix.insert(std::string(entry.at("key").as_string()));
    cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(with_prefix, (std::set<std::string>{"1", "10", "11", "12", "13", "14", "15"}));
}

TEST_F(JobHttp, AnswersForOneKeyAndRefusesWhatIsNotThere) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  const json::value value = get_json("/v1/state/keep/sum/7");
  EXPECT_EQ(value.at("uid").as_string(), "keep");
  EXPECT_EQ(value.at("state").as_string(), "sum");
  EXPECT_EQ(value.at("key").as_string(), "7");
  EXPECT_EQ(value.at("value").as_int64(), 50);
  EXPECT_EQ(value.at("position").at("sources").at("tap").as_int64(), 800);
  EXPECT_EQ(get_json("/v1/state/keep/last/7").at("value"), (json::value{{"1", 791}}));

  expect_error("/v1/state/keep/sum/99", 404, "not_found");
  expect_error("/v1/state/keep/sum/seven", 400, "invalid_argument");
  expect_error("/v1/state/keep/nothing/7", 404, "not_found");
  expect_error("/v1/state/keep/nothing", 404, "not_found");
  expect_error("/v1/state/nobody/sum/7", 404, "not_found");
  expect_error("/v1/state/nobody/sum", 404, "not_found");
  expect_error("/v1/state/keep/hidden/7", 409, "failed_precondition");
  expect_error("/v1/state/keep/hidden", 409, "failed_precondition");
  expect_error("/v1/state/keep/sum?limit=0", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?limit=10001", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?limit=x", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?cursor=7", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?cursor=2:", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum/7?consistency=none", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?consistency=none", 400, "invalid_argument");
  expect_error("/v1/nothing", 404, "not_found");
  EXPECT_EQ(ask("DELETE", "/v1/pipeline").status, 405);
}

// After a restore every task can read what any task stored: only the owner knows what it is by now.
TEST_F(JobHttp, LiveAnswersComeFromTheOwnerAfterARestore) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  ASSERT_TRUE(job_->stop().is_ok());
  job_.reset();
  start();
  tap_->open_to(200);
  seen_->wait_for(1600);
  for (int key = 0; key < 16; ++key) {
    EXPECT_EQ(get_json("/v1/state/keep/sum/" + std::to_string(key)).at("value").as_int64(), 100) << key;
    EXPECT_EQ(get_json("/v1/state/keep/last/" + std::to_string(key)).at("value"),
              (json::value{{std::to_string(key % 2), 1584 + key}}))
        << key;
  }
}

// After a restore a key is in memory only when a record has asked for it; what is live is then what is stored.
TEST_F(JobHttp, LiveAnswersAreReadFromTheStoreWhenNoRecordHasAskedYet) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  ASSERT_TRUE(job_->stop().is_ok());
  job_.reset();
  tap_->open_to(0);
  start();
  for (int key = 0; key < 16; ++key) {
    const json::value answer = get_json("/v1/state/keep/sum/" + std::to_string(key));
    EXPECT_EQ(answer.at("value").as_int64(), 50) << key;
    EXPECT_TRUE(answer.at("position").as_object().contains("sources"))
        << "the position of the job, not of a checkpoint";
  }
  EXPECT_EQ(ask("GET", "/v1/state/keep/sum/99").status, 404);
  std::map<std::string, Number> entries;
  std::string cursor;
  do {
    const json::value page = get_json("/v1/state/keep/sum?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const json::value& entry : page.at("entries").as_array())
      entries.emplace(entry.at("key").as_string(), entry.at("value").as_int64());
    cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(entries.size(), 16U);
  for (const auto& [key, value] : entries) EXPECT_EQ(value, 50) << key;
}

// A source's position counts from the job's first start: what a restart replays does not count twice.
TEST_F(JobHttp, SourcePositionsGoOnAfterARestore) {
  const auto position = [this] {
    return get_json("/v1/state/keep/sum/7").at("position").at("sources").at("tap").as_int64();
  };
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  EXPECT_EQ(position(), 800);
  ASSERT_TRUE(job_->checkpoint().is_ok());
  tap_->open_to(150);
  seen_->wait_for(1200);
  EXPECT_EQ(position(), 1200);
  job_.reset();  // as by a crash: back to the checkpoint
  tap_->open_to(0);
  start(true, 5);
  EXPECT_EQ(position(), 800);
  tap_->open_to(200);
  seen_->wait_for(1200 + 800);
  EXPECT_EQ(position(), 1600);
}

// Keys of the second task only: the first page comes from there, and is not an empty one of the first.
TEST_F(JobHttp, APageIsEmptyOnlyWhenNothingFollows) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  for (int key = 0; key < 16; ++key) {
    // One key's text as the prefix: all but its owner have nothing.
    const json::value page = get_json("/v1/state/keep/sum?limit=1&prefix=" + std::to_string(key));
    ASSERT_EQ(page.at("entries").as_array().size(), 1U) << key;
  }
  const json::value none = get_json("/v1/state/keep/sum?prefix=nothing");
  EXPECT_TRUE(none.at("entries").as_array().empty());
  EXPECT_TRUE(none.at("next_cursor").is_null());
}

TEST_F(JobHttp, ListingsOfACheckpointShowItAndNothingLater) {
  start();
  const auto listing = [this](const std::string& state) {
    std::map<std::string, json::value> entries;
    std::string cursor;
    do {
      const json::value page = get_json("/v1/state/keep/" + state + "?consistency=checkpoint&limit=3" +
                                        (cursor.empty() ? "" : "&cursor=" + cursor));
      EXPECT_EQ(page.at("position").as_object().size(), 1U);
      EXPECT_EQ(page.at("position").at("checkpoint").as_int64(), 1);
      for (const json::value& entry : page.at("entries").as_array())
        EXPECT_TRUE(entries.emplace(entry.at("key").as_string(), entry.at("value")).second);
      cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
    } while (!cursor.empty());
    return entries;
  };
  tap_->open_to(100);
  seen_->wait_for(800);
  const json::value before = get_json("/v1/state/keep/sum?consistency=checkpoint");
  EXPECT_TRUE(before.at("entries").as_array().empty());
  EXPECT_EQ(before.at("position").at("checkpoint").as_int64(), 0) << "none was taken";
  ASSERT_TRUE(job_->checkpoint().is_ok());
  tap_->open_to(200);
  seen_->wait_for(1600);
  const auto sums = listing("sum");
  EXPECT_EQ(sums.size(), 16U);
  for (const auto& [key, value] : sums) EXPECT_EQ(value.as_int64(), 50) << key;
  const auto last = listing("last");
  EXPECT_EQ(last.size(), 16U);
  EXPECT_EQ(last.at("7"), (json::value{{"1", 791}}));
}

TEST_F(JobHttp, CheckpointReadsNeverShowWhatACrashCouldRollBack) {
  start();
  const auto stored = [this](int key) {
    return get_json("/v1/state/keep/sum/" + std::to_string(key) + "?consistency=checkpoint");
  };
  tap_->open_to(100);
  seen_->wait_for(800);
  expect_error("/v1/state/keep/sum/7?consistency=checkpoint", 404, "not_found");
  ASSERT_TRUE(job_->checkpoint().is_ok());
  EXPECT_EQ(stored(7).at("value").as_int64(), 50);
  EXPECT_EQ(stored(7).at("position").at("checkpoint").as_int64(), 1);

  tap_->open_to(200);
  seen_->wait_for(1600);
  for (int key = 0; key < 16; ++key) {
    EXPECT_EQ(get_json("/v1/state/keep/sum/" + std::to_string(key)).at("value").as_int64(), 100) << "live";
    EXPECT_EQ(stored(key).at("value").as_int64(), 50) << "the checkpoint's";
  }
  EXPECT_EQ(get_json("/v1/state/keep/last/7?consistency=checkpoint").at("value"), (json::value{{"1", 791}}));
  // The crash: what was shown is what is there afterwards.
  job_.reset();
  tap_->open_to(0);
  start(true, 5);
  for (int key = 0; key < 16; ++key) {
    EXPECT_EQ(get_json("/v1/state/keep/sum/" + std::to_string(key)).at("value").as_int64(), 50);
    EXPECT_EQ(stored(key).at("value").as_int64(), 50);
    EXPECT_EQ(stored(key).at("position").at("checkpoint").as_int64(), 1);
  }
  tap_->open_to(300);
  seen_->wait_for(1600 + 1600);
  ASSERT_TRUE(job_->checkpoint().is_ok());
  EXPECT_EQ(stored(7).at("value").as_int64(), 150);
  EXPECT_EQ(stored(7).at("position").at("checkpoint").as_int64(), 2);
  expect_error("/v1/state/keep/hidden/7?consistency=checkpoint", 409, "failed_precondition");
  expect_error("/v1/state/keep/sum/99?consistency=checkpoint", 404, "not_found");
}

// While checkpoints come and records flow: each value read belongs to the checkpoint that is named beside it.
TEST_F(JobHttp, CheckpointReadsNeedNoTurnOfTheTask) {
  start(true, 1);
  tap_->open_to(10);
  seen_->wait_for(80);
  ASSERT_EQ(post("/v1/checkpoints").status, 200);
  gate_->first = 80;
  tap_->open_to(11);
  gate_->entered.wait_for(1);
  EXPECT_EQ(get_json("/v1/state/keep/sum/7?consistency=checkpoint").at("value").as_int64(), 5);
  EXPECT_EQ(get_json("/v1/state/keep/last?consistency=checkpoint").at("entries").as_array().size(), 16U);
  gate_->left.add();
  seen_->wait_for(88);
  EXPECT_EQ(get_json("/v1/state/keep/sum/7?consistency=checkpoint").at("value").as_int64(), 5);
  EXPECT_EQ(get_json("/v1/state/keep/sum/7").at("value").as_int64(), 6);
}

TEST_F(JobHttp, CheckpointReadsNameTheCheckpointTheyAreOf) {
  start();
  std::map<std::int64_t, std::int64_t> sum_of;  // by checkpoint
  for (std::int64_t round = 1; round <= 20; ++round) {
    tap_->open_to(round * 20);
    const HttpClientReply taken = post("/v1/checkpoints");
    ASSERT_EQ(taken.status, 200) << taken.body;
    const std::int64_t id = json::parse(taken.body).at("id").as_int64();
    EXPECT_EQ(id, round);
    for (int time = 0; time < 2; ++time) {
      const HttpClientReply reply = get("/v1/state/keep/sum/3?consistency=checkpoint");
      if (reply.status == 404) continue;
      const json::value value = json::parse(reply.body);
      EXPECT_EQ(value.at("position").at("checkpoint").as_int64(), id);
      const auto [known, added] = sum_of.emplace(id, value.at("value").as_int64());
      EXPECT_EQ(known->second, value.at("value").as_int64());
    }
  }
  std::int64_t last = 0;
  for (const auto& [id, sum] : sum_of) {
    EXPECT_GE(sum, last);
    last = sum;
  }
}

TEST_F(JobHttp, WithoutCheckpointsThereAreNoneToTakeOrRead) {
  start(false);
  tap_->open_to(100);
  seen_->wait_for(800);
  EXPECT_EQ(post("/v1/checkpoints").status, 409);
  EXPECT_TRUE(get_json("/v1/checkpoints").at("checkpoints").as_array().empty());
  expect_error("/v1/state/keep/sum/7?consistency=checkpoint", 409, "failed_precondition");
  expect_error("/v1/state/keep/sum?consistency=checkpoint", 409, "failed_precondition");
  EXPECT_EQ(get_json("/v1/state/keep/sum/7").at("value").as_int64(), 50);
}

}  // namespace
}  // namespace weir::test
