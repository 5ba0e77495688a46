// The events of a job: kept, told in order, resumed, bounded.

#include "engine/job/event_hub.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weir {
namespace {

JobEvent event(int number, const std::string& key = "k") {
  return {"model", "risk", key, "{\"n\":" + std::to_string(number) + "}"};
}
std::string text_of(int number) {
  return "id: e-" + std::to_string(number) + "\nevent: model\ndata: {\"uid\":\"risk\",\"n\":" + std::to_string(number) +
         "}\n\n";
}
constexpr const char* kGreeting = "retry: 1000\n\n";

std::shared_ptr<HttpStream> followed(EventHub& hub, const std::string& after = {}, EventFilter filter = {}) {
  auto stream = hub.subscribe(std::move(filter), after);
  EXPECT_TRUE(stream.is_ok()) << stream.status().to_string();
  return stream.is_ok() ? *stream : nullptr;
}

TEST(EventHub, TellsEachEventOnceInOrder) {
  EventHub hub({.epoch = "e"});
  hub.publish(event(1));
  const auto stream = followed(hub);
  int woken = 0;
  stream->start([&woken] { ++woken; });
  EXPECT_EQ(stream->take(), kGreeting) << "only what comes from now on";
  hub.publish(event(2));
  hub.publish(event(3));
  EXPECT_EQ(woken, 1) << "once until it is looked at";
  EXPECT_EQ(stream->take(), text_of(2) + text_of(3));
  EXPECT_EQ(stream->take(), "");
  EXPECT_FALSE(stream->has_ended());
  hub.publish(event(4));
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(stream->take(), text_of(4));
}

TEST(EventHub, GoesOnAfterAnEvent) {
  EventHub hub({.epoch = "e"});
  for (int i = 1; i <= 3; ++i) hub.publish(event(i));
  EXPECT_EQ(followed(hub, "e-1")->take(), kGreeting + text_of(2) + text_of(3));
  EXPECT_EQ(followed(hub, "e-3")->take(), kGreeting);
  EXPECT_EQ(followed(hub, "0")->take(), kGreeting + text_of(1) + text_of(2) + text_of(3));
  const auto missed = [](const std::string& after) {
    return kGreeting + ("event: missed\ndata: {\"after\":\"" + after + "\"}\n\n") + text_of(1) + text_of(2) +
           text_of(3);
  };
  EXPECT_EQ(followed(hub, "before-2")->take(), missed("before-2")) << "of another start of the process";
  EXPECT_EQ(followed(hub, "e-4")->take(), missed("e-4")) << "never was";
  for (const char* const after : {"e", "e-", "e-x", "-", "e-1x", "e-99999999999999999999"})
    EXPECT_EQ(hub.subscribe({}, after).status().code(), StatusCode::kInvalidArgument) << after;
}

TEST(EventHub, KeepsTheLastOnesOnly) {
  EventHub hub({.max_events = 2, .epoch = "e"});
  for (int i = 1; i <= 4; ++i) hub.publish(event(i));
  EXPECT_EQ(followed(hub, "0")->take(), kGreeting + text_of(3) + text_of(4));
  EXPECT_EQ(followed(hub, "e-2")->take(), kGreeting + text_of(3) + text_of(4)) << "nothing is missing";
  EXPECT_EQ(followed(hub, "e-1")->take(),
            kGreeting + std::string("event: missed\ndata: {\"after\":\"e-1\"}\n\n") + text_of(3) + text_of(4));
  EventHub small({.max_bytes = 2 * text_of(1).size(), .epoch = "e"});
  for (int i = 1; i <= 4; ++i) small.publish(event(i));
  EXPECT_EQ(followed(small, "0")->take(), kGreeting + text_of(3) + text_of(4));
}

TEST(EventHub, AnEventTooLargeIsCut) {
  EventHub hub({.max_event_bytes = 30, .epoch = "e"});
  hub.publish({"model", "risk", "k", "{\"reason\":\"" + std::string(100, 'x') + "\"}"});
  EXPECT_EQ(followed(hub, "0")->take(),
            kGreeting + std::string("id: e-1\nevent: model\ndata: {\"uid\":\"risk\",\"too_large\":true}\n\n"));
}

TEST(EventHub, WhoFallsBehindIsSentAwayAndCounted) {
  EventHub hub({.max_events = 4, .epoch = "e"});
  const auto slow = followed(hub);
  const auto picky = followed(hub, {}, {.key = "other"});
  for (int i = 1; i <= 5; ++i) hub.publish(event(i));
  EXPECT_EQ(slow->take(), kGreeting);
  EXPECT_TRUE(slow->has_ended());
  EXPECT_EQ(slow->take(), "");
  EXPECT_EQ(hub.dropped(), 1U);
  EXPECT_EQ(picky->take(), kGreeting);
  EXPECT_FALSE(picky->has_ended()) << "events that it does not want do not count";
  hub.publish(event(6, "other"));
  EXPECT_EQ(picky->take(), text_of(6));
}

TEST(EventHub, FiltersAgreeWithAllThatIsSet) {
  EventHub hub({.epoch = "e"});
  hub.publish({"model", "a", "JFK", "{}"});
  hub.publish({"model", "b", "JFK", "{}"});
  hub.publish({"model", "a", "LGA", "{}"});
  hub.publish({"job", "", "", "{}"});
  const auto numbers = [&hub](EventFilter filter) {
    std::string found;
    const std::string text = followed(hub, "0", std::move(filter))->take();
    for (int i = 1; i <= 4; ++i)
      if (text.find("id: e-" + std::to_string(i) + "\n") != std::string::npos) found += std::to_string(i);
    return found;
  };
  EXPECT_EQ(numbers({}), "1234");
  EXPECT_EQ(numbers({.type = "model"}), "123");
  EXPECT_EQ(numbers({.uid = "a"}), "13");
  EXPECT_EQ(numbers({.key = "JFK"}), "12");
  EXPECT_EQ(numbers({.key = ""}), "4");
  EXPECT_EQ(numbers({.prefix = "L"}), "3");
  EXPECT_EQ(numbers({.type = "model", .uid = "b", .key = "JFK"}), "2");
}

TEST(EventHub, BoundsItsListenersAndForgetsThoseThatGo) {
  EventHub hub({.max_subscribers = 2});
  auto first = followed(hub);
  const auto second = followed(hub);
  EXPECT_EQ(hub.subscribe({}, "").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(hub.subscribers(), 2U);
  first.reset();
  EXPECT_EQ(hub.subscribers(), 1U);
  EXPECT_TRUE(hub.subscribe({}, "").is_ok());
}

TEST(EventHub, TheEndIsToldAfterTheLastEvent) {
  EventHub hub({.epoch = "e"});
  const auto stream = followed(hub);
  bool is_woken = false;
  stream->start([&is_woken] { is_woken = true; });
  EXPECT_EQ(stream->take(), kGreeting);
  hub.publish(event(1));
  hub.close();
  EXPECT_TRUE(is_woken);
  EXPECT_FALSE(stream->has_ended());
  EXPECT_EQ(stream->take(), text_of(1));
  EXPECT_TRUE(stream->has_ended());
  hub.publish(event(2));
  EXPECT_EQ(stream->take(), "");
  EXPECT_EQ(hub.subscribe({}, "0").status().code(), StatusCode::kUnavailable);
}

TEST(EventHub, ManyThreadsPublishWhileOthersListen) {
  EventHub hub({.epoch = "e"});
  const auto stream = followed(hub);
  stream->start([] {});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&hub, thread] {
      for (int i = 0; i < 200; ++i) {
        hub.publish(event(i, std::to_string(thread)));
        if (i % 50 == 0 && thread == 0) followed(hub, "0")->take();
      }
    });
  std::string all;
  while (true) {
    all += stream->take();
    if (all.find("id: e-800\n") != std::string::npos) break;
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t at = 0;
  for (int i = 1; i <= 800; ++i) {
    const std::size_t found = all.find("id: e-" + std::to_string(i) + "\n", at);
    ASSERT_NE(found, std::string::npos) << i;
    at = found;
  }
}

}  // namespace
}  // namespace weir
