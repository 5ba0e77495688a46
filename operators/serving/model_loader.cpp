#include <weir/serving/model_loader.hpp>

#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <utility>

#include <weir/blob_store.hpp>

#include "operators/serving/model_file.hpp"

namespace weir::serving {
namespace {

Result<SharedBytes> fetch(const LoaderConfig& config, const LoadRequest& request) {
  if (request.bytes) return request.bytes;
  if (request.digest != ModelDigest{}) {
    if (!config.blobs)
      return Status::data_loss("the bytes of model " + to_hex(request.digest) +
                               " were not kept: the job has no directory");
    WEIR_ASSIGN_OR_RETURN(std::string bytes, config.blobs->get(to_hex(request.digest)));
    return std::make_shared<const std::string>(std::move(bytes));
  }
  WEIR_ASSIGN_OR_RETURN(std::string bytes,
                        read_model_file(request.record.location, config.directories, config.limits.max_bytes));
  if (bytes.empty()) return Status::invalid_argument("'" + request.record.location + "' is empty");
  return std::make_shared<const std::string>(std::move(bytes));
}

/// Rows for a scorer, owned.
struct Rows {
  Rows(const FeatureSchema& features, std::span<const Field> outputs, std::size_t rows)
      : numbers(rows * features.number_columns(), std::numeric_limits<double>::quiet_NaN()),
        texts(rows * features.text_columns()),
        failed(rows, 0) {
    std::size_t number_outputs = 0;
    for (const Field& output : outputs) number_outputs += output.type == FieldType::kNumber ? 1 : 0;
    out_numbers.resize(rows * number_outputs);
    out_texts.resize(rows * (outputs.size() - number_outputs));
    in = {rows, numbers.data(), features.number_columns(), texts.data(), features.text_columns()};
    out = {out_numbers.data(), out_texts.data(), failed.data()};
  }
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<unsigned char> failed;
  std::vector<double> out_numbers;
  std::vector<std::string> out_texts;
  FeatureRows in;
  ScoreRows out;
};

bool matches(double expected, double actual, double tolerance) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  return std::abs(actual - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

std::string describe(const NamedValue& value) {
  if (const double* number = std::get_if<double>(&value.value)) return value.name + " = " + std::to_string(*number);
  return value.name + " = '" + std::get<std::string>(value.value) + "'";
}

/// One case of the descriptor: the model must answer what is expected.
Status verify_case(const LoaderConfig& config, const Model& model, const VerificationCase& expected) {
  std::vector<std::string> names;
  for (const NamedValue& value : expected.expected) names.push_back(value.name);
  if (names.empty()) return Status::invalid_argument("expects nothing");
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const Scorer> scorer, model.bind(config.features, names));
  Rows rows(config.features, scorer->outputs(), 1);
  for (const NamedValue& input : expected.inputs) {
    const Field* field = config.features.find(input.name);
    if (field == nullptr) continue;  // the model may know inputs the job has not
    const auto column = static_cast<std::size_t>(config.features.column(input.name));
    const double* number = std::get_if<double>(&input.value);
    if ((field->type == FieldType::kNumber) != (number != nullptr)) {
      return Status::invalid_argument("input '" + input.name + "' is a " + std::string(to_string(field->type)) +
                                      " feature");
    }
    if (number != nullptr) {
      rows.numbers[column] = *number;
    } else {
      rows.texts[column] = std::get<std::string>(input.value);
    }
  }
  ScoreErrors errors;
  ScoreScratch scratch;
  scorer->score(rows.in, rows.out, errors, scratch);
  if (rows.failed[0] != 0) {
    return Status::invalid_argument("scoring failed" +
                                    (errors.entries().empty() ? "" : ": " + errors.entries()[0].message));
  }
  std::size_t number_output = 0;
  std::size_t text_output = 0;
  for (std::size_t i = 0; i < expected.expected.size(); ++i) {
    const NamedValue& value = expected.expected[i];
    const bool is_number = scorer->outputs()[i].type == FieldType::kNumber;
    NamedValue actual{value.name, 0.0};
    if (is_number) {
      actual.value = rows.out_numbers[number_output++];
    } else {
      actual.value = rows.out_texts[text_output++];
    }
    if (actual.value.index() != value.value.index()) {
      return Status::invalid_argument("output '" + value.name + "' is a " +
                                      std::string(to_string(scorer->outputs()[i].type)));
    }
    const bool same = is_number
                          ? matches(std::get<double>(value.value), std::get<double>(actual.value), expected.tolerance)
                          : value.value == actual.value;
    if (!same) return Status::invalid_argument("expected " + describe(value) + ", got " + describe(actual));
  }
  return {};
}

Status verify(const LoaderConfig& config, const LoadRequest& request, const Model& model) {
  const auto& cases = request.record.verification;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Status status = verify_case(config, model, cases[i]);
    if (!status.is_ok()) {
      return status.with_context("verification case " + std::to_string(i + 1) + " of " + std::to_string(cases.size()));
    }
  }
  return {};
}

/// Errors are of no interest: all inputs are missing.
void warm_up(const LoaderConfig& config, const Scorer& scorer) {
  if (config.warm_up_rows == 0) return;
  Rows rows(config.features, scorer.outputs(), config.warm_up_rows);
  for (double& number : rows.numbers) number = 0;
  for (std::string_view& text : rows.texts) text = "";
  ScoreErrors errors;
  ScoreScratch scratch;
  scorer.score(rows.in, rows.out, errors, scratch);
}

Status check_bytes(const LoaderConfig& config, const LoadRequest& request, const LoadResult& result) {
  if (result.bytes->size() > config.limits.max_bytes) {
    return Status::resource_exhausted(std::to_string(result.bytes->size()) + " bytes, the limit is " +
                                      std::to_string(config.limits.max_bytes));
  }
  const std::string& declared = request.record.sha256;
  if (!declared.empty() && (declared.size() != result.digest.size() ||
                            std::memcmp(declared.data(), result.digest.data(), declared.size()) != 0)) {
    return Status::data_loss("the bytes have SHA-256 " + to_hex(result.digest) + ", not the one declared");
  }
  return {};
}

Status load(const LoaderConfig& config, const LoadRequest& request, const OnStage& on_stage, LoadResult& result) {
  const auto enter = [&](ModelState stage) {
    if (on_stage) on_stage(stage);
  };
  enter(ModelState::kLoading);
  WEIR_ASSIGN_OR_RETURN(result.bytes, fetch(config, request));
  result.digest = sha256(*result.bytes);
  WEIR_RETURN_IF_ERROR(check_bytes(config, request, result));
  if (!config.signature_keys.empty())
    WEIR_RETURN_IF_ERROR(verify_model_signature(request.record, result.digest, config.signature_keys));
  const ModelRuntime* runtime = config.runtimes.find(request.record.type);
  if (runtime == nullptr) {
    return Status::unimplemented("no runtime for type '" + request.record.type +
                                 "' (there are: " + config.runtimes.types() + ")");
  }
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model,
                        runtime->load_with(*result.bytes, request.record.options, config.limits));
  if (model->memory_bytes() > config.limits.max_memory_bytes) {
    return Status::resource_exhausted("takes " + std::to_string(model->memory_bytes()) +
                                      " bytes of memory, the limit is " +
                                      std::to_string(config.limits.max_memory_bytes));
  }
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Scorer> scorer, model->bind(config.features, config.outputs));
  enter(ModelState::kVerifying);
  WEIR_RETURN_IF_ERROR(verify(config, request, *model));
  enter(ModelState::kWarming);
  warm_up(config, *scorer);
  if (config.blobs) {
    const Result<std::string> address = config.blobs->put(*result.bytes);
    if (!address.is_ok()) return address.status().with_context("keep the model's bytes");
    result.in_blob_store = true;
  }
  result.memory_bytes = model->memory_bytes();
  result.scorer = std::move(scorer);
  result.model = std::move(model);
  return {};
}

}  // namespace

LoadResult load_model(const LoaderConfig& config, const LoadRequest& request, const OnStage& on_stage) {
  LoadResult result;
  result.id = request.id;
  try {
    result.status = load(config, request, on_stage, result);
  } catch (const std::exception& error) {  // a user's runtime, or no memory
    result.status = Status::internal(std::string("the runtime threw: ") + error.what());
  } catch (...) {
    result.status = Status::internal("the runtime threw something that is no std::exception");
  }
  if (!result.status.is_ok()) {
    result.scorer = nullptr;
    result.model = nullptr;
  }
  return result;
}

ModelLoader::ModelLoader(std::shared_ptr<const LoaderConfig> config, Executor& executor, std::function<void()> waker)
    : config_(std::move(config)), executor_(executor), waker_(std::move(waker)) {}

void ModelLoader::request(LoadRequest request) {
  stages_.emplace(request.id, ModelState::kReceived);
  waiting_.push_back(std::make_shared<LoadRequest>(std::move(request)));
}

bool ModelLoader::pump() {
  while (!waiting_.empty() && running_ < config_->max_loads) {
    const std::shared_ptr<LoadRequest> request = waiting_.front();
    auto job = [config = config_, request, mailbox = mailbox_, waker = waker_] {
      LoadResult result = load_model(*config, *request, [&](ModelState stage) {
        {
          const std::lock_guard lock(mailbox->mutex);
          mailbox->news.entered.push_back({request->id, stage});
        }
        waker();
      });
      {
        const std::lock_guard lock(mailbox->mutex);
        mailbox->news.finished.push_back(std::move(result));
      }
      waker();
    };
    const Status submitted = executor_.submit("load model '" + request->record.name + "'", std::move(job));
    if (submitted.code() == StatusCode::kCancelled) return false;  // the job stops: nothing will be loaded any more
    if (!submitted.is_ok()) return running_ == 0;
    waiting_.pop_front();
    ++running_;
  }
  return false;
}

ModelLoader::News ModelLoader::take_news() {
  News news;
  {
    const std::lock_guard lock(mailbox_->mutex);
    std::swap(news, mailbox_->news);
  }
  for (const StageEntered& entered : news.entered) stages_[entered.id] = entered.stage;
  for (const LoadResult& result : news.finished) stages_.erase(result.id);
  running_ -= news.finished.size();
  return news;
}

ModelState ModelLoader::stage(std::uint64_t id) const {
  const auto found = stages_.find(id);
  return found == stages_.end() ? ModelState::kReceived : found->second;
}

void ModelLoader::dispose(std::shared_ptr<const Scorer> scorer) {
  if (scorer) free_later(std::move(scorer));
}

void ModelLoader::dispose(SharedBytes bytes) {
  constexpr std::size_t kFreedAtOnce = 64 << 10;  // without the kernel
  if (bytes && bytes->size() > kFreedAtOnce) free_later(std::move(bytes));
}

void ModelLoader::free_later(std::shared_ptr<const void> what) {
  // A full executor does not matter: then it is freed here and now.
  executor_.submit("free a model", [what = std::move(what)]() mutable { what.reset(); })
      .ignore("it is freed either way");
}

}  // namespace weir::serving
