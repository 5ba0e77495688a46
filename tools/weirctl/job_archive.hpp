#pragma once
/// What `weirctl replay` and `weirctl audit` do: input archives of jobs, whether they run or not.

#include <cstdint>
#include <iosfwd>
#include <string>

#include <weir/replay.hpp>
#include <weir/result.hpp>

namespace weirctl {

struct ReplayRequest {
  std::string directory{};  ///< of the job
  std::string topic{};      ///< empty: the only archive there is
  std::string key{};        ///< empty: all
  std::int64_t version = 0;
  std::string name{};        ///< only models of this name; with a file the member of speculate() that it replaces
  std::string model_file{};  ///< instead of a version
  std::string model_type{};  ///< of the file; empty: found out from the bytes
  std::size_t worst_rows = 10;
  bool json = false;
};

struct AuditRequest {
  std::string directory{};  ///< of the job, or its URL (`http://...`): then it is asked while it runs
  std::string token{};      ///< with a URL
  std::string topic{};
  std::string key{};
  std::string position{};  ///< one of the two
  std::string time{};
  std::string version{};  ///< empty: none
  bool json = false;
};

/// Writes a report to `out`. Without a version or model every score is checked: false when one is another.
weir::Result<bool> replay(const ReplayRequest& request, const weir::ModelRuntimes& runtimes, std::ostream& out);

/// Writes what the archive says of a record. False when it is not there, or its score is not the same again.
weir::Result<bool> audit(const AuditRequest& request, const weir::ModelRuntimes& runtimes, std::ostream& out);

}  // namespace weirctl
