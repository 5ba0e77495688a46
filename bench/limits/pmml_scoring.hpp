#pragma once
/// The models of `bench pmml` written by hand: rows of doubles in, a score a row out, nothing checked, no weir.
///
/// Dimensions are constants where a model has them, loops are built for the machine's vector unit, several trees (or,
/// for a single tree, several rows) walk side by side. Compiled with -ffast-math: sums may change their order.

#include <cstddef>
#include <string_view>

#include "bench/support/pmml_models.hpp"

namespace weir::bench::pmml {

void score_rows(const Linear& model, const double* rows, std::size_t count, double* out) noexcept;
void score_rows(const Network& model, const double* rows, std::size_t count, double* out) noexcept;
void score_rows(const Trees& model, const double* rows, std::size_t count, double* out) noexcept;
void score_rows(const DeepTrees& model, const double* rows, std::size_t count, double* out) noexcept;
void score_rows(const Machine& model, const double* rows, std::size_t count, double* out) noexcept;
void score_rows(const Neighbors& model, const double* rows, std::size_t count, double* out) noexcept;
void score_rows(const SklearnPipeline& model, const double* rows, const std::string_view* texts, std::size_t count,
                double* out) noexcept;

/// expat over a document, with handlers that count elements and bytes of attributes and keep nothing. Returns a
/// checksum.
std::size_t parse_only(std::string_view document);

}  // namespace weir::bench::pmml
