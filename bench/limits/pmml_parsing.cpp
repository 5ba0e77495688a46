#include <expat.h>

#include <algorithm>
#include <cstring>

#include "bench/limits/pmml_scoring.hpp"

namespace weir::bench::pmml {

std::size_t parse_only(std::string_view document) {
  std::size_t seen = 0;
  XML_Parser parser = XML_ParserCreate(nullptr);
  XML_SetUserData(parser, &seen);
  XML_SetElementHandler(
      parser,
      [](void* user, const char*, const char** attributes) {
        auto& sum = *static_cast<std::size_t*>(user);
        ++sum;
        for (; *attributes != nullptr; attributes += 2) sum += std::strlen(attributes[1]);
      },
      [](void*, const char*) {});
  constexpr std::size_t kStep = std::size_t{1} << 20;
  for (std::size_t at = 0; at < document.size(); at += kStep) {
    const std::size_t size = std::min(kStep, document.size() - at);
    XML_Parse(parser, document.data() + at, static_cast<int>(size), at + size == document.size() ? 1 : 0);
  }
  XML_ParserFree(parser);
  return seen;
}

}  // namespace weir::bench::pmml
