#include "operators/serving/base64.hpp"

#include <cstdint>

namespace weir::serving {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  const auto fault = Status::invalid_argument("'" + std::string(text.substr(0, 100)) + "' is no base64 with padding");
  if (text.size() % 4 != 0) return fault;
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  std::string bytes;
  std::uint32_t bits = 0;
  std::size_t count = 0;
  for (const char digit : text.substr(0, text.size() - padding)) {
    const auto value = kDigits.find(digit);
    if (value == std::string_view::npos) return fault;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++count % 4 != 0) continue;
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(bits >> shift));
    bits = 0;
  }
  if (padding == 2) {
    if ((bits & 15) != 0) return fault;
    bytes.push_back(static_cast<char>(bits >> 4));
  } else if (padding == 1) {
    if ((bits & 3) != 0) return fault;
    bytes.push_back(static_cast<char>(bits >> 10));
    bytes.push_back(static_cast<char>(bits >> 2));
  }
  return bytes;
}

}  // namespace weir::serving
