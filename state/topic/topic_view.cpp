// Topics read beside their writer, from copies of its database (database_copy.hpp).
//
// The writer deletes files as it likes (retention, compactions, the collection of blob files), so any read may fail: it
// is repeated with a new copy. Nothing is taken on trust: every record must be the next one and have its checksum.
// RocksDB's secondary instance, made for this, cannot read blob files (it crashes) and would rely on every file being
// kept open.

#include <weir/topic_view.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "state/rocksdb_border.hpp"
#include "state/topic/open_stores.hpp"
#include "state/topic/topic_reading.hpp"

namespace weir {
namespace topics {
namespace {

constexpr int kAttempts = 8;
constexpr std::chrono::milliseconds kPause{5};  // times the attempts made: for the writer to finish what it is at

/// Calls `attempt` until it succeeds, `kAttempts` times at most; `again` comes between two of them.
template <class Attempt, class Again>
auto persist(const Attempt& attempt, const Again& again) {
  auto result = attempt();
  for (int made = 1; !result.is_ok() && made < kAttempts; ++made) {
    std::this_thread::sleep_for(kPause * made);
    if (!again()) break;
    result = attempt();
  }
  return result;
}

/// The store of another process, or of none.
class Beside {
 public:
  explicit Beside(std::string directory) : directory_(std::move(directory)) {}

  /// As last copied. Precondition: follow() succeeded once.
  [[nodiscard]] std::shared_ptr<const TopicDatabase> database() const {
    const std::lock_guard lock(mutex_);
    return database_;
  }
  /// Copies again.
  Status follow() {
    Result<std::unique_ptr<TopicDatabase>> copied =
        persist([this] { return TopicDatabase::open_copy(directory_); },
                [this] { return std::filesystem::exists(directory_ + "/FORMAT"); });
    if (!copied) return copied.status();
    const std::lock_guard lock(mutex_);
    database_ = std::move(*copied);
    return {};
  }
  [[nodiscard]] Result<std::vector<std::pair<std::string, TopicRow>>> list() const {
    const std::shared_ptr<const TopicDatabase> from = database();
    std::vector<std::pair<std::string, TopicRow>> rows;
    const std::string prefix = topic_key("");
    const std::unique_ptr<rocksdb::Iterator> row(from->db().NewIterator(rocksdb::ReadOptions(), from->facts()));
    for (row->Seek(prefix); row->Valid() && view_of(row->key()).starts_with(prefix); row->Next()) {
      WEIR_ASSIGN_OR_RETURN(TopicRow facts, read_topic_row(view_of(row->value())));
      rows.emplace_back(view_of(row->key()).substr(prefix.size()), std::move(facts));
    }
    WEIR_RETURN_IF_ERROR(from_rocksdb("read the list of topics", row->status()));
    return rows;
  }

 private:
  const std::string directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TopicDatabase> database_;  // guarded by mutex_
};

class ViewBeside final : public TopicView {
 public:
  static Result<std::shared_ptr<const TopicView>> make(std::shared_ptr<Beside> store, std::string name, TopicRow row) {
    auto view = std::make_shared<ViewBeside>(std::move(store), std::move(name), std::move(row));
    WEIR_RETURN_IF_ERROR(persist([&] { return view->look(); }, [&] { return view->store_->follow().is_ok(); }));
    return std::shared_ptr<const TopicView>(std::move(view));
  }
  ViewBeside(std::shared_ptr<Beside> store, std::string name, TopicRow row)
      : store_(std::move(store)), name_(std::move(name)), id_(row.id), schema_(std::move(row.schema)) {}

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] const std::string& schema() const noexcept override { return schema_; }
  [[nodiscard]] std::uint64_t begin() const noexcept override {
    const std::lock_guard lock(mutex_);
    return begin_;
  }
  [[nodiscard]] std::uint64_t end() const noexcept override {
    const std::lock_guard lock(mutex_);
    return end_;
  }

  [[nodiscard]] Result<std::vector<TopicRecord>> read(std::uint64_t from, TopicReadLimits limits) const override {
    const auto attempt = [&]() -> Result<std::vector<TopicRecord>> {
      const std::uint64_t end = this->end();
      if (from < begin() || from > end)
        return Status::data_loss(what() + " from offset " + std::to_string(from) + ": it has " +
                                 std::to_string(begin()) + " to " + std::to_string(end) + " now");
      if (from == end) return std::vector<TopicRecord>();
      return read_records(*store_->database(), id_, from, end, limits, what());
    };
    return persist(attempt, [&] {
      if (from < begin() || from > end()) return false;  // looking again does not bring it back
      store_->follow().ignore("then the next attempt fails, and says why");
      look().ignore("likewise");
      return true;
    });
  }

 private:
  [[nodiscard]] std::string what() const { return "read topic '" + name_ + "'"; }

  // How far it goes, as the database shows it.
  Status look() const {
    const std::shared_ptr<const TopicDatabase> database = store_->database();
    WEIR_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                          database->get(database->facts(), topic_key(name_), what()));
    if (!bytes) return Status::not_found(what() + ": it is gone");
    WEIR_ASSIGN_OR_RETURN(const TopicRow row, read_topic_row(*bytes));
    WEIR_ASSIGN_OR_RETURN(const Extent extent, read_extent(*database, row, what()));
    const std::lock_guard lock(mutex_);
    if (row.id != id_ || extent.end.offset < end_)
      return Status::data_loss(what() + ": it ended at " + std::to_string(end_) + ", now at " +
                               std::to_string(extent.end.offset));
    begin_ = std::max(begin_, extent.begin.offset);
    end_ = extent.end.offset;
    return {};
  }

  const std::shared_ptr<Beside> store_;
  const std::string name_;
  const std::uint32_t id_;
  const std::string schema_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  mutable std::uint64_t begin_ = 0;
  mutable std::uint64_t end_ = 0;
};

/// Of a store that this process has open.
class ViewHere final : public TopicView {
 public:
  explicit ViewHere(std::shared_ptr<Topic> topic) : topic_(std::move(topic)), schema_(topic_->info().schema) {}
  [[nodiscard]] const std::string& name() const noexcept override { return topic_->name(); }
  [[nodiscard]] const std::string& schema() const noexcept override { return schema_; }
  [[nodiscard]] std::uint64_t begin() const noexcept override { return topic_->begin(); }
  [[nodiscard]] std::uint64_t end() const noexcept override { return topic_->end(); }
  [[nodiscard]] Result<std::vector<TopicRecord>> read(std::uint64_t from, TopicReadLimits limits) const override {
    return topic_->read(from, limits);
  }

 private:
  const std::shared_ptr<Topic> topic_;
  const std::string schema_;
};

}  // namespace
}  // namespace topics

Result<std::vector<std::shared_ptr<const TopicView>>> view_topics(const std::string& directory) {
  std::vector<std::shared_ptr<const TopicView>> views;
  if (const std::shared_ptr<TopicStore> here = topics::store_open_here(directory)) {
    for (const std::string& name : here->topics()) {
      WEIR_ASSIGN_OR_RETURN(std::shared_ptr<Topic> topic, here->topic(name));
      views.push_back(std::make_shared<topics::ViewHere>(std::move(topic)));
    }
    return views;
  }
  const auto store = std::make_shared<topics::Beside>(directory);
  WEIR_RETURN_IF_ERROR(store->follow());
  auto rows = topics::persist([&] { return store->list(); }, [&] { return store->follow().is_ok(); });
  if (!rows) return rows.status();
  for (auto& [name, row] : *rows) {
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const TopicView> view, topics::ViewBeside::make(store, name, std::move(row)));
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace weir
