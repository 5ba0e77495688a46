#include <weir/short_text.hpp>

#include <limits>

#include <weir/bytes.hpp>
#include <weir/check.hpp>
#include <weir/json.hpp>

namespace weir {

void ShortText::assign(std::string_view text) {
  if (text.size() <= kInline) {
    if (!text.empty()) std::memcpy(store_.in_place, text.data(), text.size());
    store_.tag = static_cast<std::uint8_t>(text.size());
    return;
  }
  WEIR_CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max(), "a key's text is smaller than 4 GiB");
  char* const data = new char[text.size()];
  std::memcpy(data, text.data(), text.size());
  const auto size = static_cast<std::uint32_t>(text.size());
  std::memcpy(store_.in_place, &data, sizeof data);
  std::memcpy(store_.in_place + sizeof data, &size, sizeof size);
  store_.tag = kOnHeap;
}

void ShortText::weir_write(ByteWriter& writer) const { writer.sized(view()); }
void ShortText::weir_read(ByteReader& reader) { *this = ShortText(reader.sized()); }
void ShortText::weir_schema(std::string& out) { out += "string"; }
void ShortText::weir_json(JsonWriter& writer) const { writer.string(view()); }

}  // namespace weir
