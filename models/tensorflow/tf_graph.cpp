#include "models/tensorflow/tf_graph.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/tensorflow/archive.hpp"
#include "models/tensorflow/graph_document.hpp"
#include "models/tensorflow/scratch_directory.hpp"
#include "models/tensorflow/tf_run.hpp"
#include "models/tensors/border.hpp"

namespace weir::tensorflow {
namespace {

using tensors::Refusal;

// tensorflow.ConfigProto on the wire: intra_op_parallelism_threads (2) = 1; inter_op_parallelism_threads (5) = -1,
// which is the thread that calls; experimental (16) { executor_type (3) = "SINGLE_THREADED_EXECUTOR" }.
constexpr std::string_view kThreads("\x10\x01\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13);
constexpr std::string_view kExecutor("\x82\x01\x1a\x1a\x18SINGLE_THREADED_EXECUTOR", 29);

class TfGraph final : public tensors::Graph {
 public:
  TfGraph(const Api& api, TF_Graph* graph) : api_(api), graph_(graph) {}
  ~TfGraph() override {
    if (session_ != nullptr) {
      const CallStatus ignored(api_);
      api_.TF_CloseSession(session_, ignored);
      api_.TF_DeleteSession(session_, ignored);
    }
    api_.TF_DeleteGraph(graph_);
  }
  [[nodiscard]] std::unique_ptr<tensors::Run> make_run(std::span<const std::size_t> widths,
                                                       std::span<const std::size_t> wanted,
                                                       std::span<const std::vector<std::int64_t>>) const override {
    return std::make_unique<TfRun>(api_, session_, *this, places_, widths, wanted);
  }
  [[nodiscard]] TF_Graph* graph() const noexcept { return graph_; }
  void set_session(TF_Session* session) noexcept { session_ = session; }

  /// `place` is `operation` or `operation:1`; `shape`: what a signature says, else the graph's.
  void add_input(const std::string& name, const std::string& place, const SignatureTensor* said = nullptr) {
    tensors::InputTensor& input = inputs.emplace_back();
    input.name = name;
    places_.inputs.push_back(find(place));
    fill(input, places_.inputs.back(), said);
  }
  void add_output(const std::string& name, const std::string& place, const SignatureTensor* said = nullptr) {
    tensors::OutputTensor& output = outputs.emplace_back();
    output.name = name;
    places_.outputs.push_back(find(place));
    fill(output, places_.outputs.back(), said);
  }

 private:
  [[nodiscard]] TF_Output find(const std::string& place) const {
    std::string name = place;
    int index = 0;
    if (const auto colon = place.rfind(':'); colon != std::string::npos) {
      name = place.substr(0, colon);
      index = std::atoi(place.c_str() + colon + 1);
    }
    TF_Operation* operation = api_.TF_GraphOperationByName(graph_, name.c_str());
    if (operation == nullptr) throw Refusal("the graph has no operation '" + name + "'");
    if (index < 0 || index >= api_.TF_OperationNumOutputs(operation)) {
      throw Refusal("operation '" + name + "' has no output " + std::to_string(index));
    }
    return {operation, index};
  }
  template <class Tensor>
  void fill(Tensor& tensor, TF_Output place, const SignatureTensor* said) {
    tensor.element = element_of(api_.TF_OperationOutputType(place));
    const CallStatus status(api_);
    const int rank = api_.TF_GraphGetTensorNumDims(graph_, place, status);
    status.check();
    tensor.has_shape = rank >= 0;
    if (rank > 0) {
      tensor.shape.resize(static_cast<std::size_t>(rank));
      api_.TF_GraphGetTensorShape(graph_, place, tensor.shape.data(), rank, status);
      status.check();
    }
    if (said != nullptr && said->has_shape) {
      tensor.has_shape = true;
      tensor.shape = said->shape;
    }
  }

  const Api& api_;
  TF_Graph* graph_;
  TF_Session* session_ = nullptr;
  Places places_;
};

using Options = Owned<TF_SessionOptions>;

void configure(const Api& api, TF_SessionOptions* options, bool has_control_flow) {
  std::string config(kThreads);
  if (!has_control_flow) config += kExecutor;
  const CallStatus status(api);
  api.TF_SetConfig(options, config.data(), config.size(), status);
  status.check();
}

std::vector<std::string> names_of(const weir_text* names, std::size_t count) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(tensors::to_string(names[i]));
  return all;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Placeholders are inputs; what is computed and used by nobody is an output.
void infer_places(const Api& api, TF_Graph* graph, std::vector<std::string>* inputs,
                  std::vector<std::string>* outputs) {
  std::size_t position = 0;
  while (TF_Operation* operation = api.TF_GraphNextOperation(graph, &position)) {
    const std::string name = api.TF_OperationName(operation);
    const std::string_view type = api.TF_OperationOpType(operation);
    if (type == "Placeholder") {
      if (inputs != nullptr) inputs->push_back(name);
      continue;
    }
    if (outputs == nullptr || type == "Const" || type == "PlaceholderWithDefault") continue;
    const int count = api.TF_OperationNumOutputs(operation);
    bool used = false;
    for (int i = 0; i < count; ++i) used = used || api.TF_OperationOutputNumConsumers({operation, i}) != 0;
    for (int i = 0; !used && i < count; ++i) outputs->push_back(i == 0 ? name : name + ":" + std::to_string(i));
  }
}

std::string plain(const std::string& place) {
  return place.ends_with(":0") ? place.substr(0, place.size() - 2) : place;
}

const Signature& choose_signature(const std::vector<Signature>& signatures, const std::string& name) {
  std::string there;
  for (const Signature& signature : signatures) {
    if (signature.name == name) return signature;
    there += (there.empty() ? "" : ", ") + signature.name;
  }
  throw Refusal("it has no signature '" + name + "' (there are: " + (there.empty() ? "none" : there) + ")");
}

/// The wanted ones by name, in the order wanted; all when none is named.
std::vector<const SignatureTensor*> choose(const std::vector<SignatureTensor>& there,
                                           const std::vector<std::string>& wanted, const std::string& what) {
  std::vector<const SignatureTensor*> chosen;
  for (const SignatureTensor& tensor : there)
    if (wanted.empty()) chosen.push_back(&tensor);
  for (const std::string& name : wanted) {
    const auto found = std::find_if(there.begin(), there.end(), [&](const auto& one) { return one.name == name; });
    if (found == there.end()) throw Refusal("its signature has no " + what + " '" + name + "'");
    chosen.push_back(&*found);
  }
  for (const SignatureTensor* tensor : chosen) {
    if (tensor->tensor.empty()) throw Refusal(what + " '" + tensor->name + "' of its signature is no dense tensor");
  }
  return chosen;
}

/// Writes the archive's files below `directory`; the directory that holds saved_model.pb, and its bytes.
std::pair<std::string, const std::string*> unpack(const std::vector<ArchiveFile>& files,
                                                  const ScratchDirectory& scratch) {
  const ArchiveFile* model = nullptr;
  for (const ArchiveFile& file : files) {
    if (file.path != "saved_model.pb" && !file.path.ends_with("/saved_model.pb")) continue;
    if (model == nullptr || file.path.size() < model->path.size()) model = &file;
  }
  if (model == nullptr) throw Refusal("the archive holds no saved_model.pb");
  const std::string prefix = model->path.substr(0, model->path.size() - std::string_view("saved_model.pb").size());
  for (const ArchiveFile& file : files)
    if (file.path.starts_with(prefix)) scratch.write(file.path, file.bytes);
  return {scratch.path() + "/" + prefix, &model->bytes};
}

}  // namespace

std::unique_ptr<tensors::Graph> load_frozen(const Api& api, const weir_load_request& request,
                                            void (*report)(const char* data, std::size_t size)) {
  if (request.tag.size != 0 || request.signature.size != 0)
    throw Refusal("a frozen graph has neither tag nor signature");
  const std::string_view bytes(static_cast<const char*>(request.bytes), request.size);
  const GraphFacts facts = check_graph(bytes, /*is_saved=*/false, request.max_memory_bytes);
  auto graph = std::make_unique<TfGraph>(api, api.TF_NewGraph());
  const CallStatus status(api);
  {
    const Owned<TF_Buffer> buffer(api.TF_NewBufferFromString(bytes.data(), bytes.size()), api.TF_DeleteBuffer);
    const Owned<TF_ImportGraphDefOptions> options(api.TF_NewImportGraphDefOptions(),
                                                  api.TF_DeleteImportGraphDefOptions);
    api.TF_GraphImportGraphDef(graph->graph(), buffer.get(), options.get(), status);
    status.check();
  }
  const Options options(api.TF_NewSessionOptions(), api.TF_DeleteSessionOptions);
  configure(api, options.get(), facts.has_control_flow);
  TF_Session* session = api.TF_NewSession(graph->graph(), options.get(), status);
  status.check();
  graph->set_session(session);

  std::vector<std::string> inputs = names_of(request.inputs, request.input_count);
  std::vector<std::string> outputs = names_of(request.outputs, request.output_count);
  const bool infers_inputs = inputs.empty();
  const bool infers_outputs = outputs.empty();
  infer_places(api, graph->graph(), infers_inputs ? &inputs : nullptr, infers_outputs ? &outputs : nullptr);
  for (const std::string& place : inputs) graph->add_input(plain(place), place);
  for (const std::string& place : outputs) graph->add_output(plain(place), place);
  graph->summary = "TensorFlow frozen graph, " + std::to_string(facts.nodes) + " nodes";
  if (infers_inputs || infers_outputs) {
    const std::string line = std::string("a frozen graph does not say what its ") + (infers_inputs ? "inputs" : "") +
                             (infers_inputs && infers_outputs ? " and " : "") + (infers_outputs ? "outputs" : "") +
                             " are; taken: inputs " + join(inputs) + "; outputs " + join(outputs);
    report(line.data(), line.size());
    graph->summary += ", names inferred";
  }
  graph->memory_bytes = (std::size_t{256} << 10) + 3 * request.size;
  return graph;
}

std::unique_ptr<tensors::Graph> load_saved(const Api& api, const weir_load_request& request) {
  const std::string_view bytes(static_cast<const char*>(request.bytes), request.size);
  const std::string tag = request.tag.size == 0 ? "serve" : tensors::to_string(request.tag);
  const std::string name = request.signature.size == 0 ? "serving_default" : tensors::to_string(request.signature);
  ArchiveLimits limits;
  limits.max_bytes = std::min<std::uint64_t>(limits.max_bytes, request.max_memory_bytes);
  const std::vector<ArchiveFile> files = read_archive(bytes, limits);
  const ScratchDirectory scratch;
  const auto [directory, saved_model] = unpack(files, scratch);
  const GraphFacts facts = check_saved_model(*saved_model, tag, request.max_memory_bytes);

  const Options options(api.TF_NewSessionOptions(), api.TF_DeleteSessionOptions);
  configure(api, options.get(), facts.has_control_flow);
  auto graph = std::make_unique<TfGraph>(api, api.TF_NewGraph());
  const Owned<TF_Buffer> meta(api.TF_NewBuffer(), api.TF_DeleteBuffer);
  const char* tags[] = {tag.c_str()};
  const CallStatus status(api);
  TF_Session* session = api.TF_LoadSessionFromSavedModel(options.get(), nullptr, directory.c_str(), tags, 1,
                                                         graph->graph(), meta.get(), status);
  status.check();
  graph->set_session(session);

  const auto signatures = read_signatures({static_cast<const char*>(meta.get()->data), meta.get()->length});
  const Signature& signature = choose_signature(signatures, name);
  const auto wanted_inputs = names_of(request.inputs, request.input_count);
  if (!wanted_inputs.empty() && wanted_inputs.size() != signature.inputs.size()) {
    throw Refusal("the sender named " + std::to_string(wanted_inputs.size()) + " inputs, its signature has " +
                  std::to_string(signature.inputs.size()));
  }
  for (const SignatureTensor* tensor : choose(signature.inputs, wanted_inputs, "input"))
    graph->add_input(tensor->name, tensor->tensor, tensor);
  for (const SignatureTensor* tensor :
       choose(signature.outputs, names_of(request.outputs, request.output_count), "output")) {
    graph->add_output(tensor->name, tensor->tensor, tensor);
  }
  graph->summary =
      "TensorFlow SavedModel, tag " + tag + ", signature " + name + ", " + std::to_string(facts.nodes) + " nodes";
  std::size_t unpacked = 0;
  for (const ArchiveFile& file : files) unpacked += file.bytes.size();
  graph->memory_bytes = (std::size_t{256} << 10) + 3 * unpacked;
  return graph;
}

}  // namespace weir::tensorflow
