#pragma once
/// ModelLoader: fetches, checks, loads, verifies and warms models on the job's executor, off the workers.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <weir/executor.hpp>
#include <weir/model.hpp>
#include <weir/model_record.hpp>
#include <weir/serve_options.hpp>

namespace weir {
class BlobStore;
}

namespace weir::serving {

using SharedBytes = std::shared_ptr<const std::string>;

/// What every load of one operator instance has in common. Immutable while loads run.
struct LoaderConfig {
  ModelRuntimes runtimes;
  FeatureSchema features;
  std::vector<std::string> outputs;
  ModelLimits limits;
  std::vector<std::string> directories;
  std::vector<ModelPublicKey> signature_keys;  ///< empty: signatures are not looked at
  std::size_t warm_up_rows = 64;
  std::size_t max_loads = 4;
  std::shared_ptr<BlobStore> blobs;  ///< null: bytes stay in memory
};

struct LoadRequest {
  std::uint64_t id = 0;  ///< the caller's; comes back with the result
  ModelRecord record;    ///< without its bytes
  SharedBytes bytes;     ///< null: from the blob store when `digest` says which, else from record.location
  ModelDigest digest{};  ///< of a model that was accepted before; zeros: not known
};

struct LoadResult {
  std::uint64_t id = 0;
  Status status;
  ModelDigest digest{};  ///< zeros when the bytes could not be read
  SharedBytes bytes;
  bool in_blob_store = false;
  std::uint64_t memory_bytes = 0;        ///< of the model
  std::shared_ptr<const Scorer> scorer;  ///< set exactly when status is OK
  std::shared_ptr<const Model> model;    ///< what the scorer was made of; the same
};

/// Told when a load enters kLoading, kVerifying, kWarming; on the thread that loads.
using OnStage = std::function<void(ModelState)>;

/// One load from beginning to end, on the calling thread. `on_stage` may be empty.
LoadResult load_model(const LoaderConfig& config, const LoadRequest& request, const OnStage& on_stage);

/// Thread: the task's, but for the jobs it submits, which share nothing with it but a locked mailbox.
class ModelLoader {
 public:
  ModelLoader(std::shared_ptr<const LoaderConfig> config, Executor& executor, std::function<void()> waker);

  /// Starts at once or when its turn comes.
  void request(LoadRequest request);
  /// Starts what waits, as far as max_loads and the executor allow. Call often. True when the executor was full and no
  /// load is running, so that nothing would call again.
  bool pump();
  struct StageEntered {
    std::uint64_t id = 0;
    ModelState stage = ModelState::kReceived;
  };
  struct News {
    std::vector<StageEntered> entered;  ///< in the order of each load
    std::vector<LoadResult> finished;   ///< in no particular order; their stages have been told
  };
  /// What has happened since the last call.
  News take_news();
  /// Loads asked for and not yet taken.
  [[nodiscard]] std::size_t unfinished() const noexcept { return stages_.size(); }
  /// Where a load is, as of the news taken: kReceived until it starts.
  [[nodiscard]] ModelState stage(std::uint64_t id) const;
  [[nodiscard]] const std::shared_ptr<const LoaderConfig>& config() const noexcept { return config_; }
  /// Lets go of a model, or of a model's bytes, on the executor: freeing large ones takes milliseconds. May be null.
  void dispose(std::shared_ptr<const Scorer> scorer);
  void dispose(SharedBytes bytes);

 private:
  struct Mailbox {
    std::mutex mutex;
    News news;  // guarded by mutex
  };
  void free_later(std::shared_ptr<const void> what);

  std::shared_ptr<const LoaderConfig> config_;
  Executor& executor_;
  std::function<void()> waker_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::deque<std::shared_ptr<LoadRequest>> waiting_;
  std::unordered_map<std::uint64_t, ModelState> stages_;
  std::size_t running_ = 0;
};

}  // namespace weir::serving
