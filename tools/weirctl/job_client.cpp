#include "tools/weirctl/job_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <optional>

namespace weirctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using weir::Result;
using weir::Status;

constexpr std::chrono::seconds kPatience{120};
constexpr std::uint64_t kMostAnswerBytes = std::uint64_t{64} << 20;
constexpr std::size_t kMostErrorBytes = std::size_t{64} << 10;
constexpr std::size_t kPieceBytes = std::size_t{16} << 10;

// The job's own words, when it said any.
Status status_of(const JobReply& reply, const std::string& what) {
  std::string message = "the job answered " + std::to_string(reply.status);
  error_code error;
  const boost::json::value parsed = boost::json::parse(reply.body, error);
  if (!error && parsed.is_object()) {
    const auto* const fault = parsed.get_object().if_contains("error");
    const auto* const text =
        fault != nullptr && fault->is_object() ? fault->get_object().if_contains("message") : nullptr;
    if (text != nullptr && text->is_string()) message += ": " + std::string(text->get_string());
  }
  if (reply.status == 404) return Status::not_found(what + ": " + message);
  if (reply.status == 503) return Status::unavailable(what + ": " + message);
  return Status::failed_precondition(what + ": " + message);
}

http::request<http::string_body> make_request(std::string_view method, const std::string& target,
                                              const std::string& host, const std::string& port,
                                              const std::string& token) {
  http::request<http::string_body> request;
  request.method_string({method.data(), method.size()});
  request.target(target);
  request.version(11);
  request.set(http::field::host, host.find(':') == std::string::npos ? host + ":" + port : "[" + host + "]:" + port);
  request.set(http::field::connection, "close");
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  return request;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= 'a' && letter <= 'z') || letter == '-' || letter == '_' || letter == '.' ||
                       letter == '~';
    if (plain) {
      encoded += letter;
    } else {
      ((encoded += '%') += kDigits[byte >> 4]) += kDigits[byte & 15];
    }
  }
  return encoded;
}

std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters)
    if (!value.empty()) query += (query.empty() ? "?" : "&") + name + "=" + percent_encode(value);
  return query;
}

Result<JobClient> JobClient::make(const std::string& url, std::string token) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view host = rest;
  std::string_view port = "80";
  if (rest.starts_with('[')) {  // an IPv6 address
    const auto end = rest.find(']');
    host = rest.substr(1, end == std::string_view::npos ? 0 : end - 1);
    if (end != std::string_view::npos && rest.substr(end + 1).starts_with(':')) port = rest.substr(end + 2);
  } else if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
  }
  const bool good = !host.empty() && host.find_first_of("/?#@ ") == std::string_view::npos && !port.empty() &&
                    port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
  if (!good) return Status::invalid_argument("'" + url + "' is no address of a job: http://HOST:PORT");
  return JobClient(std::string(host), std::string(port), std::move(token));
}

Result<JobReply> JobClient::request(std::string_view method, const std::string& target, std::string body) {
  const std::string what = std::string(method) + " " + target + " of " + host_ + ":" + port_;
  asio::io_context io;
  beast::tcp_stream stream(io);
  stream.expires_after(kPatience);
  http::request<http::string_body> request = make_request(method, target, host_, port_, token_);
  request.set(http::field::content_type, "application/octet-stream");
  request.body() = std::move(body);
  request.prepare_payload();
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostAnswerBytes);

  error_code failed;
  asio::ip::tcp::resolver resolver(io);
  const auto endpoints = resolver.resolve(host_, port_, failed);
  if (failed) return Status::io_error(what + ": " + failed.message());
  // Each step begins the next; a failure ends them all. An early answer (a refusal) is read also when the sending
  // broke.
  stream.async_connect(endpoints, [&](error_code error, const asio::ip::tcp::endpoint&) {
    if ((failed = error)) return;
    http::async_write(stream, request, [&](error_code write_error, std::size_t) {
      http::async_read(stream, buffer, parser, [&, write_error](error_code read_error, std::size_t) {
        failed = read_error && write_error ? write_error : read_error;
      });
    });
  });
  io.run();
  if (failed == beast::error::timeout) return Status::deadline_exceeded(what + ": no answer in two minutes");
  if (failed) return Status::io_error(what + ": " + failed.message());
  JobReply reply;
  reply.status = static_cast<int>(parser.get().result_int());
  reply.location = std::string(parser.get()[http::field::location]);
  reply.body = std::move(parser.get().body());
  return reply;
}

Result<JobReply> JobClient::ask(std::string_view method, const std::string& target, std::string body) {
  WEIR_ASSIGN_OR_RETURN(JobReply reply, request(method, target, std::move(body)));
  if (reply.status < 200 || reply.status > 299) return status_of(reply, std::string(method) + " " + target);
  return reply;
}

weir::Status JobClient::stream(const std::string& target, const std::string& last_event_id,
                               const std::function<bool()>& started, const std::function<bool(std::string_view)>& take,
                               std::chrono::steady_clock::time_point deadline) {
  const std::string what = "GET " + target + " of " + host_ + ":" + port_;
  asio::io_context io;
  beast::tcp_stream stream(io);
  // One step at a time, each with its own patience.
  const auto run = [&](const auto& begin) {
    error_code outcome;
    stream.expires_at(std::min(deadline, std::chrono::steady_clock::now() + kPatience));
    io.restart();
    begin([&outcome](error_code error, const auto&...) { outcome = error; });
    io.run();
    return outcome;
  };
  const auto failed = [&](error_code error) {
    if (error == beast::error::timeout) return Status::deadline_exceeded(what + ": patience has ended");
    return Status::io_error(what + ": " + error.message());
  };
  error_code error;
  asio::ip::tcp::resolver resolver(io);
  const auto endpoints = resolver.resolve(host_, port_, error);
  if (error) return failed(error);
  http::request<http::string_body> request = make_request("GET", target, host_, port_, token_);
  if (!last_event_id.empty()) request.set("Last-Event-ID", last_event_id);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  if ((error = run([&](auto done) { stream.async_connect(endpoints, done); }))) return failed(error);
  if ((error = run([&](auto done) { http::async_write(stream, request, done); }))) return failed(error);
  if ((error = run([&](auto done) { http::async_read_header(stream, buffer, parser, done); }))) return failed(error);
  JobReply refusal{static_cast<int>(parser.get().result_int()), {}, {}};
  const bool is_good = refusal.status == 200;
  if (is_good && !started()) return {};
  std::string piece(kPieceBytes, '\0');
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    error = run([&](auto done) { http::async_read_some(stream, buffer, parser, done); });
    if (error && error != http::error::need_buffer) return failed(error);
    const std::string_view come(piece.data(), piece.size() - parser.get().body().size);
    if (is_good && !come.empty() && !take(come)) return {};
    if (!is_good && refusal.body.size() < kMostErrorBytes) refusal.body += come;
  }
  return is_good ? Status::ok() : status_of(refusal, "GET " + target);
}

}  // namespace weirctl
