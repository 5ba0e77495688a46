#include "models/tensorflow/row_multiple.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "models/tensors/wire.hpp"

namespace weir::tensorflow {
namespace {

using tensors::Wire;

// TensorFlow's libraries are compiled for AVX: vectors of 8 floats. What is left over goes through other functions.
constexpr std::size_t kVector = 8;
// What nobody has looked at.
constexpr std::size_t kWidest = 16;

constexpr std::int64_t kFloat = 1;   // DT_FLOAT
constexpr std::int64_t kDouble = 2;  // DT_DOUBLE

// Every element exactly.
constexpr std::array<std::string_view, 72> kByRow = {"Abs",
                                                     "Add",
                                                     "AddV2",
                                                     "ArgMax",
                                                     "ArgMin",
                                                     "AsString",
                                                     "BiasAdd",
                                                     "BroadcastTo",
                                                     "Bucketize",
                                                     "Cast",
                                                     "Ceil",
                                                     "ConcatV2",
                                                     "Const",
                                                     "Equal",
                                                     "ExpandDims",
                                                     "Fill",
                                                     "Floor",
                                                     "GatherNd",
                                                     "GatherV2",
                                                     "Greater",
                                                     "GreaterEqual",
                                                     "HashTableV2",
                                                     "Identity",
                                                     "IdentityN",
                                                     "IsFinite",
                                                     "IsInf",
                                                     "IsNan",
                                                     "LeakyRelu",
                                                     "Less",
                                                     "LessEqual",
                                                     "LogicalAnd",
                                                     "LogicalNot",
                                                     "LogicalOr",
                                                     "LookupTableFindV2",
                                                     "LookupTableSizeV2",
                                                     "Maximum",
                                                     "Minimum",
                                                     "Mul",
                                                     "Neg",
                                                     "NoOp",
                                                     "NotEqual",
                                                     "OneHot",
                                                     "OnesLike",
                                                     "Pack",
                                                     "Placeholder",
                                                     "Range",
                                                     "ReadVariableOp",
                                                     "RealDiv",
                                                     "Relu",
                                                     "Relu6",
                                                     "Reshape",
                                                     "Round",
                                                     "Select",
                                                     "SelectV2",
                                                     "Shape",
                                                     "Sign",
                                                     "Slice",
                                                     "Split",
                                                     "SplitV",
                                                     "Sqrt",
                                                     "Square",
                                                     "SquaredDifference",
                                                     "Squeeze",
                                                     "StridedSlice",
                                                     "StringToHashBucketFast",
                                                     "Sub",
                                                     "Tile",
                                                     "Transpose",
                                                     "Unpack",
                                                     "VarHandleOp",
                                                     "_Arg",
                                                     "_Retval"};
// Of floats and doubles by vectors, of what is left over by the C library.
constexpr std::array<std::string_view, 14> kByVectors = {"Elu",   "Exp",        "Expm1",      "Inv",     "Log",
                                                         "Log1p", "LogSoftmax", "Reciprocal", "Rsqrt",   "Sigmoid",
                                                         "Sin",   "Selu",       "Softmax",    "Softplus"};
// Of floats by the same steps in a vector and alone.
constexpr std::array<std::string_view, 2> kByElement = {"Erf", "Tanh"};
// What a product may be fused with and still be the same: exact, or done column by column.
constexpr std::array<std::string_view, 6> kFused = {"BiasAdd", "Elu", "LeakyRelu", "Relu", "Relu6", "Tanh"};

bool holds(const auto& names, std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct Node {
  std::string_view name;
  std::string_view operation;
  std::vector<std::string_view> inputs;
  std::int64_t type = 0;                // attribute T
  std::vector<std::string_view> fused;  // attribute fused_ops
  std::vector<std::int64_t> shape;      // of a constant
  bool transposes = false;              // its second operand
};

std::vector<std::int64_t> read_shape(std::string_view tensor) {
  std::vector<std::int64_t> shape;
  Wire wire(tensor);
  while (wire.next()) {
    if (!wire.is_bytes(2)) continue;
    Wire axes(wire.bytes());
    while (axes.next()) {
      if (!axes.is_bytes(2)) continue;
      std::int64_t size = 0;
      Wire axis(axes.bytes());
      while (axis.next())
        if (axis.is_number(1)) size = axis.signed_number();
      shape.push_back(size);
    }
  }
  return shape;
}

void read_attribute(std::string_view entry, Node& node) {
  std::string_view name;
  std::string_view value;
  Wire wire(entry);
  while (wire.next()) {
    if (wire.is_bytes(1)) name = wire.bytes();
    if (wire.is_bytes(2)) value = wire.bytes();
  }
  Wire fields(value);
  while (fields.next()) {
    if (name == "T" && fields.is_number(6)) node.type = fields.signed_number();
    if (name == "transpose_b" && fields.is_number(5)) node.transposes = fields.number() != 0;
    if (name == "value" && fields.is_bytes(8)) node.shape = read_shape(fields.bytes());
    if (name != "fused_ops" || !fields.is_bytes(1)) continue;
    Wire list(fields.bytes());
    while (list.next())
      if (list.is_bytes(2)) node.fused.push_back(list.bytes());
  }
}

Node read_node(std::string_view bytes) {
  Node node;
  Wire wire(bytes);
  while (wire.next()) {
    if (wire.is_bytes(1)) node.name = wire.bytes();
    if (wire.is_bytes(2)) node.operation = wire.bytes();
    if (wire.is_bytes(3)) node.inputs.push_back(wire.bytes());
    if (wire.is_bytes(5)) read_attribute(wire.bytes(), node);
  }
  return node;
}

class Rows {
 public:
  /// oneDNN's products take blocks of rows: where there is AVX-512 only a row alone is treated otherwise, by AVX2 all
  /// that is no block of 6, and beside wide matrices of 12. Eigen's, which an environment variable chooses, need 4.
  explicit Rows(Processor processor) : product_(processor == Processor::kAvx512 ? 2 : 12) {}

  [[nodiscard]] std::size_t widest() const { return std::lcm(kWidest, product_); }

  [[nodiscard]] std::size_t of_graph(std::string_view bytes) const {
    std::vector<Node> nodes;
    std::map<std::string_view, const Node*> constants;
    Wire wire(bytes);
    while (wire.next())
      if (wire.is_bytes(1)) nodes.push_back(read_node(wire.bytes()));
    if (wire.damaged() || nodes.empty()) return widest();
    for (const Node& node : nodes)
      if (node.operation == "Const") constants[node.name] = &node;
    std::size_t rows = 1;
    for (const Node& node : nodes) rows = std::lcm(rows, of_node(node, constants));
    return rows;
  }

 private:
  [[nodiscard]] std::size_t of_node(const Node& node, const std::map<std::string_view, const Node*>& constants) const {
    if (holds(kByRow, node.operation)) return 1;
    if (holds(kByVectors, node.operation)) return node.type == kFloat || node.type == kDouble ? kVector : widest();
    if (node.type != kFloat) return widest();
    if (holds(kByElement, node.operation)) return 1;
    if (node.operation == "_FusedMatMul") {
      const bool all_known =
          std::all_of(node.fused.begin(), node.fused.end(), [](std::string_view name) { return holds(kFused, name); });
      return all_known && !node.fused.empty() ? product_ : widest();
    }
    if (node.operation != "MatMul" || node.inputs.size() < 2) return widest();
    const auto weights = constants.find(node.inputs[1]);
    if (weights == constants.end() || weights->second->shape.size() != 2) return widest();
    const std::vector<std::int64_t>& shape = weights->second->shape;
    if (shape[node.transposes ? 0 : 1] > 1) return product_;
    return node.transposes ? widest() : of_column(shape[0]);
  }

  /// A product with one column is Eigen's on every processor: small ones, rows + depth + 1 < 20, by coefficients,
  /// larger ones by rows in pairs.
  static std::size_t of_column(std::int64_t depth) {
    std::size_t rows = 2;
    while (rows < kWidest && static_cast<std::int64_t>(rows) + depth + 1 < 20) rows *= 2;
    return rows;
  }

  std::size_t product_;
};

}  // namespace

Processor this_processor() noexcept {
#if defined(__x86_64__)
  for (const char* limit : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL"})
    if (std::getenv(limit) != nullptr) return Processor::kOther;
  const bool has_all = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                       __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0;
  if (has_all) return Processor::kAvx512;
#endif
  return Processor::kOther;
}

std::size_t row_multiple_of(std::string_view run_metadata, Processor processor) {
  const Rows rows(processor);
  std::size_t multiple = 1;
  bool found = false;
  Wire wire(run_metadata);
  while (wire.next()) {
    if (!wire.is_bytes(3)) continue;
    found = true;
    multiple = std::lcm(multiple, rows.of_graph(wire.bytes()));
  }
  return found && !wire.damaged() ? multiple : rows.widest();
}

}  // namespace weir::tensorflow
