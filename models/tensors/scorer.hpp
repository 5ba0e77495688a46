#pragma once
/// Scores rows with a graph: features into tensors, one run, answers out of tensors. Any number of threads.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <weir/runtime_plugin.h>

#include "models/tensors/description.hpp"
#include "models/tensors/graph.hpp"

namespace weir::tensors {

class TensorScorer {
 public:
  TensorScorer(const Graph& graph, const Description& description, const weir_binding& binding);
  ~TensorScorer();
  TensorScorer(const TensorScorer&) = delete;
  TensorScorer& operator=(const TensorScorer&) = delete;

  /// Rows that hold what the graph's types cannot express fail by themselves. When the run of a batch fails its rows
  /// are run one by one, so that only those fail that have to.
  void score(const weir_rows& rows, const weir_answers& answers) const;

 private:
  /// Where an answer comes from: a column of the `output`-th wanted tensor.
  struct Source {
    std::size_t output;
    std::size_t column;
  };
  /// A run and which of its rows have failed already.
  struct Workspace {
    std::unique_ptr<Run> run;
    std::vector<unsigned char> skip;
    bool skips = false;
  };
  class Borrowed;

  std::unique_ptr<Workspace> take() const;
  void give_back(std::unique_ptr<Workspace> workspace) const;
  void score_rows(Workspace& workspace, const weir_rows& rows, std::size_t first, std::size_t count,
                  const weir_answers& answers) const;
  void gather(Workspace& workspace, const weir_rows& rows, std::size_t first, std::size_t count,
              const weir_answers& answers) const;
  /// What fills a run up to a multiple of row_multiple_; nobody reads its answers.
  void repeat_last_row(Workspace& workspace, const weir_rows& rows, std::size_t first, std::size_t count,
                       std::size_t padded) const;
  void gather_texts(Workspace& workspace, std::size_t input, const weir_rows& rows, std::size_t first,
                    std::size_t count, const weir_answers& answers) const;
  template <class Number>
  void gather_exact(Workspace& workspace, std::size_t input, const weir_rows& rows, std::size_t first,
                    std::size_t count, const weir_answers& answers) const;
  void scatter(Workspace& workspace, std::size_t first, std::size_t count, const weir_answers& answers) const;
  void fail(Workspace& workspace, std::size_t first, std::size_t row, const std::string& message,
            const weir_answers& answers) const;

  const Graph& graph_;
  const Description& description_;
  std::vector<std::size_t> widths_;
  std::vector<std::size_t> columns_;  // of all inputs, one after the other
  std::vector<std::size_t> first_column_;
  std::vector<std::size_t> outputs_;  // tensors that the wanted answers are in
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<std::size_t> output_widths_;
  std::vector<Source> numbers_;
  std::vector<Source> texts_;
  std::size_t row_multiple_ = 1;
  // Workspaces that nobody uses. One thread alone finds its own in `spare_` again.
  mutable std::atomic<Workspace*> spare_{nullptr};
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> more_;  // guarded by mutex_
};

}  // namespace weir::tensors
