#include "run.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "input.hpp"
#include "job.hpp"
#include "model_index.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "raw_data.hpp"
#include "report.hpp"
#include "serving_facts.hpp"
#include "stages.hpp"

namespace flights {

using weir::JobStatus;
using weir::Result;
using weir::Status;

namespace {

// The same regressions as PMML compute as doubles, as ONNX as floats.
double tolerance_of(const DemoOptions& options) { return options.models == "onnx" ? 1e-6 : 1e-9; }

volatile std::sig_atomic_t stop_signal = 0;
void on_signal(int signal) { stop_signal = signal; }

constexpr auto kLookInterval = std::chrono::milliseconds(20);

// Keeps a second demo out of the directory.
class DirectoryLock {
 public:
  static Result<DirectoryLock> take(const std::string& directory) {
    const std::string path = directory + "/lock";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return Status::from_errno("open '" + path + "'", errno);
    DirectoryLock lock(descriptor);
    // A demo that was just killed may take a moment to be gone.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kLookInterval);
        continue;
      }
      return Status::failed_precondition("lock '" + path +
                                         "': another demo runs there; --directory chooses another place");
    }
    return lock;
  }
  DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// What must be the same for a run to go on.
std::string settings_of(const DemoOptions& options) {
  return "models=" + options.models + "\nuntil=" + (options.until ? weir::format_timestamp(*options.until) : "") + "\n";
}

// True when there is a run to go on with; else the directory is left empty for a new one.
Result<bool> prepare_directory(const DemoOptions& options, const RunDirectory& directory) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const Result<std::string> settings = read_text_file(directory.settings());
  if (!options.fresh && settings && *settings == settings_of(options)) return true;
  for (const std::string& path : {directory.settings(), directory.job(), directory.output(), directory.slice()}) {
    fs::remove_all(path, failed);
    if (failed) return Status::from_errno("remove '" + path + "'", failed.value());
  }
  WEIR_RETURN_IF_ERROR(write_text_file(directory.settings(), settings_of(options)));
  return false;
}

// The oracle's figures, when there are any for this input.
struct Oracle {
  Quality pooled;
  std::vector<MonthRow> months;
};

std::optional<double> maybe_number(const boost::json::object& object, const char* name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

Quality quality_of(const boost::json::object& object) {
  return {maybe_number(object, "auc_live"), maybe_number(object, "auc_frozen"), maybe_number(object, "brier_live"),
          maybe_number(object, "brier_frozen")};
}

Result<Oracle> read_oracle(const DemoOptions& options) {
  const std::string path = options.model_files + "/../expected/summary-" + trained_as(options.models) + ".json";
  WEIR_ASSIGN_OR_RETURN(const std::string text, read_text_file(path));
  try {
    const boost::json::value file = boost::json::parse(text);
    Oracle oracle;
    oracle.pooled = quality_of(file.as_object());
    for (const boost::json::value& month : file.at("months").as_array()) {
      MonthRow& row = oracle.months.emplace_back();
      row.month = static_cast<int>(month.at("month").to_number<std::int64_t>());
      row.quality = quality_of(month.as_object());
    }
    return oracle;
  } catch (const std::exception& failure) {
    return Status::data_loss("read '" + path + "': " + failure.what());
  }
}

struct Agreement {
  double tolerance;
  double worst = 0;
};

void check_close(const std::string& what, const std::optional<double>& ours, const std::optional<double>& theirs,
                 Agreement& agreement, std::vector<std::string>& faults) {
  if (!ours && !theirs) return;
  const double difference = ours && theirs ? std::abs(*ours - *theirs) : INFINITY;
  agreement.worst = std::max(agreement.worst, difference);
  if (difference <= agreement.tolerance) return;
  faults.push_back(what + " is " + (ours ? std::to_string(*ours) : "missing") + "; scikit-learn finds " +
                   (theirs ? std::to_string(*theirs) : "none"));
}

void check_quality(const std::string& what, const Quality& ours, const Quality& theirs, Agreement& agreement,
                   std::vector<std::string>& faults) {
  check_close(what + " AUC live", ours.auc_live, theirs.auc_live, agreement, faults);
  check_close(what + " AUC frozen", ours.auc_frozen, theirs.auc_frozen, agreement, faults);
  check_close(what + " Brier live", ours.brier_live, theirs.brier_live, agreement, faults);
  check_close(what + " Brier frozen", ours.brier_frozen, theirs.brier_frozen, agreement, faults);
}

class Run {
 public:
  explicit Run(const DemoOptions& options) : options_(options), directory_{run_directory(options)} {}

  // Exit code, or why it could not run.
  Result<int> run() {
    std::error_code failed;
    std::filesystem::create_directories(directory_.root, failed);
    if (failed) return Status::from_errno("make '" + directory_.root + "'", failed.value());
    WEIR_ASSIGN_OR_RETURN(const DirectoryLock lock, DirectoryLock::take(directory_.root));
    WEIR_ASSIGN_OR_RETURN(const bool goes_on, prepare_directory(options_, directory_));
    if (!goes_on) say("preparing the flights and the models\n");
    WEIR_ASSIGN_OR_RETURN(input_, prepare_input(options_, directory_.slice()));
    std::uint16_t port = 0;
    WEIR_ASSIGN_OR_RETURN(const bool complete, run_job(port));
    if (!complete) return kExitStopped;
    WEIR_RETURN_IF_ERROR(report());
    if (options_.serve) WEIR_RETURN_IF_ERROR(serve(port));
    // The next start begins anew.
    std::filesystem::remove(directory_.settings(), failed);
    return faults_.empty() ? kExitOk : kExitWrong;
  }

 private:
  // False when a signal stopped it on the way. `port`: where its HTTP server was.
  Result<bool> run_job(std::uint16_t& port) {
    WEIR_ASSIGN_OR_RETURN(weir::Job job, make_pipeline(options_, input_, directory_).start());
    port = job.http_port();
    started_ = std::chrono::steady_clock::now();
    introduce(job);
    WEIR_ASSIGN_OR_RETURN(const bool complete, watch(job));
    if (!complete) {
      WEIR_RETURN_IF_ERROR(stop_on_the_way(job));
      return false;
    }
    WEIR_RETURN_IF_ERROR(settle(job));
    WEIR_RETURN_IF_ERROR(job.stop({.drain = true}));
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    records_ = records_read(job.status());
    return true;
  }

  void say(const std::string& text) const {
    if (!options_.quiet) std::fputs(text.c_str(), stdout), std::fflush(stdout);
  }

  void introduce(const weir::Job& job) const {
    const std::string url = "http://127.0.0.1:" + std::to_string(job.http_port());
    std::string text = "\n" + with_commas(input_.ids.size()) + " flights, " + std::to_string(input_.models.size() - 1) +
                       " models (" + options_.models + ") on the stream" + "; state in " + directory_.root + "\n";
    if (const std::uint64_t restored = job.status().restored_checkpoint; restored != 0)
      text +=
          "going on from checkpoint " + std::to_string(restored) + " of a run that was stopped (--fresh begins anew)\n";
    text += "HTTP: " + url + "   try\n  curl " + url + "/v1/models/JFK\n  curl " + url +
            "/v1/state/quality/by-month/2\n  curl -X POST '" + url +
            "/v1/models/JFK/rollback?effective_at=2013-01-01T00:00:00Z'\n\n";
    say(text);
  }

  static std::uint64_t records_read(const JobStatus& status) {
    std::uint64_t records = 0;
    for (const weir::OperatorStatus& one : status.operators)
      if (one.uid == "requests" || one.uid == "outcomes") records += static_cast<std::uint64_t>(one.records_out);
    return records;
  }

  void show(Progress& progress, const weir::Job& job, const JobStatus& status) const {
    ProgressFigures figures;
    figures.first = input_.first;
    figures.last = input_.last;
    for (const weir::OperatorStatus& one : status.operators)
      if (one.uid == "score-live") figures.now = one.watermark;
    figures.records = records_read(status);
    // A server that is busy starting or restarting just leaves the last figures out.
    if (auto facts = read_serving_facts(job.http_port())) figures.serving = std::move(*facts);
    progress.show(figures);
  }

  // Until both files have been read to their ends (true) or a signal came (false).
  Result<bool> watch(weir::Job& job) const {
    Progress progress(options_.quiet);
    while (stop_signal == 0) {
      const JobStatus status = job.status();
      if (status.state == JobStatus::State::kFailed) return status.fault;
      if (status.state == JobStatus::State::kStopped || status.state == JobStatus::State::kFinished) return false;
      const auto has_ended = [&](const char* uid) {
        return std::find(status.ended_operators.begin(), status.ended_operators.end(), uid) !=
               status.ended_operators.end();
      };
      if (has_ended("requests") && has_ended("outcomes")) return true;
      if (progress.due()) show(progress, job, status);
      std::this_thread::sleep_for(kLookInterval);
    }
    return false;
  }

  // Waits until the statistics have seen every request: then the figures taken from HTTP are the final ones.
  Status settle(weir::Job& job) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      Result<ServingFacts> facts = read_serving_facts(job.http_port());
      if (facts && facts->scored >= input_.ids.size()) {
        serving_ = std::move(*facts);
        for (const weir::OperatorStatus& one : job.status().operators)
          if (one.uid == "model-inbox") posted_ = one.position;
        if (serving_.scored == input_.ids.size()) return {};
        return complain_about_statistics();
      }
      if (std::chrono::steady_clock::now() > deadline) {
        if (!facts) return facts.status();
        serving_ = std::move(*facts);
        return complain_about_statistics();
      }
      if (job.status().state == JobStatus::State::kFailed) return job.status().fault;
      std::this_thread::sleep_for(kLookInterval);
    }
  }

  Status complain_about_statistics() {
    faults_.push_back("the serving statistics count " + std::to_string(serving_.scored) + " flights, not " +
                      std::to_string(input_.ids.size()));
    return {};
  }

  Status stop_on_the_way(weir::Job& job) const {
    WEIR_RETURN_IF_ERROR(job.stop());
    const auto checkpoint = job.status().last_checkpoint;
    say("stopped" + (checkpoint ? " with checkpoint " + std::to_string(checkpoint->id) : std::string()) +
        "; the same command goes on from there\n");
    return {};
  }

  // Models that a person posted, or a slice of the year: then scikit-learn's figures are of something else.
  [[nodiscard]] std::string why_not_comparable() const {
    if (options_.until) return "only a part of the year";
    if (posted_ != 0) return "models were posted, rolled back or retired during this run";
    return {};
  }

  Status compare_with_oracle(const Output& output, std::string& said) {
    if (const std::string why = why_not_comparable(); !why.empty()) {
      said = "not compared with scikit-learn: " + why;
      return {};
    }
    WEIR_ASSIGN_OR_RETURN(const Oracle oracle, read_oracle(options_));
    Agreement agreement{tolerance_of(options_)};
    check_quality("pooled", output.pooled, oracle.pooled, agreement, faults_);
    if (oracle.months.size() != output.months.size()) faults_.push_back("the number of months is not scikit-learn's");
    for (std::size_t i = 0; i < std::min(oracle.months.size(), output.months.size()); ++i)
      check_quality("month " + std::to_string(output.months[i].month), output.months[i].quality,
                    oracle.months[i].quality, agreement, faults_);
    char text[96];
    std::snprintf(text, sizeof text, "AUC and Brier score agree with scikit-learn's to %.0e (largest difference %.1e)",
                  agreement.tolerance, agreement.worst);
    said = agreement.worst <= agreement.tolerance ? text : "AUC or Brier score DISAGREE with scikit-learn's";
    return {};
  }

  Status report() {
    WEIR_ASSIGN_OR_RETURN(const Output output, read_output(directory_.output()));
    const Differences differences = compare_ids(input_.ids, output.ids);
    if (differences.lost != 0) faults_.push_back(std::to_string(differences.lost) + " flights were lost");
    if (differences.doubled != 0) faults_.push_back(std::to_string(differences.doubled) + " flights came out doubled");
    if (serving_.errors != 0) faults_.push_back(std::to_string(serving_.errors) + " flights could not be scored");
    check_months(output);
    std::string compared;
    WEIR_RETURN_IF_ERROR(compare_with_oracle(output, compared));

    Summary summary;
    summary.models = options_.models;
    summary.records_in = input_.ids.size();
    summary.records_out = output.lines.size();
    summary.swaps = serving_.swaps;
    summary.refused = serving_.refused;
    summary.lost = differences.lost;
    summary.doubled = differences.doubled;
    summary.quality = output.pooled;
    summary.records_per_second = seconds_ == 0 ? 0 : static_cast<double>(records_) / seconds_;
    summary.output_sha256 = output.sha256;
    summary.months = output.months;
    if (!options_.json.empty()) WEIR_RETURN_IF_ERROR(write_summary(options_.json, summary));
    print(summary, compared);
    return {};
  }

  // The stream's own rows by month must be what the lines give.
  void check_months(const Output& output) {
    std::vector<std::string> lines;
    for (const MonthRow& row : output.months) {
      append_line(row, lines.emplace_back());
      lines.back().pop_back();
    }
    std::sort(lines.begin(), lines.end());
    if (lines != output.month_lines) faults_.push_back("the months that the job counted differ from its flights");
  }

  void print(const Summary& summary, const std::string& compared) const {
    const LatencyFacts& latency = serving_.latency;
    char figures[512];
    std::snprintf(figures, sizeof figures,
                  "flights in %s, out %s, lost %s, doubled %s\n"
                  "models: %s swaps, %s refused\n",
                  with_commas(summary.records_in).c_str(), with_commas(summary.records_out).c_str(),
                  with_commas(summary.lost).c_str(), with_commas(summary.doubled).c_str(),
                  with_commas(summary.swaps).c_str(), with_commas(summary.refused).c_str());
    std::string text = "\n" + format_month_table(summary.months, summary.quality) + "\n" +
                       std::string(honest_limits()) + "\n" + figures;
    for (const std::string& refusal : serving_.refusals) text += "  refused " + refusal + "\n";
    std::snprintf(figures, sizeof figures,
                  "scoring a flight: mean %.0f ns; worst of all models and airports: p50 %lld, p99 %lld, p99.9 %lld, "
                  "max %lld ns\n"
                  "throughput: %s records/s (requests and outcomes, %.1f s%s)\n",
                  latency.mean_ns, static_cast<long long>(latency.p50_ns), static_cast<long long>(latency.p99_ns),
                  static_cast<long long>(latency.p999_ns), static_cast<long long>(latency.max_ns),
                  with_commas(static_cast<std::uint64_t>(summary.records_per_second)).c_str(), seconds_,
                  options_.days_per_second ? ", held back to its pace" : "");
    text += figures;
    text +=
        compared + "\noutput " + directory_.output() + ", sha256 of its sorted lines " + summary.output_sha256 + "\n";
    say(text);
    for (const std::string& fault : faults_) std::fprintf(stderr, "flights_demo: WRONG: %s\n", fault.c_str());
  }

  // The job again, from the checkpoint with which it ended: all its state can be asked for until a signal comes.
  Status serve(std::uint16_t port) {
    DemoOptions again = options_;
    again.port = port;
    WEIR_ASSIGN_OR_RETURN(weir::Job job, make_pipeline(again, input_, directory_).start());
    say("\nHTTP stays up at http://127.0.0.1:" + std::to_string(job.http_port()) + " until Ctrl-C\n");
    while (stop_signal == 0 && job.status().state != JobStatus::State::kFailed &&
           job.status().state != JobStatus::State::kStopped)
      std::this_thread::sleep_for(kLookInterval);
    if (job.status().state == JobStatus::State::kFailed) return job.status().fault;
    return job.stop();
  }

  const DemoOptions options_;
  const RunDirectory directory_;
  DemoInput input_;
  ServingFacts serving_;
  std::int64_t posted_ = 0;  // records of the model inbox, since the first start
  std::chrono::steady_clock::time_point started_;
  double seconds_ = 0;
  std::uint64_t records_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace

std::string run_directory(const DemoOptions& options) { return options.directory + "/" + options.models; }

int run_demo(const DemoOptions& options) {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const Result<int> code = Run(options).run();
  if (code) return *code;
  std::fprintf(stderr, "flights_demo: %s\n", code.status().to_string().c_str());
  return kExitFailed;
}

}  // namespace flights
