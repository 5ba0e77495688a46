#include "bench/support/harness.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

namespace weir::bench {
namespace {

struct Side {
  std::vector<double> rates;  // million records a second, one a run
  [[nodiscard]] double median() const {
    std::vector<double> sorted = rates;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t half = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
  [[nodiscard]] double least() const { return *std::min_element(rates.begin(), rates.end()); }
  [[nodiscard]] double most() const { return *std::max_element(rates.begin(), rates.end()); }
};

struct Row {
  std::string name;
  double weir;
  double limit;
  const char* unit = "M records/s";
  double ratio = weir / limit;
};

std::string cpu_name() {
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown CPU";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

void print_heading(const std::string& title, const Options& options) {
  std::printf("%s, %s\n%s, %u hardware threads; %s build, %s %s; %d repetitions%s\n\n", title.c_str(), today().c_str(),
              cpu_name().c_str(), std::thread::hardware_concurrency(), WEIR_BENCH_BUILD_TYPE,
#ifdef __clang__
              "clang",
#else
              "g++",
#endif
              __VERSION__, options.repetitions, options.quick ? "; QUICK: speeds mean nothing" : "");
  std::printf("%-34s %10s %10s %7s %9s %9s %9s   %-17s %s\n", "M records/s, medians", "weir", "limit", "ratio",
              "weir ns", "limit ns", "beside ns", "weir least-most", "parameters");
}

/// False, and said why on standard error, when the checksums differ.
bool measure(const Pair& pair, const Options& options, Side& weir, Side& limit) {
  std::uint64_t expected = 0;
  const int repetitions = std::min(options.repetitions, pair.most_repetitions);
  for (int repetition = -1; repetition < repetitions; ++repetition) {  // -1 warms up
    const Measured of_limit = pair.limit();
    const Measured of_weir = pair.weir();
    if (repetition == -1) expected = of_limit.checksum;
    if (of_limit.checksum != expected || of_weir.checksum != expected || of_limit.records != of_weir.records) {
      std::fprintf(stderr,
                   "%s: results differ: weir %016llx of %llu records, limit %016llx of %llu, first run %016llx\n",
                   pair.name.c_str(), static_cast<unsigned long long>(of_weir.checksum),
                   static_cast<unsigned long long>(of_weir.records), static_cast<unsigned long long>(of_limit.checksum),
                   static_cast<unsigned long long>(of_limit.records), static_cast<unsigned long long>(expected));
      return false;
    }
    if (repetition < 0) continue;
    weir.rates.push_back(static_cast<double>(of_weir.records) / of_weir.seconds / 1e6);
    limit.rates.push_back(static_cast<double>(of_limit.records) / of_limit.seconds / 1e6);
  }
  return true;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

bool write_json(const std::string& file, const std::vector<Row>& rows) {
  std::ofstream out(file);
  out << "[";
  const char* separator = "\n";
  for (const Row& row : rows) {
    out << separator << R"(  {"name": )" << quoted(row.name) << R"(, "unit": )" << quoted(row.unit) << R"(, "weir": )"
        << number(row.weir) << R"(, "limit": )" << number(row.limit) << R"(, "ratio": )" << number(row.ratio) << "}";
    separator = ",\n";
  }
  out << "\n]\n";
  out.close();
  if (!out) std::fprintf(stderr, "cannot write '%s'\n", file.c_str());
  return static_cast<bool>(out);
}

// The overheads whose two pairs ran, as rows of nanoseconds: less is better, so the ratio is limit to weir.
void add_overheads(const std::vector<Overhead>& overheads, std::vector<Row>& rows) {
  const auto find = [&](const std::string& name) -> const Row* {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
    return found == rows.end() ? nullptr : &*found;
  };
  std::vector<Row> added;
  for (const Overhead& overhead : overheads) {
    const Row* whole = find(overhead.whole);
    const Row* part = find(overhead.part);
    if (whole == nullptr || part == nullptr) continue;
    const double weir = 1e3 / whole->weir - 1e3 / part->weir;
    const double limit = 1e3 / whole->limit - 1e3 / part->limit;
    // Differences of measurements: noise can take either below zero.
    const double ratio = weir <= 0 ? 1 : std::max(limit, 0.0) / weir;
    added.push_back({overhead.name, weir, limit, "ns/record", ratio});
    std::printf("%-34s %10s %10s %7.2f %9.2f %9.2f %9.2f   %s beyond %s\n", overhead.name.c_str(), "", "", ratio, weir,
                limit, weir - limit, overhead.whole.c_str(), overhead.part.c_str());
  }
  rows.insert(rows.end(), added.begin(), added.end());
}

void add_figures(const std::vector<Figures>& figures, const Options& options, std::vector<Row>& rows) {
  for (const Figures& chosen : figures) {
    if (chosen.name.find(options.only) == std::string::npos) continue;
    for (const Figure& figure : chosen.measure()) {
      rows.push_back({figure.name, figure.weir, figure.limit, "ns", figure.limit / figure.weir});
      std::printf("%-34s %10s %10s %7.2f %9.0f %9.0f %9.0f   %s\n", figure.name.c_str(), "", "", rows.back().ratio,
                  figure.weir, figure.limit, figure.weir - figure.limit, figure.parameters.c_str());
      std::fflush(stdout);
    }
  }
}

[[noreturn]] void explain(const char* program, int exit_code) {
  std::fprintf(exit_code == 0 ? stdout : stderr,
               "usage: %s [--json FILE] [--quick] [--repetitions N] [--records N] [--only TEXT]\n", program);
  std::exit(exit_code);
}

template <class Number>
bool parse_positive(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size() && into > 0;
}

}  // namespace

double now_seconds() noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Options parse_options(int argc, char** argv) {
  Options options;
  bool repetitions_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&]() -> std::string_view {
      if (i + 1 == argc) explain(argv[0], 2);
      return argv[++i];
    };
    if (argument == "--help" || argument == "-h") explain(argv[0], 0);
    if (argument == "--quick") {
      options.quick = true;
    } else if (argument == "--json") {
      options.json_file = value();
    } else if (argument == "--only") {
      options.only = value();
    } else if (argument == "--repetitions") {
      repetitions_given = true;
      if (!parse_positive(value(), options.repetitions)) explain(argv[0], 2);
    } else if (argument == "--records") {
      if (!parse_positive(value(), options.records)) explain(argv[0], 2);
    } else {
      explain(argv[0], 2);
    }
  }
  if (options.quick && !repetitions_given) options.repetitions = 2;
  return options;
}

int run_pairs(const std::string& title, const Options& options, const std::vector<Pair>& pairs,
              const std::vector<Overhead>& overheads, const std::vector<Figures>& figures) {
  print_heading(title, options);
  std::vector<Row> rows;
  bool correct = true;
  for (const Pair& pair : pairs) {
    if (pair.name.find(options.only) == std::string::npos) continue;
    Side weir;
    Side limit;
    if (!measure(pair, options, weir, limit)) {
      correct = false;
      continue;
    }
    rows.push_back({pair.name, weir.median(), limit.median()});
    const Row& row = rows.back();
    std::printf("%-34s %10.1f %10.1f %7.2f %9.2f %9.2f %9.2f   %-8.1f %-8.1f %s\n", row.name.c_str(), row.weir,
                row.limit, row.weir / row.limit, 1e3 / row.weir, 1e3 / row.limit, 1e3 / row.weir - 1e3 / row.limit,
                weir.least(), weir.most(), pair.parameters.c_str());
    std::fflush(stdout);
  }
  add_overheads(overheads, rows);
  add_figures(figures, options, rows);
  if (rows.empty() && correct) {
    std::fprintf(stderr, "no benchmark has '%s' in its name\n", options.only.c_str());
    return 1;
  }
  if (!options.json_file.empty() && !write_json(options.json_file, rows)) return 1;
  return correct ? 0 : 1;
}

}  // namespace weir::bench
