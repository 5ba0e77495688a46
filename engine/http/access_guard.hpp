#pragma once
/// Who may talk to the server: Host (against DNS rebinding), Origin (against other sites' pages), bearer token.

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <weir/http.hpp>
#include <weir/result.hpp>

namespace weir::http {

/// The name of `host[:port]`: lower case, without port and trailing dot, IPv6 in brackets. Nothing if malformed.
std::optional<std::string> host_name(std::string_view authority);

/// True if both are equal; takes the same time wherever they differ.
bool equal_in_constant_time(std::string_view secret, std::string_view presented);

/// Constant after `build`.
class AccessGuard {
 public:
  /// Refuses a token that no header can carry and an allowed host that is none.
  static Result<AccessGuard> build(const HttpOptions& options);

  /// Localhost, a loopback address, the address listened on, or one of HttpOptions::allowed_hosts. The port is not
  /// looked at: a rebinding attack cannot choose the name, and a forwarded port differs from ours.
  [[nodiscard]] bool knows_host(std::string_view authority) const;
  /// `http(s)://` and a known host. `null` is none.
  [[nodiscard]] bool knows_origin(std::string_view origin) const;
  /// True if no token is asked or `authorization` is `Bearer <token>`.
  [[nodiscard]] bool accepts(std::string_view authorization) const;

 private:
  std::string token_;
  std::set<std::string, std::less<>> hosts_;
};

}  // namespace weir::http
