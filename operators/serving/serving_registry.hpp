#pragma once
/// The serving operators of a job, and how HTTP asks all their tasks at once.

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
#include <weir/state_listing.hpp>

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

/// The answers of all tasks of some operators on their way. Each is written by one thread, which then says done().
template <class Answer>
class AnswerCollection {
 public:
  /// `finish` is called once, by the last done().
  AnswerCollection(const JobControl& control, const std::vector<std::string>& uids,
                   std::function<void(std::vector<TaskAnswer<Answer>>&)> finish)
      : finish_(std::move(finish)) {
    for (const std::string& uid : uids) {
      for (std::uint32_t task = 0; task < std::max<std::uint32_t>(control.parallelism_of(uid), 1); ++task) {
        answers_.push_back({uid, Status{}, {}, true});
        tasks_.push_back(task);
      }
    }
    open_ = tasks_.size();
  }

  /// Calls `ask(index, uid, task)` for each.
  template <class Ask>
  void for_each(Ask&& ask) {
    for (std::size_t index = 0; index < tasks_.size(); ++index)
      ask(index, std::string(answers_[index].uid), tasks_[index]);
  }
  [[nodiscard]] TaskAnswer<Answer>& at(std::size_t index) noexcept { return answers_[index]; }
  void done() {
    {
      const std::lock_guard lock(mutex_);
      if (--open_ != 0) return;
    }
    finish_(answers_);
  }

 private:
  std::vector<TaskAnswer<Answer>> answers_;
  std::vector<std::uint32_t> tasks_;
  std::function<void(std::vector<TaskAnswer<Answer>>&)> finish_;
  std::mutex mutex_;
  std::size_t open_ = 0;  // guarded by mutex_
};

/// Calls `ask` for every task of the operators, on its thread between two batches: it must be short and fill in status,
/// answer and is_complete. Then calls `finish` once with all answers, in the order of `uids` and tasks, on the thread
/// of the last one.
template <class Answer>
void ask_all(JobControl& control, const std::vector<std::string>& uids,
             std::function<void(ServingView&, TaskAnswer<Answer>&)> ask,
             std::function<void(std::vector<TaskAnswer<Answer>>&)> finish) {
  const auto collection = std::make_shared<AnswerCollection<Answer>>(control, uids, std::move(finish));
  const auto shared_ask =
      std::make_shared<const std::function<void(ServingView&, TaskAnswer<Answer>&)>>(std::move(ask));
  collection->for_each([&](std::size_t index, const std::string& uid, std::uint32_t task) {
    control.visit(
        uid, task,
        [collection, shared_ask, index](Operator& visited) {
          TaskAnswer<Answer>& answer = collection->at(index);
          if (auto* view = dynamic_cast<ServingView*>(&visited)) {
            (*shared_ask)(*view, answer);
          } else {
            answer.status = Status::internal("operator '" + answer.uid + "' serves no models");
          }
          collection->done();
        },
        [collection, index](Status refused) {
          collection->at(index).status = std::move(refused);
          collection->done();
        });
  });
}

/// Lists the models of each task's keys that the query asks for, records waiting for none of it; then calls `finish`
/// once, on the thread of the last answer, with `[{"key","value"},…]` of each task.
void list_all_models(JobControl& control, const std::vector<std::string>& uids, const PageQuery& query,
                     std::function<void(std::vector<TaskAnswer<std::string>>&)> finish);

}  // namespace weir::serving
