#include "state/checkpoint_store.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include "state/checkpoint_directory.hpp"
#include "state/database.hpp"
#include "state/directory_lock.hpp"
#include "state/filesystem.hpp"

namespace weir {
namespace {

StateDescriptor descriptor_of(const proto::ManifestState& state) {
  return {state.uid(),        state.name(),         static_cast<StateDescriptor::Kind>(state.kind()),
          state.key_schema(), state.value_schema(), state.queryable()};
}

RestoredJob restored_from(const proto::Manifest& manifest) {
  RestoredJob job;
  job.checkpoint_id = manifest.checkpoint_id();
  job.max_parallelism = manifest.max_parallelism();
  std::set<std::string> seen;
  for (const proto::ManifestTask& task : manifest.tasks()) {
    RestoredOperator& restored = job.operators[task.uid()];
    const Timestamp watermark{Duration(task.watermark_us())};
    restored.watermark = seen.insert(task.uid()).second ? watermark : std::min(restored.watermark, watermark);
    restored.parallelism = task.parallelism();
    restored.records_out += task.records_out();
    for (const proto::ManifestEntry& entry : task.entries()) restored.entries.emplace_back(entry.name(), entry.value());
    restored.committables.insert(restored.committables.end(), task.committables().begin(), task.committables().end());
  }
  for (const proto::ManifestState& state : manifest.states())
    job.operators[state.uid()].states.push_back(descriptor_of(state));
  return job;
}

Status check_schema(const StateDescriptor& wanted, const StateDescriptor& stored) {
  if (wanted.schema() == stored.schema()) return {};
  return Status::failed_precondition(wanted.label() + ": the checkpoint stores '" + stored.schema() +
                                     "', but the pipeline declares '" + wanted.schema() + "'");
}

}  // namespace

class CheckpointStore::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        files_(options_.filesystem != nullptr ? *options_.filesystem : real_filesystem()),
        checkpoints_(options_.checkpoint.directory + "/checkpoints", files_) {}

  Status open();
  Result<CheckpointInfo> write(CheckpointContent&& content);

  const Options options_;
  Filesystem& files_;
  CheckpointDirectory checkpoints_;
  std::optional<DirectoryLock> lock_;
  std::shared_ptr<Database> database_;
  std::optional<RestoredJob> restored_;
  std::vector<std::string> notes_;
  bool families_changed_ = false;  // since the last checkpoint
  Status failure_;                 // of write(): the live database may hold what no checkpoint does

  mutable std::mutex mutex_;
  std::vector<CheckpointInfo> complete_;  // guarded by mutex_; oldest first

 private:
  Status find_newest();
  Status write_steps(const CheckpointContent& content, proto::Manifest& manifest);
  Status add_states(const CheckpointContent& content);
  void describe_job(const CheckpointContent& content, proto::Manifest& manifest) const;
  void retire_old();

  proto::Manifest newest_;  // of the newest complete checkpoint; checkpoint_id 0: none yet
};

Status CheckpointStore::Impl::open() {
  const std::string& directory = options_.checkpoint.directory;
  if (directory.empty()) return Status::invalid_argument("open a checkpoint store: no directory is given");
  if (options_.checkpoint.retained == 0)
    return Status::invalid_argument("open a checkpoint store: at least one checkpoint must be retained");
  WEIR_RETURN_IF_ERROR(files_.make_directories(directory));
  WEIR_ASSIGN_OR_RETURN(DirectoryLock lock, DirectoryLock::take(directory));
  lock_.emplace(std::move(lock));

  const std::string live = directory + "/live";
  WEIR_RETURN_IF_ERROR(files_.remove_all(live));
  WEIR_RETURN_IF_ERROR(checkpoints_.prepare());
  WEIR_RETURN_IF_ERROR(files_.sync_directory(directory));
  WEIR_RETURN_IF_ERROR(find_newest());

  std::vector<StoredState> states;
  for (const proto::ManifestState& state : newest_.states())
    states.push_back({descriptor_of(state), state.column_family()});
  if (newest_.checkpoint_id() != 0) WEIR_RETURN_IF_ERROR(checkpoints_.clone_for_writing(newest_, live));
  WEIR_ASSIGN_OR_RETURN(database_, Database::open(live, std::move(states), newest_.checkpoint_id()));
  if (newest_.checkpoint_id() != 0) {
    restored_ = restored_from(newest_);
    restored_->notes = notes_;
  }
  return {};
}

Status CheckpointStore::Impl::find_newest() {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> ids, checkpoints_.ids());
  std::vector<std::uint64_t> damaged;
  std::vector<proto::Manifest> whole;  // newest first; only the first one's files are read
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    Result<proto::Manifest> manifest = checkpoints_.read_manifest(*id);
    Status status = manifest.status();
    if (status.is_ok() && whole.empty()) status = checkpoints_.verify(*manifest);
    if (status.is_ok()) {
      whole.push_back(std::move(*manifest));
    } else if (status.code() == StatusCode::kDataLoss) {
      damaged.push_back(*id);
      notes_.push_back("checkpoint " + std::to_string(*id) + " is damaged and was passed over: " + status.message());
    } else {
      return status.with_context("restore checkpoint '" + checkpoints_.path_of(*id) + "'");
    }
  }
  if (whole.empty() && !damaged.empty()) {
    std::string message = "restore '" + options_.checkpoint.directory + "': every checkpoint is damaged";
    for (const std::string& note : notes_) message += "; " + note;
    return Status::data_loss(message);
  }
  if (whole.empty()) return {};
  newest_ = std::move(whole.front());
  if (newest_.job_name() != options_.job_name)
    return Status::failed_precondition("restore '" + options_.checkpoint.directory + "': it belongs to job '" +
                                       newest_.job_name() + "', not '" + options_.job_name + "'");
  if (newest_.max_parallelism() != options_.max_parallelism)
    return Status::failed_precondition("restore '" + options_.checkpoint.directory + "': its max parallelism is " +
                                       std::to_string(newest_.max_parallelism()) + ", the pipeline's is " +
                                       std::to_string(options_.max_parallelism) +
                                       "; it is fixed for the life of the state");
  complete_.push_back(info_of(newest_, checkpoints_.path_of(newest_.checkpoint_id())));
  for (std::size_t i = 1; i < whole.size(); ++i)
    complete_.insert(complete_.begin(), info_of(whole[i], checkpoints_.path_of(whole[i].checkpoint_id())));
  for (const std::uint64_t id : damaged) WEIR_RETURN_IF_ERROR(checkpoints_.put_aside(id));
  return {};
}

Result<CheckpointInfo> CheckpointStore::Impl::write(CheckpointContent&& content) {
  const std::string what = "write checkpoint " + std::to_string(content.id);
  if (!failure_.is_ok())
    return Status::failed_precondition(what + ": an earlier one failed (" + failure_.message() + ")");
  if (content.id <= newest_.checkpoint_id())
    return Status::invalid_argument(what + ": the newest one is " + std::to_string(newest_.checkpoint_id()));
  proto::Manifest manifest;
  if (Status status = write_steps(content, manifest); !status.is_ok()) {
    failure_ = status.with_context(what);
    files_.remove_all(checkpoints_.temporary_path_of(content.id)).ignore("the next start removes it");
    return failure_;
  }
  newest_ = std::move(manifest);
  families_changed_ = false;
  database_->publish(newest_.checkpoint_id());
  CheckpointInfo info = info_of(newest_, checkpoints_.path_of(content.id));
  {
    const std::lock_guard lock(mutex_);
    complete_.push_back(info);
  }
  retire_old();
  return info;
}

Status CheckpointStore::Impl::write_steps(const CheckpointContent& content, proto::Manifest& manifest) {
  const std::int64_t start_ns = system_clock().monotonic_ns();
  const std::string temporary = checkpoints_.temporary_path_of(content.id);
  const std::string scratch = temporary + "/changes";
  WEIR_RETURN_IF_ERROR(add_states(content));
  std::vector<const StateDelta*> deltas;
  for (const OperatorSnapshot& snapshot : content.operators)
    for (const StateDelta& delta : snapshot.deltas)
      if (!delta.empty()) deltas.push_back(&delta);
  WEIR_RETURN_IF_ERROR(files_.make_directories(temporary));
  if (deltas.empty() && !families_changed_ && newest_.checkpoint_id() != 0) {
    WEIR_RETURN_IF_ERROR(checkpoints_.clone_unchanged(newest_, temporary + "/db"));
    *manifest.mutable_files() = newest_.files();
  } else {
    WEIR_RETURN_IF_ERROR(files_.make_directories(scratch));
    WEIR_RETURN_IF_ERROR(database_->ingest(deltas, scratch, files_));
    WEIR_RETURN_IF_ERROR(files_.remove_all(scratch));
    WEIR_RETURN_IF_ERROR(files_.before("clone", temporary));
    WEIR_RETURN_IF_ERROR(database_->clone(temporary + "/db", files_));
    WEIR_ASSIGN_OR_RETURN(const auto files, checkpoints_.describe(temporary + "/db", newest_));
    manifest.mutable_files()->Assign(files.begin(), files.end());
  }
  describe_job(content, manifest);
  manifest.set_completed_us(system_clock().now().time_since_epoch().count());
  manifest.set_duration_ms((system_clock().monotonic_ns() - start_ns) / 1'000'000);
  return checkpoints_.complete(manifest);
}

Status CheckpointStore::Impl::add_states(const CheckpointContent& content) {
  for (const OperatorSnapshot& snapshot : content.operators) {
    for (const StateDelta& delta : snapshot.deltas) {
      if (delta.descriptor.name.empty() && delta.empty()) continue;
      if (const auto stored = database_->find(delta.descriptor.uid, delta.descriptor.name)) {
        WEIR_RETURN_IF_ERROR(check_schema(delta.descriptor, *stored));
      } else {
        WEIR_RETURN_IF_ERROR(database_->add(delta.descriptor));
        families_changed_ = true;
      }
    }
  }
  return {};
}

void CheckpointStore::Impl::describe_job(const CheckpointContent& content, proto::Manifest& manifest) const {
  manifest.set_format_version(kManifestVersion);
  manifest.set_job_name(options_.job_name);
  manifest.set_checkpoint_id(content.id);
  manifest.set_max_parallelism(options_.max_parallelism);
  for (const StoredState& stored : database_->states()) {
    proto::ManifestState& state = *manifest.add_states();
    state.set_uid(stored.descriptor.uid);
    state.set_name(stored.descriptor.name);
    state.set_kind(stored.descriptor.kind);
    state.set_key_schema(stored.descriptor.key_schema);
    state.set_value_schema(stored.descriptor.value_schema);
    state.set_queryable(stored.descriptor.queryable);
    state.set_column_family(stored.column_family);
  }
  std::vector<const OperatorSnapshot*> tasks;
  for (const OperatorSnapshot& snapshot : content.operators) tasks.push_back(&snapshot);
  std::sort(tasks.begin(), tasks.end(), [](const OperatorSnapshot* a, const OperatorSnapshot* b) {
    return std::tie(a->uid, a->task_index) < std::tie(b->uid, b->task_index);
  });
  for (const OperatorSnapshot* snapshot : tasks) {
    proto::ManifestTask& task = *manifest.add_tasks();
    task.set_uid(snapshot->uid);
    task.set_task_index(snapshot->task_index);
    task.set_parallelism(snapshot->parallelism);
    task.set_watermark_us(snapshot->watermark.time_since_epoch().count());
    for (const auto& [name, value] : snapshot->entries) {
      proto::ManifestEntry& entry = *task.add_entries();
      entry.set_name(name);
      entry.set_value(value);
    }
    for (const std::string& committable : snapshot->committables) task.add_committables(committable);
    task.set_records_out(snapshot->records_out);
  }
}

void CheckpointStore::Impl::retire_old() {
  while (true) {
    std::uint64_t id = 0;
    {
      const std::lock_guard lock(mutex_);
      if (complete_.size() <= options_.checkpoint.retained) return;
      id = complete_.front().id;
      complete_.erase(complete_.begin());
    }
    checkpoints_.remove(id).ignore("the new checkpoint is complete; the next start tries again");
  }
}

CheckpointStore::CheckpointStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CheckpointStore::~CheckpointStore() = default;

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::open(Options options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  WEIR_RETURN_IF_ERROR(impl->open());
  return std::unique_ptr<CheckpointStore>(new CheckpointStore(std::move(impl)));
}

const std::optional<RestoredJob>& CheckpointStore::restored() const noexcept { return impl_->restored_; }
const std::string& CheckpointStore::directory() const noexcept { return impl_->options_.checkpoint.directory; }

Result<std::shared_ptr<const StateReader>> CheckpointStore::reader(const StateDescriptor& descriptor) const {
  if (const auto stored = impl_->database_->find(descriptor.uid, descriptor.name))
    WEIR_RETURN_IF_ERROR(check_schema(descriptor, *stored));
  return impl_->database_->reader(descriptor.uid, descriptor.name);
}

Status CheckpointStore::drop_operator(const std::string& uid) {
  WEIR_RETURN_IF_ERROR(impl_->database_->drop(uid));
  impl_->families_changed_ = true;
  if (impl_->restored_) impl_->restored_->operators.erase(uid);
  return {};
}

Result<CheckpointInfo> CheckpointStore::write(CheckpointContent&& content) { return impl_->write(std::move(content)); }

std::vector<CheckpointInfo> CheckpointStore::list() const {
  const std::lock_guard lock(impl_->mutex_);
  return impl_->complete_;
}

}  // namespace weir
