#pragma once
/// A started server for a test, and handlers that many tests use.

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/http/http_server.hpp"
#include "support/http_client.hpp"

namespace weir::http {

inline std::unique_ptr<HttpServer> started(HttpOptions options, std::vector<HttpRoute> routes) {
  auto server = HttpServer::start(std::move(options), std::move(routes));
  EXPECT_TRUE(server.is_ok()) << server.status().to_string();
  return server.is_ok() ? std::move(server).value() : nullptr;
}

/// Answers at once with method, path, captures, query and body, a line each.
inline void echo(const HttpRequest& request, const HttpReply& reply) {
  std::string text = request.method + " " + request.path + "\n";
  for (const std::string& capture : request.captures) text += "capture " + capture + "\n";
  for (const auto& [name, value] : request.query) text += "query " + name + "=" + value + "\n";
  text += request.body;
  reply({200, "text/plain", text, {}});
}

inline HttpRoute get(std::string pattern, HttpHandler handler = echo) {
  return {.method = "GET", .pattern = std::move(pattern), .handler = std::move(handler), .max_body_bytes = 1};
}

inline HttpRoute post(std::string pattern, std::size_t max_body_bytes, HttpHandler handler = echo) {
  return {
      .method = "POST", .pattern = std::move(pattern), .handler = std::move(handler), .max_body_bytes = max_body_bytes};
}

/// Keeps replies instead of giving them; a test takes them when it likes.
class HeldReplies {
 public:
  HttpHandler handler() {
    return [this](const HttpRequest&, HttpReply reply) {
      const std::lock_guard lock(mutex_);
      replies_.push_back(std::move(reply));
      arrived_.notify_all();
    };
  }
  /// Waits for the next request.
  HttpReply take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !replies_.empty(); });
    HttpReply reply = std::move(replies_.front());
    replies_.erase(replies_.begin());
    return reply;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<HttpReply> replies_;  // guarded by mutex_
};

}  // namespace weir::http

/// Stops the test unless `reply`, evaluated once, is there and has this status.
#define ASSERT_REPLY(reply, expected_status)                                            \
  do {                                                                                  \
    const auto& weir_reply_ = (reply);                                                  \
    ASSERT_TRUE(weir_reply_.is_ok()) << weir_reply_.status().to_string();               \
    ASSERT_EQ(weir_reply_.value().status, expected_status) << weir_reply_.value().body; \
  } while (false)
