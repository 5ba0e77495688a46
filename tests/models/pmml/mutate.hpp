#pragma once
/// Damages a PMML document the way that reaches furthest: mostly still well-formed XML.

#include <random>
#include <string>

namespace weir::test {

/// Swaps values between attributes, cuts, repeats and flips: what keeps a document well-formed often enough to reach
/// deep.
inline std::string mutate(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  const auto quoted = [&](std::size_t from) -> std::pair<std::size_t, std::size_t> {
    const std::size_t begin = bytes.find('"', from);
    const std::size_t end = begin == std::string::npos ? begin : bytes.find('"', begin + 1);
    return end == std::string::npos ? std::pair<std::size_t, std::size_t>{0, 0} : std::pair{begin + 1, end};
  };
  static const char* kValues[] = {
      "",      "-1",  "0",         "1e400", "NaN",    "x",       "sum",         "modelChain", "selectFirst", "string",
      "float", "max", "isMissing", "date",  "double", "integer", "99999999999", "surrogate",  "softmax",     "asIs"};
  for (std::size_t count = 1 + below(3); count > 0; --count) {
    switch (below(5)) {
      case 0: {
        const auto [begin, end] = quoted(below(bytes.size()));
        bytes.replace(begin, end - begin, kValues[below(std::size(kValues))]);
        break;
      }
      case 1: {
        const auto [begin, end] = quoted(below(bytes.size()));
        const auto [other, other_end] = quoted(below(bytes.size()));
        bytes.replace(begin, end - begin, bytes.substr(other, other_end - other));
        break;
      }
      case 2: {  // an element without content goes
        const std::size_t end = bytes.find("/>", below(bytes.size()));
        const std::size_t begin = end == std::string::npos ? end : bytes.rfind('<', end);
        if (begin != std::string::npos) bytes.erase(begin, end + 2 - begin);
        break;
      }
      case 3: {  // or comes twice
        const std::size_t end = bytes.find("/>", below(bytes.size()));
        const std::size_t begin = end == std::string::npos ? end : bytes.rfind('<', end);
        if (begin != std::string::npos) bytes.insert(end + 2, bytes.substr(begin, end + 2 - begin));
        break;
      }
      default:
        if (!bytes.empty()) bytes[below(bytes.size())] = static_cast<char>(below(256));
        break;
    }
  }
  return bytes;
}

}  // namespace weir::test
