#pragma once
/// Base64 (RFC 4648, section 4), for signatures and keys in texts.

#include <string>
#include <string_view>

#include <weir/result.hpp>

namespace weir::serving {

/// With padding; nothing but the alphabet. kInvalidArgument otherwise.
Result<std::string> decode_base64(std::string_view text);

}  // namespace weir::serving
