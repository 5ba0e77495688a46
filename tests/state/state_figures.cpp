// What state costs: figures for docs and for those who change tables or the checkpoint store. Tables are measured in
// processor time of the thread (other work on the machine counts little), checkpoints in elapsed time.
//
//   find, mutate      nanoseconds per operation, resident, hashes given, uniformly random keys
//   freeze, drain     at a barrier with every key dirty; drain in steps of 1,000
//   checkpoint        CheckpointStore::write with so many changed entries (u64 -> i64), median and worst of several
//   open              restoring: verifying, cloning, opening
//
//   state_figures [--quick]

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>

#include <weir/time.hpp>
#include <weir/value_table.hpp>

#include "state/checkpoint_store.hpp"
#include "state/filesystem.hpp"
#include "state/support/temporary_directory.hpp"

namespace {

using namespace weir;

double milliseconds() { return static_cast<double>(system_clock().monotonic_ns()) * 1e-6; }
double thread_milliseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

[[noreturn]] void fail(const Status& status) {
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}

template <class Clock, class Function>
double median_of(int runs, Clock&& clock, Function&& function, double* worst = nullptr) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const double start = clock();
    function();
    times.push_back(clock() - start);
  }
  std::sort(times.begin(), times.end());
  if (worst != nullptr) *worst = times.back();
  return times[times.size() / 2];
}

using Table = ValueTable<std::uint64_t, std::int64_t>;

void table_figures(std::uint64_t keys, std::size_t operations) {
  StateContext context({.uid = "figures"});
  CurrentKey<std::uint64_t> current;
  Table& table = context.emplace<Table>(&current, StateOptions{.name = "sum"});
  for (std::uint64_t key = 0; key < keys; ++key) table.mutate(key, hash_key(key)) = static_cast<std::int64_t>(key);
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> order(operations), hashes(operations);
  for (std::size_t i = 0; i < operations; ++i) {
    order[i] = random() % keys;
    hashes[i] = hash_key(order[i]);
  }
  std::int64_t sum = 0;
  const double find = median_of(9, thread_milliseconds, [&] {
    for (std::size_t i = 0; i < operations; ++i) sum += *table.find(order[i], hashes[i]);
  });
  const double mutate = median_of(9, thread_milliseconds, [&] {
    for (std::size_t i = 0; i < operations; ++i) ++table.mutate(order[i], hashes[i]);
  });
  const double warmed = median_of(9, thread_milliseconds, [&] {
    for (std::size_t i = 0; i < operations; i += 256) {
      const std::size_t count = std::min<std::size_t>(256, operations - i);
      table.warm(std::span(hashes).subspan(i, count));
      for (std::size_t j = i; j < i + count; ++j) ++table.mutate(order[j], hashes[j]);
    }
  });
  const double scale = 1e6 / static_cast<double>(operations);
  std::printf(
      "%9llu keys: find %.1f ns, mutate %.1f ns, warmed by batches of 256 %.1f ns, %.1f bytes a key (sum %lld)\n",
      static_cast<unsigned long long>(keys), find * scale, mutate * scale, warmed * scale,
      static_cast<double>(table.memory_bytes()) / static_cast<double>(keys), static_cast<long long>(sum));

  double start = thread_milliseconds();
  table.freeze();
  const double freeze = thread_milliseconds() - start;
  StateDelta delta;
  double worst = 0;
  const double drain_start = thread_milliseconds();
  for (bool done = false; !done;) {
    start = thread_milliseconds();
    done = table.drain(1000, delta);
    worst = std::max(worst, thread_milliseconds() - start);
  }
  const double drain = thread_milliseconds() - drain_start;
  start = thread_milliseconds();
  table.committed();
  std::printf("                freeze %.4f ms, drain %.1f ms in all, worst step %.3f ms, committed %.4f ms\n", freeze,
              drain, worst, thread_milliseconds() - start);
}

void checkpoint_figures(std::uint64_t entries, int runs) {
  const testing::TemporaryDirectory directory;
  CheckpointStore::Options options;
  options.checkpoint.directory = directory.path();
  options.job_name = "figures";
  auto store = CheckpointStore::open(options);
  if (!store) fail(store.status());
  StateContext context({.uid = "figures"});
  CurrentKey<std::uint64_t> current;
  Table& table = context.emplace<Table>(&current, StateOptions{.name = "sum"});
  std::uint64_t id = 0;
  const auto write = [&](std::uint64_t changed) {
    CheckpointContent content;
    content.id = ++id;
    OperatorSnapshot& snapshot = content.operators.emplace_back();
    snapshot.uid = "figures";
    for (std::uint64_t key = 0; key < changed; ++key) ++table.mutate(key, hash_key(key));
    table.freeze();
    while (!table.drain(10'000, snapshot.deltas.emplace_back())) {
    }
    table.committed();
    const double start = milliseconds();
    const auto info = (*store)->write(std::move(content));
    if (!info) fail(info.status());
    return milliseconds() - start;
  };
  const double first = write(entries);
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) times.push_back(write(entries));
  std::sort(times.begin(), times.end());
  std::printf("%9llu changed: first checkpoint %.1f ms, later ones %.1f ms (median), %.1f ms (worst of %d)",
              static_cast<unsigned long long>(entries), first, times[times.size() / 2], times.back(), runs);
  store = Status::cancelled("closed");
  const double start = milliseconds();
  store = CheckpointStore::open(options);
  if (!store) fail(store.status());
  std::printf(", open %.1f ms\n", milliseconds() - start);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc == 2 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !quick) {
    std::fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
    return 2;
  }
  const std::size_t operations = quick ? 1'000 : 2'000'000;
  for (const std::uint64_t keys : {1'000, 100'000, 1'000'000})
    if (!quick || keys == 1'000) table_figures(keys, operations);
  const testing::TemporaryDirectory directory;
  double worst = 0;
  const double sync = median_of(
      quick ? 3 : 21, milliseconds,
      [&] {
        if (const Status status = real_filesystem().write_file(directory / "file", "x"); !status.is_ok()) fail(status);
      },
      &worst);
  std::printf("  writing and syncing a small file here: %.2f ms (median), %.2f ms (worst)\n", sync, worst);
  for (const std::uint64_t entries : {0, 10'000, 1'000'000})
    if (!quick || entries <= 10'000) checkpoint_figures(entries, quick ? 3 : 9);
  return 0;
}
