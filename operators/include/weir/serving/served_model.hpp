#pragma once
/// ServedModel: a model of a key for somebody outside of the stream: what it is, and what is needed to score with it.

#include <cstdint>
#include <memory>
#include <string>

#include <weir/model.hpp>
#include <weir/model_id.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/model_loader.hpp>

namespace weir::serving {

/// Shares the model with the stream, and owns the rest: it may be used on any thread, for as long as one likes.
struct ServedModel {
  std::string uid;  ///< of the operator; set by who asked it
  std::string key;
  std::string name;
  std::int64_t version = 0;
  ModelDigest digest{};
  std::string type;
  ModelState state = ModelState::kReceived;
  bool is_current = false;
  bool is_pending = false;             ///< not ready yet: there is nothing to score with
  std::shared_ptr<const Model> model;  ///< null: pending, or unloaded; then load_model(config, load) loads it again
  LoadRequest load;
  std::shared_ptr<const LoaderConfig> config;
};

}  // namespace weir::serving
