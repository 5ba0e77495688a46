#include "tools/weirctl/event_reader.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weirctl {
namespace {

TEST(EventReader, EventsComeOutWholeHoweverTheirBytesCame) {
  const std::string text =
      "retry: 1000\n\n: nothing\n\nid: a-1\nevent: model\ndata: {\"x\":1}\n\nevent:job\r\ndata: "
      "one\r\ndata:two\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EventReader reader;
    std::vector<ServerEvent> events;
    for (std::size_t at = 0; at < text.size(); at += piece)
      for (ServerEvent& event : reader.feed(std::string_view(text).substr(at, piece)))
        events.push_back(std::move(event));
    ASSERT_EQ(events.size(), 2U) << piece;
    EXPECT_EQ(events[0].id + " " + events[0].type + " " + events[0].data, "a-1 model {\"x\":1}");
    EXPECT_EQ(events[1].id + " " + events[1].type + " " + events[1].data, "a-1 job one\ntwo");
    EXPECT_EQ(reader.last_id(), "a-1");
  }
}

TEST(EventReader, ABrokenConnectionsHalfEventIsForgotten) {
  EventReader reader;
  EXPECT_EQ(reader.feed("id: 1\nevent: a\ndata: x\n\nevent: b\ndata: ha").size(), 1U);
  reader.restart();
  const auto events = reader.feed("data: y\n\n");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, "");
  EXPECT_EQ(events[0].data, "y");
  EXPECT_EQ(reader.last_id(), "1");
}

}  // namespace
}  // namespace weirctl
