// How outsiders reach the state of a running job: on the task's thread for what is live, beside it for what is stored.

#include <utility>

#include "engine/job/job_impl.hpp"

namespace weir {

void Job::Impl::visit_stage(std::string_view uid, std::uint32_t task_index, std::function<void(runtime::Stage&)> visit,
                            std::function<void(Status)> refused) {
  Status refusal;
  {
    const std::shared_lock lock(attempt_mutex_);
    const JobStatus::State now = state();
    if (!attempt_.execution || (now != JobStatus::State::kRunning && now != JobStatus::State::kStopping)) {
      refusal = Status::unavailable("the job is " + std::string(to_string(now)));
    } else {
      const auto [task, stage] = attempt_.execution->find(uid, task_index);
      if (task == nullptr) {
        refusal = Status::not_found("there is no operator '" + std::string(uid) + "' with a task " +
                                    std::to_string(task_index));
      } else if (!task->post({[stage = stage, visit = std::move(visit)](runtime::Task& owner) {
                                visit(*owner.stages()[stage]);
                              },
                              refused})) {
        refusal = Status::unavailable("operator '" + std::string(uid) +
                                      "' takes no requests now: its mailbox is full or its task has ended");
      }
    }
  }
  if (!refusal.is_ok()) refused(refusal);
}

void Job::Impl::read_stage(std::string_view uid, std::uint32_t task_index,
                           std::function<std::function<void()>(const runtime::Stage&)> read,
                           const std::function<void(Status)>& refused) {
  auto work = [this, uid = std::string(uid), task_index, read = std::move(read), refused] {
    Status refusal;
    std::function<void()> then;
    {
      const std::shared_lock lock(attempt_mutex_);
      const JobStatus::State now = state();
      if (!attempt_.execution || (now != JobStatus::State::kRunning && now != JobStatus::State::kStopping)) {
        refusal = Status::unavailable("the job is " + std::string(to_string(now)));
      } else if (const auto [task, stage] = attempt_.execution->find(uid, task_index); task == nullptr) {
        refusal = Status::not_found("there is no operator '" + uid + "' with a task " + std::to_string(task_index));
      } else {
        then = read(*task->stages()[stage]);
      }
    }
    if (!refusal.is_ok()) return refused(refusal);
    then();
  };
  const Status submitted = executor_->submit("read state of operator '" + std::string(uid) + "'", std::move(work));
  if (!submitted.is_ok()) refused(Status::unavailable(submitted.message()));
}

void Job::Impl::visit(std::string_view uid, std::uint32_t task_index, std::function<void(Operator&)> visit,
                      std::function<void(Status)> refused) {
  visit_stage(
      uid, task_index, [visit = std::move(visit)](runtime::Stage& stage) { visit(*stage.op); }, std::move(refused));
}

// A listing on its way. `listing` is null until the first step.
struct Job::Impl::Listing {
  std::string uid;
  std::uint32_t task_index;
  std::string state;
  PageQuery query;
  std::function<void(Result<StatePage>)> done;
  std::unique_ptr<StateListing> listing{};

  Status step(const runtime::Stage& stage) {
    const StateTable* table = stage.state->find(state);
    if (table == nullptr) return Status::not_found("operator '" + uid + "' has no state '" + state + "'");
    if (listing == nullptr) {
      WEIR_ASSIGN_OR_RETURN(listing, table->list(query));
    }
    return table->list_step(*listing);
  }
};

void Job::Impl::list_state(std::string_view uid, std::uint32_t task_index, std::string_view state, PageQuery query,
                           std::function<void(Result<StatePage>)> done) {
  go_on(std::make_shared<Listing>(
      Listing{std::string(uid), task_index, std::string(state), std::move(query), std::move(done)}));
}

void Job::Impl::go_on(const std::shared_ptr<Listing>& listing) {
  const auto after = [this, listing](const Status& status) {
    if (!status.is_ok()) return listing->done(status);
    if (listing->listing->next() == StateListing::Place::kDone) return listing->done(listing->listing->take_page());
    go_on(listing);
  };
  const auto refused = [listing](Status refusal) { listing->done(std::move(refusal)); };
  if (listing->listing != nullptr && listing->listing->next() == StateListing::Place::kAnywhere) {
    return read_stage(
        listing->uid, listing->task_index,
        [listing, after](const runtime::Stage& stage) {
          return [after, status = listing->step(stage)] { after(status); };
        },
        refused);
  }
  visit_stage(
      listing->uid, listing->task_index, [listing, after](const runtime::Stage& stage) { after(listing->step(stage)); },
      refused);
}

}  // namespace weir
