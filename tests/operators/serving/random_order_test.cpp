// Random interleavings against sequential oracles. A failing run prints its seed.

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "operators/serving/serving_rig.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

using Random = std::mt19937_64;

int below(Random& random, int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); }

struct Step {
  ModelRecord record;
  std::int64_t time = 0;
};

/// What a key's records should meet, told in one go, in the order of the model stream.
class EventTimeOracle {
 public:
  void take(const Step& step) {
    ++sequence_;
    const std::int64_t from = step.record.effective_at->time_since_epoch().count();
    if (step.record.control == ModelControl::kRetire) {
      withdrawn_ = true;
      if (in_use(from) != nullptr) line_[{from, sequence_}] = 0;
    } else if (step.record.control == ModelControl::kRollback) {
      const int* now = in_use(from);
      int target = 0;
      for (const auto& [sequence, value] : accepted_)
        if (now == nullptr || sequence < *now) target = sequence;
      if (target == 0) return;
      withdrawn_ = accepted_.rbegin()->first != target;
      line_[{from, sequence_}] = target;
    } else {
      const std::string& bytes = *step.record.data;
      const std::int64_t version = step.record.version;
      if (!bytes.starts_with("CONST") || version < newest_) return;
      if (version == newest_ && (bytes != newest_bytes_ || !withdrawn_)) return;
      newest_ = version;
      newest_bytes_ = bytes;
      withdrawn_ = false;
      accepted_[sequence_] = std::stod(bytes.substr(6));
      line_[{from, sequence_}] = sequence_;
    }
  }
  [[nodiscard]] std::string answer(std::int64_t time) const {
    const int* sequence = in_use(time);
    return sequence == nullptr ? "no_model" : "ok:" + std::to_string(accepted_.at(*sequence));
  }

 private:
  [[nodiscard]] const int* in_use(std::int64_t time) const {
    const auto after = line_.upper_bound({time, 1'000'000});
    if (after == line_.begin()) return nullptr;
    const int& sequence = std::prev(after)->second;
    return sequence == 0 ? nullptr : &sequence;
  }

  int sequence_ = 0;
  std::int64_t newest_ = 0;
  std::string newest_bytes_;
  bool withdrawn_ = false;
  std::map<int, double> accepted_;                    // by sequence
  std::map<std::pair<std::int64_t, int>, int> line_;  // (from, order) → sequence, 0: none
};

std::vector<Step> random_steps(Random& random, int count) {
  std::vector<Step> steps;
  std::map<std::string, std::int64_t> versions;
  std::int64_t time = 0;
  for (int i = 0; i < count; ++i) {
    time += below(random, 4);
    const std::string key(1, static_cast<char>('a' + below(random, 3)));
    const std::int64_t from = time + below(random, 8);
    const int kind = below(random, 10);
    std::int64_t& version = versions[key];
    Step step;
    step.time = time;
    if (kind == 0) {
      step.record = order(key, ModelControl::kRetire, 0, from);
    } else if (kind == 1) {
      step.record = order(key, ModelControl::kRollback, 0, from);
    } else if (kind == 2) {
      step.record = toy(key, "rubbish", version + 1 + below(random, 3), from);
    } else if (kind == 3) {
      const std::int64_t old = std::max<std::int64_t>(1, version - below(random, 2));
      step.record = toy(key, "CONST " + std::to_string(old), old, from);
    } else {
      ++version;
      step.record = toy(key, "CONST " + std::to_string(version), version, from);
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

struct Request {
  std::string key;
  std::int64_t time = 0;
};

/// `id → status:number`, and that each key's records left in the order of event time.
std::map<std::int64_t, std::string> answers_of(const std::vector<Scored<Event>>& results) {
  std::map<std::int64_t, std::string> answers;
  for (const auto& result : results) {
    std::string answer(to_string(result.status));
    if (result.ok()) answer += ":" + std::to_string(result.number());
    EXPECT_TRUE(answers.emplace(result.record.id, answer).second) << "record " << result.record.id << " left twice";
  }
  return answers;
}

/// Runs the steps and requests in an order of this seed, with a restart from a checkpoint now and then.
std::map<std::int64_t, std::string> run_by_event_time(const std::vector<Step>& steps,
                                                      const std::vector<Request>& requests, std::size_t batch_size,
                                                      std::uint64_t seed, bool restarts) {
  Random random(seed);
  const ServeOptions options{.effect = ModelEffect::kEventTime, .keep_versions = 1000, .max_loads = 3};
  const weir::testing::TemporaryDirectory directory;
  std::deque<SavedState> checkpoints;
  auto rig = std::make_unique<ServingRig>(options, batch_size, restarts ? directory.path() : "");
  rig->open();
  std::vector<Scored<Event>> results;
  std::size_t step = 0;
  std::size_t request = 0;
  std::int64_t model_watermark = -1;
  while (step < steps.size() || request < requests.size()) {
    switch (below(random, 6)) {
      case 0:
      case 1:
        if (request < requests.size()) {
          rig->record_as(static_cast<std::int64_t>(request + 1), requests[request].key, requests[request].time);
          ++request;
        }
        break;
      case 2:
        if (step < steps.size()) {
          rig->model(steps[step].record, steps[step].time);
          ++step;
          // A watermark promises that nothing of its time or earlier comes: the next step's time bounds it.
          model_watermark = step < steps.size() ? steps[step].time - 1 : 1'000'000;
        }
        break;
      case 3: rig->model_watermark(model_watermark); break;
      case 4: {
        const auto waiting = rig->context().manual().jobs.size();
        if (waiting != 0) rig->load(random() % waiting);
        break;
      }
      default:
        if (restarts && below(random, 20) == 0 && rig->models_left() == 0 && rig->records_left() == 0) {
          checkpoints.push_back(rig->checkpoint());
          results.insert(results.end(), rig->results.begin(), rig->results.end());
          rig = std::make_unique<ServingRig>(options, batch_size, directory.path(), &checkpoints.back());
          rig->open();
        }
    }
  }
  rig->load_all();
  EXPECT_TRUE(rig->end());
  results.insert(results.end(), rig->results.begin(), rig->results.end());
  return answers_of(results);
}

TEST(ServeModelRandomOrder, EventTimeGivesWhatTheOracleSaysWhateverTheTimingAndBatchSize) {
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<Step> steps = random_steps(random, 40);
    std::vector<Request> requests;
    for (int i = 0; i < 120; ++i)
      requests.push_back({std::string(1, static_cast<char>('a' + below(random, 3))), below(random, 70)});
    std::map<std::string, EventTimeOracle> oracles;
    for (const Step& step : steps) oracles[step.record.key].take(step);
    for (const std::size_t batch_size : {1, 3, 256}) {
      const auto answers = run_by_event_time(steps, requests, batch_size, seed * 1000 + batch_size, seed % 10 == 0);
      ASSERT_EQ(answers.size(), requests.size());
      for (std::size_t i = 0; i < requests.size(); ++i) {
        ASSERT_EQ(answers.at(static_cast<std::int64_t>(i + 1)), oracles[requests[i].key].answer(requests[i].time))
            << "record " << i + 1 << " of key " << requests[i].key << " at " << requests[i].time << ", batches of "
            << batch_size;
      }
    }
  }
}

/// Arrival: what counts is told step by step, loads included.
struct ArrivalOracle {
  struct Version {
    int sequence = 0;
    std::int64_t version = 0;
    double value = 0;
  };
  int sequence = 0;
  int since = 0;
  int retired_before = 0;
  std::int64_t newest = 0;
  std::vector<Version> accepted;
  std::optional<Version> current;

  void loaded(int model_sequence, std::int64_t version, bool good) {
    if (!good || version <= newest) return;  // every number carries other bytes here
    newest = version;
    accepted.push_back({model_sequence, version, static_cast<double>(version)});
    std::sort(accepted.begin(), accepted.end(), [](auto& left, auto& right) { return left.sequence < right.sequence; });
    if (model_sequence < since || model_sequence < retired_before) return;
    current = Version{model_sequence, version, static_cast<double>(version)};
    since = model_sequence;
  }
  void retire() {
    retired_before = ++sequence;
    if (current) since = sequence;
    current.reset();
  }
  void roll_back() {
    ++sequence;
    const Version* target = nullptr;
    for (const Version& version : accepted)
      if (!current || version.sequence < current->sequence) target = &version;
    if (target == nullptr) return;
    current = *target;
    since = sequence;
  }
};

TEST(ServeModelRandomOrder, ArrivalGivesWhatTheOracleSays) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    ServingRig rig({.keep_versions = 1000, .max_loads = 1000}, 1 + seed % 3);
    rig.open();
    struct Load {
      std::string key;
      int sequence = 0;
      std::int64_t version = 0;
      bool good = false;
    };
    std::deque<Load> loads;
    std::map<std::string, ArrivalOracle> oracles;
    std::map<std::string, std::int64_t> versions;
    std::vector<std::string> expected;
    for (int i = 0; i < 300; ++i) {
      const std::string key(1, static_cast<char>('a' + below(random, 2)));
      ArrivalOracle& oracle = oracles[key];
      switch (below(random, 8)) {
        case 0: {
          const bool good = below(random, 4) != 0;
          const std::int64_t version = ++versions[key];
          rig.model(toy(key, good ? "CONST " + std::to_string(version) : "rubbish", version));
          const int sequence = ++oracle.sequence;
          if (version >= oracle.newest) loads.push_back({key, sequence, version, good});
          break;
        }
        case 1:
        case 2:
          if (!loads.empty()) {
            const auto index = random() % loads.size();
            const Load load = loads[index];
            loads.erase(loads.begin() + static_cast<std::ptrdiff_t>(index));
            rig.load(index);
            oracles[load.key].loaded(load.sequence, load.version, load.good);
          }
          break;
        case 3:
          if (below(random, 3) == 0) {
            rig.model(order(key, ModelControl::kRetire));
            oracle.retire();
          } else {
            rig.model(order(key, ModelControl::kRollback));
            oracle.roll_back();
          }
          break;
        default:
          rig.record(key);
          expected.push_back(oracle.current ? "ok:" + std::to_string(oracle.current->value) : "no_model");
      }
    }
    const auto answers = answers_of(rig.results);
    ASSERT_EQ(answers.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(answers.at(static_cast<std::int64_t>(i + 1)), expected[i]) << "record " << i + 1;
  }
}

}  // namespace
}  // namespace weir::test
