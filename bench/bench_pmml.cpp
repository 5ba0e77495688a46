// PMML models scored by weir and by hand-written loops (bench/limits/pmml_scoring.cpp), on one thread, no pipeline.
//
//   linear            11 doubles, RegressionModel                      logistic   the same as a class, probability
//   mlp-30-64-32-1    NeuralNetwork, rectifiers                        tree-d6    one complete tree of depth 6
//   forest-10xd6, forest-100xd6, forest-500xd8   averages of complete trees, 11 doubles, every threshold different
//   boosted-100xd4    a sum of trees and a constant                    forest-200-deep   200 grown trees, 80,200 nodes
//   knn               the 5 nearest of 2,000 instances of 11 doubles
//   svm-rbf           200 vectors of 11 doubles, radial basis          sklearn-pipeline  replace, scale, log, bins,
//                     indicators of two texts, logistic regression
//   load-100MB        a forest's document of 100 MB: parse, check, compile; beside expat alone, which keeps nothing
//
// NAME scores one row a call, NAME-batch 64 rows a call; both sides get the same calls over the same 4,096 rows, in
// turn. Only scoring is timed. Results may differ by 1e-9 of their size (the limits add up in another order).

#include <malloc.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include <weir/model.hpp>

#include "bench/limits/pmml_scoring.hpp"
#include "bench/support/harness.hpp"

namespace weir::bench {
namespace {

constexpr std::size_t kRows = 4096;
constexpr std::size_t kBatch = 64;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "bench pmml: %s\n", what.c_str());
  std::exit(1);
}

std::uint64_t checksum_of(const std::vector<double>& scores) {
  std::uint64_t sum = 0;
  for (const double score : scores) sum = sum * 0x9e3779b97f4a7c15ULL + std::bit_cast<std::uint64_t>(score);
  return sum;
}

bool agree(const std::vector<double>& left, const std::vector<double>& right) {
  for (std::size_t i = 0; i < left.size(); ++i)
    if (!(std::abs(left[i] - right[i]) <= 1e-9 * std::max({1.0, std::abs(left[i]), std::abs(right[i])}))) return false;
  return true;
}

/// A model, its rows, and both ways to score `count` rows from row `first` on into out[first]...
struct Workload {
  std::string name;
  std::string parameters;
  std::uint64_t records;  ///< of one run
  pmml::Rows rows;
  std::shared_ptr<const Scorer> scorer;
  std::function<void(std::size_t first, std::size_t count, double* out)> limit;
};

std::shared_ptr<const Scorer> scorer_of(const std::string& document, const pmml::Rows& rows,
                                        const std::string& output) {
  const auto model = pmml_runtime()->load(document, {});
  if (!model.is_ok()) give_up(model.status().to_string());
  std::vector<Field> fields;
  for (std::size_t i = 0; i < rows.number_columns; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  for (std::size_t i = 0; i < rows.text_columns; ++i) fields.push_back({"t" + std::to_string(i), FieldType::kText});
  const std::vector<std::string> wanted = {output};
  const auto scorer = model.value()->bind(FeatureSchema(std::move(fields)), wanted);
  if (!scorer.is_ok()) give_up(scorer.status().to_string());
  return scorer.value();
}

// Calls score_some(first row, rows) until `records` rows are scored, rotating over all rows.
template <class ScoreSome>
double timed(std::uint64_t records, std::size_t batch, const ScoreSome& score_some) {
  const double start = now_seconds();
  for (std::uint64_t done = 0; done < records; done += kRows)
    for (std::size_t first = 0; first < kRows; first += batch) score_some(first, batch);
  return now_seconds() - start;
}

Pair pair_of(const std::shared_ptr<const Workload>& work, std::size_t batch, const Options& options) {
  const std::uint64_t asked = options.quick ? kRows : options.records_or(work->records);
  const std::uint64_t records = (asked + kRows - 1) / kRows * kRows;
  const auto limit = [=] {
    std::vector<double> scores(kRows);
    const double seconds = timed(records, batch, [&](std::size_t first, std::size_t count) {
      work->limit(first, count, scores.data() + first);
    });
    return Measured{records, seconds, checksum_of(scores)};
  };
  const auto weir = [=] {
    std::vector<double> scores(kRows), expected(kRows);
    std::vector<unsigned char> failed(kRows, 1);
    ScoreErrors errors;
    ScoreScratch scratch;
    const pmml::Rows& rows = work->rows;
    const Scorer& scorer = *work->scorer;
    const double seconds = timed(records, batch, [&](std::size_t first, std::size_t count) {
      scorer.score({count, rows.numbers.data() + first * rows.number_columns, rows.number_columns,
                    rows.texts.data() + first * rows.text_columns, rows.text_columns},
                   {scores.data() + first, nullptr, failed.data() + first}, errors, scratch);
    });
    timed(kRows, batch,
          [&](std::size_t first, std::size_t count) { work->limit(first, count, expected.data() + first); });
    return Measured{records, seconds, checksum_of(errors.count() == 0 && agree(scores, expected) ? expected : scores)};
  };
  return {work->name + (batch == 1 ? "" : "-batch"), work->parameters, weir, limit};
}

template <class Model>
Workload workload(const std::string& name, const std::string& parameters, std::uint64_t records, const Model& model,
                  pmml::Rows rows, const std::string& output = "score") {
  const auto shared_model = std::make_shared<const Model>(model);
  const auto scorer = scorer_of(to_pmml(model), rows, output);
  const auto shared_rows = std::make_shared<const pmml::Rows>(rows);
  const auto limit = [shared_model, shared_rows](std::size_t first, std::size_t count, double* out) {
    const double* numbers = shared_rows->numbers.data() + first * shared_rows->number_columns;
    if constexpr (std::is_same_v<Model, pmml::SklearnPipeline>)
      score_rows(*shared_model, numbers, shared_rows->texts.data() + first * shared_rows->text_columns, count, out);
    else
      score_rows(*shared_model, numbers, count, out);
  };
  return {name, parameters, records, std::move(rows), scorer, limit};
}

std::vector<std::shared_ptr<const Workload>> make_workloads(const std::string& only) {
  using Combine = pmml::Trees::Combine;
  std::vector<std::shared_ptr<const Workload>> all;
  const auto add = [&](const std::string& name, const auto& make) {
    if (only.empty() || name.find(only) != std::string::npos || only.find(name) != std::string::npos)
      all.push_back(std::make_shared<const Workload>(make(name)));
  };
  const auto plain_rows = [] { return pmml::make_rows(kRows, pmml::kInputs, 1); };
  const auto trees = [&](const std::string& name, std::uint64_t records, Combine combine, std::size_t count,
                         std::size_t depth) {
    add(name, [&](const std::string& as) {
      return workload(as, std::to_string(count) + " x depth " + std::to_string(depth), records,
                      pmml::make_trees(combine, count, depth, 2), plain_rows());
    });
  };
  add("linear", [&](const std::string& name) {
    return workload(name, "11 doubles", 20'000'000, pmml::make_linear(false, 2), plain_rows());
  });
  add("logistic", [&](const std::string& name) {
    return workload(name, "11 doubles", 10'000'000, pmml::make_linear(true, 2), plain_rows(), "probability(1)");
  });
  add("mlp-30-64-32-1", [&](const std::string& name) {
    return workload(name, "4,000 weights, double", 1'000'000, pmml::make_network(2),
                    pmml::make_rows(kRows, pmml::Network::kIn, 1));
  });
  trees("tree-d6", 10'000'000, Combine::kOne, 1, 6);
  trees("forest-10xd6", 2'000'000, Combine::kAverage, 10, 6);
  trees("forest-100xd6", 200'000, Combine::kAverage, 100, 6);
  trees("forest-500xd8", 20'000, Combine::kAverage, 500, 8);
  trees("boosted-100xd4", 400'000, Combine::kSum, 100, 4);
  add("forest-200-deep", [&](const std::string& name) {
    const auto model = pmml::make_deep_trees(200, 401, 2);
    return workload(name, std::to_string(model.nodes.size()) + " nodes, depth " + std::to_string(model.deepest), 50'000,
                    model, plain_rows());
  });
  add("knn", [&](const std::string& name) {
    return workload(name, "5 of 2,000 instances", 50'000, pmml::make_neighbors(2'000, 2), plain_rows());
  });
  add("svm-rbf", [&](const std::string& name) {
    return workload(name, "200 vectors", 400'000, pmml::make_machine(200, 2), plain_rows());
  });
  add("sklearn-pipeline", [&](const std::string& name) {
    const auto model = pmml::make_pipeline(2);
    return workload(name, "6 numbers, 2 texts", 2'000'000, model, pmml::make_pipeline_rows(model, kRows, 1),
                    "probability(1)");
  });
  return all;
}

// Peak memory of the process since `restart`; 0 where the system does not tell.
struct PeakMemory {
  static std::size_t read(const char* what) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with(what)) return std::strtoull(line.c_str() + std::strlen(what) + 1, nullptr, 10) * 1024;
    return 0;
  }
  void restart() {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
    before_ = read("VmRSS");
  }
  [[nodiscard]] std::size_t bytes() const {
    const std::size_t peak = read("VmHWM");
    return peak > before_ ? peak - before_ : 0;
  }

 private:
  std::size_t before_ = 0;
};

struct Loading {
  std::string document;
  std::size_t peak_bytes = 0;
  std::size_t model_bytes = 0;
};

Pair loading(Loading& load) {
  const auto weir = [&load] {
    PeakMemory peak;
    peak.restart();
    const double start = now_seconds();
    const auto model = pmml_runtime()->load(load.document, {.max_bytes = std::size_t{1} << 30});
    const double seconds = now_seconds() - start;
    if (!model.is_ok()) give_up(model.status().to_string());
    load.peak_bytes = std::max(load.peak_bytes, peak.bytes());
    load.model_bytes = model.value()->memory_bytes();
    return Measured{load.document.size(), seconds, 1};
  };
  const auto limit = [&load] {
    const double start = now_seconds();
    if (pmml::parse_only(load.document) == 0) give_up("expat saw nothing");
    return Measured{load.document.size(), now_seconds() - start, 1};
  };
  return {"load-100MB", "million bytes/s; the limit only parses", weir, limit};
}

int run(const Options& options) {
  std::vector<Pair> pairs;
  const auto workloads = make_workloads(options.only);
  for (const std::size_t batch : {std::size_t{1}, kBatch})
    for (const auto& work : workloads) pairs.push_back(pair_of(work, batch, options));
  Loading load;
  if (std::string("load-100MB").find(options.only) != std::string::npos) {
    load.document = pmml::large_forest_document(options.quick ? 1'000'000 : 100'000'000, 2);
    pairs.push_back(loading(load));
  }
  const int result = run_pairs("bench pmml", options, pairs);
  if (load.model_bytes != 0) {
    const auto document_bytes = static_cast<double>(load.document.size());
    std::printf(
        "load-100MB: the load needed at most %.2f times the document's bytes beside them; the model keeps %.2f\n",
        static_cast<double>(load.peak_bytes) / document_bytes, static_cast<double>(load.model_bytes) / document_bytes);
  }
  return result;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::run(weir::bench::parse_options(argc, argv)); }
