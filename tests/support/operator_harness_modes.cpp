// One script, or one source, in all the ways an engine may call an operator: the results must be the same.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/operator_harness.hpp"

namespace weir::testing_support {
namespace {

struct Mode {
  std::size_t input_size;
  std::size_t outbox_size;
  bool full_every_other_call;
  bool restart;
  [[nodiscard]] std::string to_string() const {
    return "input batches of " + std::to_string(input_size) + ", outbox of " + std::to_string(outbox_size) +
           (full_every_other_call ? ", full at every other call" : "") + (restart ? ", restored after every step" : "");
  }
};

std::vector<Mode> all_modes() {
  std::vector<Mode> modes;
  for (const bool restart : {false, true})
    for (const std::size_t size : {256, 3, 1}) {
      modes.push_back({size, size, false, restart});
      if (size != 1) modes.push_back({size, 1, false, restart});
      modes.push_back({size, size, true, restart});
    }
  return modes;
}

// Cuts the script into batches and feeds them; a batch the operator does not take yet waits while other inputs go on.
class ScriptRunner {
 public:
  ScriptRunner(OperatorHarness& harness, const Script& script, const Mode& mode)
      : harness_(harness), steps_(script.steps()), mode_(mode) {}

  void run() {
    while (next_ < steps_.size()) {
      step();
      if (!retry()) return;
      if (mode_.restart && waiting_.empty()) {
        const Status status = harness_.restart();
        ASSERT_TRUE(status.is_ok()) << status.to_string();
      }
    }
    for (auto& [input, queue] : waiting_)
      ADD_FAILURE() << "input " << input << " waits for ever, " << queue.size() << " steps";
    harness_.end();
  }

 private:
  struct Waiting {
    BatchPtr batch;
    std::optional<Timestamp> watermark;
  };

  void step() {
    const Script::Step& first = steps_[next_];
    Waiting waiting;
    if (first.watermark) {
      waiting.watermark = first.watermark;
      ++next_;
    } else {
      waiting.batch = first.make_batch();
      while (next_ < steps_.size() && !steps_[next_].watermark && steps_[next_].input == first.input &&
             waiting.batch->size() < mode_.input_size)
        steps_[next_++].append(*waiting.batch);
    }
    waiting_[first.input].push_back(std::move(waiting));
  }

  // Offers what waits, input by input, until nothing is taken any more.
  bool retry() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (auto entry = waiting_.begin(); entry != waiting_.end();) {
        while (!entry->second.empty() && take(entry->first, entry->second.front())) {
          entry->second.pop_front();
          moved = true;
        }
        entry = entry->second.empty() ? waiting_.erase(entry) : std::next(entry);
      }
    }
    return !::testing::Test::HasFatalFailure();
  }

  bool take(std::size_t input, Waiting& waiting) {
    if (waiting.batch) return harness_.push(input, waiting.batch);
    harness_.watermark(input, *waiting.watermark);
    return true;
  }

  OperatorHarness& harness_;
  const std::vector<Script::Step>& steps_;
  const Mode mode_;
  std::size_t next_ = 0;
  std::map<std::size_t, std::deque<Waiting>> waiting_;
};

// How outputs interleave is not defined: the main output's lines come first, then those of `[1] `, ...
void by_output(std::vector<std::string>& lines) {
  std::stable_sort(lines.begin(), lines.end(), [](const std::string& a, const std::string& b) {
    const auto output = [](const std::string& line) {
      return std::string_view(line).substr(0, line.starts_with('[') ? line.find(']') : 0);
    };
    return output(a) < output(b);
  });
}

std::vector<std::string> comparable(const std::vector<Output>& outputs, const AllModes& modes, bool watermarks) {
  std::vector<std::string> lines;
  for (Output out : outputs) {
    if (out.is_watermark && (!watermarks || modes.unordered)) continue;
    if (!modes.compare_positions) out.position.reset();
    lines.push_back(out.to_string());
  }
  by_output(lines);
  if (modes.unordered) std::sort(lines.begin(), lines.end());
  return lines;
}

template <class Run>
void compare_modes(const OperatorHarness::Options& options, const std::optional<std::vector<std::string>>& expected,
                   const AllModes& compare, Run&& run) {
  std::optional<std::vector<std::string>> first;
  for (const Mode& mode : all_modes()) {
    SCOPED_TRACE(mode.to_string());
    OperatorHarness::Options own = options;
    own.batch_size = mode.outbox_size;
    own.full_every_other_call = mode.full_every_other_call;
    own.context.clock = std::make_shared<ManualClock>();
    own.context.executor = std::make_shared<ManualExecutor>();
    OperatorHarness harness(own);
    const Status opened = harness.open();
    ASSERT_TRUE(opened.is_ok()) << opened.to_string();
    run(harness, mode);
    if (::testing::Test::HasFatalFailure()) return;
    if (expected) {
      std::vector<std::string> wanted = *expected;
      by_output(wanted);
      if (compare.unordered) std::sort(wanted.begin(), wanted.end());
      ASSERT_EQ(comparable(harness.outputs(), compare, false), wanted);
    }
    std::vector<std::string> lines = comparable(harness.outputs(), compare, compare.compare_watermarks);
    if (!first)
      first = std::move(lines);
    else
      ASSERT_EQ(lines, *first);
  }
}

}  // namespace

void expect_same_in_all_modes(const OperatorHarness::Options& options, const Script& script,
                              const std::optional<std::vector<std::string>>& expected, AllModes modes) {
  compare_modes(options, expected, modes,
                [&](OperatorHarness& harness, const Mode& mode) { ScriptRunner(harness, script, mode).run(); });
}

void expect_same_source_in_all_modes(const OperatorHarness::Options& options,
                                     const std::optional<std::vector<std::string>>& expected, AllModes modes) {
  compare_modes(options, expected, modes, [](OperatorHarness& harness, const Mode& mode) {
    harness.run_source([&] {
      if (!mode.restart) return;
      const Status status = harness.restart();
      ASSERT_TRUE(status.is_ok()) << status.to_string();
    });
  });
}

}  // namespace weir::testing_support
