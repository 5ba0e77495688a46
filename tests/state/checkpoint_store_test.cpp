#include "state/checkpoint_store.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <weir/map_table.hpp>
#include <weir/value_table.hpp>

#include "state/database.hpp"
#include "state/filesystem.hpp"
#include "state/manifest.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir {
namespace {

using testing::TemporaryDirectory;
namespace fs = std::filesystem;

CheckpointStore::Options options_for(const std::string& directory, Filesystem* filesystem = nullptr) {
  CheckpointStore::Options options;
  options.checkpoint.directory = directory;
  options.job_name = "job";
  options.filesystem = filesystem;
  return options;
}

std::unique_ptr<CheckpointStore> open_store(const std::string& directory) {
  auto store = CheckpointStore::open(options_for(directory));
  EXPECT_TRUE(store.is_ok()) << store.status().to_string();
  return store ? std::move(*store) : nullptr;
}

StateDescriptor descriptor(const std::string& uid = "op", const std::string& name = "count") {
  return {uid, name, StateDescriptor::kValue, "string", "string", false};
}

using Rows = std::map<std::string, std::optional<std::string>>;

StateDelta delta_of(const StateDescriptor& descriptor, const Rows& rows) {
  StateDelta delta;
  delta.descriptor = descriptor;
  // Backwards: deltas are not sorted.
  for (auto row = rows.rbegin(); row != rows.rend(); ++row)
    row->second ? delta.put(row->first, *row->second) : delta.erase(row->first);
  return delta;
}

CheckpointContent content_of(std::uint64_t id, std::vector<StateDelta> deltas = {}) {
  CheckpointContent content;
  content.id = id;
  OperatorSnapshot& snapshot = content.operators.emplace_back();
  snapshot.uid = "op";
  snapshot.watermark = Timestamp(Duration(static_cast<std::int64_t>(id)));
  snapshot.entries = {{"position", std::to_string(id)}};
  snapshot.committables = {"file-" + std::to_string(id)};
  snapshot.deltas = std::move(deltas);
  return content;
}

std::map<std::string, std::string> rows_of(const CheckpointStore& store, const StateDescriptor& state) {
  std::map<std::string, std::string> rows;
  const auto reader = store.reader(state);
  EXPECT_TRUE(reader.is_ok()) << reader.status().to_string();
  EXPECT_TRUE(
      (*reader)
          ->scan({}, [&](std::string_view key, std::string_view value) { return rows.emplace(key, value).second; })
          .is_ok());
  return rows;
}

void expect_ok(const Status& status) { EXPECT_TRUE(status.is_ok()) << status.to_string(); }
void write(CheckpointStore& store, std::uint64_t id, std::vector<StateDelta> deltas = {}) {
  const auto info = store.write(content_of(id, std::move(deltas)));
  ASSERT_TRUE(info.is_ok()) << info.status().to_string();
  EXPECT_EQ(info->id, id);
}

using Map = std::map<std::string, std::string>;

TEST(CheckpointStore, HasNothingToRestoreAtAFirstStart) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory / "job");
  EXPECT_FALSE(store->restored().has_value());
  EXPECT_TRUE(store->list().empty());
  const auto reader = store->reader(descriptor());
  ASSERT_TRUE(reader.is_ok());
  EXPECT_TRUE((*reader)->empty());
  std::vector<std::optional<std::string>> values;
  const std::string keys[] = {"a"};
  expect_ok((*reader)->get(keys, values));
  EXPECT_EQ(values, std::vector<std::optional<std::string>>{std::nullopt});
}

TEST(CheckpointStore, RestoresStateEntriesWatermarksAndCommittables) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    const StateDescriptor other = descriptor("op", "names");
    write(*store, 1, {delta_of(descriptor(), {{"a", "1"}, {"b", "2"}, {"c", "3"}}), delta_of(other, {{"x", ""}})});
    write(*store, 2, {delta_of(descriptor(), {{"b", std::nullopt}, {"c", "4"}, {"missing", std::nullopt}})});
    EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}, {"c", "4"}}));
  }
  const auto store = open_store(directory.path());
  ASSERT_TRUE(store->restored().has_value());
  const RestoredJob& job = *store->restored();
  EXPECT_EQ(job.checkpoint_id, 2U);
  EXPECT_EQ(job.max_parallelism, 128U);
  EXPECT_TRUE(job.notes.empty());
  const RestoredOperator& restored = job.operators.at("op");
  EXPECT_EQ(restored.watermark, Timestamp(Duration(2)));
  EXPECT_EQ(restored.entries, (std::vector<std::pair<std::string, std::string>>{{"position", "2"}}));
  EXPECT_EQ(restored.committables, std::vector<std::string>{"file-2"});
  ASSERT_EQ(restored.states.size(), 2U);
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}, {"c", "4"}}));
  EXPECT_EQ(rows_of(*store, descriptor("op", "names")), (Map{{"x", ""}}));
  EXPECT_EQ(store->list().size(), 2U);
}

TEST(CheckpointStore, TakesTheLeastWatermarkOfAnOperatorsTasks) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    CheckpointContent content;
    content.id = 1;
    for (const std::uint32_t task : {2U, 0U, 1U}) {
      OperatorSnapshot& snapshot = content.operators.emplace_back();
      snapshot.uid = "op";
      snapshot.task_index = task;
      snapshot.parallelism = 3;
      snapshot.watermark = Timestamp(Duration(task == 1 ? 5 : 50));
      snapshot.entries = {{"task", std::to_string(task)}};
    }
    ASSERT_TRUE(store->write(std::move(content)).is_ok());
  }
  const auto store = open_store(directory.path());
  const RestoredOperator& restored = store->restored()->operators.at("op");
  EXPECT_EQ(restored.parallelism, 3U);
  EXPECT_EQ(restored.watermark, Timestamp(Duration(5)));
  ASSERT_EQ(restored.entries.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(restored.entries[i].second, std::to_string(i));
}

TEST(CheckpointStore, MergesTheDeltasOfTasksAcrossStates) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  CheckpointContent content = content_of(1, {delta_of(descriptor(), {{"a", "1"}, {"z", "26"}})});
  OperatorSnapshot& second = content.operators.emplace_back();
  second.uid = "op";
  second.task_index = 1;
  second.deltas = {delta_of(descriptor(), {{"b", "2"}}), delta_of(descriptor("op", "more"), {{"q", "3"}})};
  ASSERT_TRUE(store->write(std::move(content)).is_ok());
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}, {"b", "2"}, {"z", "26"}}));
  EXPECT_EQ(rows_of(*store, descriptor("op", "more")), (Map{{"q", "3"}}));
}

TEST(CheckpointStore, RefusesAKeyThatTwoTasksChanged) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  const auto info =
      store->write(content_of(1, {delta_of(descriptor(), {{"a", "1"}}), delta_of(descriptor(), {{"a", "2"}})}));
  EXPECT_FALSE(info.is_ok());
  EXPECT_FALSE(store->write(content_of(2)).is_ok()) << "after a failure the live database is not to be trusted";
}

TEST(CheckpointStore, ReadersSeeACheckpointOnlyWhenItIsComplete) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  write(*store, 1, {delta_of(descriptor(), {{"a", "1"}})});
  const auto reader = *store->reader(descriptor());
  // The duplicate key of the second state makes the write fail after the first state's file was made.
  const StateDescriptor other = descriptor("op", "other");
  EXPECT_FALSE(store
                   ->write(content_of(2, {delta_of(descriptor(), {{"a", "2"}}), delta_of(other, {{"k", "1"}}),
                                          delta_of(other, {{"k", "1"}})}))
                   .is_ok());
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}}));
  std::vector<std::optional<std::string>> values;
  const std::string keys[] = {"a", "b"};
  expect_ok(reader->get(keys, values));
  EXPECT_EQ(values[0], "1");
  EXPECT_FALSE(values[1].has_value());
}

TEST(CheckpointStore, ReadersOnOtherThreadsSeeWholeCheckpoints) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  const auto rows_saying = [](std::uint64_t id) {
    Rows rows;
    for (int i = 0; i < 100; ++i) rows["k" + std::to_string(i)] = std::to_string(id);
    return rows;
  };
  write(*store, 1, {delta_of(descriptor(), rows_saying(1))});
  std::atomic<bool> done{false};
  std::uint64_t scans = 0;
  std::uint64_t torn = 0;
  std::thread reader_thread([&, reader = *store->reader(descriptor())] {
    while (!done.load()) {
      std::set<std::string> values;
      std::size_t rows = 0;
      const Status status = reader->scan({}, [&](std::string_view, std::string_view value) {
        values.emplace(value);
        return ++rows < 1000;
      });
      if (!status.is_ok() || rows != 100 || values.size() != 1) ++torn;
      ++scans;
      (void)store->list();
    }
  });
  for (std::uint64_t id = 2; id <= 12; ++id)
    write(
        *store, id,
        {delta_of(descriptor(), rows_saying(id)), delta_of(descriptor("op", "s" + std::to_string(id)), {{"a", "1"}})});
  done = true;
  reader_thread.join();
  EXPECT_EQ(torn, 0U) << "of " << scans;
}

TEST(CheckpointStore, ScansByPrefixUpToTheLastByte) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  write(*store, 1, {delta_of(descriptor(), {{"\xfe", "0"}, {"\xff", "1"}, {"\xff\xff", "2"}, {"\xff\xff\x01", "3"}})});
  const auto reader = *store->reader(descriptor());
  std::vector<std::string> found;
  expect_ok(reader->scan("\xff\xff", [&](std::string_view, std::string_view value) {
    found.emplace_back(value);
    return true;
  }));
  EXPECT_EQ(found, (std::vector<std::string>{"2", "3"}));
}

TEST(CheckpointStore, KeepsTheRetainedNumberAndUnchangedStateInEachOfThem) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    write(*store, 1, {delta_of(descriptor(), {{"a", "1"}})});
    for (std::uint64_t id = 2; id <= 6; ++id) write(*store, id);
    const auto list = store->list();
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list.front().id, 4U);
    EXPECT_EQ(list.back().id, 6U);
    EXPECT_TRUE(fs::exists(list.front().path + "/MANIFEST"));
    EXPECT_FALSE(fs::exists(directory / "checkpoints/chk-000003"));
  }
  const auto store = open_store(directory.path());
  EXPECT_EQ(store->restored()->checkpoint_id, 6U);
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}}));
  write(*store, 7, {delta_of(descriptor(), {{"b", "2"}})});
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}, {"b", "2"}}));
}

TEST(CheckpointStore, SurvivesManyCheckpointsOfTheSameKeysWithCompactions) {
  const TemporaryDirectory directory;
  Map expected;
  for (std::uint64_t round = 0; round < 4; ++round) {
    const auto store = open_store(directory.path());
    EXPECT_EQ(rows_of(*store, descriptor()), expected);
    for (std::uint64_t id = round * 20 + 1; id <= round * 20 + 20; ++id) {
      Rows rows;
      for (int i = 0; i < 50; ++i) {
        const std::string key = "k" + std::to_string((static_cast<int>(id) * 7 + i) % 97);
        if (i % 9 == 0) {
          rows[key] = std::nullopt;
          expected.erase(key);
        } else {
          rows[key] = std::to_string(id * 1000);
          expected[key] = std::to_string(id * 1000);
        }
      }
      write(*store, id, {delta_of(descriptor(), rows)});
      EXPECT_EQ(rows_of(*store, descriptor()), expected);
    }
  }
}

TEST(CheckpointStore, RefusesIdsThatDoNotGrow) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  write(*store, 5);
  EXPECT_EQ(store->write(content_of(5)).status().code(), StatusCode::kInvalidArgument);
  write(*store, 6);
}

TEST(CheckpointStore, IsHeldByOneStoreAtATime) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path());
  const auto second = CheckpointStore::open(options_for(directory.path()));
  ASSERT_FALSE(second.is_ok());
  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("in use by process " + std::to_string(::getpid())), std::string::npos)
      << second.status().to_string();
}

TEST(CheckpointStore, RefusesAnotherSchemaNamingBoth) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    write(*store, 1, {delta_of(descriptor(), {{"a", "1"}})});
  }
  const auto store = open_store(directory.path());
  StateDescriptor other = descriptor();
  other.value_schema = "{i32,string}";
  const auto reader = store->reader(other);
  ASSERT_FALSE(reader.is_ok());
  EXPECT_EQ(reader.status().code(), StatusCode::kFailedPrecondition);
  for (const char* part : {"operator 'op'", "state 'count'", "value string -> string", "value string -> {i32,string}"})
    EXPECT_NE(reader.status().message().find(part), std::string::npos) << reader.status().to_string();
  other = descriptor();
  other.kind = StateDescriptor::kMap;
  EXPECT_FALSE(store->reader(other).is_ok());
}

TEST(CheckpointStore, RefusesAnotherJobAndAnotherMaxParallelism) {
  const TemporaryDirectory directory;
  { write(*open_store(directory.path()), 1); }
  auto options = options_for(directory.path());
  options.job_name = "another";
  EXPECT_EQ(CheckpointStore::open(options).status().code(), StatusCode::kFailedPrecondition);
  options = options_for(directory.path());
  options.max_parallelism = 64;
  EXPECT_EQ(CheckpointStore::open(options).status().code(), StatusCode::kFailedPrecondition);
}

TEST(CheckpointStore, ForgetsAnOperatorThatIsDropped) {
  const TemporaryDirectory directory;
  const StateDescriptor gone = descriptor("gone");
  {
    const auto store = open_store(directory.path());
    write(*store, 1, {delta_of(descriptor(), {{"a", "1"}}), delta_of(gone, {{"g", "1"}})});
  }
  {
    const auto store = open_store(directory.path());
    EXPECT_TRUE(store->restored()->operators.contains("gone"));
    expect_ok(store->drop_operator("gone"));
    EXPECT_FALSE(store->restored()->operators.contains("gone"));
    EXPECT_TRUE(rows_of(*store, gone).empty());
    write(*store, 2);
  }
  const auto store = open_store(directory.path());
  EXPECT_FALSE(store->restored()->operators.contains("gone"));
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}}));
  // A state of that name starts afresh.
  write(*store, 3, {delta_of(gone, {{"h", "2"}})});
  EXPECT_EQ(rows_of(*store, gone), (Map{{"h", "2"}}));
}

TEST(CheckpointStore, NeverOpensTheLiveDirectoryOfBefore) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    write(*store, 1, {delta_of(descriptor(), {{"a", "1"}})});
  }
  // Whatever is in live/ does not matter: here, rubbish where RocksDB would look first.
  std::ofstream(directory / "live/CURRENT") << "rubbish";
  const auto store = open_store(directory.path());
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}}));
}

// Damage to the newest checkpoint, of every kind there is.
class DamagedCheckpoint : public ::testing::TestWithParam<std::string> {};

void flip_bit(const std::string& path, std::size_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  ASSERT_TRUE(file.good());
}

std::string file_ending(const std::string& directory, const std::string& ending) {
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().string().ends_with(ending)) return entry.path().string();
  ADD_FAILURE() << "no " << ending << " in " << directory;
  return {};
}

// Hard links share their bytes with older checkpoints: damage must be done to a copy.
void make_private(const std::string& path) {
  fs::copy_file(path, path + ".copy");
  fs::rename(path + ".copy", path);
}

TEST_P(DamagedCheckpoint, IsPassedOverWithANote) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    write(*store, 1, {delta_of(descriptor(), {{"a", "1"}})});
    write(*store, 2, {delta_of(descriptor(), {{"b", "2"}})});
    write(*store, 3, {delta_of(descriptor(), {{"c", "3"}})});
  }
  const std::string newest = directory / "checkpoints/chk-000003";
  const std::string& kind = GetParam();
  if (kind == "manifest missing") fs::remove(newest + "/MANIFEST");
  if (kind == "manifest empty") fs::resize_file(newest + "/MANIFEST", 0);
  if (kind == "manifest truncated") fs::resize_file(newest + "/MANIFEST", fs::file_size(newest + "/MANIFEST") - 1);
  if (kind == "manifest bit") flip_bit(newest + "/MANIFEST", 20);
  if (kind == "digest bit") flip_bit(newest + "/MANIFEST", fs::file_size(newest + "/MANIFEST") - 5);
  if (kind == "manifest of another")
    fs::copy_file(directory / "checkpoints/chk-000002/MANIFEST", newest + "/MANIFEST",
                  fs::copy_options::overwrite_existing);
  if (kind == "table missing") fs::remove(file_ending(newest + "/db", ".sst"));
  if (kind == "table truncated" || kind == "table bit") {
    const std::string table = file_ending(newest + "/db", ".sst");
    make_private(table);
    if (kind == "table bit")
      flip_bit(table, 10);
    else
      fs::resize_file(table, fs::file_size(table) - 1);
  }
  if (kind == "database current") flip_bit(newest + "/db/CURRENT", 2);
  if (kind == "nothing left") {
    fs::remove_all(newest);
    fs::create_directory(newest);
  }

  for (int start = 0; start < 2; ++start) {
    const auto store = open_store(directory.path());
    ASSERT_TRUE(store->restored().has_value());
    EXPECT_EQ(store->restored()->checkpoint_id, 2U);
    EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(store->restored()->notes.size(), start == 0 ? 1U : 0U) << "said once";
    for (const std::string& note : store->restored()->notes)
      EXPECT_NE(note.find("checkpoint 3"), std::string::npos) << note;
  }
  const auto store = open_store(directory.path());
  write(*store, 3, {delta_of(descriptor(), {{"d", "4"}})});
  EXPECT_EQ(rows_of(*store, descriptor()), (Map{{"a", "1"}, {"b", "2"}, {"d", "4"}}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, DamagedCheckpoint,
                         ::testing::Values("manifest missing", "manifest empty", "manifest truncated", "manifest bit",
                                           "digest bit", "manifest of another", "table missing", "table truncated",
                                           "table bit", "database current", "nothing left"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST(CheckpointStore, RefusesToStartAfreshWhenEveryCheckpointIsDamaged) {
  const TemporaryDirectory directory;
  {
    const auto store = open_store(directory.path());
    for (std::uint64_t id = 1; id <= 3; ++id) write(*store, id);
  }
  for (const auto& entry : fs::directory_iterator(directory / "checkpoints")) flip_bit(entry.path() / "MANIFEST", 12);
  for (int start = 0; start < 2; ++start) {
    const auto store = CheckpointStore::open(options_for(directory.path()));
    ASSERT_FALSE(store.is_ok());
    EXPECT_EQ(store.status().code(), StatusCode::kDataLoss);
  }
}

TEST(CheckpointStore, RefusesAManifestOfALaterFormat) {
  const TemporaryDirectory directory;
  { write(*open_store(directory.path()), 1); }
  proto::Manifest manifest =
      *decode_manifest(*real_filesystem().read_file(directory / "checkpoints/chk-000001/MANIFEST"));
  manifest.set_format_version(2);
  expect_ok(real_filesystem().write_file(directory / "checkpoints/chk-000001/MANIFEST", encode_manifest(manifest)));
  EXPECT_EQ(CheckpointStore::open(options_for(directory.path())).status().code(), StatusCode::kUnimplemented);
}

TEST(Crc32c, IsThePublishedOne) { EXPECT_EQ(crc32c("123456789"), 0xe3069283U); }

}  // namespace
}  // namespace weir
