#include "engine/http/access_guard.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>

#include "engine/http/ascii.hpp"

namespace weir::http {

namespace {

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_name_character(unsigned char c) {
  return c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_');
}
bool is_ipv6_character(unsigned char c) { return c < 0x80 && (std::isxdigit(c) != 0 || c == ':' || c == '.'); }

// 127.0.0.0/8 in the usual dotted form; `127.0.0.1.example.com` is a name.
bool is_ipv4_loopback(std::string_view name) {
  int parts = 0;
  for (;; ++parts) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
    if (error != std::errc() || value > 255 || (parts == 0 && value != 127)) return false;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    if (name.empty()) return parts == 3;
    if (name.front() != '.') return false;
    name.remove_prefix(1);
  }
}

}  // namespace

std::optional<std::string> host_name(std::string_view authority) {
  std::size_t end = 0;
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos || bracket < 3) return std::nullopt;
    if (!std::all_of(authority.begin() + 1, authority.begin() + static_cast<std::ptrdiff_t>(bracket),
                     is_ipv6_character)) {
      return std::nullopt;
    }
    end = bracket + 1;
  } else {
    end = std::min(authority.find(':'), authority.size());
    if (end == 0 ||
        !std::all_of(authority.begin(), authority.begin() + static_cast<std::ptrdiff_t>(end), is_name_character)) {
      return std::nullopt;
    }
  }
  const std::string_view rest = authority.substr(end);
  if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
  std::string name = lower_case(authority.substr(0, end));
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  return name;
}

bool equal_in_constant_time(std::string_view secret, std::string_view presented) {
  // Runs over what was presented, so the time tells its length and not the secret's. `volatile` keeps the loop whole.
  volatile unsigned difference = secret.size() == presented.size() ? 0U : 1U;
  for (std::size_t index = 0; index < presented.size(); ++index) {
    const char expected = secret.empty() ? '\0' : secret[index % secret.size()];
    difference = difference | static_cast<unsigned>(static_cast<unsigned char>(expected) ^
                                                    static_cast<unsigned char>(presented[index]));
  }
  return difference == 0;
}

Result<AccessGuard> AccessGuard::build(const HttpOptions& options) {
  AccessGuard guard;
  if (std::any_of(options.token.begin(), options.token.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7F; })) {
    return Status::invalid_argument("set up HTTP: a token consists of visible ASCII characters");
  }
  guard.token_ = options.token;
  for (const std::string& host : options.allowed_hosts) {
    const std::optional<std::string> name = host_name(host);
    if (!name) return Status::invalid_argument("set up HTTP: allowed host '" + host + "' is no host name");
    guard.hosts_.insert(*name);
  }
  const bool is_ipv6 = options.address.find(':') != std::string::npos;
  if (const auto own = host_name(is_ipv6 ? "[" + options.address + "]" : options.address)) guard.hosts_.insert(*own);
  return guard;
}

bool AccessGuard::knows_host(std::string_view authority) const {
  const std::optional<std::string> name = host_name(authority);
  if (!name) return false;
  return *name == "localhost" || *name == "[::1]" || is_ipv4_loopback(*name) || hosts_.contains(*name);
}

bool AccessGuard::knows_origin(std::string_view origin) const {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return knows_host(origin.substr(scheme.size()));
  }
  return false;
}

bool AccessGuard::accepts(std::string_view authorization) const {
  if (token_.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  if (lower_case(authorization.substr(0, kScheme.size())) != kScheme) return false;
  std::string_view presented = authorization.substr(kScheme.size());
  while (presented.starts_with(' ')) presented.remove_prefix(1);
  return equal_in_constant_time(token_, presented);
}

}  // namespace weir::http
