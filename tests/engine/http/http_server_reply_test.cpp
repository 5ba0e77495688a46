// When and how handlers reply, and what a stop does to requests under way.

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "started_server.hpp"

namespace weir::http {
namespace {

using test::HttpClient;

HttpResponse text(std::string body) { return {200, "text/plain", std::move(body), {}}; }

TEST(HttpServerReply, MayComeLaterFromAnyThread) {
  HeldReplies held;
  const auto server = started({}, {get("/later", held.handler()), get("/now")});
  HttpClient waiting(server->port());
  ASSERT_TRUE(waiting.send("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  const HttpReply reply = held.take();
  HttpClient other(server->port());
  ASSERT_REPLY(other.get("/now"), 200);
  std::thread([&reply] { reply(text("from a thread")); }).join();
  const auto answer = waiting.read_reply();
  ASSERT_REPLY(answer, 200);
  EXPECT_EQ(answer->body, "from a thread");
}

TEST(HttpServerReply, CountsOnlyOnce) {
  HeldReplies held;
  const auto server = started({}, {get("/twice",
                                       [](const HttpRequest&, const HttpReply& reply) {
                                         reply(text("first"));
                                         reply(text("second"));
                                       }),
                                   get("/held", held.handler())});
  HttpClient client(server->port());
  for (int round = 0; round < 3; ++round) {
    const auto answer = client.get("/twice");
    ASSERT_REPLY(answer, 200);
    EXPECT_EQ(answer->body, "first");
  }
  ASSERT_TRUE(client.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  const HttpReply reply = held.take();
  std::vector<std::thread> threads;
  for (int index = 0; index < 4; ++index) threads.emplace_back([copy = reply] { copy(text("one of four")); });
  for (std::thread& thread : threads) thread.join();
  auto answer = client.read_reply();
  ASSERT_REPLY(answer, 200);
  EXPECT_EQ(answer->body, "one of four");
  answer = client.get("/twice");
  ASSERT_REPLY(answer, 200);
  EXPECT_EQ(answer->body, "first");
}

TEST(HttpServerReply, ThatNeverComesIsAnswered504) {
  HeldReplies held;
  const auto server = started({.request_timeout_ms = 50}, {get("/held", held.handler())});
  HttpClient client(server->port());
  const auto answer = client.get("/held");
  ASSERT_REPLY(answer, 504);
  EXPECT_NE(answer->body.find("\"deadline_exceeded\""), std::string::npos) << answer->body;
  const HttpReply late = held.take();
  ASSERT_TRUE(client.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  const HttpReply next = held.take();
  late(text("the answer to the former request"));
  next(text("right"));
  const auto second = client.read_reply();
  ASSERT_TRUE(second.is_ok());
  EXPECT_TRUE(second->body == "right" || second->status == 504) << second->body;
  EXPECT_GE(server->counters().timeouts, 1U);
}

TEST(HttpServerReply, ForgottenByTheHandlerIsAnswered504) {
  const auto server = started({.request_timeout_ms = 50}, {get("/lost", [](const HttpRequest&, const HttpReply&) {})});
  HttpClient client(server->port());
  ASSERT_REPLY(client.get("/lost"), 504);
}

TEST(HttpServerReply, ExceptionsBecome500) {
  const auto server = started({}, {get("/throw/{what}", [](const HttpRequest& request, const HttpReply& reply) {
                                if (request.captures[0] == "int") throw 42;
                                if (request.captures[0] == "late") reply(text("replied before it threw"));
                                throw std::runtime_error("no \"luck\"");
                              })});
  HttpClient client(server->port());
  auto answer = client.get("/throw/x");
  ASSERT_REPLY(answer, 500);
  EXPECT_EQ(answer->body,
            R"({"error":{"code":"internal","message":"handler of GET /throw/{what} threw: no \"luck\""}})");
  ASSERT_REPLY(client.get("/throw/int"), 500);
  answer = client.get("/throw/late");
  ASSERT_REPLY(answer, 200);
  EXPECT_EQ(answer->body, "replied before it threw");
}

TEST(HttpServerReply, ThatWouldSplitTheMessageBecomes500) {
  const auto server = started({}, {get("/reflect", [](const HttpRequest& request, const HttpReply& reply) {
                                reply({302, "text/plain", "", {{"Location", request.query.at("to")}}});
                              })});
  HttpClient client(server->port());
  auto answer = client.get("/reflect?to=/fine");
  ASSERT_REPLY(answer, 302);
  EXPECT_EQ(answer->header("location"), "/fine");
  answer = client.get("/reflect?to=/x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0aHTTP/1.1%20200%20OK");
  ASSERT_REPLY(answer, 500);
  EXPECT_EQ(answer->header("set-cookie"), "");
  ASSERT_REPLY(client.get("/reflect?to=/again"), 302);
}

TEST(HttpServerReply, WithoutContentHasNoBody) {
  const auto server = started({}, {get("/none", [](const HttpRequest&, const HttpReply& reply) {
                                reply({204, "", "ignored", {}});
                              })});
  HttpClient client(server->port());
  for (int round = 0; round < 2; ++round) {
    const auto answer = client.get("/none");
    ASSERT_REPLY(answer, 204);
    EXPECT_EQ(answer->body, "");
  }
}

TEST(HttpServerReply, LargeBodiesArriveWhole) {
  const std::string large(20 << 20, 'x');
  const auto server =
      started({}, {get("/large", [&](const HttpRequest&, const HttpReply& reply) { reply(text(large)); }),
                   post("/size", 0, [](const HttpRequest& request, const HttpReply& reply) {
                     reply(text(std::to_string(request.body.size())));
                   })});
  HttpClient client(server->port());
  auto answer = client.get("/large");
  ASSERT_REPLY(answer, 200);
  EXPECT_TRUE(answer->body == large);
  answer = client.post("/size", large);
  ASSERT_REPLY(answer, 200);
  EXPECT_EQ(answer->body, std::to_string(large.size()));
}

TEST(HttpServerReply, AnswersPipelinedRequestsInOrder) {
  HeldReplies held;
  std::atomic<int> in_handler = 0;
  std::atomic<int> most_in_handler = 0;
  const auto server =
      started({}, {get("/n/{n}", [&](const HttpRequest& request, HttpReply reply) {
                most_in_handler = std::max(most_in_handler.load(), ++in_handler);
                held.handler()(request, [&in_handler, n = request.captures[0], reply = std::move(reply)](HttpResponse) {
                  --in_handler;
                  reply(text(n));
                });
              })});
  std::string all;
  for (int n = 0; n < 100; ++n) all += "GET /n/" + std::to_string(n) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  HttpClient client(server->port());
  ASSERT_TRUE(client.send(all).is_ok());
  std::thread replier([&held] {
    for (int n = 0; n < 100; ++n) held.take()({});
  });
  for (int n = 0; n < 100; ++n) {
    const auto answer = client.read_reply();
    EXPECT_TRUE(answer.is_ok() && answer->body == std::to_string(n)) << n << ": " << answer.status().to_string();
  }
  replier.join();
  EXPECT_EQ(most_in_handler, 1);
  EXPECT_EQ(server->counters().connections_accepted, 1U);
}

TEST(HttpServerReply, ToAClientThatLeftDoesNoHarm) {
  HeldReplies held;
  const auto server = started({}, {get("/held", held.handler()), get("/now")});
  for (int round = 0; round < 20; ++round) {
    HttpClient leaving(server->port());
    ASSERT_TRUE(leaving.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
    const HttpReply reply = held.take();
    leaving.close();
    reply(text(std::string(1 << 20, 'x')));
  }
  HttpClient client(server->port());
  while (server->counters().connections_open > 1) ASSERT_REPLY(client.get("/now"), 200);
}

TEST(HttpServerStop, LetsRequestsInHandlersFinish) {
  HeldReplies held;
  const auto server = started({.stop_timeout_ms = 60'000}, {get("/held", held.handler()), get("/now")});
  HttpClient idle(server->port());
  ASSERT_REPLY(idle.get("/now"), 200);
  HttpClient waiting(server->port());
  const std::string request = "GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_TRUE(waiting.send(request + request).is_ok());
  const HttpReply reply = held.take();
  std::thread stopper([&server] { server->stop(); });
  EXPECT_TRUE(idle.expect_end().is_ok());
  EXPECT_FALSE(idle.get("/now").is_ok()) << "no new connection once stopping";
  reply(text("finished"));
  const auto answer = waiting.read_reply();
  stopper.join();
  ASSERT_REPLY(answer, 200);
  EXPECT_EQ(answer->body, "finished");
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_TRUE(waiting.expect_end().is_ok()) << "the pipelined second request is not begun";
  server->stop();
}

TEST(HttpServerStop, DoesNotWaitLongerThanTold) {
  HeldReplies held;
  auto server = started({.stop_timeout_ms = 20}, {get("/held", held.handler())});
  HttpClient waiting(server->port());
  ASSERT_TRUE(waiting.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  const HttpReply reply = held.take();
  server->stop();
  reply(text("after the stop"));
  ASSERT_REPLY(waiting.read_reply(), 503);
  EXPECT_TRUE(waiting.expect_end().is_ok());
  server.reset();
  reply(text("after the end"));
}

TEST(HttpServerStop, DropsClientsThatDoNotTakeTheirAnswer) {
  HeldReplies held;
  const auto server = started({.stop_timeout_ms = 20}, {get("/held", held.handler())});
  HttpClient deaf(server->port());
  ASSERT_TRUE(deaf.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  held.take()(text(std::string(64 << 20, 'x')));
  HttpClient half(server->port());
  ASSERT_TRUE(half.send("GET /held HTTP/1.1\r\nHost: local").is_ok());
  server->stop();
  EXPECT_EQ(server->counters().connections_open, 0U);
}

TEST(HttpServerStop, RacesWithRepliesFromOtherThreads) {
  for (int round = 0; round < 20; ++round) {
    HeldReplies held;
    auto server = started({.stop_timeout_ms = 5}, {get("/held", held.handler())});
    HttpClient client(server->port());
    ASSERT_TRUE(client.send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
    std::thread replier([reply = held.take()] { reply(text("x")); });
    server.reset();
    replier.join();
  }
}

}  // namespace
}  // namespace weir::http
