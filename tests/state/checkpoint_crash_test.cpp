// Death and failure at every step of writing a checkpoint: the job directory then holds the previous checkpoint or the
// new one, whole.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <set>

#include "state/checkpoint_store.hpp"
#include "state/support/crash_rows.hpp"
#include "state/support/failing_filesystem.hpp"
#include "state/support/temporary_directory.hpp"

extern char** environ;

namespace weir {
namespace {

using testing::crash_content;
using testing::crash_options;
using testing::crash_state;
using testing::FailingFilesystem;
using testing::TemporaryDirectory;

int run_child(const std::string& directory, std::uint64_t id, const std::string& mode, std::uint64_t number) {
  std::string arguments[] = {WEIR_CRASH_CHILD, directory, std::to_string(id), mode, std::to_string(number)};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawn(&pid, WEIR_CRASH_CHILD, nullptr, nullptr, argv.data(), environ) != 0) return -1;
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The checkpoint the directory holds, after checking that all of it is of one piece.
std::uint64_t whole_checkpoint(const std::string& directory) {
  const auto store = CheckpointStore::open(crash_options(directory, nullptr));
  EXPECT_TRUE(store.is_ok()) << store.status().to_string();
  if (!store || !(*store)->restored()) return 0;
  const RestoredJob& job = *(*store)->restored();
  EXPECT_EQ(job.operators.at("op").entries[0].second, std::to_string(job.checkpoint_id));
  EXPECT_TRUE(job.notes.empty()) << "a crash damages nothing: " << job.notes[0];
  for (const char* name : {"left", "right"}) {
    std::size_t rows = 0;
    EXPECT_TRUE((*(*store)->reader(crash_state(name)))
                    ->scan({},
                           [&](std::string_view, std::string_view value) {
                             EXPECT_EQ(value, std::to_string(job.checkpoint_id));
                             return ++rows < 5000;
                           })
                    .is_ok());
    EXPECT_EQ(rows, 2000U);
  }
  return job.checkpoint_id;
}

void write_first(const std::string& directory) {
  auto store = CheckpointStore::open(crash_options(directory, nullptr));
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  ASSERT_TRUE((*store)->write(crash_content(1)).is_ok());
}

TEST(CheckpointCrash, LeavesThePreviousOrTheNewCheckpointWhole) {
  std::set<std::uint64_t> seen;
  int code = 3;
  std::uint64_t steps = 0;
  for (; code == 3; ++steps) {
    ASSERT_LT(steps, 100U);
    SCOPED_TRACE("death at step " + std::to_string(steps));
    const TemporaryDirectory directory;
    write_first(directory.path());
    code = run_child(directory.path(), 2, "crash", steps);
    ASSERT_TRUE(code == 3 || code == 0) << code;
    const std::uint64_t id = whole_checkpoint(directory.path());
    EXPECT_TRUE(id == 1 || id == 2) << id;
    if (code == 0) {
      EXPECT_EQ(id, 2U);
    }
    seen.insert(id);
    // The job goes on from there.
    EXPECT_EQ(run_child(directory.path(), 3, "crash", 1000), 0);
    EXPECT_EQ(whole_checkpoint(directory.path()), 3U);
  }
  EXPECT_GE(steps, 10U) << "the steps were counted";
  EXPECT_EQ(seen.size(), 2U);
}

TEST(CheckpointCrash, AtTheFirstCheckpointLeavesNoneOrAWholeOne) {
  int code = 3;
  for (std::uint64_t step = 0; code == 3; ++step) {
    ASSERT_LT(step, 100U);
    SCOPED_TRACE("death at step " + std::to_string(step));
    const TemporaryDirectory directory;
    code = run_child(directory.path(), 1, "crash", step);
    ASSERT_TRUE(code == 3 || code == 0) << code;
    EXPECT_LE(whole_checkpoint(directory.path()), 1U);
  }
  EXPECT_EQ(code, 0);
}

TEST(CheckpointFailure, AtAnyStepIsReportedAndLeavesAWholeCheckpoint) {
  bool written = false;
  for (std::size_t failing = 0; !written; ++failing) {
    ASSERT_LT(failing, 100U);
    const TemporaryDirectory directory;
    write_first(directory.path());
    FailingFilesystem filesystem;
    auto store = CheckpointStore::open(crash_options(directory.path(), &filesystem));
    ASSERT_TRUE(store.is_ok()) << store.status().to_string();
    std::size_t step = 0;
    std::string failed;
    filesystem.on_step = [&](const std::string& name) {
      if (step++ != failing) return Status();
      failed = name;
      return Status::io_error("injected failure of " + name);
    };
    const auto info = (*store)->write(crash_content(2));
    SCOPED_TRACE("failure of " + failed);
    written = failed.empty();
    // Removing what is no longer retained may fail: the next start does it.
    const bool retiring = failed.find(".gone") != std::string::npos;
    EXPECT_EQ(info.is_ok(), written || retiring);
    if (!info.is_ok()) {
      EXPECT_NE(info.status().message().find("injected failure"), std::string::npos) << info.status().to_string();
      filesystem.on_step = nullptr;
      EXPECT_FALSE((*store)->write(crash_content(3)).is_ok()) << "a failed sync is never tried again";
    }
    store = Status::cancelled("closed");
    const std::uint64_t id = whole_checkpoint(directory.path());
    EXPECT_EQ(id, info.is_ok() || failed == "sync_directory checkpoints" ? 2U : 1U);
  }
}

TEST(CheckpointFailure, OnAFullDiskLeavesThePreviousCheckpoint) {
  for (const std::uint64_t bytes : {0, 1000, 4000}) {
    const TemporaryDirectory directory;
    write_first(directory.path());
    EXPECT_EQ(run_child(directory.path(), 2, "full", bytes), 4) << bytes;
    EXPECT_EQ(whole_checkpoint(directory.path()), 1U);
    EXPECT_EQ(run_child(directory.path(), 2, "full", std::uint64_t{1} << 30), 0);
    EXPECT_EQ(whole_checkpoint(directory.path()), 2U);
  }
}

TEST(CheckpointOrder, SyncsWhatTheManifestSpeaksOfBeforeItAndItsNameAfter) {
  const TemporaryDirectory directory;
  FailingFilesystem filesystem;
  auto store = CheckpointStore::open(crash_options(directory.path(), &filesystem));
  ASSERT_TRUE(store.is_ok());
  filesystem.steps.clear();
  ASSERT_TRUE((*store)->write(crash_content(1)).is_ok());
  for (std::string& step : filesystem.steps) {
    const bool is_numbered =
        step.ends_with(".sst") || step.find("T-") != std::string::npos || step.find("S-") != std::string::npos;
    if (is_numbered) std::erase_if(step, [](char one) { return one >= '0' && one <= '9'; });  // by RocksDB
  }
  EXPECT_EQ(filesystem.steps, (std::vector<std::string>{
                                  "write_sst changes", "write_sst changes", "ingest changes", "clone chk-000001.tmp",
                                  "link .sst", "link .sst", "write_file MANIFEST-", "write_file OPTIONS-",
                                  "write_file CURRENT", "sync_directory db", "write_file MANIFEST",
                                  "sync_directory chk-000001.tmp", "rename chk-000001", "sync_directory checkpoints"}));
}

// A power cut undoes what was not synced; here, the sync of the manifest got lost and half of it with it.
TEST(CheckpointFailure, OfASyncThatLiedIsFoundAtTheNextStart) {
  class LyingDisk final : public Filesystem {
   public:
    Status write_file(const std::string& path, std::string_view bytes) override {
      if (!path.ends_with("MANIFEST")) return Filesystem::write_file(path, bytes);
      return Filesystem::write_file(path, bytes.substr(0, bytes.size() / 2));
    }
  } disk;
  const TemporaryDirectory directory;
  auto options = crash_options(directory.path(), nullptr);
  options.checkpoint.retained = 3;
  {
    auto store = CheckpointStore::open(options);
    ASSERT_TRUE((*store)->write(crash_content(1)).is_ok());
  }
  options.filesystem = &disk;
  {
    auto store = CheckpointStore::open(options);
    ASSERT_TRUE((*store)->write(crash_content(2)).is_ok()) << "the disk says that all is well";
  }
  options.filesystem = nullptr;
  auto store = CheckpointStore::open(options);
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  EXPECT_EQ((*store)->restored()->checkpoint_id, 1U);
  EXPECT_EQ((*store)->restored()->notes.size(), 1U);
}

TEST(CheckpointLock, IsFreedByTheDeathOfItsHolder) {
  const TemporaryDirectory directory;
  write_first(directory.path());
  EXPECT_EQ(run_child(directory.path(), 2, "crash", 0), 3);
  const auto store = CheckpointStore::open(crash_options(directory.path(), nullptr));
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  EXPECT_EQ(run_child(directory.path(), 2, "crash", 0), 5) << "another process is refused while the store is open";
}

}  // namespace
}  // namespace weir
