#include <weir/status.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <weir/check.hpp>

namespace weir {

std::string_view to_string(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::kOk: return "ok";
    case StatusCode::kInvalidArgument: return "invalid_argument";
    case StatusCode::kNotFound: return "not_found";
    case StatusCode::kAlreadyExists: return "already_exists";
    case StatusCode::kFailedPrecondition: return "failed_precondition";
    case StatusCode::kResourceExhausted: return "resource_exhausted";
    case StatusCode::kUnavailable: return "unavailable";
    case StatusCode::kDataLoss: return "data_loss";
    case StatusCode::kIoError: return "io_error";
    case StatusCode::kUnimplemented: return "unimplemented";
    case StatusCode::kCancelled: return "cancelled";
    case StatusCode::kDeadlineExceeded: return "deadline_exceeded";
    case StatusCode::kInternal: return "internal";
  }
  return "unknown";
}

Status::Status(StatusCode code, std::string message) {
  if (code != StatusCode::kOk) fault_ = std::make_shared<const Fault>(Fault{code, std::move(message)});
}

Status Status::from_errno(std::string_view what, int error_number) {
  std::string message(what);
  message += ": ";
  message += std::generic_category().message(error_number);
  return {error_number == ENOENT ? StatusCode::kNotFound : StatusCode::kIoError, std::move(message)};
}

const std::string& Status::message() const noexcept {
  static const std::string kNone;
  return fault_ ? fault_->message : kNone;
}

std::string Status::to_string() const {
  if (is_ok()) return "ok";
  return std::string(weir::to_string(code())) + ": " + message();
}

Status Status::with_context(std::string_view context) const {
  if (is_ok()) return *this;
  return {code(), std::string(context) + ": " + message()};
}

void check_failed(const char* condition, const char* message, const char* file, int line) noexcept {
  std::fprintf(stderr, "weir: invariant broken at %s:%d: %s (%s)\n", file, line, message, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace weir
