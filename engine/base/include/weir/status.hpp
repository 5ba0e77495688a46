#pragma once
/// Status: the outcome of an operation that can fail because the world did (disk, network, bad bytes).
///
/// A Status is one pointer; an OK status owns nothing. Messages say what was attempted, then the values:
/// `open '/var/lib/weir/LOCK': Permission denied`. Faults of weir itself are assertions (`WEIR_CHECK`), not Statuses.
/// Thread: a value type, as safe as an int.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

enum class StatusCode : unsigned char {
  kOk,
  kInvalidArgument,     ///< the caller's input is wrong, whatever the state of the system
  kNotFound,            ///< what was named does not exist
  kAlreadyExists,       ///< what was to be made is there already
  kFailedPrecondition,  ///< the system is not in a state in which this can be done
  kResourceExhausted,   ///< a bound (bytes, entries, time budget) was reached
  kUnavailable,         ///< may work later (restoring, starting, stopping)
  kDataLoss,            ///< bytes are missing or damaged
  kIoError,             ///< the operating system refused
  kUnimplemented,       ///< understood, but not supported
  kCancelled,           ///< given up because the job stops
  kDeadlineExceeded,    ///< took longer than allowed
  kInternal,            ///< user code or weir itself failed
};

/// `invalid_argument`, `not_found`, ...: the spelling used in logs, metrics and HTTP errors.
std::string_view to_string(StatusCode code) noexcept;

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(StatusCode code, std::string message);

  static Status ok() noexcept { return {}; }
  static Status invalid_argument(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }
  static Status not_found(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
  static Status already_exists(std::string message) { return {StatusCode::kAlreadyExists, std::move(message)}; }
  static Status failed_precondition(std::string message) {
    return {StatusCode::kFailedPrecondition, std::move(message)};
  }
  static Status resource_exhausted(std::string message) { return {StatusCode::kResourceExhausted, std::move(message)}; }
  static Status unavailable(std::string message) { return {StatusCode::kUnavailable, std::move(message)}; }
  static Status data_loss(std::string message) { return {StatusCode::kDataLoss, std::move(message)}; }
  static Status io_error(std::string message) { return {StatusCode::kIoError, std::move(message)}; }
  static Status unimplemented(std::string message) { return {StatusCode::kUnimplemented, std::move(message)}; }
  static Status cancelled(std::string message) { return {StatusCode::kCancelled, std::move(message)}; }
  static Status deadline_exceeded(std::string message) { return {StatusCode::kDeadlineExceeded, std::move(message)}; }
  static Status internal(std::string message) { return {StatusCode::kInternal, std::move(message)}; }
  /// `what: strerror(error_number)` as kIoError (kNotFound for ENOENT).
  static Status from_errno(std::string_view what, int error_number);

  [[nodiscard]] bool is_ok() const noexcept { return fault_ == nullptr; }
  [[nodiscard]] StatusCode code() const noexcept { return fault_ ? fault_->code : StatusCode::kOk; }
  /// Empty when OK.
  [[nodiscard]] const std::string& message() const noexcept;
  /// `ok` or `code: message`.
  [[nodiscard]] std::string to_string() const;
  /// The same code with `context: ` put before the message; OK stays OK.
  [[nodiscard]] Status with_context(std::string_view context) const;

  /// Says in one searchable word that an error does not matter here; the argument is the reason.
  void ignore(std::string_view /*because*/) const noexcept {}

 private:
  struct Fault {
    StatusCode code;
    std::string message;
  };
  std::shared_ptr<const Fault> fault_;
};

}  // namespace weir

/// Returns from the enclosing function when `expression` (a Status) is not OK.
#define WEIR_RETURN_IF_ERROR(expression)                                                        \
  do {                                                                                          \
    if (::weir::Status weir_status_ = (expression); !weir_status_.is_ok()) return weir_status_; \
  } while (false)
