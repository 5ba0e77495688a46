#include <weir/serde.hpp>

#include <algorithm>

#include <weir/hash.hpp>

namespace weir {

std::uint64_t schema_fingerprint(std::string_view schema) noexcept { return hash_bytes(schema.data(), schema.size()); }

namespace detail {
namespace {

std::vector<const void*>& open_schemas() {
  thread_local std::vector<const void*> tags;
  return tags;
}

}  // namespace

std::optional<std::size_t> SchemaStack::depth_of(const void* tag) noexcept {
  const auto& tags = open_schemas();
  const auto found = std::find(tags.rbegin(), tags.rend(), tag);
  if (found == tags.rend()) return std::nullopt;
  return static_cast<std::size_t>(found - tags.rbegin()) + 1;
}
SchemaStack::SchemaStack(const void* tag) { open_schemas().push_back(tag); }
SchemaStack::~SchemaStack() { open_schemas().pop_back(); }

void append_number_schema(std::string& out, char kind, std::size_t bytes) {
  (out += kind) += std::to_string(bytes * 8);
}

void append_ratio_schema(std::string& out, std::intmax_t numerator, std::intmax_t denominator) {
  (((out += ',') += std::to_string(numerator)) += '/') += std::to_string(denominator);
}

}  // namespace detail
}  // namespace weir
