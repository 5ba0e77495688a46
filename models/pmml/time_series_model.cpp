// TimeSeriesModel: forecasts from what a document says about the end of a series. The answer depends on the horizon
// alone, the number of steps ahead (PMML 4.0 ExponentialSmoothing, PMML 4.4 StateSpaceModel).

#include <cmath>

#include "models/pmml/matrices.hpp"
#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

constexpr double kFurthest = 10'000;          // steps
constexpr double kMostProducts = 40'000'000;  // of a row: 10 ms

enum class Trend : unsigned char { kNone, kAdditive, kDampedAdditive, kMultiplicative, kDampedMultiplicative };
enum class Restored : unsigned char { kNone, kExponential, kSquare };  // undoes the series' transformation

/// What a forecast at a horizon is.
class Forecast {
 public:
  virtual ~Forecast() = default;
  [[nodiscard]] virtual double at(double horizon, double* working) const noexcept = 0;
  [[nodiscard]] virtual std::size_t working_slots() const noexcept = 0;
};

class Smoothing final : public Forecast {
 public:
  Smoothing(double level, Trend trend, double slope, double phi, Restored restored)
      : level_(level), trend_(trend), slope_(slope), phi_(phi), restored_(restored) {}
  [[nodiscard]] double at(double horizon, double*) const noexcept override {
    const double y = smoothed(horizon);
    if (restored_ == Restored::kExponential) return std::exp(y);
    return restored_ == Restored::kSquare ? y * y : y;
  }
  [[nodiscard]] std::size_t working_slots() const noexcept override { return 0; }

 private:
  [[nodiscard]] double smoothed(double horizon) const noexcept {
    // Damped: phi + phi^2 + ... + phi^horizon steps.
    const double damped = phi_ == 1 ? horizon : phi_ * (1 - std::pow(phi_, horizon)) / (1 - phi_);
    switch (trend_) {
      case Trend::kAdditive: return level_ + horizon * slope_;
      case Trend::kDampedAdditive: return level_ + damped * slope_;
      case Trend::kMultiplicative: return level_ * std::pow(slope_, horizon);
      case Trend::kDampedMultiplicative: return level_ * std::pow(slope_, damped);
      default: return level_;
    }
  }
  double level_;
  Trend trend_;
  double slope_, phi_;
  Restored restored_;
};

// The state moves by the transition matrix at each step; the first forecast observes the state given.
class StateSpace final : public Forecast {
 public:
  StateSpace(std::vector<double> state, std::vector<double> transition, std::vector<double> measurement,
             double intercept)
      : state_(std::move(state)),
        transition_(std::move(transition)),
        measurement_(std::move(measurement)),
        intercept_(intercept) {}
  [[nodiscard]] double at(double horizon, double* working) const noexcept override {
    const std::size_t size = state_.size();
    double* now = working;
    double* next = working + size;
    std::copy(state_.begin(), state_.end(), now);
    for (double step = 1; step < horizon; ++step) {
      for (std::size_t i = 0; i < size; ++i) {
        next[i] = 0;
        for (std::size_t j = 0; j < size; ++j) next[i] += transition_[i * size + j] * now[j];
      }
      std::swap(now, next);
    }
    double y = 0;
    for (std::size_t i = 0; i < size; ++i) y += measurement_[i] * now[i];
    return y + intercept_;
  }
  [[nodiscard]] std::size_t working_slots() const noexcept override { return 2 * state_.size(); }

 private:
  std::vector<double> state_, transition_, measurement_;
  double intercept_;
};

class TimeSeriesEvaluator final : public Evaluator {
 public:
  TimeSeriesEvaluator(std::unique_ptr<const Forecast> forecast, std::uint32_t horizon, std::uint32_t value,
                      std::uint32_t working)
      : forecast_(std::move(forecast)), horizon_(horizon), value_(value), working_(working) {}
  void evaluate(Frame& frame) const noexcept override {
    const double horizon = frame.slots[horizon_];
    frame.slots[value_] = kMissing;
    if (is_missing(horizon)) return;
    if (!(horizon >= 1 && horizon <= kFurthest && horizon == std::trunc(horizon)))
      return frame.fail("the forecast horizon must be a whole number from 1 to 10000");
    const auto working = static_cast<double>(forecast_->working_slots());
    if (horizon * working * working > kMostProducts)
      return frame.fail("the forecast horizon is too far for this model");
    frame.slots[value_] = forecast_->at(horizon, frame.slots + working_);
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    const std::size_t working = forecast_->working_slots();
    return sizeof(*this) + (working + working * working) * sizeof(double);
  }

 private:
  std::unique_ptr<const Forecast> forecast_;
  std::uint32_t horizon_, value_, working_;
};

class TimeSeriesCompiler {
 public:
  explicit TimeSeriesCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const std::string_view best = compiler_.required(build_.at, "bestFit");
    const Element at = build_.at.child(best);
    std::unique_ptr<const Forecast> forecast;
    if (best != "ExponentialSmoothing" && best != "StateSpaceModel")
      problems_.unsupported(build_.at, "bestFit", "'" + std::string(best) + "'");
    else if (!at)
      problems_.wrong(build_.at, "bestFit", "no " + std::string(best) + " inside");
    else
      forecast = best == "StateSpaceModel" ? state_space(at) : smoothing(at);
    const std::uint32_t horizon = find_horizon();
    if (problems_.any() || forecast == nullptr) return nullptr;
    build_.unit.answer.value = compiler_.new_slot();
    build_.unit.answer.type = kDoubleType;
    const std::uint32_t working = compiler_.new_slots(forecast->working_slots());
    return std::make_unique<TimeSeriesEvaluator>(std::move(forecast), horizon, build_.unit.answer.value, working);
  }

 private:
  // The horizon is the model's only field that is no date of the series.
  std::uint32_t find_horizon() {
    std::string_view name;
    for (const Element at : build_.at.child("MiningSchema")) {
      const std::string_view usage = at.attribute_or("usageType", "active");
      if (!at.is("MiningField") || (usage != "active" && usage != "supplementary")) continue;
      if (!name.empty())
        problems_.wrong(at, "name", "a second field beside the forecast horizon '" + std::string(name) + "'");
      name = compiler_.required(at, "name");
    }
    if (name.empty()) {
      problems_.wrong(build_.at, "", "no field for the forecast horizon in the MiningSchema");
      return 0;
    }
    const Operand horizon = compiler_.field(name, build_.scope, build_.at, "MiningSchema");
    if (horizon.type.data != DataType::kInteger)
      problems_.wrong(build_.at, "", "the forecast horizon '" + std::string(name) + "' is no integer");
    return horizon.slot;
  }

  std::unique_ptr<const Forecast> smoothing(Element at) {
    const Element level = at.child("Level");
    if (!level) {
      problems_.wrong(at, "", "no Level inside");
      return nullptr;
    }
    if (const Element seasonality = at.child("Seasonality_ExpoSmooth"))
      problems_.unsupported(seasonality, "", "seasonality (PMML does not say which season the forecast begins with)");
    Restored restored = Restored::kNone;
    const std::string_view transformation = at.attribute_or("transformation", "none");
    if (transformation == "logarithmic")
      restored = Restored::kExponential;
    else if (transformation == "squareroot")
      restored = Restored::kSquare;
    else if (transformation != "none")
      problems_.unsupported(at, "transformation", "'" + std::string(transformation) + "'");
    Trend trend = Trend::kNone;
    double slope = 0, phi = 1;
    Element line = at.child("Trend_ExpoSmooth");
    if (!line) line = at.child("Trend");  // its name in PMML 4.0
    if (line) {
      static constexpr std::pair<std::string_view, Trend> kTrends[] = {
          {"additive", Trend::kAdditive},
          {"damped_additive", Trend::kDampedAdditive},
          {"multiplicative", Trend::kMultiplicative},
          {"damped_multiplicative", Trend::kDampedMultiplicative}};
      const std::string_view name = line.attribute_or("trend", "additive");
      for (const auto& [known, kind] : kTrends)
        if (known == name) trend = kind;
      if (trend == Trend::kNone) problems_.unsupported(line, "trend", "'" + std::string(name) + "'");
      slope = compiler_.required_number(line, "smoothedValue");
      phi = compiler_.number(line, "phi", 1);
    }
    return std::make_unique<Smoothing>(compiler_.required_number(level, "smoothedValue"), trend, slope, phi, restored);
  }

  std::unique_ptr<const Forecast> state_space(Element at) {
    const Element state = at.child("StateVector"), array = state ? state.child("Array") : Element();
    if (!array) {
      problems_.wrong(at, "", "no StateVector with an Array inside");
      return nullptr;
    }
    const std::vector<double> vector = compiler_.numbers(array);
    if (vector.empty() || vector.size() > 1'000) {
      problems_.wrong(array, "", "needs 1 to 1000 numbers");
      return nullptr;
    }
    if (!compiler_.fits(vector.size() * vector.size() * sizeof(double))) return nullptr;
    const auto matrix = [&](std::string_view name, std::size_t rows) {
      const Element holder = at.child(name), inner = holder ? holder.child("Matrix") : Element();
      if (inner) return read_matrix(compiler_, inner, rows, vector.size());
      problems_.wrong(at, "", "no " + std::string(name) + " with a Matrix inside");
      return std::vector<double>(rows * vector.size(), 0.0);
    };
    double intercept = compiler_.number(at, "intercept", 0);
    if (const Element list = at.child("InterceptVector")) {
      const std::vector<double> numbers =
          list.child("Array") ? compiler_.numbers(list.child("Array")) : std::vector<double>();
      if (numbers.size() != 1) problems_.unsupported(list, "", "an intercept for each step");
      if (!numbers.empty()) intercept = numbers[0];
    }
    return std::make_unique<StateSpace>(vector, matrix("TransitionMatrix", vector.size()),
                                        matrix("MeasurementMatrix", 1), intercept);
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_time_series(ModelBuild& build) { return TimeSeriesCompiler(build).compile(); }

}  // namespace weir::pmml
