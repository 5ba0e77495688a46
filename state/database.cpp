#include "state/database.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <span>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <weir/check.hpp>

#include "state/filesystem.hpp"
#include "state/rocksdb_border.hpp"

namespace weir {
namespace {

constexpr std::size_t kBlockCacheBytes = std::size_t{32} << 20;
constexpr std::size_t kSstBytes = std::size_t{64} << 20;
constexpr int kOpenFiles = 256;

// The first eight bytes as a number that orders as they do; shorter keys as if zeros followed.
std::uint64_t head_of(std::string_view key) noexcept {
  std::uint64_t head = 0;
  std::memcpy(&head, key.data(), std::min(key.size(), sizeof head));
  return __builtin_bswap64(head);
}

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = std::size_t{64} << 10;  // stays empty
  options.arena_block_size = 4096;
  options.compression = fast_compression();
  options.target_file_size_base = kSstBytes;
  options.level_compaction_dynamic_level_bytes = true;
  return options;
}

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.info_log = std::make_shared<SilentLogger>();
  options.max_background_jobs = 1;
  options.max_open_files = kOpenFiles;
  options.max_file_opening_threads = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_manifest_file_size = std::size_t{1} << 20;
  options.manifest_preallocation_size = 4096;
  options.avoid_flush_during_shutdown = true;
  options.bytes_per_sync = std::size_t{1} << 20;
  return options;
}

class RocksDatabase final : public Database, public std::enable_shared_from_this<RocksDatabase> {
 public:
  struct Family {
    StoredState state;
    std::shared_ptr<rocksdb::ColumnFamilyHandle> handle;
  };
  using Name = std::pair<std::string, std::string>;  // uid and name of a state

  RocksDatabase() : cache_(rocksdb::NewLRUCache(kBlockCacheBytes)) {}
  ~RocksDatabase() override {
    snapshot_.reset();
    families_.clear();
    default_family_.reset();
  }

  Status open(const std::string& path, std::vector<StoredState> states, std::uint64_t checkpoint_id) {
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors{
        {rocksdb::kDefaultColumnFamilyName, family_options(cache_)}};
    for (const StoredState& state : states) descriptors.emplace_back(family_name(state), family_options(cache_));
    rocksdb::DB* database = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    WEIR_RETURN_IF_ERROR(from_rocksdb("open the state database '" + path + "'",
                                      rocksdb::DB::Open(database_options(), path, descriptors, &handles, &database)));
    database_.reset(database);
    database->GetEnv()->LowerThreadPoolCPUPriority(rocksdb::Env::LOW);
    database->GetEnv()->LowerThreadPoolCPUPriority(rocksdb::Env::HIGH);
    default_family_ = own(handles[0]);
    for (std::size_t i = 0; i < states.size(); ++i) {
      next_family_ = std::max(next_family_, states[i].column_family + 1);
      Name name{states[i].descriptor.uid, states[i].descriptor.name};
      families_.emplace(std::move(name), Family{std::move(states[i]), own(handles[i + 1])});
    }
    publish(checkpoint_id);
    return {};
  }

  [[nodiscard]] std::vector<StoredState> states() const override {
    const std::lock_guard lock(mutex_);
    std::vector<StoredState> states;
    for (const auto& [name, family] : families_) states.push_back(family.state);
    return states;
  }
  [[nodiscard]] std::optional<StateDescriptor> find(const std::string& uid, const std::string& name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = families_.find({uid, name});
    if (found == families_.end()) return std::nullopt;
    return found->second.state.descriptor;
  }

  Status add(const StateDescriptor& descriptor) override {
    StoredState state{descriptor, next_family_++};
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    WEIR_RETURN_IF_ERROR(
        from_rocksdb("add " + descriptor.label() + " to the state database",
                     database_->CreateColumnFamily(family_options(cache_), family_name(state), &handle)));
    const std::lock_guard lock(mutex_);
    families_.insert_or_assign({descriptor.uid, descriptor.name}, Family{std::move(state), own(handle)});
    return {};
  }
  Status drop(const std::string& uid) override {
    const std::lock_guard lock(mutex_);
    for (auto family = families_.begin(); family != families_.end();) {
      if (family->first.first != uid) {
        ++family;
        continue;
      }
      WEIR_RETURN_IF_ERROR(from_rocksdb("drop " + family->second.state.descriptor.label(),
                                        database_->DropColumnFamily(family->second.handle.get())));
      family = families_.erase(family);
    }
    return {};
  }

  Status ingest(const std::vector<const StateDelta*>& deltas, const std::string& scratch,
                Filesystem& filesystem) override {
    std::map<Name, std::vector<const StateDelta*>> by_state;
    for (const StateDelta* delta : deltas)
      if (!delta->empty()) by_state[{delta->descriptor.uid, delta->descriptor.name}].push_back(delta);
    std::vector<rocksdb::IngestExternalFileArg> arguments;
    for (const auto& [name, parts] : by_state) {
      const Family family = family_of(name);
      WEIR_CHECK(family.handle != nullptr, "states are added before their changes are ingested");
      rocksdb::IngestExternalFileArg& argument = arguments.emplace_back();
      argument.column_family = family.handle.get();
      argument.options.move_files = true;
      argument.options.failed_move_fall_back_to_copy = false;
      argument.options.write_global_seqno = false;
      WEIR_RETURN_IF_ERROR(filesystem.before("write_sst", scratch));
      WEIR_RETURN_IF_ERROR(write_files(family, parts, scratch, argument.external_files));
    }
    if (arguments.empty()) return {};
    WEIR_RETURN_IF_ERROR(filesystem.before("ingest", scratch));
    return from_rocksdb("ingest changed state", database_->IngestExternalFiles(arguments));
  }

  Status clone(const std::string& path, Filesystem& filesystem) override {
    Status status = try_clone(path, filesystem);
    // RocksDB 7.8 may roll its own manifest between listing and reading it; the next attempt finds the new one. Nothing
    // else is tried again, a failed sync least of all.
    if (status.code() == StatusCode::kNotFound) {
      WEIR_RETURN_IF_ERROR(filesystem.remove_all(path));
      status = try_clone(path, filesystem);
    }
    if (status.is_ok()) return {};
    return status.with_context("clone the state database to '" + path + "'");
  }

  void publish(std::uint64_t checkpoint_id) override {
    auto snapshot = std::make_shared<rocksdb::ManagedSnapshot>(database_.get());
    const std::lock_guard lock(mutex_);
    snapshot_.swap(snapshot);
    published_ = checkpoint_id;
  }
  [[nodiscard]] std::uint64_t published() const {
    const std::lock_guard lock(mutex_);
    return published_;
  }
  [[nodiscard]] std::shared_ptr<const StateReader> reader(const std::string& uid, const std::string& name) override;

  // What a reader needs for one call; the family's handle is null while the state is not stored.
  struct View {
    std::shared_ptr<rocksdb::ColumnFamilyHandle> family;
    std::shared_ptr<rocksdb::ManagedSnapshot> snapshot;
    rocksdb::ReadOptions options;
  };
  [[nodiscard]] View view(const Name& name) const {
    const std::lock_guard lock(mutex_);
    View view;
    const auto found = families_.find(name);
    if (found != families_.end()) view.family = found->second.handle;
    view.snapshot = snapshot_;
    view.options.snapshot = view.snapshot->snapshot();
    view.options.total_order_seek = true;
    return view;
  }
  [[nodiscard]] rocksdb::DB& database() const noexcept { return *database_; }

 private:
  // Not rocksdb::Checkpoint: it lists write-ahead logs, of which there are none here, and for that waits on a condition
  // that in RocksDB before 10.8 is not always signalled (pull request 14069): a reader's last look at an old version at
  // the wrong moment left it waiting for ever.
  Status try_clone(const std::string& path, Filesystem& filesystem) {
    WEIR_RETURN_IF_ERROR(from_rocksdb("keep files", database_->DisableFileDeletions()));
    const Status status = link_files(path, filesystem);
    const rocksdb::Status enabled = database_->EnableFileDeletions(false);
    return status.is_ok() ? from_rocksdb("let go of files", enabled) : status;
  }
  // Tables are shared with the copy; of the manifest it has what was valid at the time of the list.
  Status link_files(const std::string& path, Filesystem& filesystem) {
    std::vector<std::string> names;
    std::uint64_t manifest_bytes = 0;
    WEIR_RETURN_IF_ERROR(from_rocksdb("list files", database_->GetLiveFiles(names, &manifest_bytes, false)));
    WEIR_RETURN_IF_ERROR(filesystem.make_directories(path));
    std::string manifest;
    for (const std::string& name : names) {  // each begins with a slash
      if (name.ends_with(".sst")) {
        WEIR_RETURN_IF_ERROR(filesystem.link(database_->GetName() + name, path + name));
      } else if (name.starts_with("/MANIFEST")) {
        WEIR_ASSIGN_OR_RETURN(const std::string bytes, filesystem.read_file(database_->GetName() + name));
        if (bytes.size() < manifest_bytes)
          return Status::data_loss("'" + name + "' has " + std::to_string(bytes.size()) + " bytes of " +
                                   std::to_string(manifest_bytes));
        WEIR_RETURN_IF_ERROR(filesystem.write_file(path + name, std::string_view(bytes).substr(0, manifest_bytes)));
        manifest = name.substr(1);
      } else if (name.starts_with("/OPTIONS")) {
        WEIR_ASSIGN_OR_RETURN(const std::string bytes, filesystem.read_file(database_->GetName() + name));
        WEIR_RETURN_IF_ERROR(filesystem.write_file(path + name, bytes));
      } else if (name != "/CURRENT") {
        return Status::internal("a file of an unknown kind in the database: '" + name + "'");
      }
    }
    if (manifest.empty()) return Status::internal("the database lists no manifest");
    return filesystem.write_file(path + "/CURRENT", manifest + "\n");
  }

  static std::string family_name(const StoredState& state) { return "s" + std::to_string(state.column_family); }
  std::shared_ptr<rocksdb::ColumnFamilyHandle> own(rocksdb::ColumnFamilyHandle* handle) {
    return {handle, [this](rocksdb::ColumnFamilyHandle* owned) {
              const rocksdb::Status status = database_->DestroyColumnFamilyHandle(owned);
              WEIR_CHECK(status.ok(), "releasing a column family's handle touches no disk");
            }};
  }
  [[nodiscard]] Family family_of(const Name& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = families_.find(name);
    return found == families_.end() ? Family{} : found->second;
  }

  // Sorts the changes of one state by key and writes them as files of about kSstBytes.
  Status write_files(const Family& family, const std::vector<const StateDelta*>& parts, const std::string& scratch,
                     std::vector<std::string>& files) const {
    struct Row {
      std::uint64_t head;  // the key's first bytes, big-endian: most comparisons need no more
      std::string_view key;
      std::optional<std::string_view> value;
    };
    std::vector<Row> rows;
    std::size_t count = 0;
    for (const StateDelta* part : parts) count += part->entries();
    rows.reserve(count);
    for (const StateDelta* part : parts)
      part->for_each([&](std::string_view key, std::optional<std::string_view> value) {
        rows.push_back({head_of(key), key, value});
      });
    std::sort(rows.begin(), rows.end(),
              [](const Row& a, const Row& b) { return a.head != b.head ? a.head < b.head : a.key < b.key; });

    const rocksdb::Options options(database_options(), family_options(cache_));
    std::unique_ptr<rocksdb::SstFileWriter> writer;
    rocksdb::Status status;
    for (std::size_t i = 0; i < rows.size() && status.ok(); ++i) {
      if (writer == nullptr) {
        files.push_back(scratch + "/" + family_name(family.state) + "-" + std::to_string(files.size()) + ".sst");
        writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options, family.handle.get());
        status = writer->Open(files.back());
        if (!status.ok()) break;
      }
      const Row& row = rows[i];
      status = row.value ? writer->Put(slice_of(row.key), slice_of(*row.value)) : writer->Delete(slice_of(row.key));
      if (status.ok() && (writer->FileSize() >= kSstBytes || i + 1 == rows.size())) {
        status = writer->Finish();
        writer.reset();
      }
    }
    return from_rocksdb("write the changes of " + family.state.descriptor.label(), status);
  }

  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> database_;
  std::uint32_t next_family_ = 1;
  mutable std::mutex mutex_;
  std::map<Name, Family> families_;                     // guarded by mutex_
  std::shared_ptr<rocksdb::ManagedSnapshot> snapshot_;  // guarded by mutex_; of the last publish()
  std::uint64_t published_ = 0;                         // guarded by mutex_
  std::shared_ptr<rocksdb::ColumnFamilyHandle> default_family_;
};

class RocksReader final : public StateReader {
 public:
  RocksReader(std::shared_ptr<RocksDatabase> database, RocksDatabase::Name name)
      : database_(std::move(database)), name_(std::move(name)) {}

  [[nodiscard]] bool empty() const override {
    bool found = false;
    const Status status = scan({}, [&](std::string_view, std::string_view) {
      found = true;
      return false;
    });
    return status.is_ok() && !found;  // what cannot be read is not nothing: get() will say what is wrong
  }
  [[nodiscard]] std::uint64_t checkpoint() const override { return database_->published(); }
  Status get(std::span<const std::string> keys, std::vector<std::optional<std::string>>& values) const override {
    values.assign(keys.size(), std::nullopt);
    const RocksDatabase::View view = database_->view(name_);
    if (view.family == nullptr || keys.empty()) return {};
    const std::vector<rocksdb::ColumnFamilyHandle*> families(keys.size(), view.family.get());
    const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<std::string> found;
    const auto statuses = database_->database().MultiGet(view.options, families, slices, &found);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].ok())
        values[i] = std::move(found[i]);
      else if (!statuses[i].IsNotFound())
        return from_rocksdb(what("read"), statuses[i]);
    }
    return {};
  }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view key, std::string_view value)>& visit) const override {
    RocksDatabase::View view = database_->view(name_);
    if (view.family == nullptr) return {};
    const std::string end = end_of_prefix(prefix);
    const rocksdb::Slice bound(end);
    if (!end.empty()) view.options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> row(database_->database().NewIterator(view.options, view.family.get()));
    for (row->Seek(slice_of(prefix)); row->Valid(); row->Next())
      if (!visit(view_of(row->key()), view_of(row->value()))) return {};
    return from_rocksdb(what("scan"), row->status());
  }

 private:
  [[nodiscard]] std::string what(std::string_view verb) const {
    return std::string(verb) + " state '" + name_.second + "' of operator '" + name_.first + "'";
  }

  std::shared_ptr<RocksDatabase> database_;
  RocksDatabase::Name name_;
};

std::shared_ptr<const StateReader> RocksDatabase::reader(const std::string& uid, const std::string& name) {
  return std::make_shared<RocksReader>(shared_from_this(), Name{uid, name});
}

}  // namespace

Result<std::shared_ptr<Database>> Database::open(const std::string& path, std::vector<StoredState> states,
                                                 std::uint64_t checkpoint_id) {
  auto database = std::make_shared<RocksDatabase>();
  WEIR_RETURN_IF_ERROR(database->open(path, std::move(states), checkpoint_id));
  return std::shared_ptr<Database>(std::move(database));
}

std::uint32_t crc32c(std::string_view bytes) {
  rocksdb::FileChecksumGenContext context;
  const auto generator = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator(context);
  generator->Update(bytes.data(), bytes.size());
  generator->Finalize();
  std::uint32_t value = 0;
  for (const char byte : generator->GetChecksum()) value = (value << 8) | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace weir
