#pragma once
/// Models and their runtimes: bytes in, an immutable thread-safe model out, scored in rows.
///
/// The life of a loaded model: `ModelRuntime::load` (parse, check, compile, run embedded verification) → `Model::bind`
/// (names and types of the features a job supplies and the outputs it wants, every mismatch reported) →
/// `Scorer::score`, any number of rows at a time, from any number of threads. Loading happens off the workers; scoring
/// never allocates on the good path, never throws and never blocks.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>

namespace weir {

/// Type of a feature or an output. Integers and booleans travel as doubles (exact up to 2^53; false 0, true 1).
enum class FieldType : unsigned char { kNumber, kText };
std::string_view to_string(FieldType type) noexcept;

struct Field {
  std::string name;
  FieldType type = FieldType::kNumber;
  friend bool operator==(const Field&, const Field&) = default;
};

/// What a job hands to its models: ordered, uniquely named features. Numbers and texts are numbered separately, each in
/// the order of declaration: {a: number, b: text, c: number} puts a in number column 0, b in text column 0, c in number
/// column 1.
class FeatureSchema {
 public:
  FeatureSchema() = default;
  /// Precondition: names are unique and not empty (checked, aborts).
  explicit FeatureSchema(std::vector<Field> fields);
  [[nodiscard]] std::span<const Field> fields() const noexcept { return fields_; }
  [[nodiscard]] std::size_t number_columns() const noexcept { return number_columns_; }
  [[nodiscard]] std::size_t text_columns() const noexcept { return text_columns_; }
  /// Column of the named feature inside its own kind, or -1.
  [[nodiscard]] int column(std::string_view name) const noexcept;
  /// The named feature, or null.
  [[nodiscard]] const Field* find(std::string_view name) const noexcept;

 private:
  std::vector<Field> fields_;
  std::vector<int> columns_;
  std::size_t number_columns_ = 0;
  std::size_t text_columns_ = 0;
};

/// Feature values of `rows` records, row-major, borrowed for the call.
/// A missing number is NaN; a missing text has data() == nullptr (an empty text is a value).
struct FeatureRows {
  std::size_t rows = 0;
  const double* numbers = nullptr;  ///< rows x number_columns
  std::size_t number_columns = 0;
  const std::string_view* texts = nullptr;  ///< rows x text_columns
  std::size_t text_columns = 0;
};

/// Where a scorer writes: the outputs asked for at bind, numbers and texts numbered as in FeatureSchema. Row-major.
/// The caller owns the memory and may reuse it from call to call (texts keep their capacity).
struct ScoreRows {
  double* numbers = nullptr;     ///< rows x number outputs; NaN = the model gives no value
  std::string* texts = nullptr;  ///< rows x text outputs; empty = the model gives no value
  /// One byte a row, set by the scorer: 0 scored, 1 failed (invalid input, evaluation error). A failed row's outputs
  /// are NaN and empty.
  unsigned char* failed = nullptr;
};

/// Why rows failed: kept off the good path. Holds at most `kMaxRows` entries; later ones are counted only.
class ScoreErrors {
 public:
  static constexpr std::size_t kMaxRows = 16;
  struct Entry {
    std::size_t row;
    std::string message;  ///< names the field and the value
  };
  void add(std::size_t row, std::string message) {
    ++count_;
    if (entries_.size() < kMaxRows) entries_.push_back({row, std::move(message)});
  }
  void clear() noexcept {
    entries_.clear();
    count_ = 0;
  }
  [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::vector<Entry> entries_;
  std::size_t count_ = 0;
};

/// Per-thread working memory of scorers, opaque: give the same one to every call on one thread, never to two at once.
/// Grows to what the largest model seen needs.
class ScoreScratch {
 public:
  /// At least `bytes` bytes, aligned to 64; contents undefined. Valid until the next call.
  void* reserve(std::size_t bytes);
  ScoreScratch() = default;
  ScoreScratch(ScoreScratch&&) noexcept;
  ScoreScratch& operator=(ScoreScratch&&) noexcept;
  ~ScoreScratch();

 private:
  void* memory_ = nullptr;
  std::size_t capacity_ = 0;
};

/// A model bound to a feature schema and a list of outputs. Immutable; `score` from any thread. Keeps its model alive.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
                     ScoreScratch& scratch) const noexcept = 0;
  /// The outputs in the order asked for.
  [[nodiscard]] virtual std::span<const Field> outputs() const noexcept = 0;
};

/// A loaded, immutable model.
class Model : public std::enable_shared_from_this<Model> {
 public:
  virtual ~Model() = default;
  /// Fields the model reads, in the model's order.
  [[nodiscard]] virtual std::span<const Field> inputs() const noexcept = 0;
  /// Everything the model can answer, the primary result first.
  [[nodiscard]] virtual std::span<const Field> outputs() const noexcept = 0;
  /// How many of `outputs()`, from the front, the model itself declares; the rest are names that weir adds.
  [[nodiscard]] virtual std::size_t declared_outputs() const noexcept { return outputs().size(); }
  /// For a model of baskets, the field that tells which rows of a table are one basket; else empty. Such a model is
  /// given a basket as one row: the texts of its rows joined by line feeds.
  [[nodiscard]] virtual std::string_view group_field() const noexcept { return {}; }
  /// One line for people: `TreeModel, classification, 11 inputs`.
  [[nodiscard]] virtual std::string summary() const = 0;
  /// Approximate bytes held.
  [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;
  /// Binds to the features supplied and outputs wanted (empty: the primary output). Fails with all mismatches in one
  /// message: an input that is not supplied (unless the model has a replacement for missing values, or does not use
  /// it), supplied with the wrong type, an output the model does not have.
  [[nodiscard]] virtual Result<std::shared_ptr<const Scorer>> bind(const FeatureSchema& features,
                                                                   std::span<const std::string> outputs) const = 0;
};

/// What a sender may say about a model beyond its bytes (ModelRecord::options). Needed where a format leaves it open;
/// empty: as the bytes say. A runtime that has no use for what was said refuses the model.
struct ModelOptions {
  std::vector<std::string> features = {};  ///< in the order in which the model's inputs take them, all inputs together
  std::vector<std::string> inputs = {};    ///< names of the graph's inputs
  std::vector<std::string> outputs = {};   ///< names of the graph's outputs
  std::vector<std::string> classes = {};   ///< labels of the columns of the probability output
  std::string tag = {};                    ///< which part of a SavedModel
  std::string signature = {};              ///< which of its functions
  [[nodiscard]] bool empty() const noexcept { return *this == ModelOptions{}; }
  friend bool operator==(const ModelOptions&, const ModelOptions&) = default;
};

/// Bounds of one load. A model over a bound is refused with kResourceExhausted and the bound named.
struct ModelLimits {
  std::size_t max_bytes = std::size_t{256} << 20;          ///< of the model's file
  std::size_t max_memory_bytes = std::size_t{1024} << 20;  ///< of the loaded form, approximate
  std::int64_t max_load_ms = 60'000;                       ///< wall time of parse + compile + verification
};

/// Loads one kind of model. Stateless after construction; `load` from any thread.
class ModelRuntime {
 public:
  virtual ~ModelRuntime() = default;
  /// The model type it answers to: `PMML`, `ONNX`, `TENSORFLOW`, `TENSORFLOWSAVED`, or a user's own.
  [[nodiscard]] virtual std::string_view type() const noexcept = 0;
  /// Parses, checks, compiles and, if the bytes carry verification records, verifies. All reasons in one message.
  [[nodiscard]] virtual Result<std::shared_ptr<const Model>> load(std::string_view bytes,
                                                                  const ModelLimits& limits) const = 0;
  /// The same with what the sender said. Unless overridden, options that are not empty are refused.
  [[nodiscard]] virtual Result<std::shared_ptr<const Model>> load_with(std::string_view bytes,
                                                                       const ModelOptions& options,
                                                                       const ModelLimits& limits) const;
};

/// The runtimes a job serves with. Copies share the runtimes. A later runtime of the same type replaces an earlier one.
class ModelRuntimes {
 public:
  ModelRuntimes() = default;
  ModelRuntimes(std::initializer_list<std::shared_ptr<const ModelRuntime>> runtimes);
  void add(std::shared_ptr<const ModelRuntime> runtime);
  /// Null when none answers to `type`.
  [[nodiscard]] const ModelRuntime* find(std::string_view type) const noexcept;
  /// `PMML, ONNX`: for messages.
  [[nodiscard]] std::string types() const;

 private:
  std::vector<std::shared_ptr<const ModelRuntime>> runtimes_;
};

/// weir's own PMML evaluator (docs/pmml.md says what it supports).
std::shared_ptr<const ModelRuntime> pmml_runtime();

}  // namespace weir
