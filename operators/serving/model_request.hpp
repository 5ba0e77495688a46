#pragma once
/// What a request says about a model, from wherever it says it.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <weir/http.hpp>
#include <weir/model_record.hpp>
#include <weir/result.hpp>
#include <weir/serving/audit.hpp>

namespace weir::serving {

/// By name (docs/http.md); one that was not given is not there, or empty.
using ModelParameters = std::map<std::string, std::string, std::less<>>;
bool is_model_parameter(std::string_view name) noexcept;
/// The record that parameters and bytes make; without bytes `location` must be there. kInvalidArgument says what is
/// wrong.
Result<ModelRecord> make_model_record(const ModelParameters& parameters, std::string_view bytes);

/// POST /v1/models. Parameters (docs/http.md) come from the query, from headers `Weir-Effective-At` and so on, and from
/// the fields of a form; what is said twice must be the same. The model is the body, or the form's field `model`, or,
/// without a body, at `location`.
Result<ModelRecord> model_of(const HttpRequest& request);

/// An order about the models of `key`: name, version, effective_at from query or headers.
Result<ModelRecord> order_of(const HttpRequest& request, std::string key, ModelControl control);

}  // namespace weir::serving
