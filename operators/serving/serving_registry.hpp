#pragma once
/// The serving operators of a job, and how HTTP asks all their tasks at once.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <weir/http.hpp>
#include <weir/job_control.hpp>
#include <weir/result.hpp>
#include <weir/serving/serving_view.hpp>

namespace weir::serving {

/// The serving operators of one job. The first to register carries the routes for all. Thread: any.
class ServingRegistry {
 public:
  static std::shared_ptr<ServingRegistry> of(const JobControl& control);

  /// True when `uid` is the one that carries the routes.
  bool add(const std::string& uid);
  /// All, or the one asked for by `?uid=`.
  [[nodiscard]] Result<std::vector<std::string>> chosen(const HttpRequest& request) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> uids_;  // guarded by mutex_
};

/// What one task answered.
template <class Answer>
struct TaskAnswer {
  std::string uid;
  Status status;
  Answer answer{};
  bool is_complete = true;
};

/// The worst failure that is not "unknown here"; OK when every task answered or did not know.
template <class Answer>
Status failure_of(const std::vector<TaskAnswer<Answer>>& answers) {
  for (const auto& one : answers)
    if (!one.status.is_ok() && one.status.code() != StatusCode::kNotFound) return one.status;
  return {};
}

/// Calls `ask` for every task of the operators, on its thread between two batches: it must be short and fill in status,
/// answer and is_complete. Then calls `finish` once with all answers, in the order of `uids` and tasks, on the thread
/// of the last one.
template <class Answer>
void ask_all(JobControl& control, const std::vector<std::string>& uids,
             std::function<void(ServingView&, TaskAnswer<Answer>&)> ask,
             std::function<void(std::vector<TaskAnswer<Answer>>&)> finish) {
  struct Collection {
    std::mutex mutex;
    std::vector<TaskAnswer<Answer>> answers;  // each written by one task alone
    std::size_t open = 0;                     // guarded by mutex
    std::function<void(ServingView&, TaskAnswer<Answer>&)> ask;
    std::function<void(std::vector<TaskAnswer<Answer>>&)> finish;

    void done() {
      {
        const std::lock_guard lock(mutex);
        if (--open != 0) return;
      }
      finish(answers);
    }
  };
  const auto collection = std::make_shared<Collection>();
  std::vector<std::uint32_t> tasks;
  for (const std::string& uid : uids) {
    for (std::uint32_t task = 0; task < std::max<std::uint32_t>(control.parallelism_of(uid), 1); ++task) {
      collection->answers.push_back({uid, Status{}, {}, true});
      tasks.push_back(task);
    }
  }
  collection->open = tasks.size();
  collection->ask = std::move(ask);
  collection->finish = std::move(finish);
  for (std::size_t index = 0; index < tasks.size(); ++index) {
    control.visit(
        collection->answers[index].uid, tasks[index],
        [collection, index](Operator& visited) {
          TaskAnswer<Answer>& answer = collection->answers[index];
          if (auto* view = dynamic_cast<ServingView*>(&visited)) {
            collection->ask(*view, answer);
          } else {
            answer.status = Status::internal("operator '" + answer.uid + "' serves no models");
          }
          collection->done();
        },
        [collection, index](Status refused) {
          collection->answers[index].status = std::move(refused);
          collection->done();
        });
  }
}

}  // namespace weir::serving
