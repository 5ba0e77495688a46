#include "models/tensorflow/graph_document.hpp"

#include <algorithm>
#include <array>

#include "models/tensors/border.hpp"
#include "models/tensors/wire.hpp"

namespace weir::tensorflow {
namespace {

using tensors::Refusal;
using tensors::Wire;

constexpr std::size_t kMostNodes = 1 << 20;

// Files, the network, Python, other processes.
constexpr std::array<std::string_view, 32> kReachOut = {"ReadFile",
                                                        "WriteFile",
                                                        "MatchingFiles",
                                                        "PyFunc",
                                                        "PyFuncStateless",
                                                        "EagerPyFunc",
                                                        "PrintV2",
                                                        "DebugIdentity",
                                                        "DebugIdentityV2",
                                                        "DebugIdentityV3",
                                                        "DebugNumericSummary",
                                                        "DebugNumericSummaryV2",
                                                        "DebugNanCount",
                                                        "WholeFileReader",
                                                        "WholeFileReaderV2",
                                                        "TextLineReader",
                                                        "TextLineReaderV2",
                                                        "TFRecordReader",
                                                        "TFRecordReaderV2",
                                                        "FixedLengthRecordReader",
                                                        "FixedLengthRecordReaderV2",
                                                        "TextLineDataset",
                                                        "TFRecordDataset",
                                                        "TFRecordDatasetV2",
                                                        "FixedLengthRecordDataset",
                                                        "FixedLengthRecordDatasetV2",
                                                        "SaveDataset",
                                                        "SaveDatasetV2",
                                                        "LoadDataset",
                                                        "RemoteCall",
                                                        "CreateSummaryFileWriter",
                                                        "DatasetToTFRecord"};
// A SavedModel's own variables and vocabularies.
constexpr std::array<std::string_view, 10> kRestore = {"Restore",
                                                       "RestoreV2",
                                                       "RestoreSlice",
                                                       "Save",
                                                       "SaveV2",
                                                       "SaveSlices",
                                                       "MergeV2Checkpoints",
                                                       "InitializeTableFromTextFile",
                                                       "InitializeTableFromTextFileV2",
                                                       "ShardedFilespec"};
constexpr std::array<std::string_view, 8> kControlFlow = {"Switch", "RefSwitch", "Merge",         "RefMerge",
                                                          "Enter",  "Exit",      "NextIteration", "LoopCond"};

template <std::size_t kSize>
bool is_one_of(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Checker {
 public:
  Checker(bool is_saved, std::uint64_t max_bytes) : is_saved_(is_saved), max_bytes_(max_bytes) {}
  GraphFacts facts;

  void graph(std::string_view bytes) {
    Wire wire(bytes);
    while (wire.next()) {
      if (wire.is_bytes(1)) node(wire.bytes());
      if (wire.is_bytes(2)) library(wire.bytes());
    }
    require(wire);
  }

 private:
  static void require(const Wire& wire) {
    if (wire.damaged()) throw Refusal("not a TensorFlow graph, or a truncated one");
  }
  void library(std::string_view bytes) {
    Wire wire(bytes);
    while (wire.next()) {
      if (!wire.is_bytes(1)) continue;
      Wire function(wire.bytes());
      while (function.next())
        if (function.is_bytes(3)) node(function.bytes());
      require(function);
    }
    require(wire);
  }
  void node(std::string_view bytes) {
    if (++facts.nodes > kMostNodes) throw Refusal("it has more than " + std::to_string(kMostNodes) + " nodes");
    std::string_view name;
    std::string_view operation;
    Wire wire(bytes);
    while (wire.next()) {
      if (wire.is_bytes(1)) name = wire.bytes();
      if (wire.is_bytes(2)) operation = wire.bytes();
      if (wire.is_bytes(5)) attribute(wire.bytes());
    }
    require(wire);
    if (name.empty() || operation.empty()) throw Refusal("not a TensorFlow graph: a node lacks its name or operation");
    if (is_one_of(kReachOut, operation) || (!is_saved_ && is_one_of(kRestore, operation))) {
      throw Refusal("node '" + std::string(name) + "' is " + std::string(operation) +
                    ", which reaches out of the model");
    }
    facts.has_control_flow = facts.has_control_flow || is_one_of(kControlFlow, operation);
  }
  void attribute(std::string_view entry) {
    Wire wire(entry);
    while (wire.next()) {
      if (!wire.is_bytes(2)) continue;
      value(wire.bytes());
    }
    require(wire);
  }
  void value(std::string_view bytes) {
    Wire wire(bytes);
    while (wire.next()) {
      if (wire.is_bytes(8)) tensor(wire.bytes());
      if (wire.is_bytes(1)) {
        Wire list(wire.bytes());
        while (list.next())
          if (list.is_bytes(8)) tensor(list.bytes());
        require(list);
      }
    }
    require(wire);
  }
  /// A constant may say `a million times 0` in a few bytes: what it becomes counts.
  void tensor(std::string_view bytes) {
    Wire wire(bytes);
    std::uint64_t elements = 1;
    bool impossible = false;
    while (wire.next()) {
      if (!wire.is_bytes(2)) continue;
      Wire shape(wire.bytes());
      while (shape.next()) {
        if (!shape.is_bytes(2)) continue;
        Wire axis(shape.bytes());
        while (axis.next()) {
          if (!axis.is_number(1)) continue;
          const std::int64_t size = axis.signed_number();
          impossible =
              impossible || size < 0 || (size != 0 && elements > max_bytes_ / static_cast<std::uint64_t>(size));
          elements *= static_cast<std::uint64_t>(size);
        }
        require(axis);
      }
      require(shape);
    }
    require(wire);
    constant_bytes_ += impossible ? 0 : elements;
    if (impossible || constant_bytes_ > max_bytes_) {
      throw Refusal("its constants have more than " + std::to_string(max_bytes_) + " elements");
    }
  }

  bool is_saved_;
  std::uint64_t max_bytes_;
  std::uint64_t constant_bytes_ = 0;
};

SignatureTensor read_tensor_info(std::string_view name, std::string_view bytes) {
  SignatureTensor tensor;
  tensor.name = name;
  Wire wire(bytes);
  while (wire.next()) {
    if (wire.is_bytes(1)) tensor.tensor = wire.bytes();
    if (!wire.is_bytes(3)) continue;
    tensor.has_shape = true;
    Wire shape(wire.bytes());
    while (shape.next()) {
      if (shape.is_number(3) && shape.number() != 0) tensor.has_shape = false;
      if (!shape.is_bytes(2)) continue;
      std::int64_t size = 0;  // absent: 0
      Wire axis(shape.bytes());
      while (axis.next())
        if (axis.is_number(1)) size = axis.signed_number();
      tensor.shape.push_back(size);
    }
  }
  return tensor;
}

/// An entry of a map<string, ...>.
std::pair<std::string_view, std::string_view> read_entry(std::string_view bytes) {
  std::pair<std::string_view, std::string_view> entry;
  Wire wire(bytes);
  while (wire.next()) {
    if (wire.is_bytes(1)) entry.first = wire.bytes();
    if (wire.is_bytes(2)) entry.second = wire.bytes();
  }
  return entry;
}

}  // namespace

GraphFacts check_graph(std::string_view graph_def, bool is_saved, std::uint64_t max_bytes) {
  Checker checker(is_saved, max_bytes);
  checker.graph(graph_def);
  if (checker.facts.nodes == 0) throw Refusal("not a TensorFlow graph: it has no nodes");
  return checker.facts;
}

GraphFacts check_saved_model(std::string_view saved_model, std::string_view tag, std::uint64_t max_bytes) {
  std::string there;
  GraphFacts chosen;
  bool found = false;
  Wire wire(saved_model);
  while (wire.next()) {
    if (!wire.is_bytes(2)) continue;
    Checker checker(true, max_bytes);
    std::string tags;
    std::size_t tag_count = 0;
    bool has_tag = false;
    Wire meta(wire.bytes());
    while (meta.next()) {
      if (meta.is_bytes(2)) checker.graph(meta.bytes());
      if (!meta.is_bytes(1)) continue;
      Wire info(meta.bytes());
      while (info.next()) {
        if (!info.is_bytes(4)) continue;
        ++tag_count;
        has_tag = has_tag || info.bytes() == tag;
        tags += (tags.empty() ? "" : "+") + std::string(info.bytes());
      }
    }
    if (meta.damaged()) throw Refusal("saved_model.pb is damaged");
    there += (there.empty() ? "'" : ", '") + tags + "'";
    if (has_tag && tag_count == 1) {
      found = true;
      chosen = checker.facts;
    }
  }
  if (wire.damaged() || there.empty()) throw Refusal("saved_model.pb is no SavedModel, or a truncated one");
  if (!found) throw Refusal("it has no part with the tag '" + std::string(tag) + "' alone (there are: " + there + ")");
  return chosen;
}

std::vector<Signature> read_signatures(std::string_view meta_graph) {
  std::vector<Signature> signatures;
  Wire wire(meta_graph);
  while (wire.next()) {
    if (!wire.is_bytes(5)) continue;
    const auto [name, definition] = read_entry(wire.bytes());
    Signature& signature = signatures.emplace_back();
    signature.name = name;
    Wire parts(definition);
    while (parts.next()) {
      if (!parts.is_bytes(1) && !parts.is_bytes(2)) continue;
      const auto [tensor, info] = read_entry(parts.bytes());
      (parts.field() == 1 ? signature.inputs : signature.outputs).push_back(read_tensor_info(tensor, info));
    }
    const auto by_name = [](const SignatureTensor& a, const SignatureTensor& b) { return a.name < b.name; };
    std::sort(signature.inputs.begin(), signature.inputs.end(), by_name);
    std::sort(signature.outputs.begin(), signature.outputs.end(), by_name);
  }
  std::sort(signatures.begin(), signatures.end(),
            [](const Signature& a, const Signature& b) { return a.name < b.name; });
  return signatures;
}

}  // namespace weir::tensorflow
