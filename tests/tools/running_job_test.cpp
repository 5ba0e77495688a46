// Replay and audit of an archive that a job is writing to, in another process.

#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include <weir/json.hpp>
#include <weir/runtimes.hpp>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"
#include "tools/weirctl/job_archive.hpp"

namespace weirctl {
namespace {

using weir::testing_support::ChildProcess;
using weir::testing_support::TemporaryDirectory;

/// Replays until the archive holds so many records, and later ones than `least`. What is there must be the same again.
weir::VerifyReport replay_until(const std::string& job, std::uint64_t least) {
  for (;;) {
    const auto archive = weir::Archive::open(job);
    if (!archive.is_ok()) {  // the job is starting
      EXPECT_EQ(archive.status().code(), weir::StatusCode::kNotFound) << archive.status().to_string();
      if (::testing::Test::HasFailure()) return {};
      continue;
    }
    const auto report = weir::verify_archive(*archive, {.runtimes = {weir::pmml_runtime()}});
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    if (!report.is_ok()) return {};
    EXPECT_EQ(report->different, 0U) << weir::to_json(*report);
    if (report->scored >= least || ::testing::Test::HasFailure()) return *report;
  }
}

TEST(RunningJob, IsReplayedAndAuditedByAnotherProcess) {
  const TemporaryDirectory directory;
  const std::string job = directory.file("job");
  ChildProcess child(WEIR_ARCHIVING_JOB, {job});
  const weir::VerifyReport first = replay_until(job, 100);
  EXPECT_LE(first.versions, 2U);
  const weir::VerifyReport second = replay_until(job, first.scored + 2'000);
  EXPECT_EQ(second.versions, 2U) << "it goes on meanwhile";

  std::ostringstream out;
  const auto outcome = replay({.directory = job, .version = 1}, {weir::pmml_runtime()}, out);
  ASSERT_TRUE(outcome.is_ok()) << outcome.status().to_string();
  EXPECT_NE(out.str().find("answered by both"), std::string::npos) << out.str();

  std::ostringstream found;
  const auto audited =
      audit({.directory = job, .key = "press", .time = "10000", .version = "1"}, {weir::pmml_runtime()}, found);
  ASSERT_TRUE(audited.is_ok()) << audited.status().to_string();
  EXPECT_NE(found.str().find("the same again, bit by bit"), std::string::npos) << found.str();
  EXPECT_NE(found.str().find("scored by 'risk' version 2"), std::string::npos) << found.str();
}

}  // namespace
}  // namespace weirctl
