#include "support/http_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

namespace weir::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kPatience{30};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

Status to_status(std::string_view what, error_code error) {
  if (!error) return Status::ok();
  return Status::io_error(std::string(what) + ": " + error.message());
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(std::uint16_t port, std::string token, std::string address)
      : port_(port), token_(std::move(token)), address_(std::move(address)) {}

  Status connect() {
    close();
    error_code error;
    const tcp::endpoint server(asio::ip::make_address(address_, error), port_);
    if (error) return to_status("connect to " + address_, error);
    return run("connect to " + address_ + " port " + std::to_string(port_),
               [&](auto done) { socket_.async_connect(server, [done](error_code failed) { done(failed); }); });
  }

  Status send(std::string_view bytes) {
    if (!socket_.is_open()) WEIR_RETURN_IF_ERROR(connect());
    return run("send", [&](auto done) {
      asio::async_write(socket_, asio::buffer(bytes), [done](error_code failed, std::size_t) { done(failed); });
    });
  }

  Result<HttpClientReply> read_reply(bool is_head) {
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(is_head);
    WEIR_RETURN_IF_ERROR(run("read reply", [&](auto done) {
      beast::http::async_read(socket_, buffer_, parser, [done](error_code failed, std::size_t) { done(failed); });
    }));
    HttpClientReply reply;
    reply.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) reply.headers[lower_case(field.name_string())] = std::string(field.value());
    reply.body = std::move(parser.get().body());
    is_usable_ = parser.keep_alive();
    return reply;
  }

  Result<HttpClientReply> open_stream(std::string_view target, Headers headers) {
    headers.emplace("Host", "localhost");
    if (!token_.empty()) headers.emplace("Authorization", "Bearer " + token_);
    std::string message = "GET " + std::string(target) + " HTTP/1.1\r\n";
    for (const auto& [name, value] : headers) message.append(name).append(": ").append(value).append("\r\n");
    WEIR_RETURN_IF_ERROR(connect());
    WEIR_RETURN_IF_ERROR(send(message + "\r\n"));
    stream_.emplace();
    stream_->body_limit(boost::none);
    came_.clear();
    WEIR_RETURN_IF_ERROR(run("read header", [&](auto done) {
      beast::http::async_read_header(socket_, buffer_, *stream_,
                                     [done](error_code failed, std::size_t) { done(failed); });
    }));
    HttpClientReply reply;
    reply.status = static_cast<int>(stream_->get().result_int());
    for (const auto& field : stream_->get())
      reply.headers[lower_case(field.name_string())] = std::string(field.value());
    if (reply.status == 200) return reply;
    WEIR_ASSIGN_OR_RETURN(reply.body, read_to_end());
    return reply;
  }

  Result<std::string> read_until(std::string_view text) {
    std::size_t found = 0;
    while ((found = came_.find(text)) == std::string::npos) {
      if (stream_->is_done()) return Status::failed_precondition("the answer ended after: " + came_);
      WEIR_RETURN_IF_ERROR(read_piece());
    }
    std::string part = came_.substr(0, found + text.size());
    came_.erase(0, part.size());
    return part;
  }

  Result<std::string> read_to_end() {
    while (!stream_->is_done()) WEIR_RETURN_IF_ERROR(read_piece());
    return std::exchange(came_, {});
  }

  Result<HttpClientReply> request(std::string_view method, std::string_view target, std::string_view body,
                                  Headers headers) {
    headers.emplace("Host", "localhost");
    if (!token_.empty()) headers.emplace("Authorization", "Bearer " + token_);
    if (!body.empty() || method == "POST" || method == "PUT")
      headers.emplace("Content-Length", std::to_string(body.size()));
    std::string message = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
    for (const auto& [name, value] : headers) {
      if (!value.empty()) message.append(name).append(": ").append(value).append("\r\n");
    }
    message += "\r\n";
    message += body;
    if (!is_usable_) close();
    // A server may answer and close before it took the whole body: then sending fails and the reply is still there.
    const Status sent = send(message);
    Result<HttpClientReply> reply = socket_.is_open() ? read_reply(method == "HEAD") : Result<HttpClientReply>(sent);
    if (!reply) close();
    return reply;
  }

  Status expect_end() {
    if (buffer_.size() > 0)
      return Status::failed_precondition("the server sent more: " + beast::buffers_to_string(buffer_.data()));
    char byte = 0;
    std::size_t received = 0;
    const Status ended = run("wait for the end", [&](auto done) {
      socket_.async_read_some(asio::buffer(&byte, 1), [done, &received](error_code failed, std::size_t size) {
        received = size;
        done(failed);
      });
    });
    if (received > 0) return Status::failed_precondition("the server sent more instead of closing");
    return ended.code() == StatusCode::kDeadlineExceeded ? ended : Status::ok();
  }

  Status shutdown_send() {
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    return to_status("shut down sending", error);
  }

  void close() {
    error_code error;
    socket_.close(error);
    buffer_.clear();
    is_usable_ = true;
  }

 private:
  Status read_piece() {
    std::string piece(4096, '\0');
    stream_->get().body().data = piece.data();
    stream_->get().body().size = piece.size();
    WEIR_RETURN_IF_ERROR(run("read stream", [&](auto done) {
      beast::http::async_read_some(socket_, buffer_, *stream_, [done](error_code failed, std::size_t) {
        done(failed == beast::http::error::need_buffer ? error_code() : failed);
      });
    }));
    came_.append(piece, 0, piece.size() - stream_->get().body().size);
    return {};
  }

  // Starts an operation that calls done(error) and runs it to its end, for at most kPatience.
  template <class Start>
  Status run(const std::string& what, const Start& start) {
    std::optional<error_code> outcome;
    context_.restart();
    start([&outcome](error_code error) { outcome = error; });
    context_.run_for(kPatience);
    if (outcome) return to_status(what, *outcome);
    error_code error;
    socket_.close(error);
    context_.restart();
    context_.run();
    return Status::deadline_exceeded(what + ": nothing within 30 s");
  }

  std::uint16_t port_;
  std::string token_;
  std::string address_;
  asio::io_context context_{1};
  tcp::socket socket_{context_};
  beast::flat_buffer buffer_;
  std::optional<beast::http::response_parser<beast::http::buffer_body>> stream_;
  std::string came_;  // of the stream, not yet given away
  bool is_usable_ = true;
};

HttpClient::HttpClient(std::uint16_t port, std::string token, std::string address)
    : impl_(std::make_unique<Impl>(port, std::move(token), std::move(address))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&& other) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&& other) noexcept = default;

Result<HttpClientReply> HttpClient::request(std::string_view method, std::string_view target, std::string_view body,
                                            const Headers& headers) {
  return impl_->request(method, target, body, headers);
}
std::string HttpClient::wait_for(std::string_view target, std::string_view text) {
  std::string last;
  for (int attempt = 0; attempt < 2'000'000; ++attempt) {  // ctest's time limit comes first
    const auto reply = get(target);
    last = reply.is_ok() ? reply->body : reply.status().to_string();
    if (last.find(text) != std::string::npos) return "found";
    std::this_thread::yield();
  }
  return last;
}
Result<HttpClientReply> HttpClient::open_stream(std::string_view target, const Headers& headers) {
  return impl_->open_stream(target, headers);
}
Result<std::string> HttpClient::read_until(std::string_view text) { return impl_->read_until(text); }
Result<std::string> HttpClient::read_to_end() { return impl_->read_to_end(); }
Status HttpClient::connect() { return impl_->connect(); }
Status HttpClient::send(std::string_view bytes) { return impl_->send(bytes); }
Result<HttpClientReply> HttpClient::read_reply(bool is_head) { return impl_->read_reply(is_head); }
Status HttpClient::expect_end() { return impl_->expect_end(); }
Status HttpClient::shutdown_send() { return impl_->shutdown_send(); }
void HttpClient::close() { impl_->close(); }

}  // namespace weir::test
