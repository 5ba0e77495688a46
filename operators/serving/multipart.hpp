#pragma once
/// multipart/form-data (RFC 7578) of a whole body, as views into it.

#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>

namespace weir::serving {

struct FormPart {
  std::string name;
  std::string filename;   ///< empty when it has none
  std::string_view body;  ///< into the bytes given
};

/// Is a Content-Type that of a form?
bool is_form(std::string_view content_type) noexcept;

/// The parts in order: at most 64, each with at most 8 KiB of headers. kInvalidArgument says what is malformed: no
/// boundary, no end, a part without a name, a name that occurs twice, a transfer encoding.
Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);

}  // namespace weir::serving
