// Runtimes in plug-ins: opened at the first load, then models come and go through the C border.

#include <chrono>
#include <utility>

#include <weir/log.hpp>
#include <weir/runtimes.hpp>

#include "models/plugin/plugin_library.hpp"
#include "models/plugin/plugin_model.hpp"

namespace weir {
namespace plugin {
namespace {

std::vector<weir_text> texts_of(const std::vector<std::string>& strings) {
  std::vector<weir_text> texts;
  for (const std::string& string : strings) texts.push_back({string.data(), string.size()});
  return texts;
}

class PluginRuntime final : public ModelRuntime {
 public:
  PluginRuntime(std::string type, std::string file_name, RuntimeOptions options)
      : type_(std::move(type)), file_name_(std::move(file_name)), options_(std::move(options)) {}

  [[nodiscard]] std::string_view type() const noexcept override { return type_; }
  [[nodiscard]] Result<std::shared_ptr<const Model>> load(std::string_view bytes,
                                                          const ModelLimits& limits) const override {
    return load_with(bytes, {}, limits);
  }
  [[nodiscard]] Result<std::shared_ptr<const Model>> load_with(std::string_view bytes, const ModelOptions& options,
                                                               const ModelLimits& limits) const override {
    const std::string what = "load " + type_ + " model: ";
    if (bytes.size() > limits.max_bytes) {
      return Status::resource_exhausted(what + std::to_string(bytes.size()) + " bytes are more than max_bytes, " +
                                        std::to_string(limits.max_bytes));
    }
    if (bytes.empty()) return Status::invalid_argument(what + "there are no bytes");
    WEIR_ASSIGN_OR_RETURN(const weir_runtime* runtime, open_runtime(type_, file_name_, options_));
    const auto begin = std::chrono::steady_clock::now();
    WEIR_ASSIGN_OR_RETURN(weir_model * loaded, call(*runtime, bytes, options, limits));
    auto model = std::make_shared<const PluginModel>(*runtime, loaded, options.features);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    if (took.count() > limits.max_load_ms) {
      return Status::resource_exhausted(what + "took " + std::to_string(took.count()) + " ms, more than max_load_ms, " +
                                        std::to_string(limits.max_load_ms));
    }
    if (model->memory_bytes() > limits.max_memory_bytes) {
      return Status::resource_exhausted(what + "it needs " + std::to_string(model->memory_bytes()) +
                                        " bytes, more than max_memory_bytes, " +
                                        std::to_string(limits.max_memory_bytes));
    }
    log(LogLevel::kDebug, "models", "loaded " + model->summary() + " in " + std::to_string(took.count()) + " ms");
    return std::shared_ptr<const Model>(std::move(model));
  }

 private:
  [[nodiscard]] Result<weir_model*> call(const weir_runtime& runtime, std::string_view bytes,
                                         const ModelOptions& options, const ModelLimits& limits) const {
    const auto inputs = texts_of(options.inputs);
    const auto outputs = texts_of(options.outputs);
    const auto classes = texts_of(options.classes);
    weir_load_request request{};
    request.bytes = bytes.data();
    request.size = bytes.size();
    request.inputs = inputs.data();
    request.input_count = inputs.size();
    request.outputs = outputs.data();
    request.output_count = outputs.size();
    request.classes = classes.data();
    request.class_count = classes.size();
    request.tag = {options.tag.data(), options.tag.size()};
    request.signature = {options.signature.data(), options.signature.size()};
    request.max_memory_bytes = limits.max_memory_bytes;
    request.max_load_ms = limits.max_load_ms;
    request.same_bits = options_.same_bits ? 1 : 0;
    weir_model* model = nullptr;
    std::string reason;
    if (runtime.load(runtime.context, &request, &model, sink_of(reason)) == 0 || model == nullptr) {
      return Status::invalid_argument("load " + type_ + " model: " + (reason.empty() ? "no reason was given" : reason));
    }
    return model;
  }

  std::string type_;
  std::string file_name_;
  RuntimeOptions options_;
};

}  // namespace
}  // namespace plugin

std::shared_ptr<const ModelRuntime> plugin_runtime(std::string type, std::string file_name, RuntimeOptions options) {
  return std::make_shared<const plugin::PluginRuntime>(std::move(type), std::move(file_name), std::move(options));
}
std::shared_ptr<const ModelRuntime> onnx_runtime(RuntimeOptions options) {
  return plugin_runtime("ONNX", "libweir_onnx.so", std::move(options));
}
std::shared_ptr<const ModelRuntime> tensorflow_runtime(RuntimeOptions options) {
  return plugin_runtime("TENSORFLOW", "libweir_tensorflow.so", std::move(options));
}
std::shared_ptr<const ModelRuntime> tensorflow_saved_runtime(RuntimeOptions options) {
  return plugin_runtime("TENSORFLOWSAVED", "libweir_tensorflow.so", std::move(options));
}
ModelRuntimes all_runtimes() {
  return {pmml_runtime(), onnx_runtime(), tensorflow_runtime(), tensorflow_saved_runtime()};
}

}  // namespace weir
