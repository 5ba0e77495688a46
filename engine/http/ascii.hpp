#pragma once
/// Letter case as HTTP means it: ASCII only, whatever the locale.

#include <string>
#include <string_view>

namespace weir::http {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

}  // namespace weir::http
