#pragma once
/// A folder of triples (model, input, expected output) with an index: how a model runtime shows that it is right.
///
/// `DIR/index.tsv` has one line per triple, with the columns `id` (set/name), `tolerance` and `dataset`; others are for
/// readers. Files: `DIR/<set>/pmml/<name>.pmml`, `DIR/<set>/csv/<dataset>.csv`, `DIR/<set>/expected/<name>.csv`.

#include <filesystem>
#include <memory>
#include <ostream>

#include <weir/model.hpp>
#include <weir/result.hpp>

namespace weirctl {

struct SuiteReport {
  std::size_t passed = 0;
  std::size_t triples = 0;
};

/// One line to `out` for each failing triple, with its first differing cell. Fails when there is no index.
weir::Result<SuiteReport> check_suite(const std::filesystem::path& directory, std::ostream& out);

/// Loads the model by the runtime that its file's suffix names: .pmml and .xml are PMML.
weir::Result<std::shared_ptr<const weir::Model>> load_model(const std::filesystem::path& path);

}  // namespace weirctl
