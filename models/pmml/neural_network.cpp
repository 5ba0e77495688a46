// NeuralNetwork: layers of neurons over expressions of the fields.

#include <algorithm>
#include <array>
#include <cmath>

#include "models/pmml/kernels/aligned.hpp"
#include "models/pmml/link_functions.hpp"
#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

enum class Activation : unsigned char {
  kThreshold,
  kLogistic,
  kTanh,
  kIdentity,
  kExponential,
  kReciprocal,
  kSquare,
  kGauss,
  kSine,
  kCosine,
  kElliott,
  kArctan,
  kRectifier,
  kRadialBasis,
};

std::optional<Activation> activation_named(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kNames = {
      "threshold", "logistic", "tanh",   "identity", "exponential", "reciprocal", "square",
      "Gauss",     "sine",     "cosine", "Elliott",  "arctan",      "rectifier",  "radialBasis"};
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Activation>(found - kNames.begin());
}

double activate(Activation activation, double z, double threshold) noexcept {
  switch (activation) {
    case Activation::kThreshold: return is_missing(z) ? kMissing : z > threshold ? 1 : 0;
    case Activation::kLogistic: return 1 / (1 + std::exp(-z));
    case Activation::kTanh: return std::tanh(z);
    case Activation::kExponential: return std::exp(z);
    case Activation::kReciprocal: return 1 / z;
    case Activation::kSquare: return z * z;
    case Activation::kGauss: return std::exp(-(z * z));
    case Activation::kSine: return std::sin(z);
    case Activation::kCosine: return std::cos(z);
    case Activation::kElliott: return z / (1 + std::fabs(z));
    case Activation::kArctan: return 2 * std::atan(z) / 3.14159265358979323846;
    case Activation::kRectifier: return z < 0 ? 0 : z;
    default: return z;
  }
}

void activate_all(Activation activation, double threshold, double* z, std::size_t count) noexcept {
  switch (activation) {
    case Activation::kIdentity: return;
    case Activation::kLogistic: return kernels().logistics(z, count);
    case Activation::kExponential: return kernels().exponentials(z, count);
    case Activation::kRectifier:
      for (std::size_t i = 0; i < count; ++i) z[i] = z[i] < 0 ? 0 : z[i];
      return;
    default:
      for (std::size_t i = 0; i < count; ++i) z[i] = activate(activation, z[i], threshold);
      return;
  }
}

// In floats, each step rounded.
double activate_float(Activation activation, double number, double threshold) noexcept {
  const auto z = static_cast<float>(number);
  const auto rounded = [](double value) { return static_cast<double>(static_cast<float>(value)); };
  switch (activation) {
    case Activation::kLogistic: return static_cast<double>(inverse_link_float(Normalization::kLogit, z));
    case Activation::kExponential: return static_cast<double>(exponential_float(z));
    case Activation::kReciprocal: return static_cast<double>(1.0F / z);
    case Activation::kSquare: return static_cast<double>(z * z);
    case Activation::kGauss: return static_cast<double>(exponential_float(-(z * z)));
    case Activation::kElliott: return static_cast<double>(z / (1.0F + std::fabs(z)));
    default: return rounded(activate(activation, static_cast<double>(z), threshold));
  }
}

struct Layer {
  Activation activation = Activation::kLogistic;
  Normalization normalization = Normalization::kNone;
  double threshold = 0;
  std::uint32_t first = 0;  ///< slot of the first neuron
  std::uint32_t count = 0;
  // Fully connected to `inputs` slots from `input_first` on; the weights are laid out as DenseWeights says.
  bool dense = false;
  bool narrow = false;
  std::uint32_t input_first = 0;
  std::uint32_t inputs = 0;
  AlignedDoubles weights;
  AlignedDoubles biases;  ///< padded(count)
  // Otherwise each neuron's connections, [starts[i], starts[i + 1]).
  std::vector<std::uint32_t> starts;
  std::vector<std::uint32_t> sources;
  std::vector<double> widths, altitudes;  ///< radial basis
};

class NetworkEvaluator final : public Evaluator, private BlockEvaluator {
 public:
  NetworkEvaluator(std::vector<Layer> layers, std::vector<std::uint32_t> inputs, std::vector<std::uint32_t> outputs,
                   std::vector<double> ids, bool float_math, const Answer& answer)
      : layers_(std::move(layers)),
        inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        ids_(std::move(ids)),
        float_math_(float_math),
        answer_(answer) {
    // In blocks: each layer whole, on the one before; a number from the last one.
    blocks_ = answer_.function == Function::kRegression && !layers_.empty() && outputs_[0] >= layers_.back().first &&
              outputs_[0] < layers_.back().first + layers_.back().count;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      blocks_ = blocks_ && layers_[i].dense && layers_[i].normalization == Normalization::kNone &&
                (i == 0 || layers_[i].input_first == layers_[i - 1].first);
      widest_ = std::max<std::size_t>(widest_, padded(layers_[i].count));
    }
    block_output_ = answer_.value;
  }

  void evaluate(Frame& frame) const noexcept override {
    double* slots = frame.slots;
    for (const Layer& layer : layers_) {
      if (layer.dense)
        run_dense(layer, slots + layer.input_first, layer.inputs, 1, slots + layer.first, layer.count);
      else
        run_sparse(layer, slots);
      if (layer.normalization == Normalization::kSoftmax)
        float_math_ ? softmax_float(slots + layer.first, layer.count) : softmax(slots + layer.first, layer.count);
      if (layer.normalization == Normalization::kSimplemax) simplemax(slots + layer.first, layer.count);
      if (float_math_)
        for (std::uint32_t i = 0; i < layer.count; ++i)
          slots[layer.first + i] = static_cast<float>(slots[layer.first + i]);
    }
    if (answer_.function == Function::kRegression) {
      slots[answer_.value] = slots[outputs_[0]];
      return;
    }
    bool known = true;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const double value = outputs_[i] == 0 ? 0 : slots[outputs_[i]];
      known = known && !is_missing(value);
      slots[answer_.probabilities + i] = value;
    }
    if (!known) std::fill_n(slots + answer_.probabilities, outputs_.size(), kMissing);
    choose_winner(answer_, frame);
    const double winner = slots[answer_.winner];
    slots[answer_.entity] = is_missing(winner) ? kMissing : ids_[static_cast<std::size_t>(winner)];
  }
  [[nodiscard]] const BlockEvaluator* block() const noexcept override { return blocks_ ? this : nullptr; }

  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this);
    for (const Layer& layer : layers_)
      bytes += sizeof(layer) + layer.weights.size() * 8 + layer.sources.size() * 4 + layer.count * 32;
    return bytes;
  }

 private:
  static constexpr std::size_t kRowsAtOnce = 16;  // what lies between two layers stays in the nearest cache

  [[nodiscard]] std::span<const std::uint32_t> block_inputs() const noexcept override { return inputs_; }
  [[nodiscard]] std::span<const std::uint32_t> block_outputs() const noexcept override { return {&block_output_, 1}; }
  [[nodiscard]] std::size_t block_memory_bytes() const noexcept override {
    return 2 * kRowsAtOnce * widest_ * sizeof(double);
  }
  void evaluate_block(const BlockRows& in, double* out, unsigned char* /*other*/,
                      void* memory) const noexcept override {
    double* buffers[2] = {static_cast<double*>(memory), static_cast<double*>(memory) + kRowsAtOnce * widest_};
    const std::size_t output = outputs_[0] - layers_.back().first;
    for (std::size_t first = 0; first < in.rows; first += kRowsAtOnce) {
      const std::size_t rows = std::min(kRowsAtOnce, in.rows - first);
      const double* x = in.values + first * in.stride;
      std::size_t stride = in.stride;
      for (std::size_t i = 0; i < layers_.size(); ++i) {
        double* z = buffers[i % 2];
        run_dense(layers_[i], x, stride, rows, z, widest_);
        x = z;
        stride = widest_;
      }
      for (std::size_t row = 0; row < rows; ++row) out[first + row] = x[row * widest_ + output];
    }
  }

  static void run_dense(const Layer& layer, const double* x, std::size_t stride, std::size_t rows, double* z,
                        std::size_t z_stride) noexcept {
    kernels().dense({layer.inputs, layer.count, layer.narrow, layer.weights.data(), layer.biases.data()}, x, stride,
                    rows, z, z_stride);
    for (std::size_t row = 0; row < rows; ++row)
      activate_all(layer.activation, layer.threshold, z + row * z_stride, layer.count);
  }

  void run_sparse(const Layer& layer, double* slots) const noexcept {
    for (std::uint32_t i = 0; i < layer.count; ++i) {
      const std::uint32_t begin = layer.starts[i], end = layer.starts[i + 1];
      if (layer.activation == Activation::kRadialBasis) {
        double distance = 0;
        for (std::uint32_t k = begin; k < end; ++k) {
          const double difference = layer.weights[k] - slots[layer.sources[k]];
          distance += difference * difference;
        }
        const double width = layer.widths[i];
        slots[layer.first + i] =
            std::exp(static_cast<double>(end - begin) * std::log(layer.altitudes[i]) - distance / (2 * width * width));
        continue;
      }
      double z = layer.biases[i];
      if (float_math_) {
        float sum = 0;
        for (std::uint32_t k = begin; k < end; ++k)
          sum += static_cast<float>(layer.weights[k]) * static_cast<float>(slots[layer.sources[k]]);
        slots[layer.first + i] =
            activate_float(layer.activation, static_cast<double>(sum + static_cast<float>(z)), layer.threshold);
        continue;
      } else {
        for (std::uint32_t k = begin; k < end; ++k) z += layer.weights[k] * slots[layer.sources[k]];
      }
      slots[layer.first + i] = activate(layer.activation, z, layer.threshold);
    }
  }

  std::vector<Layer> layers_;
  std::vector<std::uint32_t> inputs_;   // slots, side by side
  std::vector<std::uint32_t> outputs_;  // slots: the number, or one for each class
  std::vector<double> ids_;             // text codes of the output neurons
  bool float_math_;
  bool blocks_ = false;
  std::size_t widest_ = 0;
  std::uint32_t block_output_ = 0;
  Answer answer_;
};

class NetworkCompiler {
 public:
  explicit NetworkCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const std::string_view function = compiler_.required(build_.at, "functionName");
    Answer& answer = build_.unit.answer;
    if (function == "classification")
      build_.start_classification();
    else if (function == "regression")
      answer.value = compiler_.new_slot();
    else
      problems_.unsupported(build_.at, "functionName", "'" + std::string(function) + "'");
    const Element inputs = build_.at.child("NeuralInputs");
    if (!inputs)
      problems_.wrong(build_.at, "", "no NeuralInputs inside");
    else
      read_inputs(inputs);
    for (const Element at : build_.at)
      if (at.is("NeuralLayer")) read_layer(at);
    if (layers_.empty()) problems_.wrong(build_.at, "", "no NeuralLayer inside");
    read_outputs();
    if (problems_.any()) return nullptr;
    return std::make_unique<NetworkEvaluator>(std::move(layers_), std::move(inputs_), std::move(outputs_),
                                              std::move(ids_), build_.float_math, answer);
  }

 private:
  void define(Element at, std::uint32_t slot) {
    if (!neurons_.emplace(compiler_.required(at, "id"), slot).second) problems_.wrong(at, "id", "is used twice");
  }

  void read_inputs(Element inputs) {
    std::vector<Element> found;
    for (const Element at : inputs)
      if (at.is("NeuralInput")) found.push_back(at);
    const std::uint32_t first = compiler_.new_slots(found.size());
    for (std::uint32_t i = 0; i < found.size(); ++i) {
      const Element field = found[i].child("DerivedField");
      define(found[i], first + i);
      if (!field) {
        problems_.wrong(found[i], "", "no DerivedField inside");
        continue;
      }
      BlockBuilder& block = build_.unit.prologue;
      const Operand value = compiler_.cast(compiler_.derived(field, build_.scope, block), kDoubleType, block, field);
      compiler_.emit_to(block, first + i, Op::kCopy, value.slot);
    }
    previous_first_ = first;
    previous_count_ = static_cast<std::uint32_t>(found.size());
    for (std::uint32_t i = 0; i < found.size(); ++i) inputs_.push_back(first + i);
  }

  void read_layer(Element at) {
    if (compiler_.stop()) return;
    Layer layer;
    const std::string_view activation =
        at.attribute_or("activationFunction", build_.at.attribute_or("activationFunction", "logistic"));
    if (const auto named = activation_named(activation))
      layer.activation = *named;
    else
      problems_.unsupported(at, "activationFunction", "'" + std::string(activation) + "'");
    const std::string_view normalization =
        at.attribute_or("normalizationMethod", build_.at.attribute_or("normalizationMethod", "none"));
    if (normalization == "softmax")
      layer.normalization = Normalization::kSoftmax;
    else if (normalization == "simplemax")
      layer.normalization = Normalization::kSimplemax;
    else if (normalization != "none")
      problems_.unsupported(at, "normalizationMethod", "'" + std::string(normalization) + "'");
    layer.threshold = compiler_.number(at, "threshold", compiler_.number(build_.at, "threshold", 0));
    const double width = compiler_.number(at, "width", compiler_.number(build_.at, "width", 0));
    const double altitude = compiler_.number(at, "altitude", compiler_.number(build_.at, "altitude", 1));
    std::vector<Element> neurons;
    for (const Element neuron : at)
      if (neuron.is("Neuron")) neurons.push_back(neuron);
    layer.count = static_cast<std::uint32_t>(neurons.size());
    layer.first = compiler_.new_slots(padded(neurons.size()));  // the kernels write whole lanes
    layer.starts.push_back(0);
    for (const Element neuron : neurons) {
      layer.biases.push_back(compiler_.number(neuron, "bias", 0));
      layer.widths.push_back(compiler_.number(neuron, "width", width));
      layer.altitudes.push_back(compiler_.number(neuron, "altitude", altitude));
      for (const Element con : neuron) {
        if (!con.is("Con")) continue;
        const auto from = neurons_.find(compiler_.required(con, "from"));
        if (from == neurons_.end())
          problems_.wrong(con, "from",
                          "'" + std::string(con.attribute_or("from", "")) + "' is no input or earlier neuron");
        layer.sources.push_back(from == neurons_.end() ? 0 : from->second);
        layer.weights.push_back(compiler_.required_number(con, "weight"));
      }
      layer.starts.push_back(static_cast<std::uint32_t>(layer.sources.size()));
    }
    for (std::uint32_t i = 0; i < neurons.size(); ++i) define(neurons[i], layer.first + i);
    make_dense(layer);
    previous_first_ = layer.first;
    previous_count_ = layer.count;
    layers_.push_back(std::move(layer));
  }

  // A layer in which every neuron is connected to each of the layer before becomes a matrix.
  void make_dense(Layer& layer) const {
    if (build_.float_math || layer.activation == Activation::kRadialBasis || layer.count == 0) return;
    if (layer.sources.size() != std::size_t{layer.count} * previous_count_) return;
    const bool narrow = layer.count < 4 && previous_count_ >= kLane;
    const std::size_t input_step = narrow ? 1 : padded(layer.count), neuron_step = narrow ? padded(previous_count_) : 1;
    AlignedDoubles matrix(narrow ? neuron_step * layer.count : input_step * previous_count_, 0);
    std::vector<bool> seen(matrix.size(), false);
    for (std::uint32_t i = 0; i < layer.count; ++i) {
      for (std::uint32_t k = layer.starts[i]; k < layer.starts[i + 1]; ++k) {
        const std::uint32_t input = layer.sources[k] - previous_first_;
        if (layer.sources[k] < previous_first_ || input >= previous_count_) return;
        const std::size_t at = input * input_step + i * neuron_step;
        if (seen[at]) return;
        seen[at] = true;
        matrix[at] = layer.weights[k];
      }
    }
    layer.narrow = narrow;
    layer.biases.resize(padded(layer.count), 0);
    layer.dense = true;
    layer.input_first = previous_first_;
    layer.inputs = previous_count_;
    layer.weights = std::move(matrix);
    layer.sources.clear();
    layer.starts.clear();
  }

  // What an output neuron stands for; a reference to a derived field stands for that field's expression.
  Element output_expression(Element derived) {
    Element inner = Compiler::expression_of(derived);
    for (int i = 0; i < 8 && inner && inner.is("FieldRef"); ++i) {
      const std::string_view name = inner.attribute_or("field", "");
      Scope::Entry* entry = nullptr;
      for (Scope* scope = &build_.scope; scope != nullptr && entry == nullptr; scope = scope->parent())
        entry = scope->find(name);
      if (entry == nullptr || !entry->derived) break;
      inner = Compiler::expression_of(entry->derived);
    }
    return inner;
  }

  void read_outputs() {
    const Element outputs = build_.at.child("NeuralOutputs");
    if (!outputs) return problems_.wrong(build_.at, "", "no NeuralOutputs inside");
    Answer& answer = build_.unit.answer;
    const bool classes = answer.function == Function::kClassification;
    std::vector<std::pair<std::size_t, std::uint32_t>> of_class;
    std::vector<std::string_view> names;
    for (const Element at : outputs) {
      if (!at.is("NeuralOutput")) continue;
      const std::string_view name = compiler_.required(at, "outputNeuron");
      const auto neuron = neurons_.find(name);
      const Element derived = at.child("DerivedField");
      const Element inner = derived ? output_expression(derived) : Element();
      if (neuron == neurons_.end() || !inner) {
        problems_.wrong(at, "outputNeuron", "is no neuron, or there is no DerivedField with an expression inside");
        continue;
      }
      if (classes) {
        if (!inner.is("NormDiscrete")) {
          problems_.unsupported(inner, "", std::string(inner.name()) + " as the output of a classification");
          continue;
        }
        of_class.emplace_back(build_.category(inner, "value", compiler_.required(inner, "value")), neuron->second);
        build_.prefer(of_class.back().first);
        names.push_back(name);
      } else if (outputs_.empty()) {
        outputs_.push_back(neuron->second);
        if (inner.is("NormContinuous"))
          denormalize(inner);
        else if (!inner.is("FieldRef"))
          problems_.unsupported(inner, "", std::string(inner.name()) + " as the output of a regression");
      }
    }
    if (!classes) {
      if (outputs_.empty()) problems_.wrong(outputs, "", "no NeuralOutput inside");
      return;
    }
    build_.finish_classification();
    answer.entity = compiler_.new_slot();
    answer.entity_type = kStringType;
    outputs_.assign(answer.categories.size(), 0);
    ids_.assign(answer.categories.size(), kMissing);
    for (std::size_t i = 0; i < of_class.size(); ++i) {
      outputs_[of_class[i].first] = of_class[i].second;
      ids_[of_class[i].first] = compiler_.tables().texts.intern(names[i]);
    }
  }

  // The network learned a normalised target: undo that.
  void denormalize(Element at) {
    std::vector<std::pair<double, double>> points;
    for (const Element point : at)
      if (point.is("LinearNorm"))
        points.emplace_back(compiler_.required_number(point, "norm"), compiler_.required_number(point, "orig"));
    std::sort(points.begin(), points.end());
    Interpolation line;
    for (const auto& [norm, orig] : points) {
      if (!line.from.empty() && line.from.back() == norm) problems_.wrong(at, "", "two LinearNorm with the same norm");
      line.from.push_back(norm);
      line.to.push_back(orig);
    }
    if (points.size() < 2) return problems_.wrong(at, "", "needs two or more LinearNorm");
    compiler_.tables().interpolations.push_back(std::move(line));
    Answer& answer = build_.unit.answer;
    compiler_.emit_to(build_.unit.epilogue, answer.value, Op::kNormContinuous, answer.value,
                      static_cast<std::uint32_t>(compiler_.tables().interpolations.size() - 1));
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  std::unordered_map<std::string_view, std::uint32_t> neurons_;
  std::vector<Layer> layers_;
  std::vector<std::uint32_t> inputs_;
  std::vector<std::uint32_t> outputs_;
  std::vector<double> ids_;
  std::uint32_t previous_first_ = 0;
  std::uint32_t previous_count_ = 0;
};

}  // namespace

std::unique_ptr<Evaluator> compile_neural_network(ModelBuild& build) { return NetworkCompiler(build).compile(); }

}  // namespace weir::pmml
