#pragma once
/// What a plug-in of a tensor runtime implements: a loaded graph and its runs. border.hpp makes the C functions of it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tensors {

/// Types of tensor elements that weir fills and reads.
enum class Element : unsigned char { kFloat, kDouble, kInt64, kInt32, kBool, kText, kOther };
std::string_view to_string(Element element) noexcept;
std::size_t size_of(Element element) noexcept;  ///< bytes of one; 0 for kText and kOther

constexpr std::int64_t kAnyWidth = -1;
/// Width of what has been no batch of rows.
constexpr std::int64_t kNoBatch = -2;

struct InputTensor {
  std::string name;
  Element element = Element::kOther;
  std::vector<std::int64_t> shape;  ///< with the batch axis first; -1: any
  bool has_shape = true;            ///< false: even the rank is not known
};

struct OutputTensor {
  std::string name;
  Element element = Element::kOther;
  std::vector<std::int64_t> shape;
  bool has_shape = true;
  std::vector<std::string> labels;  ///< of its columns, when it holds probabilities
  bool only_labels = false;         ///< a map from label to probability: columns have no other names
};

/// Memory for one run at a time: inputs, outputs, whatever the runtime needs. One thread at a time.
class Run {
 public:
  Run() = default;
  virtual ~Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  /// Makes the inputs `rows` rows long. Throws std::exception when it cannot.
  virtual void prepare(std::size_t rows) = 0;
  /// Elements of a prepared input, row-major. Not for kText.
  virtual void* input(std::size_t index) = 0;
  virtual void set_text(std::size_t index, std::size_t element, std::string_view text) = 0;
  /// Empty: done. Else the runtime's message.
  virtual std::string execute() = 0;
  /// Of a wanted output after a run; `index` counts the wanted ones.
  [[nodiscard]] virtual std::vector<std::int64_t> shape(std::size_t index) const = 0;
  [[nodiscard]] virtual std::size_t elements(std::size_t index) const = 0;
  [[nodiscard]] virtual const void* output(std::size_t index) const = 0;
  [[nodiscard]] virtual std::string_view text(std::size_t index, std::size_t element) = 0;
  /// Runs of multiples of this many rows give a row's answers the same bits wherever it stands, in a run of any size.
  /// May execute to find out. Throws as prepare() does.
  [[nodiscard]] virtual std::size_t row_multiple() = 0;
};

/// A loaded graph. Immutable; runs of it may be made and used by several threads.
class Graph {
 public:
  Graph() = default;
  virtual ~Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  /// `widths`: elements of each input in a row. `outputs`: indices of the wanted ones; `known_shapes`: theirs, with the
  /// batch axis first, where they are known for sure, else empty.
  [[nodiscard]] virtual std::unique_ptr<Run> make_run(
      std::span<const std::size_t> widths, std::span<const std::size_t> outputs,
      std::span<const std::vector<std::int64_t>> known_shapes) const = 0;

  std::vector<InputTensor> inputs;
  std::vector<OutputTensor> outputs;
  std::string summary;  ///< kind of model for people; the border adds inputs and outputs
  std::size_t memory_bytes = 0;
  bool same_bits = true;  ///< runs are to be of multiples of Run::row_multiple() rows
};

}  // namespace weir::tensors
