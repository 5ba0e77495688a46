#include "operators/inference/inference_service.hpp"

#include <exception>
#include <string>
#include <utility>

namespace weir::inference {

class InferenceService::CountedTicket final : public InferenceTicket {
 public:
  CountedTicket(std::shared_ptr<Load> load, std::size_t bytes) : load_(std::move(load)), bytes_(bytes) {}
  ~CountedTicket() override {
    const std::lock_guard lock(load_->mutex);
    --load_->requests;
    load_->bytes -= bytes_;
  }
  CountedTicket(const CountedTicket&) = delete;
  CountedTicket& operator=(const CountedTicket&) = delete;

 private:
  std::shared_ptr<Load> load_;
  std::size_t bytes_;
};

InferenceService::InferenceService(JobControl& control)
    : tools_(std::make_shared<Tools>(control)), lane_(control.executor().lane("weir-infer", kThreads)) {}

InferenceService::~InferenceService() {
  tools_->let_go_of_job();
  lane_.reset();
}

std::shared_ptr<InferenceTicket> InferenceService::admit(std::size_t bytes) {
  const std::lock_guard lock(load_->mutex);
  if (load_->requests >= kMaxRequests || bytes > kMaxRequestBytes - load_->bytes) return nullptr;
  ++load_->requests;
  load_->bytes += bytes;
  return std::make_shared<CountedTicket>(load_, bytes);
}

void InferenceService::run(const std::shared_ptr<InferenceTicket>& ticket, const HttpReply& reply,
                           std::function<void()> work) {
  const Status submitted = lane_->submit("infer", [ticket, reply, work = std::move(work)] {
    try {
      work();
    } catch (const std::exception& thrown) {  // a user's model runtime, or no memory
      reply(HttpResponse::error(Status::internal(std::string("infer: ") + thrown.what())));
    } catch (...) {
      reply(HttpResponse::error(Status::internal("infer: the model threw something that is no std::exception")));
    }
  });
  if (!submitted.is_ok()) reply(HttpResponse::error(Status::unavailable(submitted.message())));
}

void InferenceService::Tools::count(const serving::ServedModel& served, std::size_t rows, bool is_good,
                                    std::int64_t elapsed_ns) {
  const std::vector<std::pair<std::string, std::string>> labels = {
      {"key", served.key}, {"model", served.name}, {"version", std::to_string(served.version)}};
  const std::lock_guard lock(mutex_);
  if (control_ == nullptr) return;
  const auto add = [&](std::string_view name, std::string help, std::int64_t amount) {
    control_->metric(served.uid, name, {std::move(help), labels}).add(amount);
  };
  add("http_inferences_total", "inferences over HTTP that a model version was asked for", 1);
  if (is_good) {
    add("http_inference_rows_total", "rows that a model version scored over HTTP", static_cast<std::int64_t>(rows));
    add("http_inference_ns_total", "time of scoring them, in nanoseconds", elapsed_ns);
  } else {
    add("http_inference_errors_total", "inferences over HTTP that a model version refused or could not answer", 1);
  }
}

void InferenceService::Tools::let_go_of_job() {
  const std::lock_guard lock(mutex_);
  control_ = nullptr;
}

}  // namespace weir::inference
