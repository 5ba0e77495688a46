// Writes to a topic until it is killed, and says on standard output what it was told is durable, a line each:
//
//   topic_crash_child DIRECTORY append   appends records from two threads: `<thread> <number>`
//   topic_crash_child DIRECTORY commit   transactions of 10 records: `prepared <serial>` before the commit, so that who
//                                        reads it must commit again, `committed <serial>` after it
//   topic_crash_child DIRECTORY hold     opens the store and waits
//   topic_crash_child DIRECTORY churn    appends churned_payload() of 0, 1, ... with little retention, and after every
//                                        hundredth `<number>`: log, memtables, files and blob files come and go

#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include <weir/topic.hpp>

#include "state/topic/churned_payload.hpp"

namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(6);
}

void fail(const weir::Status& status) {
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  ::_exit(5);
}

void append(weir::Topic& topic, const std::string& thread) {
  for (int number = 0;; ++number) {
    weir::TopicAppend append;
    append.records.push_back({thread + " " + std::to_string(number) + std::string(number % 700, '.')});
    const auto offset = topic.append(std::move(append));
    if (!offset.is_ok()) fail(offset.status());
    say(thread + " " + std::to_string(number));
  }
}

void commit(weir::Topic& topic) {
  for (std::uint64_t serial = *topic.next_serial("p");; ++serial) {
    std::vector<weir::NewTopicRecord> records;
    for (int i = 0; i < 10; ++i) records.push_back({std::to_string(serial) + "/" + std::to_string(i)});
    if (const weir::Status status = topic.stage({"p", serial}, 0, std::move(records), true); !status.is_ok())
      fail(status);
    say("prepared " + std::to_string(serial));
    if (const weir::Status status = topic.commit({"p", serial}, 10); !status.is_ok()) fail(status);
    say("committed " + std::to_string(serial));
  }
}

void churn(weir::TopicStore& store) {
  const auto topic = store.topic("churned", weir::TopicOptions{.retention = {{}, std::uint64_t{12} << 20}});
  if (!topic.is_ok()) fail(topic.status());
  for (std::uint64_t number = (*topic)->end();;) {
    std::vector<weir::NewTopicRecord> records;
    for (int i = 0; i < 100; ++i) records.push_back({weir::testing::churned_payload(number++)});
    const std::uint64_t serial = *(*topic)->next_serial("p");
    if (const weir::Status status = (*topic)->stage({"p", serial}, 0, std::move(records), true); !status.is_ok())
      fail(status);
    if (const weir::Status status = (*topic)->commit({"p", serial}, 100); !status.is_ok()) fail(status);
    say(std::to_string(number));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string mode = argv[2];
  auto store = weir::TopicStore::open(argv[1]);
  if (!store.is_ok()) fail(store.status());
  auto topic = (*store)->topic("t");
  if (!topic.is_ok()) fail(topic.status());
  say("open");
  if (mode == "churn") churn(**store);
  if (mode == "append") {
    std::thread other([&] { append(**topic, "1"); });
    append(**topic, "0");
  } else if (mode == "commit") {
    commit(**topic);
  } else {
    ::pause();
  }
  return 2;
}
