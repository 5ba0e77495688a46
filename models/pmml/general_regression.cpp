// GeneralRegressionModel: linear, log-linear, generalised linear, multinomial and ordinal regressions over a parameter
// matrix.

#include <algorithm>
#include <array>
#include <cmath>

#include "models/pmml/matrices.hpp"
#include "models/pmml/regression_model.hpp"

namespace weir::pmml {
namespace {

enum class Kind {
  kRegression,
  kGeneralLinear,
  kLogLinear,
  kMultinomialLogistic,
  kOrdinalMultinomial,
  kGeneralizedLinear,
  kCoxRegression
};
enum class Link { kIdentity, kLog, kLogc, kLogit, kProbit, kCloglog, kLoglog, kCauchit, kNegbin, kOddspower, kPower };

std::optional<Link> link_named(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kNames = {
      "identity", "log", "logc", "logit", "probit", "cloglog", "loglog", "cauchit", "negbin", "oddspower", "power"};
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Link>(found - kNames.begin());
}

double inverse(Link link, double eta, double parameter, double distribution) noexcept {
  switch (link) {
    case Link::kLog: return std::exp(eta);
    case Link::kLogc: return 1 - std::exp(eta);
    case Link::kLogit: return inverse_link(Normalization::kLogit, eta);
    case Link::kProbit: return inverse_link(Normalization::kProbit, eta);
    case Link::kCloglog: return inverse_link(Normalization::kCloglog, eta);
    case Link::kLoglog: return inverse_link(Normalization::kLoglog, eta);
    case Link::kCauchit: return inverse_link(Normalization::kCauchit, eta);
    case Link::kNegbin: return 1 / (distribution * (std::exp(-eta) - 1));
    case Link::kOddspower:
      if (parameter == 0) return inverse_link(Normalization::kLogit, eta);
      return 1 / (1 + std::pow(1 + parameter * eta, -1 / parameter));
    case Link::kPower: return parameter == 0 ? std::exp(eta) : std::pow(eta, 1 / parameter);
    default: return eta;
  }
}

/// Cox regression: the cumulated hazard of the baseline, a step function of time.
struct Baseline {
  double stratum = kMissing;  ///< the value of the strata variable; missing: there is one baseline only
  double last_time = INFINITY;
  std::vector<std::pair<double, double>> steps;  ///< time, hazard from then on

  [[nodiscard]] double hazard(double time) const noexcept {
    if (is_missing(time) || time > last_time) return kMissing;
    const auto after =
        std::upper_bound(steps.begin(), steps.end(), time,
                         [](double at, const std::pair<double, double>& step) { return at < step.first; });
    return after == steps.begin() ? 0 : (after - 1)->second;
  }
};

struct GeneralRegression {
  Kind kind = Kind::kRegression;
  Link link = Link::kIdentity;
  double link_parameter = 0;
  double distribution_parameter = 0;
  std::uint32_t offset = 0;  ///< slot; 0: none
  std::uint32_t trials = 0;  ///< slot; 0: none
  std::uint32_t time = 0;    ///< Cox regression: slot
  std::uint32_t strata = 0;  ///< Cox regression: slot; 0: none
  std::vector<Baseline> baselines;
  std::vector<RegressionTable> tables;
};

class GeneralRegressionEvaluator final : public Evaluator {
 public:
  GeneralRegressionEvaluator(GeneralRegression model, const Answer& answer)
      : model_(std::move(model)), answer_(answer) {}

  void evaluate(Frame& frame) const noexcept override {
    double* slots = frame.slots;
    const double offset = model_.offset == 0 ? 0 : slots[model_.offset];
    if (answer_.function == Function::kRegression) {
      if (model_.kind == Kind::kCoxRegression) {
        slots[answer_.value] = baseline_hazard(slots) * std::exp(model_.tables[0].value(slots));
        return;
      }
      const double eta = model_.tables[0].value(slots) + offset;
      const double trials = model_.trials == 0 ? 1 : slots[model_.trials];
      slots[answer_.value] = trials * inverse(model_.link, eta, model_.link_parameter, model_.distribution_parameter);
      return;
    }
    double* probabilities = slots + answer_.probabilities;
    const std::size_t count = answer_.categories.size();
    std::fill_n(probabilities, count, 0.0);
    bool known = !is_missing(offset);
    for (const RegressionTable& table : model_.tables) {
      probabilities[table.category] = table.value(slots) + offset;
      known = known && !is_missing(probabilities[table.category]);
    }
    if (!known) {
      std::fill_n(probabilities, count, kMissing);
    } else if (model_.kind == Kind::kMultinomialLogistic) {
      softmax(probabilities, count);
    } else if (model_.kind == Kind::kOrdinalMultinomial) {
      // Cumulative probabilities, in the order of the classes.
      double below = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const double up_to = i + 1 == count ? 1 : inverse(model_.link, probabilities[i], model_.link_parameter, 0);
        probabilities[i] = up_to - below;
        below = up_to;
      }
    } else {
      double rest = 1;
      for (const RegressionTable& table : model_.tables) {
        double& p = probabilities[table.category];
        rest -= p = inverse(model_.link, p, model_.link_parameter, model_.distribution_parameter);
      }
      for (std::size_t i = 0; i < count; ++i)
        if (std::none_of(model_.tables.begin(), model_.tables.end(),
                         [i](const RegressionTable& table) { return table.category == i; }))
          probabilities[i] = rest;
    }
    choose_winner(answer_, frame);
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this);
    for (const RegressionTable& table : model_.tables) bytes += sizeof(table) + table.linear.size() * 16;
    return bytes;
  }

 private:
  [[nodiscard]] double baseline_hazard(const double* slots) const noexcept {
    for (const Baseline& baseline : model_.baselines)
      if (model_.strata == 0 || baseline.stratum == slots[model_.strata]) return baseline.hazard(slots[model_.time]);
    return kMissing;
  }

  GeneralRegression model_;
  Answer answer_;
};

class GeneralRegressionCompiler {
 public:
  explicit GeneralRegressionCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    const std::string_view function = compiler_.required(build_.at, "functionName");
    const bool classes = function == "classification";
    if (!classes && function != "regression")
      problems_.unsupported(build_.at, "functionName", "'" + std::string(function) + "'");
    read_kind(classes);
    if (classes)
      build_.start_classification();
    else
      build_.unit.answer.value = compiler_.new_slot();
    // Offsets and trials are for generalised, multinomial and ordinal models.
    if (model_.kind >= Kind::kMultinomialLogistic && model_.kind != Kind::kCoxRegression) {
      model_.offset = variable_or_value("offsetVariable", "offsetValue");
      model_.trials = variable_or_value("trialsVariable", "trialsValue");
    }
    if (model_.kind == Kind::kCoxRegression) read_baselines(classes);
    read_predictors();
    read_parameters();
    read_coefficients(classes);
    if (classes) {
      build_.finish_classification();
      const std::size_t open =
          build_.unit.answer.categories.size() - std::min(build_.unit.answer.categories.size(), model_.tables.size());
      if (open != 1 && model_.kind != Kind::kMultinomialLogistic)
        problems_.wrong(build_.at, "",
                        "one class must be left to the rest of the probability, not " + std::to_string(open));
    }
    if (model_.tables.empty()) problems_.wrong(build_.at, "", "ParamMatrix has no PCell");
    if (problems_.any()) return nullptr;
    return std::make_unique<GeneralRegressionEvaluator>(std::move(model_), build_.unit.answer);
  }

 private:
  void read_kind(bool classes) {
    static constexpr std::array<std::string_view, 7> kKinds = {
        "regression",         "generalLinear",     "logLinear",    "multinomialLogistic",
        "ordinalMultinomial", "generalizedLinear", "CoxRegression"};
    const std::string_view name = compiler_.required(build_.at, "modelType");
    const auto* found = std::find(kKinds.begin(), kKinds.end(), name);
    if (found == kKinds.end()) return problems_.unsupported(build_.at, "modelType", "'" + std::string(name) + "'");
    model_.kind = static_cast<Kind>(found - kKinds.begin());
    const bool multinomial = model_.kind == Kind::kMultinomialLogistic || model_.kind == Kind::kOrdinalMultinomial;
    if (multinomial && !classes)
      problems_.wrong(build_.at, "functionName", "a " + std::string(name) + " model classifies");
    if (model_.kind == Kind::kLogLinear) model_.link = Link::kLog;
    std::string_view attribute;
    if (model_.kind == Kind::kGeneralizedLinear) attribute = "linkFunction";
    if (model_.kind == Kind::kOrdinalMultinomial) attribute = "cumulativeLink";
    if (!attribute.empty()) {
      const std::string_view link = model_.kind == Kind::kOrdinalMultinomial
                                        ? build_.at.attribute_or(attribute, "logit")
                                        : compiler_.required(build_.at, attribute);
      if (const auto named = link_named(link))
        model_.link = *named;
      else
        problems_.unsupported(build_.at, attribute, "'" + std::string(link) + "'");
    }
    model_.link_parameter = compiler_.number(build_.at, "linkParameter", 0);
    model_.distribution_parameter = compiler_.number(build_.at, "distParameter", 0);
  }

  std::uint32_t variable_or_value(std::string_view variable, std::string_view value) {
    if (const auto name = build_.at.attribute(variable))
      return compiler_
          .cast(compiler_.field(*name, build_.scope, build_.at, variable), kDoubleType, build_.unit.prologue, build_.at)
          .slot;
    if (build_.at.attribute(value)) return compiler_.constant_slot(compiler_.number(build_.at, value, 0));
    return 0;
  }

  void read_predictors() {
    const Element factors = build_.at.child("FactorList");
    if (!factors) return;
    for (const Element at : factors) {
      if (!at.is("Predictor")) continue;
      const std::string_view name = compiler_.required(at, "name");
      factors_.insert(name);
      if (const Element matrix = at.child("Matrix")) read_contrasts(name, at, matrix);
    }
  }

  // A contrast matrix: rows are the factor's values, columns the values that cells name.
  struct Contrasts {
    std::vector<std::string_view> categories;
    std::vector<double> values;
  };
  void read_contrasts(std::string_view name, Element predictor, Element matrix) {
    Contrasts contrasts;
    if (const Element categories = predictor.child("Categories"))
      for (const Element at : categories)
        if (at.is("Category")) contrasts.categories.push_back(compiler_.required(at, "value"));
    const std::size_t size = contrasts.categories.size();
    if (!compiler_.fits(size * size * sizeof(double))) return;
    contrasts.values = read_matrix(compiler_, matrix, size, size);
    contrasts_.emplace(name, std::move(contrasts));
  }

  // The contrast of the factor's value to the value that a cell names.
  std::uint32_t contrast(const Contrasts& contrasts, Element cell, std::string_view text, const Operand& value) {
    const auto column = std::find(contrasts.categories.begin(), contrasts.categories.end(), text);
    if (column == contrasts.categories.end()) {
      problems_.wrong(cell, "value", "is none of the Categories");
      return 0;
    }
    const auto index = static_cast<std::size_t>(column - contrasts.categories.begin());
    ValueMap map(1, kMissing);
    for (std::size_t i = 0; i < contrasts.categories.size(); ++i)
      map.add({compiler_.literal(cell, "value", contrasts.categories[i], value.type)},
              contrasts.values[i * contrasts.categories.size() + index]);
    map.finish();
    compiler_.tables().maps.push_back(std::move(map));
    const std::vector<std::uint32_t> key = {value.slot};
    return compiler_.emit(build_.unit.prologue, Op::kMapValues, key,
                          static_cast<std::uint32_t>(compiler_.tables().maps.size() - 1));
  }

  void read_baselines(bool classes) {
    if (classes) problems_.wrong(build_.at, "functionName", "a Cox regression does not classify");
    BlockBuilder& block = build_.unit.prologue;
    const std::string_view time = compiler_.required(build_.at, "endTimeVariable");
    model_.time =
        compiler_.cast(compiler_.field(time, build_.scope, build_.at, "endTimeVariable"), kDoubleType, block, build_.at)
            .slot;
    Operand strata;
    if (const auto name = build_.at.attribute("baselineStrataVariable")) {
      strata = compiler_.field(*name, build_.scope, build_.at, "baselineStrataVariable");
      model_.strata = strata.slot;
    }
    const Element tables = build_.at.child("BaseCumHazardTables");
    if (!tables) return problems_.wrong(build_.at, "", "no BaseCumHazardTables inside");
    const auto read = [&](Element at) {
      Baseline baseline;
      baseline.last_time = compiler_.number(at, "maxTime", INFINITY);
      for (const Element cell : at)
        if (cell.is("BaselineCell"))
          baseline.steps.emplace_back(compiler_.required_number(cell, "time"),
                                      compiler_.required_number(cell, "cumHazard"));
      std::sort(baseline.steps.begin(), baseline.steps.end());
      return baseline;
    };
    if (model_.strata == 0) {
      model_.baselines.push_back(read(tables));
      return;
    }
    for (const Element at : tables) {
      if (!at.is("BaselineStratum")) continue;
      model_.baselines.push_back(read(at));
      model_.baselines.back().stratum = compiler_.literal(at, "value", compiler_.required(at, "value"), strata.type);
    }
  }

  // A parameter is the product of its cells: x^value for a covariate, x == value for a factor; 1 without cells.
  void read_parameters() {
    const Element list = build_.at.child("ParameterList");
    if (!list) return problems_.wrong(build_.at, "", "no ParameterList inside");
    for (const Element at : list) {
      if (!at.is("Parameter")) continue;
      if (!parameters_.emplace(compiler_.required(at, "name"), 0).second)
        problems_.wrong(at, "name", "parameter '" + std::string(at.attribute_or("name", "")) + "' is defined twice");
      // A Cox regression is relative to the reference point.
      if (model_.kind == Kind::kCoxRegression && at.attribute("referencePoint"))
        references_[at.attribute_or("name", "")] = compiler_.number(at, "referencePoint", 0);
    }
    const Element matrix = build_.at.child("PPMatrix");
    if (!matrix) return;
    BlockBuilder& block = build_.unit.prologue;
    for (const Element at : matrix) {
      if (!at.is("PPCell")) continue;
      const std::string_view parameter_name = compiler_.required(at, "parameterName");
      const auto common = parameters_.find(parameter_name);
      if (common == parameters_.end()) {
        problems_.wrong(at, "parameterName", "is no Parameter");
        continue;
      }
      // A cell may be for one class only.
      const auto target_category = at.attribute("targetCategory");
      std::uint32_t* parameter = &common->second;
      if (target_category) parameter = &own_parameters_[std::string(*target_category)][parameter_name];
      const std::string_view name = compiler_.required(at, "predictorName");
      const Operand value = compiler_.field(name, build_.scope, at, "predictorName");
      const std::string_view text = compiler_.required(at, "value");
      std::uint32_t factor;
      const auto contrasts = contrasts_.find(name);
      if (contrasts != contrasts_.end()) {
        factor = contrast(contrasts->second, at, text, value);
      } else if (factors_.contains(name)) {
        factor = compiler_.emit(block, Op::kEqual, value.slot,
                                compiler_.literal_operand(at, "value", text, value.type).slot);
      } else {
        const std::uint32_t number = compiler_.cast(value, kDoubleType, block, at).slot;
        const double exponent = compiler_.number(at, "value", 1);
        factor = exponent == 1 ? number : compiler_.emit(block, Op::kPow, number, compiler_.constant_slot(exponent));
      }
      *parameter = *parameter == 0 ? factor : compiler_.emit(block, Op::kMultiply, *parameter, factor);
    }
  }

  void read_coefficients(bool classes) {
    const Element matrix = build_.at.child("ParamMatrix");
    if (!matrix) return problems_.wrong(build_.at, "", "no ParamMatrix inside");
    std::vector<std::pair<std::uint32_t, double>> common;  // cells without a class
    double common_intercept = 0;
    for (const Element at : matrix) {
      if (!at.is("PCell")) continue;
      const auto parameter = parameters_.find(compiler_.required(at, "parameterName"));
      if (parameter == parameters_.end()) {
        problems_.wrong(at, "parameterName", "is no Parameter");
        continue;
      }
      const double beta = compiler_.required_number(at, "beta");
      if (const auto reference = references_.find(parameter->first); reference != references_.end())
        common_intercept -= beta * reference->second;
      const auto category = at.attribute("targetCategory");
      if (!classes || !category) {
        if (parameter->second == 0)
          common_intercept += beta;
        else
          common.emplace_back(parameter->second, beta);
        continue;
      }
      RegressionTable& table = table_of(build_.category(at, "targetCategory", *category));
      std::uint32_t slot = parameter->second;
      if (const auto own = own_parameters_.find(std::string(*category)); own != own_parameters_.end())
        if (const auto cell = own->second.find(parameter->first); cell != own->second.end()) slot = cell->second;
      if (slot == 0)
        table.intercept += beta;
      else
        table.linear.push_back({slot, beta});
    }
    if (!classes) model_.tables.emplace_back();
    // A binary regression may leave the class out: its coefficients are for the class that is not the reference.
    if (classes && model_.tables.empty() && (!common.empty() || common_intercept != 0)) {
      const std::string_view reference = build_.at.attribute_or("targetReferenceCategory", "");
      const auto& categories = build_.unit.answer.categories;
      std::size_t chosen = categories.size() == 2 ? 1 : 0;
      if (categories.size() == 2 && categories[1].label == reference) chosen = 0;
      if (categories.size() != 2)
        problems_.wrong(matrix, "", "cells without targetCategory need a target with two values");
      table_of(chosen);
    }
    if (const auto reference = build_.at.attribute("targetReferenceCategory"); reference && classes)
      build_.category(build_.at, "targetReferenceCategory", *reference);
    for (RegressionTable& table : model_.tables) {
      table.intercept += common_intercept;
      for (const auto& [slot, beta] : common) table.linear.push_back({slot, beta});
    }
  }

  RegressionTable& table_of(std::size_t category) {
    for (RegressionTable& table : model_.tables)
      if (table.category == category) return table;
    model_.tables.emplace_back().category = category;
    return model_.tables.back();
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  GeneralRegression model_;
  std::unordered_set<std::string_view> factors_;
  std::unordered_map<std::string_view, std::uint32_t> parameters_;
  std::map<std::string, std::unordered_map<std::string_view, std::uint32_t>> own_parameters_;  // by class
  std::unordered_map<std::string_view, double> references_;
  std::unordered_map<std::string_view, Contrasts> contrasts_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_general_regression(ModelBuild& build) {
  return GeneralRegressionCompiler(build).compile();
}

}  // namespace weir::pmml
