#pragma once
/// InferenceService: answers inferences of one job on threads of its own, within bounds.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <weir/executor.hpp>
#include <weir/http.hpp>
#include <weir/job_control.hpp>
#include <weir/result.hpp>

#include "operators/inference/model_choice.hpp"
#include "operators/inference/model_shelf.hpp"

namespace weir::inference {

/// Requests and bytes of bodies that may be in work at once; beyond them a request is answered with 503.
constexpr std::size_t kMaxRequests = 64;
constexpr std::size_t kMaxRequestBytes = std::size_t{64} << 20;
constexpr std::uint32_t kThreads = 2;

/// A request that counts against the bounds as long as it lives.
class InferenceTicket {
 public:
  virtual ~InferenceTicket() = default;
};

/// Thread: any. Must not outlive the job's executor.
class InferenceService {
 public:
  explicit InferenceService(JobControl& control);
  /// Drops what waits; what does not end soon is left to itself and its reply does nothing.
  ~InferenceService();
  InferenceService(const InferenceService&) = delete;
  InferenceService& operator=(const InferenceService&) = delete;

  /// Null: too much is in work.
  std::shared_ptr<InferenceTicket> admit(std::size_t bytes);
  /// Runs `work` on one of the service's threads; it must own all it touches. Exceptions are answered with 500.
  void run(const std::shared_ptr<InferenceTicket>& ticket, const HttpReply& reply, std::function<void()> work);

  /// What work uses: shared, so that it may outlive the service.
  class Tools {
   public:
    explicit Tools(JobControl& control) : control_(&control) {}
    ModelShelf shelf;
    /// Counts an inference, beside the stream's statistics.
    void count(const serving::ServedModel& served, std::size_t rows, bool is_good, std::int64_t elapsed_ns);
    /// The job goes: nothing is counted any more.
    void let_go_of_job();

   private:
    std::mutex mutex_;     // one writer of each metric at a time
    JobControl* control_;  // guarded by mutex_
  };
  [[nodiscard]] const std::shared_ptr<Tools>& tools() const noexcept { return tools_; }

 private:
  struct Load {
    std::mutex mutex;
    std::size_t requests = 0;  // guarded by mutex
    std::size_t bytes = 0;     // guarded by mutex
  };
  class CountedTicket;

  std::shared_ptr<Tools> tools_;
  std::shared_ptr<Load> load_ = std::make_shared<Load>();
  std::unique_ptr<Executor> lane_;
};

}  // namespace weir::inference
