// What a client may do to the server on purpose. After each attack the server still answers.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "started_server.hpp"

namespace weir::http {
namespace {

using namespace std::string_literals;
using test::HttpClient;

class HttpServerHostile : public testing::Test {
 protected:
  void TearDown() override {
    if (server_ == nullptr) return;
    HttpClient client(server_->port());
    ASSERT_REPLY(client.get("/a"), 200);
    while (server_->counters().connections_open > 1) ASSERT_REPLY(client.get("/a"), 200);
  }

  void start(HttpOptions options = {}) {
    // Short, so that a connection whose client lingers after the answer is soon dropped.
    if (options.request_timeout_ms == HttpOptions{}.request_timeout_ms) options.request_timeout_ms = 5'000;
    server_ = started(std::move(options), {get("/a"), post("/body", 64), post("/large", 0)});
  }

  // The status of the answer to `bytes`, after which the server must end the connection.
  int fatal_status(std::string_view bytes) {
    HttpClient client(server_->port());
    EXPECT_TRUE(client.send(bytes).is_ok());
    const auto reply = client.read_reply();
    if (!reply) {
      ADD_FAILURE() << reply.status().to_string() << " after " << bytes.substr(0, 200);
      return 0;
    }
    EXPECT_EQ(reply->header("content-type"), "application/json");
    EXPECT_TRUE(reply->body.starts_with(R"({"error":{"code":")")) << reply->body;
    EXPECT_TRUE(client.expect_end().is_ok()) << bytes.substr(0, 200);
    return reply->status;
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerHostile, MalformedRequestsAre400) {
  start();
  const std::string host = "Host: localhost\r\n";
  for (const std::string& bytes :
       {"\r\n\r\n\r\n"s,
        "hello\r\n\r\n"s,
        "GET\r\n\r\n"s,
        "GET /a\r\n\r\n"s,
        "GET /a HTTP/9.9\r\n\r\n"s,
        "GET /a HTTX/1.1\r\n\r\n"s,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s,
        "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"s,
        "G\0T /a HTTP/1.1\r\n\r\n"s,
        "GET /\0a HTTP/1.1\r\n\r\n"s,
        "GET /a\tb HTTP/1.1\r\n\r\n"s,
        "GET /a HTTP/1.1\r\nX: a\0b\r\n\r\n"s,
        "GET /a HTTP/1.1\r\n\0: a\r\n\r\n"s,
        "GET /a HTTP/1.1\r\nX : a\r\n\r\n"s,
        "GET /a HTTP/1.1\r\nno colon\r\n\r\n"s,
        "GET /a HTTP/1.1\r\nX: a\rb\r\n\r\n"s,
        "GET /a HTTP/1.1\nHost: localhost\n\n"s,
        "GET /a HTTP/1.1\r\n\r\n"s,
        "GET * HTTP/1.1\r\n" + host + "\r\n",
        "GET /%zz HTTP/1.1\r\n" + host + "\r\n",
        "GET /a HTTP/1.1\r\n" + host + host + "\r\n",
        "GET /a HTTP/1.1\r\n" + host + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        "GET /a HTTP/1.1\r\n" + host + "Origin: http://localhost\r\nOrigin: http://evil\r\n\r\n"}) {
    EXPECT_EQ(fatal_status(bytes), 400) << bytes;
  }
}

TEST_F(HttpServerHostile, AmbiguousLengthsAreRefused) {
  start();
  const std::string head = "POST /body HTTP/1.1\r\nHost: localhost\r\n";
  const std::string smuggled = "\r\n0\r\n\r\nGET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(fatal_status(head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Content-Length: 5\r\nContent-Length: 6\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Content-Length: 5\r\nContent-Length: 5\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Content-Length: -1\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Content-Length: 0x5\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Content-Length: 99999999999999999999999\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status(head + "Content-Length: 18446744073709551615\r\n" + smuggled), 413);
  EXPECT_EQ(fatal_status(head + "Transfer-Encoding: gzip\r\n" + smuggled), 501);
  EXPECT_EQ(fatal_status(head + "Transfer-Encoding: gzip, chunked\r\n" + smuggled), 501);
  EXPECT_EQ(fatal_status(head + "Transfer-Encoding: chunked, gzip\r\n" + smuggled), 501);
  EXPECT_EQ(fatal_status(head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + smuggled), 400);
  EXPECT_EQ(fatal_status("POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" + smuggled), 400);
}

TEST_F(HttpServerHostile, ChunksThatLieAreRefused) {
  start();
  const std::string head = "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(fatal_status(head + "zz\r\n"), 400);
  EXPECT_EQ(fatal_status(head + "ffffffffffffffffff\r\n"), 400);
  EXPECT_EQ(fatal_status(head + "ffffffffffffffff\r\n"), 413);
  EXPECT_EQ(fatal_status(head + "41\r\n" + std::string(65, 'x')), 413);
  EXPECT_EQ(fatal_status(head + "4\r\nabcdeX\r\n0\r\n\r\n"), 400);
  std::string many;
  for (int index = 0; index < 65; ++index) many += "1\r\nx\r\n";
  EXPECT_EQ(fatal_status(head + many), 413);
  EXPECT_EQ(fatal_status(head + "1;" + std::string(200'000, 'e')), 400) << "a chunk extension without end";
  std::string trailers = "0\r\n";
  for (int index = 0; index < 20'000; ++index) trailers += "Trailer: value\r\n";
  EXPECT_EQ(fatal_status(head + trailers), 400) << "trailers without end";
}

TEST_F(HttpServerHostile, OversizedHeadersAre431) {
  start({.max_header_bytes = 1000});
  const std::string head = "GET /a HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(fatal_status("GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n\r\n"), 431);
  EXPECT_EQ(fatal_status(std::string(2000, 'G')), 431);
  EXPECT_EQ(fatal_status(head + "X: " + std::string(2000, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(fatal_status(head + "X: " + std::string(980, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(fatal_status(head + "X: " + std::string(300'000, 'a')), 431);
  std::string many = head;
  for (int index = 0; index < 500; ++index) many += "A: b\r\n";
  EXPECT_EQ(fatal_status(many), 431);
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send(head + "X: " + std::string(900, 'a') + "\r\n\r\n").is_ok());
  ASSERT_REPLY(client.read_reply(), 200);
}

TEST_F(HttpServerHostile, SlowRequestsAre408) {
  start({.request_timeout_ms = 60});
  const std::string_view starts[] = {
      "G", "GET /a HTTP/1.1\r\nHost: local", "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
      "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"};
  for (const std::string_view bytes : starts) EXPECT_EQ(fatal_status(bytes), 408) << bytes;
  EXPECT_EQ(server_->counters().timeouts, 4U);
}

TEST_F(HttpServerHostile, TricklingDoesNotExtendTheTime) {
  start({.request_timeout_ms = 60});
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n").is_ok());
  while (client.send("x").is_ok()) continue;  // ends when the server has ended the connection
  EXPECT_EQ(server_->counters().timeouts, 1U);
  EXPECT_EQ(server_->counters().requests, 0U);
}

TEST(HttpServerDeaf, AnswersThatAreNotReadAreDropped) {
  const auto large = [](const HttpRequest&, const HttpReply& reply) {
    reply(HttpResponse::json(std::string(64 << 20, ' ')));
  };
  const auto server = started({.request_timeout_ms = 60}, {get("/large", large), get("/a")});
  HttpClient deaf(server->port());
  ASSERT_TRUE(deaf.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  HttpClient client(server->port());
  while (server->counters().timeouts == 0) ASSERT_REPLY(client.get("/a"), 200);
}

TEST_F(HttpServerHostile, HalfARequestThenTheEndIs400) {
  start();
  HttpClient client(server_->port());
  ASSERT_TRUE(client.send("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc").is_ok());
  ASSERT_TRUE(client.shutdown_send().is_ok());
  ASSERT_REPLY(client.read_reply(), 400);
  client.close();
  ASSERT_TRUE(client.send("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
  ASSERT_TRUE(client.shutdown_send().is_ok());
  ASSERT_REPLY(client.read_reply(), 200);
  EXPECT_TRUE(client.expect_end().is_ok());
}

TEST_F(HttpServerHostile, AnnouncedButForbiddenBodiesAreNotRead) {
  start({.token = "t"});
  EXPECT_EQ(fatal_status("POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\nabc"), 401);
  server_ = nullptr;  // the check after the test has no token
}

TEST_F(HttpServerHostile, GarbageNeverKillsTheServer) {
  start({.request_timeout_ms = 20});
  const std::uint32_t seed = 20'130'101;
  std::mt19937 random(seed);
  const std::string valid =
      "POST /body?a=b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    if (round % 3 == 0) {
      bytes.resize(random() % 3000);
      for (char& byte : bytes) byte = static_cast<char>(random());
    } else {  // a valid request with a few bytes changed, cut out or doubled
      bytes = valid + valid;
      for (std::uint32_t change = random() % 5; change > 0; --change) {
        const std::size_t place = random() % bytes.size();
        if (random() % 3 == 0) {
          bytes.erase(place, 1 + random() % 5);
        } else if (random() % 2 == 0) {
          bytes.insert(place, bytes.substr(place, 1 + random() % 20));
        } else {
          bytes[place] = static_cast<char>(random());
        }
      }
    }
    HttpClient client(server_->port());
    ASSERT_TRUE(client.connect().is_ok()) << "seed " << seed << " round " << round;
    client.send(bytes).ignore("the server may have closed already");
    client.shutdown_send().ignore("the server may have closed already");
    // Whatever comes back is HTTP, and then the end comes.
    for (;;) {
      const auto reply = client.read_reply();
      if (!reply) {
        EXPECT_NE(reply.status().code(), StatusCode::kDeadlineExceeded) << "seed " << seed << " round " << round;
        break;
      }
      EXPECT_TRUE(reply->status >= 200 && reply->status < 600) << "seed " << seed << " round " << round;
    }
  }
}

}  // namespace
}  // namespace weir::http
