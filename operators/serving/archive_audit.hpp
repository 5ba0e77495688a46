#pragma once
/// ArchiveAuditor: the archives' part of GET /v1/audit/{key}, on the job's executor.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/job_control.hpp>
#include <weir/replay.hpp>

namespace weir::serving {

/// What archives say of a record.
struct ArchivesAnswer {
  std::string json;       ///< `[{"topic", "records", "complete"}, ...]`
  bool is_found = false;  ///< in any of them
};

/// Thread: all methods from any thread.
class ArchiveAuditor : public std::enable_shared_from_this<ArchiveAuditor> {
 public:
  static constexpr int kMostAtOnce = 8;                                  ///< further ones are answered with 429
  static constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;  ///< of each archive, back from its end

  /// Looks into the archives of the job and calls `done`, later and on another thread; at once when it cannot, or when
  /// the job has no directory and so no archives. Models are loaded by the first of `runtimes` that knows their type.
  void ask(JobControl& control, ArchiveQuestion question, std::vector<ModelRuntimes> runtimes,
           std::function<void(Result<ArchivesAnswer>)> done);

 private:
  std::atomic<int> running_{0};
};

}  // namespace weir::serving
