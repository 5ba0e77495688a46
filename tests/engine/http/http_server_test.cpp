#include "engine/http/http_server.hpp"

#include <gtest/gtest.h>

#include "started_server.hpp"

namespace weir::http {
namespace {

using namespace std::string_literals;
using test::HttpClient;

TEST(HttpServer, AnswersByMethodAndPath) {
  const auto server = started({}, {get("/v1/state/{uid}/{key}"), post("/v1/models", 100)});
  HttpClient client(server->port());
  auto reply = client.get("/v1/state/score/a%2Fb%00?limit=3&prefix=x+y");
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body,
            "GET /v1/state/score/a%2Fb%00\ncapture score\ncapture a/b\0\nquery limit=3\nquery prefix=x y\n"s);
  EXPECT_EQ(reply->header("content-type"), "text/plain");
  EXPECT_EQ(reply->header("x-content-type-options"), "nosniff");
  reply = client.post("/v1/models", "bytes");
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body, "POST /v1/models\nbytes");
  EXPECT_EQ(server->counters().connections_accepted, 1U) << "keep-alive";
  EXPECT_EQ(server->counters().requests, 2U);
  EXPECT_EQ(server->counters().responses_2xx, 2U);
}

TEST(HttpServer, UnknownPathsAndMethodsAreJsonErrors) {
  const auto server = started({}, {get("/a/{b}"), post("/a/{b}", 10)});
  HttpClient client(server->port());
  auto reply = client.get("/nowhere/else/../x");
  ASSERT_REPLY(reply, 404);
  EXPECT_EQ(reply->body, R"({"error":{"code":"not_found","message":"find path '/nowhere/else/../x': there is none"}})");
  EXPECT_EQ(reply->header("content-type"), "application/json");
  reply = client.request("DELETE", "/a/b");
  ASSERT_REPLY(reply, 405);
  EXPECT_EQ(reply->header("allow"), "GET, HEAD, POST");
  ASSERT_REPLY(client.get("/a/%4"), 400);
  ASSERT_REPLY(client.get("/a/b?c=%zz"), 400);
  reply = client.get("/a/..");
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body, "GET /a/..\ncapture ..\n");
}

TEST(HttpServer, ErrorsArePlainBelowTheSegmentOfARouteThatWantsThem) {
  HttpRoute plain = post("/p/{name}", 4, [](const HttpRequest& request, const HttpReply& reply) {
    if (request.captures[0] == "json") return reply(HttpResponse::json(R"({"error":"mine"})", 400));
    reply(HttpResponse::error(Status(StatusCode::kUnavailable, request.captures[0] == "empty" ? "" : "say \"so\"")));
  });
  plain.plain_errors = true;
  const auto server = started({.token = "secret"}, {plain, get("/other")});
  ASSERT_NE(server, nullptr);
  HttpClient client(server->port(), "secret");
  const auto failed = client.post("/p/a", "");
  ASSERT_REPLY(failed, 503);
  EXPECT_EQ(failed->body, R"({"error":"say \"so\""})");
  EXPECT_EQ(failed->header("retry-after"), "1");
  EXPECT_EQ(client.post("/p/empty", "")->body, R"({"error":"unavailable"})");
  EXPECT_EQ(client.post("/p/json", "")->body, R"({"error":"mine"})") << "not made by error()";
  EXPECT_EQ(client.get("/p/a")->body, R"({"error":"GET '/p/a': only POST"})");
  EXPECT_EQ(client.get("/p/a/b")->body, R"({"error":"find path '/p/a/b': there is none"})");
  EXPECT_EQ(client.post("/p/a", "12345")->body, R"({"error":"read body: it exceeds 4 bytes"})");
  HttpClient stranger(server->port());
  EXPECT_TRUE(stranger.get("/p/a")->body.starts_with(R"({"error":"GET '/p/a' needs)"));
  EXPECT_TRUE(client.get("/others")->body.starts_with(R"({"error":{"code":"not_found")"));
  EXPECT_TRUE(client.get("/")->body.starts_with(R"({"error":{"code":"not_found")"));
}

TEST(HttpServer, HeadIsGetWithoutTheBody) {
  const auto server = started({}, {get("/a"), post("/b", 1)});
  HttpClient client(server->port());
  auto reply = client.request("HEAD", "/a");
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body, "");
  EXPECT_EQ(reply->header("content-length"), "8");  // "HEAD /a\n"
  ASSERT_REPLY(client.request("HEAD", "/b"), 405);
  ASSERT_REPLY(client.request("HEAD", "/none"), 404);
  reply = client.get("/a");
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body, "GET /a\n");
  EXPECT_EQ(server->counters().connections_accepted, 1U);
}

TEST(HttpServer, BodiesAreBoundedByRouteAndServer) {
  const auto server = started({.max_body_bytes = 1000}, {post("/small", 4), post("/all", 0), post("/more", 5000)});
  HttpClient client(server->port());
  ASSERT_REPLY(client.post("/small", "1234"), 200);
  auto reply = client.post("/small", "12345");
  ASSERT_REPLY(reply, 413);
  EXPECT_EQ(reply->header("connection"), "close");
  ASSERT_REPLY(client.post("/all", std::string(1000, 'x')), 200);
  ASSERT_REPLY(client.post("/all", std::string(1001, 'x')), 413);
  ASSERT_REPLY(client.post("/more", std::string(1001, 'x')), 413);
}

TEST(HttpServer, ChunkedBodiesAreTakenAndBounded) {
  const auto server = started({}, {post("/small", 8)});
  const std::string head = "POST /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  HttpClient client(server->port());
  // In single bytes: the parser sees every split.
  for (const char byte : head + "4;name=value\r\nabcd\r\n3\r\nefg\r\n0\r\nTrailer: x\r\n\r\n") {
    ASSERT_TRUE(client.send(std::string(1, byte)).is_ok());
  }
  auto reply = client.read_reply();
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body, "POST /small\nabcdefg");
  ASSERT_TRUE(client.send(head + "4\r\nabcd\r\n5\r\nefghi\r\n0\r\n\r\n").is_ok());
  reply = client.read_reply();
  ASSERT_REPLY(reply, 413);
  EXPECT_TRUE(client.expect_end().is_ok());
}

TEST(HttpServer, ContinueIsSaidBeforeALargeBody) {
  const auto server = started({}, {post("/a", 10)});
  HttpClient client(server->port());
  ASSERT_TRUE(
      client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").is_ok());
  ASSERT_REPLY(client.read_reply(), 100);
  ASSERT_TRUE(client.send("abc").is_ok());
  ASSERT_REPLY(client.read_reply(), 200);
  ASSERT_TRUE(
      client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n").is_ok());
  ASSERT_REPLY(client.read_reply(), 413);
  client.close();
  ASSERT_TRUE(
      client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\n").is_ok());
  ASSERT_REPLY(client.read_reply(), 417);
}

TEST(HttpServer, BodiesTogetherAreBounded) {
  const auto server = started({.max_body_bytes = 100, .max_total_body_bytes = 150}, {post("/a", 0)});
  HttpClient slow(server->port());
  ASSERT_TRUE(
      slow.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n").is_ok());
  ASSERT_REPLY(slow.read_reply(), 100);
  HttpClient other(server->port());
  ASSERT_REPLY(other.post("/a", std::string(50, 'x')), 200);
  auto reply = other.post("/a", std::string(51, 'x'));
  ASSERT_REPLY(reply, 503);
  EXPECT_EQ(reply->header("retry-after"), "1");
  ASSERT_TRUE(slow.send(std::string(100, 'x')).is_ok());
  ASSERT_REPLY(slow.read_reply(), 200);
  ASSERT_REPLY(other.post("/a", std::string(100, 'x')), 200);
}

TEST(HttpServer, HostAndOriginAreChecked) {
  const auto server = started({.allowed_hosts = {"weir.example"}}, {get("/a")});
  HttpClient client(server->port());
  ASSERT_REPLY(client.request("GET", "/a", {}, {{"Host", "weir.example:80"}}), 200);
  ASSERT_REPLY(client.request("GET", "/a", {}, {{"Host", "evil.example"}}), 421);
  ASSERT_REPLY(client.request("GET", "/a", {}, {{"Origin", "https://weir.example"}}), 200);
  ASSERT_REPLY(client.request("GET", "/a", {}, {{"Origin", "https://evil.example"}}), 403);
  ASSERT_REPLY(client.request("GET", "/a", {}, {{"Origin", "null"}}), 403);
  ASSERT_REPLY(client.request("GET", "http://evil.example/a"), 421);
  ASSERT_REPLY(client.request("GET", "http://localhost/a"), 200);
  EXPECT_EQ(server->counters().connections_accepted, 1U);
  ASSERT_REPLY(client.request("GET", "/a", {}, {{"Host", ""}}), 400);
}

TEST(HttpServer, TokenIsAskedForAllButTheProbes) {
  const auto server =
      started({.token = "s3cret"},
              {get("/healthz"), get("/readyz"), get("/a", [](const HttpRequest& request, const HttpReply& reply) {
                 reply(HttpResponse::json(request.headers.contains("authorization") ? "1" : "0"));
               })});
  HttpClient stranger(server->port());
  auto reply = stranger.get("/a");
  ASSERT_REPLY(reply, 401);
  EXPECT_EQ(reply->header("www-authenticate"), "Bearer realm=\"weir\"");
  ASSERT_REPLY(stranger.get("/none"), 401);
  ASSERT_REPLY(stranger.get("/healthz/"), 401);
  ASSERT_REPLY(stranger.get("/%68ealthz"), 401);
  ASSERT_REPLY(stranger.request("GET", "/a", {}, {{"Authorization", "Bearer s3creT"}}), 401);
  ASSERT_REPLY(stranger.get("/healthz"), 200);
  ASSERT_REPLY(stranger.get("/readyz"), 200);
  HttpClient client(server->port(), "s3cret");
  reply = client.get("/a");
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->body, "0") << "the token is not shown to handlers";
}

TEST(HttpServer, OtherAddressesThanLoopbackNeedAToken) {
  const auto refused = HttpServer::start({.address = "0.0.0.0"}, {get("/a")});
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("needs a token"), std::string::npos) << refused.status().message();
  EXPECT_FALSE(HttpServer::start({.address = "::"}, {}).is_ok());
  const auto server = started({.address = "0.0.0.0", .token = "t"}, {get("/a")});
  HttpClient client(server->port(), "t");
  ASSERT_REPLY(client.get("/a"), 200);
}

TEST(HttpServer, StartReportsWhatIsWrong) {
  EXPECT_EQ(HttpServer::start({.address = "example.org"}, {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpServer::start({.max_connections = 0}, {}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpServer::start({}, {get("no-slash")}).status().code(), StatusCode::kInvalidArgument);
  const auto first = started({}, {});
  const auto second = HttpServer::start({.port = first->port()}, {});
  EXPECT_EQ(second.status().code(), StatusCode::kIoError);
  EXPECT_NE(second.status().message().find("listen on 127.0.0.1 port"), std::string::npos) << second.status().message();
}

TEST(HttpServer, Http10ClosesUnlessAskedToKeep) {
  const auto server = started({}, {get("/a")});
  HttpClient client(server->port());
  ASSERT_TRUE(client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /a HTTP/1.0\r\n\r\n").is_ok());
  auto reply = client.read_reply();
  ASSERT_REPLY(reply, 200);
  EXPECT_EQ(reply->header("connection"), "keep-alive");
  ASSERT_REPLY(client.read_reply(), 200);
  EXPECT_TRUE(client.expect_end().is_ok());
}

TEST(HttpServer, ConnectionsAreBounded) {
  const auto server = started({.max_connections = 2}, {get("/a")});
  HttpClient first(server->port());
  HttpClient second(server->port());
  ASSERT_REPLY(first.get("/a"), 200);
  ASSERT_REPLY(second.get("/a"), 200);
  HttpClient third(server->port());
  ASSERT_TRUE(third.connect().is_ok());
  auto reply = third.read_reply();
  ASSERT_REPLY(reply, 503);
  EXPECT_EQ(reply->header("retry-after"), "1");
  EXPECT_TRUE(third.expect_end().is_ok());
  EXPECT_GE(server->counters().connections_refused, 1U);
  ASSERT_REPLY(second.get("/a"), 200);
  first.close();
  // The server learns of the end when it gets to it; then the place is free, whatever the refused connection still
  // does.
  for (int status = 503; status != 200;) {
    third.close();
    reply = third.get("/a");
    if (reply.is_ok()) status = reply->status;
  }
}

TEST(HttpServer, ConnectionsOverTheBoundDoNotPileUp) {
  const auto server = started({.max_connections = 1}, {get("/a")});
  HttpClient first(server->port());
  ASSERT_REPLY(first.get("/a"), 200);
  std::vector<HttpClient> crowd;
  for (int index = 0; index < 100; ++index) {
    crowd.emplace_back(server->port());
    ASSERT_TRUE(crowd.back().connect().is_ok());
  }
  while (server->counters().connections_refused < 100) ASSERT_REPLY(first.get("/a"), 200);
  EXPECT_LE(server->counters().connections_open, 1U + 32U);
  ASSERT_REPLY(first.get("/a"), 200);
}

TEST(HttpServer, IdleConnectionsAreClosed) {
  const auto server = started({.request_timeout_ms = 50, .idle_timeout_ms = 50}, {get("/a")});
  HttpClient silent(server->port());
  ASSERT_TRUE(silent.connect().is_ok());
  EXPECT_TRUE(silent.expect_end().is_ok()) << "a connection without a request";
  HttpClient kept(server->port());
  ASSERT_REPLY(kept.get("/a"), 200);
  EXPECT_TRUE(kept.expect_end().is_ok());
}

}  // namespace
}  // namespace weir::http
