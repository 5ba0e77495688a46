#include "operators/inference/model_choice.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace weir::inference {
namespace {

using serving::ServedModel;

std::string describe(const WantedModel& wanted) {
  std::string text = "model '" + wanted.text + "'";
  if (wanted.name) text += " named '" + *wanted.name + "'";
  if (wanted.version != 0) text += " version " + std::to_string(wanted.version);
  return text;
}

// The same model in two operators, with the same inputs, is one.
bool is_same(const ServedModel& left, const ServedModel& right) {
  const auto fields = left.config->features.fields();
  const auto others = right.config->features.fields();
  return left.name == right.name && left.version == right.version && left.digest == right.digest &&
         std::equal(fields.begin(), fields.end(), others.begin(), others.end());
}

Status none_fits(const WantedModel& wanted, const std::vector<ServedModel>& models) {
  std::string kept;
  for (const ServedModel& one : models) {
    if (one.is_pending && wanted.version == 0) {
      return Status::unavailable("find " + describe(wanted) + ": it is " + std::string(to_string(one.state)) +
                                 ", not ready yet");
    }
    if (one.is_pending) continue;
    kept += (kept.empty() ? "" : ", ") + model_name_of(one.key, one.name) + " version " + std::to_string(one.version);
  }
  const std::string what = wanted.version == 0 ? ": the key has no such current model" : ": there is none";
  return Status::not_found("find " + describe(wanted) + what + (kept.empty() ? "" : " (kept are: " + kept + ")"));
}

}  // namespace

std::optional<std::pair<std::string, std::string>> WantedModel::split() const {
  const std::size_t colon = text.rfind(':');
  if (name || colon == std::string::npos || colon == 0) return std::nullopt;
  return std::pair(text.substr(0, colon), text.substr(colon + 1));
}

Result<WantedModel> wanted_model(const HttpRequest& request) {
  WantedModel wanted;
  wanted.text = request.captures.at(0);
  if (const auto name = request.query.find("name"); name != request.query.end()) wanted.name = name->second;
  if (request.captures.size() == 1) return wanted;
  const std::string& text = request.captures[1];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted.version);
  if (error != std::errc{} || end != text.data() + text.size() || wanted.version <= 0)
    return Status::invalid_argument("version is '" + text + "': a whole number, 1 and up");
  return wanted;
}

Result<ServedModel> choose_model(const WantedModel& wanted, std::vector<KeyModelsFound> found) {
  const bool is_whole =
      std::any_of(found.begin(), found.end(), [](const KeyModelsFound& one) { return one.whole_key_is_known; });
  const bool is_split =
      std::any_of(found.begin(), found.end(), [](const KeyModelsFound& one) { return one.split_key_is_known; });
  if (!is_whole && !is_split) return Status::not_found("find " + describe(wanted) + ": there is no such model");
  const std::optional<std::string> name = is_whole ? wanted.name : std::optional(wanted.split()->second);

  std::vector<ServedModel> models;
  for (KeyModelsFound& one : found) {
    for (ServedModel& model : is_whole ? one.of_whole_key : one.of_split_key)
      if (!name || model.name == *name) models.push_back(std::move(model));
  }
  std::vector<ServedModel*> fit;
  for (ServedModel& model : models) {
    const bool fits = !model.is_pending && (wanted.version == 0 ? model.is_current : model.version == wanted.version);
    if (fits && std::none_of(fit.begin(), fit.end(), [&](const ServedModel* one) { return is_same(*one, model); }))
      fit.push_back(&model);
  }
  if (fit.empty()) return none_fits(wanted, models);
  if (fit.size() == 1) return std::move(*fit.front());
  std::string choices;
  for (const ServedModel* model : fit) {
    choices += (choices.empty() ? "" : ", ") + model_name_of(model->key, model->name) + " version " +
               std::to_string(model->version) + " of uid=" + model->uid;
  }
  return Status::invalid_argument("find " + describe(wanted) + ": several are meant, say which: " + choices);
}

std::vector<std::int64_t> versions_beside(const ServedModel& chosen, const std::vector<KeyModelsFound>& found) {
  std::set<std::int64_t> versions;
  for (const KeyModelsFound& one : found) {
    for (const auto* models : {&one.of_whole_key, &one.of_split_key}) {
      for (const ServedModel& model : *models) {
        if (!model.is_pending && model.uid == chosen.uid && model.key == chosen.key && model.name == chosen.name)
          versions.insert(model.version);
      }
    }
  }
  return {versions.begin(), versions.end()};
}

std::string model_name_of(std::string_view key, std::string_view name) {
  std::string text(key);
  if (!name.empty()) text.append(":").append(name);
  return text;
}

}  // namespace weir::inference
