// What a model's first bytes say about its type.
//
//   PMML             XML whose first 4,096 bytes have an element PMML
//   ONNX             ModelProto: field 1 (ir_version, a small number), then one of the fields a producer writes next
//   TENSORFLOW       GraphDef: field 1, a NodeDef, which begins with its name (1) and operation (2)
//   TENSORFLOWSAVED  zip or tar with a member saved_model.pb; or SavedModel: schema version 1, then a MetaGraphDef,
//   which
//                    begins with a message, while ONNX has a short text in the same place

#include <algorithm>
#include <optional>

#include <weir/bytes.hpp>
#include <weir/model_inbox.hpp>

namespace weir {
namespace {

constexpr std::string_view kSavedModel = "saved_model.pb";
constexpr std::size_t kArchiveLook = std::size_t{64} << 10;  // zip: local names at the front, the directory at the end
constexpr std::size_t kTarBlock = 512;
constexpr std::size_t kMostTarMembers = 10'000;

bool is_printable(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_pmml(std::string_view bytes) noexcept {
  std::string_view head = bytes.substr(0, 4096);
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const auto first = head.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && head[first] == '<' && head.find("<PMML") != std::string_view::npos;
}

// A length-delimited field with this tag at the start: its content as far as it is there, nothing when it is none.
std::optional<std::string_view> field(std::string_view bytes, char tag) noexcept {
  if (bytes.empty() || bytes[0] != tag) return std::nullopt;
  ByteReader reader(bytes.substr(1));
  const std::uint64_t size = reader.varint();
  if (!reader.ok() || size > std::uint64_t{1} << 31) return std::nullopt;
  const std::string_view rest = bytes.substr(bytes.size() - reader.remaining());
  return rest.substr(0, size);
}

bool is_frozen_graph(std::string_view bytes) noexcept {
  const auto node = field(bytes, 0x0a);
  if (!node) return false;
  const auto name = field(*node, 0x0a);
  if (!name || !is_printable(*name)) return false;
  const std::string_view rest = node->substr(static_cast<std::size_t>(name->data() + name->size() - node->data()));
  const auto operation = field(rest, 0x12);
  return operation && is_printable(*operation) && operation->find(' ') == std::string_view::npos;
}

bool is_tar_of_saved_model(std::string_view bytes) noexcept {
  for (std::size_t at = 0, members = 0; members < kMostTarMembers; ++members) {
    if (bytes.size() < at || bytes.size() - at < kTarBlock) return false;
    const std::string_view header = bytes.substr(at, kTarBlock);
    if (header.substr(257, 5) != "ustar") return false;
    const std::string_view name = header.substr(0, std::min(header.find('\0'), std::size_t{100}));
    if (name == kSavedModel || name.ends_with("/saved_model.pb")) return true;
    std::uint64_t size = 0;
    for (const char digit : header.substr(124, 11)) {
      if (digit < '0' || digit > '7') return false;
      size = size * 8 + static_cast<std::uint64_t>(digit - '0');
    }
    at += kTarBlock + (size + kTarBlock - 1) / kTarBlock * kTarBlock;
  }
  return false;
}

bool is_zip_of_saved_model(std::string_view bytes) noexcept {
  if (!bytes.starts_with("PK\x03\x04")) return false;
  const std::string_view tail = bytes.substr(bytes.size() - std::min(bytes.size(), kArchiveLook));
  return bytes.substr(0, kArchiveLook).find(kSavedModel) != std::string_view::npos ||
         tail.find(kSavedModel) != std::string_view::npos;
}

bool is_saved_model(std::string_view bytes) noexcept {
  if (bytes.size() < 4 || bytes[0] != 0x08 || bytes[1] != 0x01) return false;
  const auto graph = field(bytes.substr(2), 0x12);
  return graph && graph->size() > 2 && (graph->front() == 0x0a || graph->front() == 0x12) && !is_printable(*graph);
}

bool is_onnx(std::string_view bytes) noexcept {
  if (bytes.size() < 4 || bytes[0] != 0x08 || bytes[1] <= 0 || bytes[1] >= 32) return false;
  return bytes[2] == 0x12 || bytes[2] == 0x1a || bytes[2] == 0x22 || bytes[2] == 0x3a || bytes[2] == 0x42;
}

}  // namespace

std::string_view sniff_model_type(std::string_view bytes) noexcept {
  if (is_pmml(bytes)) return "PMML";
  if (is_zip_of_saved_model(bytes) || is_tar_of_saved_model(bytes) || is_saved_model(bytes)) return "TENSORFLOWSAVED";
  if (is_onnx(bytes)) return "ONNX";
  if (is_frozen_graph(bytes)) return "TENSORFLOW";
  return "";
}

}  // namespace weir
