#include "models/onnx/onnx_document.hpp"

#include <algorithm>
#include <cstdint>

#include "models/onnx/row_multiple.hpp"
#include "models/onnx/tree_check.hpp"
#include "models/tensors/border.hpp"
#include "models/tensors/wire.hpp"

namespace weir::onnx {
namespace {

using tensors::Refusal;
using tensors::Wire;

constexpr int kDeepest = 32;  // graphs inside nodes
constexpr std::size_t kMostNodes = 1 << 20;
constexpr std::int64_t kMostElements = std::int64_t{1} << 32;

/// Bytes of an element by TensorProto.DataType; 0: not of a fixed size of whole bytes.
std::uint64_t element_size(std::int64_t type) {
  switch (type) {
    case 2:
    case 3:
    case 9:
    case 17:
    case 18:
    case 19:
    case 20: return 1;  // (u)int8, bool, float8
    case 4:
    case 5:
    case 10:
    case 16: return 2;  // (u)int16, float16, bfloat16
    case 1:
    case 6:
    case 12: return 4;  // float, int32, uint32
    case 7:
    case 11:
    case 13:
    case 14: return 8;  // int64, double, uint64, complex64
    case 15: return 16;
    default: return 0;
  }
}

class Reader {
 public:
  Document read(std::string_view bytes) {
    Wire wire(bytes);
    bool has_graph = false;
    bool has_version = false;
    std::string version;
    while (wire.next()) {
      if (wire.is_number(1)) has_version = true;
      if (wire.is_bytes(2)) document_.producer = wire.bytes();
      if (wire.is_bytes(3)) version = wire.bytes();
      if (wire.is_bytes(7)) {
        if (has_graph) throw Refusal("it holds two graphs");
        has_graph = true;
        graph(wire.bytes(), 0);
      }
      if (wire.is_bytes(25)) function(wire.bytes());
    }
    if (wire.damaged()) throw Refusal("not an ONNX model, or a truncated one");
    if (!has_graph || !has_version)
      throw Refusal("not an ONNX model: it has no " + std::string(has_graph ? "version" : "graph"));
    if (!version.empty()) document_.producer += " " + version;
    if (labels_differ_) document_.labels.clear();
    return std::move(document_);
  }

 private:
  void require(const Wire& wire, const char* what) {
    if (wire.damaged())
      throw Refusal("not an ONNX model, or a truncated one: its " + std::string(what) + " is damaged");
  }

  void graph(std::string_view bytes, int depth) {
    if (depth > kDeepest) throw Refusal("graphs are nested deeper than " + std::to_string(kDeepest));
    Wire wire(bytes);
    while (wire.next()) {
      if (wire.is_bytes(1)) node(wire.bytes(), depth);
      if (wire.is_bytes(5)) tensor(wire.bytes());
      if (wire.is_bytes(15)) sparse_tensor(wire.bytes());
    }
    require(wire, "graph");
  }

  void function(std::string_view bytes) {
    Wire wire(bytes);
    while (wire.next())
      if (wire.is_bytes(7)) node(wire.bytes(), 1);
    require(wire, "function");
  }

  void node(std::string_view bytes, int depth) {
    if (++document_.nodes > kMostNodes) throw Refusal("it has more than " + std::to_string(kMostNodes) + " nodes");
    std::string input;
    std::string output;
    std::string type;
    std::string domain;
    Lists lists;
    Wire wire(bytes);
    while (wire.next()) {
      if (wire.is_bytes(1) && input.empty()) input = wire.bytes();
      if (wire.is_bytes(2) && output.empty()) output = wire.bytes();
      if (wire.is_bytes(4)) type = wire.bytes();
      if (wire.is_bytes(7)) domain = wire.bytes();
      if (wire.is_bytes(5)) attribute(wire.bytes(), depth, lists);
    }
    require(wire, "node");
    document_.row_multiple = std::max(document_.row_multiple, row_multiple_of(domain, type));
    if (const std::int64_t features = check_lists(type, output, lists); features != 0) {
      std::int64_t& needed = document_.features_read[input];
      needed = std::max(needed, features);
    }
    if (type == "ZipMap") document_.maps[output] = labels_of(lists, /*sorted=*/true);
    if (!type.ends_with("Classifier")) return;
    const std::vector<std::string> labels = labels_of(lists, /*sorted=*/false);
    labels_differ_ = labels_differ_ || (!document_.labels.empty() && document_.labels != labels);
    document_.labels = labels;
  }

  static std::vector<std::string> labels_of(const Lists& lists, bool sorted) {
    std::vector<std::string> labels;
    for (const char* name : {"classlabels_int64s", "classlabels_ints"}) {
      std::vector<std::int64_t> numbers = lists.integers_of(name);
      if (sorted) std::sort(numbers.begin(), numbers.end());
      for (const std::int64_t number : numbers) labels.push_back(std::to_string(number));
    }
    if (const auto texts = lists.texts.find("classlabels_strings"); texts != lists.texts.end()) {
      for (const std::string_view text : texts->second) labels.emplace_back(text);
      if (sorted) std::sort(labels.begin(), labels.end());
    }
    return labels;
  }

  void attribute(std::string_view bytes, int depth, Lists& lists) {
    std::string name;
    std::vector<std::int64_t> integers;
    std::vector<std::string_view> texts;
    std::size_t numbers = 0;
    Wire wire(bytes);
    while (wire.next()) {
      if (wire.is_bytes(1)) name = wire.bytes();
      if (wire.is_number(3)) integers.push_back(wire.signed_number());
      if (wire.is_bytes(5) || wire.is_bytes(10)) numbers += tensor(wire.bytes());
      if (wire.is_bytes(6) || wire.is_bytes(11)) graph(wire.bytes(), depth + 1);
      if (wire.field() == 7) numbers += wire.bytes().size() / sizeof(float);
      if (wire.field() == 8) wire.each_number([&](std::int64_t number) { integers.push_back(number); });
      if (wire.is_bytes(9)) texts.push_back(wire.bytes());
      if (wire.is_bytes(22) || wire.is_bytes(23)) sparse_tensor(wire.bytes());
    }
    require(wire, "attribute");
    if (!integers.empty()) lists.integers[name] = std::move(integers);
    if (!texts.empty()) lists.texts[name] = std::move(texts);
    if (numbers != 0) lists.numbers[name] = numbers;
  }

  void sparse_tensor(std::string_view bytes) {
    Wire wire(bytes);
    while (wire.next())
      if (wire.is_bytes(1) || wire.is_bytes(2)) tensor(wire.bytes());
    require(wire, "sparse tensor");
  }

  /// A tensor holds as many elements as its dimensions say: then memory is bounded by the size of the file.
  std::size_t tensor(std::string_view bytes) {
    Wire wire(bytes);
    std::int64_t elements = 1;
    std::int64_t type = 0;
    std::uint64_t values = 0;
    std::string name;
    std::string_view raw;
    bool has_raw = false;
    while (wire.next()) {
      if (wire.field() == 1) {
        wire.each_number([&](std::int64_t size) {
          elements = size < 0 || elements < 0 || (size != 0 && elements > kMostElements / size) ? -1 : elements * size;
        });
      }
      if (wire.is_number(2)) type = wire.signed_number();
      if (wire.is_bytes(8)) name = wire.bytes();
      if (wire.is_bytes(9)) raw = wire.bytes(), has_raw = true;
      if (wire.is_bytes(13) || (wire.is_number(14) && wire.number() != 0)) {
        throw Refusal("tensor '" + name + "' keeps its data in another file");
      }
      count_values(wire, values);
    }
    require(wire, "tensor");
    if (elements < 0) throw Refusal("tensor '" + name + "' says it has an impossible number of elements");
    const auto count = static_cast<std::uint64_t>(elements);
    const std::uint64_t size = element_size(type);
    const bool fits = has_raw && size != 0 ? raw.size() == count * size : values >= count || size == 0;
    if (!fits && !(has_raw && size == 0)) {
      throw Refusal("tensor '" + name + "' says it has " + std::to_string(count) + " elements, but holds " +
                    std::to_string(has_raw ? raw.size() / std::max<std::uint64_t>(size, 1) : values));
    }
    if (size == 0 && std::max<std::uint64_t>(values, raw.size() * 2) < count) {
      throw Refusal("tensor '" + name + "' says it has " + std::to_string(count) + " elements, but holds fewer");
    }
    return count;
  }

  static void count_values(Wire& wire, std::uint64_t& values) {
    const auto count = [&](std::int64_t) { ++values; };
    switch (wire.field()) {
      case 4: values += wire.bytes().size() / 4; break;   // float_data
      case 10: values += wire.bytes().size() / 8; break;  // double_data
      case 5:
      case 7:
      case 11: wire.each_number(count); break;  // int32, int64, uint64
      case 6: ++values; break;                  // string_data
      default: break;
    }
  }

  Document document_;
  bool labels_differ_ = false;
};

}  // namespace

Document read_document(std::string_view bytes) { return Reader().read(bytes); }

}  // namespace weir::onnx
