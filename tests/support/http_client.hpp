#pragma once
/// A small HTTP/1.1 client for tests: blocking, one connection, able to send what no decent client would.
///
/// Every call gives up after 30 s with kDeadlineExceeded, so that a server's fault fails the test instead of hanging
/// it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <weir/result.hpp>

namespace weir::test {

struct HttpClientReply {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

/// One thread at a time.
class HttpClient {
 public:
  using Headers = std::map<std::string, std::string>;

  /// Connects at the first use. With a token, requests carry `Authorization: Bearer <token>`.
  explicit HttpClient(std::uint16_t port, std::string token = {}, std::string address = "127.0.0.1");
  ~HttpClient();
  HttpClient(HttpClient&& other) noexcept;
  HttpClient& operator=(HttpClient&& other) noexcept;

  /// Sends a request and reads the reply; keeps the connection, and opens a new one when the server closed the last.
  /// `Host` is localhost unless `headers` says otherwise; an empty value there leaves the header out.
  Result<HttpClientReply> request(std::string_view method, std::string_view target, std::string_view body = {},
                                  const Headers& headers = {});
  Result<HttpClientReply> get(std::string_view target) { return request("GET", target); }
  Result<HttpClientReply> post(std::string_view target, std::string_view body,
                               const std::string& content_type = "application/json") {
    return request("POST", target, body, {{"Content-Type", content_type}});
  }
  /// Asks until the answer has `text`: "found", or the last answer when patience (some minutes) ends. For states that
  /// are sure to come.
  std::string wait_for(std::string_view target, std::string_view text);

  // Answers that go on (server-sent events). One at a time, on a connection of its own.

  /// GET; the reply has no body, unless its status is an error.
  Result<HttpClientReply> open_stream(std::string_view target, const Headers& headers = {});
  /// What came since the last call, up to the end of `text`.
  Result<std::string> read_until(std::string_view text);
  /// What came since the last call, up to the end of the answer.
  Result<std::string> read_to_end();

  // Byte by byte, for tests of the protocol itself.

  Status connect();
  /// Sends these bytes as they are; connects if needed.
  Status send(std::string_view bytes);
  /// The next reply on the connection. `is_head`: it answers HEAD, so no body follows.
  Result<HttpClientReply> read_reply(bool is_head = false);
  /// OK when the server ends the connection (orderly or by a reset) before sending anything more.
  Status expect_end();
  /// Ends the sending direction; replies can still be read.
  Status shutdown_send();
  /// Drops the connection.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::test
