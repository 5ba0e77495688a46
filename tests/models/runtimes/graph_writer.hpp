#pragma once
// Writes TensorFlow graphs on the wire, without its library: frozen models of any shape, and what it says of a run.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

enum class GraphType : unsigned char { kFloat = 1, kDouble = 2 };  // DT_FLOAT, DT_DOUBLE

class GraphWriter {
 public:
  using Attributes = std::vector<std::pair<std::string_view, std::string>>;

  // Attribute values.
  static std::string type(GraphType type);
  static std::string flag(bool value);
  static std::string texts(const std::vector<std::string>& texts);

  // Every function that adds a node returns its name.
  std::string node(const std::string& name, std::string_view operation, const std::vector<std::string>& inputs,
                   const Attributes& attributes);
  // float [N, width].
  std::string placeholder(const std::string& name, std::int64_t width);
  // Random weights; the same ones in every program.
  std::string constant(const std::string& name, const std::vector<std::int64_t>& shape);
  // Of floats, without other attributes than its type.
  std::string float_node(const std::string& name, std::string_view operation, const std::vector<std::string>& inputs);
  // MatMul and BiasAdd, and `activation` unless it is empty.
  std::string dense(const std::string& name, const std::string& input, std::int64_t from, std::int64_t to,
                    std::string_view activation);

  // A GraphDef.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  // A RunMetadata with it as the graph that was executed.
  [[nodiscard]] std::string run_metadata() const;

 private:
  std::string bytes_;
  std::mt19937 random_{7};
};

}  // namespace weir::test
