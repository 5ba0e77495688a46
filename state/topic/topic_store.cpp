#include <algorithm>
#include <charconv>
#include <filesystem>

#include "state/filesystem.hpp"
#include "state/rocksdb_border.hpp"
#include "state/topic/open_stores.hpp"
#include "state/topic/topic_core.hpp"

namespace weir {
namespace topics {
namespace {

class Store final : public TopicStore, public std::enable_shared_from_this<Store> {
 public:
  static Result<std::unique_ptr<Store>> open(const std::string& directory, const TopicStoreOptions& options) {
    if (options.max_record_bytes == 0 || options.max_record_bytes > std::size_t{1} << 30)
      return Status::invalid_argument("open a topic store: max_record_bytes is " +
                                      std::to_string(options.max_record_bytes) + ", it must be 1 to 1 GiB");
    std::unique_ptr<Store> store(new Store(directory, options));
    WEIR_ASSIGN_OR_RETURN(store->database_, TopicDatabase::open(directory));
    store->writer_ = std::make_unique<TopicWriter>(store->database_->db(), options.max_waiting_bytes);
    WEIR_RETURN_IF_ERROR(store->load().with_context("open the topic store '" + directory + "'"));
    return store;
  }
  ~Store() override { writer_.reset(); }  // writes what waits, of topics that are still there
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Result<std::shared_ptr<Topic>> topic(const std::string& name, std::optional<TopicOptions> options) override {
    if (std::string fault = topic_name_fault(name); !fault.empty()) return Status::invalid_argument(std::move(fault));
    const std::lock_guard lock(mutex_);
    auto found = topics_.find(name);
    if (found == topics_.end()) {
      if (topics_.size() >= options_.max_topics)
        return Status::resource_exhausted("make topic '" + name + "': there are " + std::to_string(topics_.size()) +
                                          ", the limit");
      WEIR_ASSIGN_OR_RETURN(std::unique_ptr<TopicCore> made, make(name));
      found = topics_.emplace(name, std::move(made)).first;
    }
    if (options) found->second->configure(*options);
    return std::shared_ptr<Topic>(shared_from_this(), found->second.get());
  }
  [[nodiscard]] std::vector<std::string> topics() const override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, core] : topics_) names.push_back(name);
    return names;
  }
  [[nodiscard]] const std::string& directory() const noexcept override { return directory_; }

 private:
  Store(std::string directory, const TopicStoreOptions& options)
      : directory_(std::move(directory)), options_(options) {}

  [[nodiscard]] TopicCore::Shared shared() const {
    return {*database_, *writer_, options_.clock != nullptr ? *options_.clock : system_clock(),
            options_.max_record_bytes};
  }

  Status load() {
    const std::unique_ptr<rocksdb::Iterator> row(
        database_->db().NewIterator(rocksdb::ReadOptions(), database_->facts()));
    const std::string prefix = topic_key("");
    for (row->Seek(prefix); row->Valid() && view_of(row->key()).starts_with(prefix); row->Next()) {
      const std::string name(view_of(row->key()).substr(prefix.size()));
      WEIR_ASSIGN_OR_RETURN(TopicRow facts, read_topic_row(view_of(row->value())));
      next_id_ = std::max(next_id_, facts.id + 1);
      auto core = std::make_unique<TopicCore>(shared(), name, std::move(facts));
      WEIR_RETURN_IF_ERROR(core->load());
      topics_.emplace(name, std::move(core));
    }
    return from_rocksdb("read the list of topics", row->status());
  }

  Result<std::unique_ptr<TopicCore>> make(const std::string& name) {
    TopicRow row;
    row.id = next_id_++;
    WEIR_RETURN_IF_ERROR(writer_->run({.fill =
                                           [&](rocksdb::WriteBatch& batch) {
                                             batch.Put(database_->facts(), topic_key(name), encode(row));
                                             return Status::ok();
                                           },
                                       .written = nullptr,
                                       .done = nullptr}));
    return std::make_unique<TopicCore>(shared(), name, row);
  }

  const std::string directory_;
  const TopicStoreOptions options_;
  std::unique_ptr<TopicDatabase> database_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, std::unique_ptr<TopicCore>> topics_;
  std::uint32_t next_id_ = 1;
  std::unique_ptr<TopicWriter> writer_;
};

// The stores this process has open, by canonical directory. A store is closed under the mutex: who opens the directory
// meanwhile waits for that.
struct OpenStores {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<TopicStore>> stores;  // guarded by mutex
};
OpenStores& open_stores() {
  static auto* const stores = new OpenStores;  // never destroyed: stores may be closed while the process ends
  return *stores;
}

}  // namespace

std::shared_ptr<TopicStore> store_open_here(const std::string& directory) {
  std::error_code error;
  const std::string canonical = std::filesystem::canonical(directory, error);
  if (error) return nullptr;
  OpenStores& all = open_stores();
  const std::lock_guard lock(all.mutex);
  const auto found = all.stores.find(canonical);
  return found == all.stores.end() ? nullptr : found->second.lock();
}

}  // namespace topics

std::string topic_name_fault(std::string_view name) {
  static constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (!name.empty() && name.size() <= 128 && name.find_first_not_of(kAllowed) == std::string_view::npos) return {};
  return "topic '" + std::string(name.substr(0, 128)) + "': a name has 1 to 128 letters, digits, '-', '_' and '.'";
}

Result<std::shared_ptr<TopicStore>> TopicStore::open(const std::string& directory, TopicStoreOptions options) {
  if (directory.empty()) return Status::invalid_argument("open a topic store: it needs a directory");
  WEIR_RETURN_IF_ERROR(real_filesystem().make_directories(directory));
  std::error_code error;
  const std::string canonical = std::filesystem::canonical(directory, error);
  if (error) return Status::io_error("open the topic store '" + directory + "': " + error.message());
  topics::OpenStores& all = topics::open_stores();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.stores.find(canonical); found != all.stores.end())
    if (std::shared_ptr<TopicStore> store = found->second.lock()) return store;
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<topics::Store> opened, topics::Store::open(directory, options));
  std::shared_ptr<topics::Store> store(opened.release(), [canonical](topics::Store* closing) {
    topics::OpenStores& stores = topics::open_stores();
    const std::lock_guard closing_lock(stores.mutex);
    delete closing;
    const auto entry = stores.stores.find(canonical);
    if (entry != stores.stores.end() && entry->second.expired()) stores.stores.erase(entry);
  });
  all.stores[canonical] = store;
  return std::shared_ptr<TopicStore>(std::move(store));
}

Result<std::shared_ptr<TopicStore>> TopicStore::in_memory(TopicStoreOptions options) {
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<topics::Store> opened, topics::Store::open("", options));
  return std::shared_ptr<TopicStore>(std::shared_ptr<topics::Store>(std::move(opened)));
}

std::vector<std::uint64_t> retained_checkpoints(const std::string& job_directory) {
  std::vector<std::uint64_t> ids;
  std::error_code error;
  std::filesystem::directory_iterator entries(job_directory + "/checkpoints", error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    static constexpr std::string_view kPrefix = "chk-";
    std::uint64_t id = 0;
    if (!name.starts_with(kPrefix)) continue;
    const auto [end, fault] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), id);
    if (fault == std::errc{} && end == name.data() + name.size()) ids.push_back(id);
  }
  return ids;
}

}  // namespace weir
