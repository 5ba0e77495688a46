#pragma once
/// Reading the topics of a directory (weir/topic.hpp) without taking it: also while another process writes to them.
///
/// Nothing is written below the directory and its lock is not taken, so that a job can start, run and stop meanwhile.
/// What this process has open itself is read as it is. Anything else is read from a copy of the log (at most some
/// hundred megabytes) in the system's directory for temporary files, with links to the rest; it goes with the last
/// view. When the writer has deleted a file that a read needs, the view makes a new copy and goes on.
///
/// Thread: all from any thread; they block on disk.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/result.hpp>
#include <weir/topic.hpp>

namespace weir {

/// One topic, as far as it had been written when it was opened. Keeps what it reads from open.
class TopicView {
 public:
  virtual ~TopicView() = default;
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  /// What payloads are; empty: not said.
  [[nodiscard]] virtual const std::string& schema() const noexcept = 0;
  /// The oldest offset kept, as far as is known: retention is noticed when a read meets it.
  [[nodiscard]] virtual std::uint64_t begin() const noexcept = 0;
  /// The next offset. Does not fall; may grow when a read has to look again.
  [[nodiscard]] virtual std::uint64_t end() const noexcept = 0;
  /// As Topic::read: every record is checked. kDataLoss when `from` was removed; begin() says so then.
  [[nodiscard]] virtual Result<std::vector<TopicRecord>> read(std::uint64_t from,
                                                              TopicReadLimits limits = {}) const = 0;
};

/// The topics in a directory, sorted by name. kNotFound when it holds none.
Result<std::vector<std::shared_ptr<const TopicView>>> view_topics(const std::string& directory);

}  // namespace weir
