#pragma once
/// What the two readers of XML have to do with each other, checked for any bytes.

#include <string>

#include "models/pmml/document.hpp"

namespace weir::test {

/// Empty when plain_xml refuses the bytes, or accepts them and expat sees the same document; else what differs.
inline std::string readers_disagree(std::string_view bytes) {
  using pmml::Document;
  const ModelLimits limits{.max_bytes = std::size_t{4} << 20, .max_memory_bytes = std::size_t{64} << 20};
  const pmml::Deadline deadline(60'000);
  const auto parsed = Document::parse(bytes, limits, deadline);
  if (!parsed.is_ok() || !(*parsed)->is_plain()) return "";
  const auto judged = Document::parse(bytes, limits, deadline, Document::Readers::kExpatOnly);
  if (!judged.is_ok()) return "expat refuses: " + judged.status().to_string();
  return **parsed == **judged ? "" : "other elements, attributes, texts or lines";
}

}  // namespace weir::test
