#include "kill.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <weir/csv.hpp>

#include "job.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "run.hpp"

namespace flights {

using weir::Result;
using weir::Status;

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr auto kLookInterval = std::chrono::milliseconds(2);

std::vector<std::string> command_line(const DemoOptions& options) {
  std::vector<std::string> line = {"/proc/self/exe",
                                   "--data",
                                   options.data,
                                   "--model-files",
                                   options.model_files,
                                   "--directory",
                                   options.directory,
                                   "--models",
                                   options.models,
                                   "--parallelism",
                                   std::to_string(options.parallelism),
                                   "--batch-size",
                                   std::to_string(options.batch_size),
                                   "--checkpoint-interval",
                                   std::to_string(options.checkpoint_interval_ms),
                                   "--port",
                                   std::to_string(options.port),
                                   "--speed",
                                   options.days_per_second ? std::to_string(*options.days_per_second) : "max"};
  if (options.until) line.insert(line.end(), {"--until", weir::format_timestamp(*options.until)});
  if (!options.json.empty()) line.insert(line.end(), {"--json", options.json});
  if (options.fresh) line.emplace_back("--fresh");
  if (options.quiet) line.emplace_back("--quiet");
  return line;
}

// A demo in a process of its own, which is killed when this object goes.
class Child {
 public:
  static Result<Child> start(const DemoOptions& options) {
    std::vector<std::string> line = command_line(options);
    std::vector<char*> arguments;
    for (std::string& argument : line) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    std::fflush(nullptr);
    const pid_t id = ::fork();
    if (id < 0) return Status::from_errno("fork", errno);
    if (id == 0) {
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    return Child(id);
  }
  Child(Child&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (id_ > 0) kill(), wait();
  }

  void kill() const { ::kill(id_, SIGKILL); }
  // The exit code; 128 and the signal's number when one ended it.
  int wait() {
    int status = 0;
    while (::waitpid(std::exchange(id_, -1), &status, 0) < 0 && errno == EINTR) {
    }
    return code_of(status);
  }
  // The exit code if it has ended by `moment`.
  std::optional<int> wait_until(Clock::time_point moment) {
    while (Clock::now() < moment) {
      int status = 0;
      if (::waitpid(id_, &status, WNOHANG) == id_) {
        id_ = -1;
        return code_of(status);
      }
      std::this_thread::sleep_for(kLookInterval);
    }
    return std::nullopt;
  }

 private:
  explicit Child(pid_t id) : id_(id) {}
  static int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }
  pid_t id_;
};

std::string output_of(const DemoOptions& options) { return RunDirectory{run_directory(options)}.output(); }

Result<Seconds> run_unbroken(const DemoOptions& options) {
  const auto started = Clock::now();
  WEIR_ASSIGN_OR_RETURN(Child child, Child::start(options));
  if (const int code = child.wait(); code != kExitOk)
    return Status::internal("the unbroken run ended with code " + std::to_string(code));
  return Seconds(Clock::now() - started);
}

// How often it was killed. `planned`: how long it would take unbroken.
Result<std::uint32_t> run_killed(DemoOptions options, Seconds planned, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  // Somewhere on the way; with several kills closer together, so that all fall into the run.
  const double longest = 0.9 * planned.count() * 2 / (options.kills + 1);
  std::uint32_t kills = 0;
  for (; kills < options.kills; ++kills) {
    const Seconds moment(std::uniform_real_distribution<double>(0.1 * longest, longest)(random));
    WEIR_ASSIGN_OR_RETURN(Child child, Child::start(options));
    const auto ended = child.wait_until(Clock::now() + std::chrono::duration_cast<Clock::duration>(moment));
    if (ended) {
      if (*ended != kExitOk) return Status::internal("the run ended by itself with code " + std::to_string(*ended));
      return kills;
    }
    child.kill();
    child.wait();
    options.fresh = false;
    if (!options.quiet) std::printf("\n*** SIGKILL after %.2f s; starting again\n", moment.count());
  }
  WEIR_ASSIGN_OR_RETURN(Child child, Child::start(options));
  if (const int code = child.wait(); code != kExitOk)
    return Status::internal("the run that went on ended with code " + std::to_string(code));
  return kills;
}

Result<int> compare(const DemoOptions& unbroken, const DemoOptions& killed, std::uint32_t kills, std::uint64_t seed) {
  WEIR_ASSIGN_OR_RETURN(const Output expected, read_output(output_of(unbroken)));
  WEIR_ASSIGN_OR_RETURN(const Output found, read_output(output_of(killed)));
  const bool same = expected.lines == found.lines && expected.month_lines == found.month_lines;
  std::printf(
      "\nkilled %u time(s) (--seed %llu), %s flights:\n  unbroken run  sha256 %s\n  killed run    sha256 %s\n%s\n",
      kills, static_cast<unsigned long long>(seed), with_commas(found.lines.size()).c_str(), expected.sha256.c_str(),
      found.sha256.c_str(), same ? "identical: nothing lost, nothing doubled, every score the same" : "DIFFERENT");
  if (kills == 0) {
    std::printf("the run was over before the first kill: no proof\n");
    return kExitWrong;
  }
  return same ? kExitOk : kExitWrong;
}

Result<int> run(const DemoOptions& options) {
  const std::uint64_t seed = options.seed != 0 ? options.seed : std::random_device{}();
  DemoOptions unbroken = options;
  unbroken.directory += "/unbroken";
  unbroken.days_per_second.reset();
  unbroken.fresh = true;
  unbroken.quiet = true;
  unbroken.json.clear();
  DemoOptions killed = options;
  killed.directory += "/killed";
  killed.fresh = true;
  if (!options.quiet) std::printf("first an unbroken run, as fast as it goes\n");
  WEIR_ASSIGN_OR_RETURN(const Seconds took, run_unbroken(unbroken));
  Seconds planned = took;
  if (options.days_per_second) {
    // The data is paced: from its first to its last request.
    const weir::Timestamp begin = weir::parse_timestamp("2013-01-01").value();
    const weir::Timestamp end = options.until.value_or(weir::parse_timestamp("2014-01-01").value());
    planned = Seconds(std::chrono::duration<double, std::ratio<86400>>(end - begin).count() / *options.days_per_second);
  }
  if (!options.quiet) {
    std::printf("it took %.1f s. Now a run that is killed (--seed %llu)\n", took.count(),
                static_cast<unsigned long long>(seed));
  }
  WEIR_ASSIGN_OR_RETURN(const std::uint32_t kills, run_killed(killed, planned, seed));
  return compare(unbroken, killed, kills, seed);
}

}  // namespace

int run_with_kills(const DemoOptions& options) {
  const Result<int> code = run(options);
  if (code) return *code;
  std::fprintf(stderr, "flights_demo: %s\n", code.status().to_string().c_str());
  return kExitFailed;
}

}  // namespace flights
