#pragma once
/// A client of a job's HTTP API (docs/http.md): blocking, one request at a time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/result.hpp>

namespace weirctl {

struct JobReply {
  int status = 0;
  std::string location;
  std::string body;
};

/// Thread: one at a time.
class JobClient {
 public:
  /// `http://host:port`, also without the port (80) or the scheme. kInvalidArgument for anything else: a job has no
  /// TLS.
  static weir::Result<JobClient> make(const std::string& url, std::string token);

  /// Sends a request on a connection of its own and reads the whole answer, at most 64 MiB. Gives up after two minutes.
  weir::Result<JobReply> request(std::string_view method, const std::string& target, std::string body = {});
  /// The same, with what is not 2xx as a Status that carries the job's message.
  weir::Result<JobReply> ask(std::string_view method, const std::string& target, std::string body = {});
  /// GET of an answer that goes on: `started` when the job has agreed, then `take(bytes)` for what comes, until either
  /// says false or the answer ends (OK). Gives up when nothing comes for two minutes, and at `deadline`.
  weir::Status stream(const std::string& target, const std::string& last_event_id, const std::function<bool()>& started,
                      const std::function<bool(std::string_view)>& take,
                      std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max());

 private:
  JobClient(std::string host, std::string port, std::string token)
      : host_(std::move(host)), port_(std::move(port)), token_(std::move(token)) {}

  std::string host_;
  std::string port_;
  std::string token_;
};

/// One segment of a path, or a value of a query.
std::string percent_encode(std::string_view text);
/// `?a=b&c=d` of what is not empty; empty when nothing is.
std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace weirctl
