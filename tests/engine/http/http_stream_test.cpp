// Answers that are streams.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/http/started_server.hpp"

namespace weir::http {
namespace {

using test::HttpClient;

/// Gives what a test puts in.
class PutStream final : public HttpStream {
 public:
  explicit PutStream(std::string heartbeat = ":") : heartbeat_(std::move(heartbeat)) {}
  void start(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  std::string take() override {
    const std::lock_guard lock(mutex_);
    if (is_endless_) return std::string(64 << 10, 'x');
    if (pieces_.empty()) return {};
    std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }
  bool has_ended() const override {
    const std::lock_guard lock(mutex_);
    return has_ended_ && pieces_.empty();
  }
  std::string heartbeat() override { return heartbeat_; }

  void put(std::string piece) {
    change([&] { pieces_.push_back(std::move(piece)); });
  }
  void end() {
    change([&] { has_ended_ = true; });
  }
  void flow() {
    change([&] { is_endless_ = true; });
  }

 private:
  template <class Change>
  void change(const Change& change) {
    std::function<void()> wake;
    {
      const std::lock_guard lock(mutex_);
      change();
      wake = wake_;
    }
    if (wake) wake();
  }

  const std::string heartbeat_;
  mutable std::mutex mutex_;
  std::deque<std::string> pieces_;
  bool has_ended_ = false;
  bool is_endless_ = false;
  std::function<void()> wake_;
};

HttpResponse stream_response(std::shared_ptr<HttpStream> stream) {
  return {.content_type = "text/event-stream", .stream = std::move(stream)};
}
HttpRoute streaming(std::shared_ptr<HttpStream> stream, std::string pattern = "/s") {
  return get(std::move(pattern), [stream = std::move(stream)](const HttpRequest&, const HttpReply& reply) {
    reply(stream_response(stream));
  });
}

TEST(HttpStream, PiecesComeInTheirOrderUntilTheEnd) {
  const auto stream = std::make_shared<PutStream>();
  stream->put("early ");
  const auto server = started({}, {streaming(stream), get("/x")});
  HttpClient client(server->port());
  const auto opened = client.open_stream("/s");
  ASSERT_REPLY(opened, 200);
  EXPECT_EQ(opened->header("content-type"), "text/event-stream");
  EXPECT_EQ(opened->header("transfer-encoding"), "chunked");
  EXPECT_EQ(opened->header("connection"), "close");
  EXPECT_EQ(*client.read_until("early "), "early ");
  HttpClient other(server->port());
  EXPECT_EQ(other.get("/x")->status, 200) << "meanwhile";
  EXPECT_EQ(server->counters().streams_open, 1U);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&stream, thread] {
      for (int i = 0; i < 50; ++i) stream->put(std::string(1, static_cast<char>('a' + thread)));
    });
  for (std::thread& thread : threads) thread.join();
  stream->put("!");
  const auto letters = client.read_until("!");
  ASSERT_TRUE(letters.is_ok()) << letters.status().to_string();
  EXPECT_EQ(letters->size(), 201U);
  stream->put("last");
  stream->end();
  EXPECT_EQ(*client.read_to_end(), "last");
  EXPECT_TRUE(client.expect_end().is_ok());
  while (server->counters().streams_open != 0) std::this_thread::yield();
  EXPECT_EQ(server->counters().streams_dropped, 0U);
}

TEST(HttpStream, HeartbeatsShowThatBothAreThere) {
  const auto stream = std::make_shared<PutStream>("beat\n");
  const auto server = started({.heartbeat_ms = 1}, {streaming(stream)});
  HttpClient client(server->port());
  ASSERT_REPLY(client.open_stream("/s"), 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*client.read_until("beat\n"), "beat\n");
  EXPECT_FALSE(HttpServer::start({.heartbeat_ms = 0}, {}).is_ok());
}

TEST(HttpStream, OldClientsReadToTheEndOfTheConnectionAndHeadReadsNothing) {
  const auto stream = std::make_shared<PutStream>();
  stream->put("all");
  stream->end();
  const auto server = started({}, {streaming(stream)});
  HttpClient client(server->port());
  const auto head = client.request("HEAD", "/s");
  ASSERT_REPLY(head, 200);
  EXPECT_EQ(head->header("content-type"), "text/event-stream");
  EXPECT_EQ(head->header("content-length"), "");
  client.close();
  ASSERT_TRUE(client.send("GET /s HTTP/1.0\r\n\r\n").is_ok());
  const auto old = client.read_reply();
  ASSERT_REPLY(old, 200);
  EXPECT_EQ(old->header("transfer-encoding"), "");
  EXPECT_EQ(old->body, "all");
}

TEST(HttpStream, AClientThatTakesNothingIsSentAway) {
  const auto stream = std::make_shared<PutStream>();
  stream->flow();
  const auto server = started({.request_timeout_ms = 200}, {streaming(stream), get("/x")});
  HttpClient slow(server->port());
  ASSERT_REPLY(slow.open_stream("/s"), 200);
  while (server->counters().streams_dropped == 0) std::this_thread::yield();
  EXPECT_EQ(HttpClient(server->port()).get("/x")->status, 200);
  while (server->counters().streams_open != 0) std::this_thread::yield();
  EXPECT_FALSE(slow.read_to_end().is_ok()) << "the answer broke off";
}

TEST(HttpStream, AClientThatGoesIsNoticedThoughNothingIsSent) {
  auto stream = std::make_shared<PutStream>();
  std::weak_ptr<PutStream> alive = stream;
  const auto server = started({}, {get("/s", [&stream](const HttpRequest&, const HttpReply& reply) {
                                reply(stream_response(std::move(stream)));
                              })});
  HttpClient client(server->port());
  ASSERT_REPLY(client.open_stream("/s"), 200);
  ASSERT_FALSE(alive.expired());
  client.close();
  while (!alive.expired()) std::this_thread::yield();
}

TEST(HttpStream, AStopEndsStreamsAndWaitsForNobody) {
  const auto idle = std::make_shared<PutStream>();
  const auto stuck = std::make_shared<PutStream>();
  stuck->flow();
  auto server = started({.stop_timeout_ms = 100}, {streaming(idle, "/idle"), streaming(stuck, "/stuck")});
  HttpClient listener(server->port());
  HttpClient sleeper(server->port());
  ASSERT_REPLY(listener.open_stream("/idle"), 200);
  ASSERT_REPLY(sleeper.open_stream("/stuck"), 200);
  server->stop();
  EXPECT_EQ(*listener.read_to_end(), "") << "an orderly end";
  EXPECT_FALSE(sleeper.read_to_end().is_ok());
  idle->put("late");  // wakes nobody
  server.reset();
  idle->put("later");
}

TEST(HttpStream, WhatAClientSendsMeanwhileIsLeftAlone) {
  const auto stream = std::make_shared<PutStream>();
  const auto server = started({.heartbeat_ms = 1}, {streaming(stream)});
  HttpClient client(server->port());
  ASSERT_REPLY(client.open_stream("/s"), 200);
  ASSERT_TRUE(client.send("GET /s HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(100'000, 'x')).is_ok());
  EXPECT_TRUE(client.read_until(":").is_ok());
  stream->put("more");
  EXPECT_TRUE(client.read_until("more").is_ok());
}

}  // namespace
}  // namespace weir::http
