#include "models/runtimes/graph_writer.hpp"

#include <cmath>
#include <cstring>

namespace weir::test {
namespace {

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_number(std::string& out, std::uint32_t field, std::uint64_t value) {
  put_varint(out, field << 3);
  put_varint(out, value);
}

void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_varint(out, field << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

// TensorShapeProto.
std::string shape_of(const std::vector<std::int64_t>& sizes) {
  std::string shape;
  for (const std::int64_t size : sizes) {
    std::string axis;
    put_number(axis, 1, static_cast<std::uint64_t>(size));
    put_bytes(shape, 2, axis);
  }
  return shape;
}

}  // namespace

std::string GraphWriter::type(GraphType type) {
  std::string value;
  put_number(value, 6, static_cast<std::uint64_t>(type));
  return value;
}

std::string GraphWriter::flag(bool on) {
  std::string value;
  put_number(value, 5, on ? 1 : 0);
  return value;
}

std::string GraphWriter::texts(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) put_bytes(list, 2, text);
  std::string value;
  put_bytes(value, 1, list);
  return value;
}

std::string GraphWriter::node(const std::string& name, std::string_view operation,
                              const std::vector<std::string>& inputs, const Attributes& attributes) {
  std::string node;
  put_bytes(node, 1, name);
  put_bytes(node, 2, operation);
  for (const std::string& input : inputs) put_bytes(node, 3, input);
  for (const auto& [key, value] : attributes) {
    std::string entry;
    put_bytes(entry, 1, key);
    put_bytes(entry, 2, value);
    put_bytes(node, 5, entry);
  }
  put_bytes(bytes_, 1, node);
  return name;
}

std::string GraphWriter::placeholder(const std::string& name, std::int64_t width) {
  std::string shape;
  put_bytes(shape, 7, shape_of({-1, width}));
  return node(name, "Placeholder", {}, {{"dtype", type(GraphType::kFloat)}, {"shape", shape}});
}

std::string GraphWriter::constant(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  const double spread = shape.size() == 2 ? 1 / std::sqrt(static_cast<double>(shape[0])) : 0.3;
  std::normal_distribution<float> normal(0, static_cast<float>(spread));
  std::vector<float> weights(static_cast<std::size_t>(count));
  for (float& weight : weights) weight = normal(random_);
  std::string tensor;
  put_number(tensor, 1, static_cast<std::uint64_t>(GraphType::kFloat));
  put_bytes(tensor, 2, shape_of(shape));
  put_bytes(tensor, 4, {reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float)});
  std::string value;
  put_bytes(value, 8, tensor);
  return node(name, "Const", {}, {{"dtype", type(GraphType::kFloat)}, {"value", value}});
}

std::string GraphWriter::float_node(const std::string& name, std::string_view operation,
                                    const std::vector<std::string>& inputs) {
  return node(name, operation, inputs, {{"T", type(GraphType::kFloat)}});
}

std::string GraphWriter::dense(const std::string& name, const std::string& input, std::int64_t from, std::int64_t to,
                               std::string_view activation) {
  const std::string weights = constant(name + "/weights", {from, to});
  const std::string bias = constant(name + "/bias", {to});
  const std::string product = float_node(name + "/product", "MatMul", {input, weights});
  const std::string sum = float_node(name + "/sum", "BiasAdd", {product, bias});
  return activation.empty() ? sum : float_node(name + "/activation", activation, {sum});
}

std::string GraphWriter::run_metadata() const {
  std::string metadata;
  put_bytes(metadata, 3, bytes_);
  return metadata;
}

}  // namespace weir::test
