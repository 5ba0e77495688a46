#include "bench/limits/bare_runtimes.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include <dlfcn.h>

#include <onnxruntime_c_api.h>
#include <tensorflow/c/c_api.h>

namespace weir::bench {
namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bare runtime: %s\n", what);
  std::exit(1);
}

void* open_library(const std::string& path, int flags) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | flags);
  if (handle == nullptr) fail(::dlerror());
  return handle;
}

std::string read_all(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class BareOnnx final : public BareModel {
 public:
  BareOnnx(const std::string& library, const std::string& file, std::size_t batch)
      : input_(batch * kFeatures), output_(batch) {
    const auto base = reinterpret_cast<decltype(&OrtGetApiBase)>(::dlsym(open_library(library, 0), "OrtGetApiBase"));
    api_ = base()->GetApi(ORT_API_VERSION);
    static OrtEnv* environment = nullptr;
    if (environment == nullptr) check(api_->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bench", &environment));
    OrtSessionOptions* options = nullptr;
    check(api_->CreateSessionOptions(&options));
    check(api_->SetIntraOpNumThreads(options, 1));
    check(api_->SetInterOpNumThreads(options, 1));
    check(api_->DisableCpuMemArena(options));  // as weir's plug-in does it: faster
    const std::string bytes = read_all(file);
    check(api_->CreateSessionFromArray(environment, bytes.data(), bytes.size(), options, &session_));
    api_->ReleaseSessionOptions(options);
    OrtAllocator* allocator = nullptr;
    check(api_->GetAllocatorWithDefaultOptions(&allocator));
    check(api_->SessionGetInputName(session_, 0, allocator, &input_name_));
    check(api_->SessionGetOutputName(session_, 0, allocator, &output_name_));
    OrtMemoryInfo* memory = nullptr;
    check(api_->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
    const std::int64_t input_shape[] = {static_cast<std::int64_t>(batch), kFeatures};
    const std::int64_t output_shape[] = {static_cast<std::int64_t>(batch), 1};
    check(api_->CreateTensorWithDataAsOrtValue(memory, input_.data(), input_.size() * sizeof(float), input_shape, 2,
                                               ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input_value_));
    check(api_->CreateTensorWithDataAsOrtValue(memory, output_.data(), output_.size() * sizeof(float), output_shape, 2,
                                               ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &output_value_));
    api_->ReleaseMemoryInfo(memory);
  }
  ~BareOnnx() override {
    api_->ReleaseValue(input_value_);
    api_->ReleaseValue(output_value_);
    api_->ReleaseSession(session_);
  }
  float* input() override { return input_.data(); }
  const float* run() override {
    const char* inputs[] = {input_name_};
    const char* outputs[] = {output_name_};
    check(api_->Run(session_, nullptr, inputs, &input_value_, 1, outputs, 1, &output_value_));
    return output_.data();
  }

 private:
  void check(OrtStatus* status) const {
    if (status != nullptr) fail(api_->GetErrorMessage(status));
  }
  const OrtApi* api_ = nullptr;
  OrtSession* session_ = nullptr;
  char* input_name_ = nullptr;
  char* output_name_ = nullptr;
  std::vector<float> input_;
  std::vector<float> output_;
  OrtValue* input_value_ = nullptr;
  OrtValue* output_value_ = nullptr;
};

class BareTensorFlow final : public BareModel {
 public:
  BareTensorFlow(const std::string& library, std::size_t batch) : batch_(batch) {
    ::setenv("TF_ENABLE_ONEDNN_OPTS", "0", 0);
    ::setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
    library_ = open_library(library, RTLD_DEEPBIND);
    find(new_status_, "TF_NewStatus");
    find(code_, "TF_GetCode");
    find(message_, "TF_Message");
    find(run_, "TF_SessionRun");
    find(allocate_, "TF_AllocateTensor");
    find(free_, "TF_DeleteTensor");
    find(data_, "TF_TensorData");
    find(operation_, "TF_GraphOperationByName");
    status_ = new_status_();
  }
  void load_frozen(const std::string& file) {
    const std::string bytes = read_all(file);
    TF_Graph* graph = make<decltype(&TF_NewGraph)>("TF_NewGraph")();
    TF_Buffer* buffer = make<decltype(&TF_NewBufferFromString)>("TF_NewBufferFromString")(bytes.data(), bytes.size());
    TF_ImportGraphDefOptions* options = make<decltype(&TF_NewImportGraphDefOptions)>("TF_NewImportGraphDefOptions")();
    make<decltype(&TF_GraphImportGraphDef)>("TF_GraphImportGraphDef")(graph, buffer, options, status_);
    check();
    session_ = make<decltype(&TF_NewSession)>("TF_NewSession")(graph, session_options(), status_);
    check();
    place(graph, "x", "Identity");
  }
  void load_saved(const std::string& directory, const std::string& input, const std::string& output) {
    TF_Graph* graph = make<decltype(&TF_NewGraph)>("TF_NewGraph")();
    const char* tags[] = {"serve"};
    session_ = make<decltype(&TF_LoadSessionFromSavedModel)>("TF_LoadSessionFromSavedModel")(
        session_options(), nullptr, directory.c_str(), tags, 1, graph, nullptr, status_);
    check();
    place(graph, input, output);
  }
  float* input() override { return static_cast<float*>(data_(input_)); }
  const float* run() override {
    if (output_ != nullptr) free_(output_);
    output_ = nullptr;
    run_(session_, nullptr, &input_place_, &input_, 1, &output_place_, &output_, 1, nullptr, 0, nullptr, status_);
    check();
    return static_cast<const float*>(data_(output_));
  }

 private:
  template <class Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
    if (function == nullptr) fail(name);
  }
  template <class Function>
  Function make(const char* name) {
    Function function = nullptr;
    find(function, name);
    return function;
  }
  void check() const {
    if (code_(status_) != TF_OK) fail(message_(status_));
  }
  /// As weir's plug-in sets it: everything on the calling thread.
  TF_SessionOptions* session_options() {
    static constexpr char kConfig[] =
        "\x10\x01\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x82\x01\x1a\x1a\x18SINGLE_THREADED_EXECUTOR";
    TF_SessionOptions* options = make<decltype(&TF_NewSessionOptions)>("TF_NewSessionOptions")();
    make<decltype(&TF_SetConfig)>("TF_SetConfig")(options, kConfig, sizeof kConfig - 1, status_);
    check();
    return options;
  }
  void place(TF_Graph* graph, const std::string& input, const std::string& output) {
    input_place_ = {operation_(graph, input.c_str()), 0};
    output_place_ = {operation_(graph, output.c_str()), 0};
    if (input_place_.oper == nullptr || output_place_.oper == nullptr) fail("the graph lacks an input or output");
    const std::int64_t shape[] = {static_cast<std::int64_t>(batch_), kFeatures};
    input_ = allocate_(TF_FLOAT, shape, 2, batch_ * kFeatures * sizeof(float));
  }

  std::size_t batch_;
  void* library_ = nullptr;
  TF_Status* status_ = nullptr;
  TF_Session* session_ = nullptr;  // lives as long as the process, like the graph
  TF_Output input_place_{};
  TF_Output output_place_{};
  TF_Tensor* input_ = nullptr;
  TF_Tensor* output_ = nullptr;
  decltype(&TF_NewStatus) new_status_ = nullptr;
  decltype(&TF_GetCode) code_ = nullptr;
  decltype(&TF_Message) message_ = nullptr;
  decltype(&TF_SessionRun) run_ = nullptr;
  decltype(&TF_AllocateTensor) allocate_ = nullptr;
  decltype(&TF_DeleteTensor) free_ = nullptr;
  decltype(&TF_TensorData) data_ = nullptr;
  decltype(&TF_GraphOperationByName) operation_ = nullptr;
};

}  // namespace

std::unique_ptr<BareModel> bare_onnx(const std::string& library, const std::string& file, std::size_t batch) {
  return std::make_unique<BareOnnx>(library, file, batch);
}

std::unique_ptr<BareModel> bare_frozen(const std::string& library, const std::string& file, std::size_t batch) {
  auto model = std::make_unique<BareTensorFlow>(library, batch);
  model->load_frozen(file);
  return model;
}

std::unique_ptr<BareModel> bare_saved(const std::string& library, const std::string& directory,
                                      const std::string& input, const std::string& output, std::size_t batch) {
  auto model = std::make_unique<BareTensorFlow>(library, batch);
  model->load_saved(directory, input, output);
  return model;
}

std::uint64_t runtime_fingerprint(double score) noexcept {
  return static_cast<std::uint64_t>(std::llround(score * 64) + (1 << 20));
}

Measured bare_copies_limit(std::uint64_t records, std::span<const Sample> samples, BareModel& model,
                           std::size_t copies) {
  std::uint64_t checksum = 0;
  std::size_t next = 0;
  const double start = now_seconds();
  for (std::uint64_t done = 0; done < records; ++done) {
    float* input = model.input();
    const Sample& sample = samples[next];
    if (++next == samples.size()) next = 0;
    for (std::size_t i = 0; i < kFeatures; ++i) input[i] = static_cast<float>(sample.features[i]);
    for (std::size_t copy = 1; copy < copies; ++copy)
      std::memcpy(input + copy * kFeatures, input, kFeatures * sizeof(float));
    checksum += runtime_fingerprint(static_cast<double>(model.run()[0]));
  }
  return {records, now_seconds() - start, checksum};
}

Measured bare_scoring_limit(std::uint64_t records, std::span<const Sample> samples, BareModel& model,
                            std::size_t batch) {
  std::uint64_t checksum = 0;
  std::size_t next = 0;
  const double start = now_seconds();
  for (std::uint64_t done = 0; done < records; done += batch) {
    float* input = model.input();
    for (std::size_t row = 0; row < batch; ++row) {
      const Sample& sample = samples[next];
      if (++next == samples.size()) next = 0;
      for (const double feature : sample.features) *input++ = static_cast<float>(feature);
    }
    const float* scores = model.run();
    for (std::size_t row = 0; row < batch; ++row) checksum += runtime_fingerprint(static_cast<double>(scores[row]));
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace weir::bench
