#include <weir/model.hpp>

#include <algorithm>
#include <new>
#include <utility>

#include <weir/check.hpp>

namespace weir {

std::string_view to_string(FieldType type) noexcept { return type == FieldType::kNumber ? "number" : "text"; }

FeatureSchema::FeatureSchema(std::vector<Field> fields) : fields_(std::move(fields)) {
  columns_.reserve(fields_.size());
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    WEIR_CHECK(!fields_[i].name.empty(), "a feature needs a name");
    for (std::size_t j = 0; j < i; ++j) WEIR_CHECK(fields_[i].name != fields_[j].name, "feature names are unique");
    columns_.push_back(static_cast<int>(fields_[i].type == FieldType::kNumber ? number_columns_++ : text_columns_++));
  }
}

int FeatureSchema::column(std::string_view name) const noexcept {
  const Field* field = find(name);
  return field == nullptr ? -1 : columns_[static_cast<std::size_t>(field - fields_.data())];
}

const Field* FeatureSchema::find(std::string_view name) const noexcept {
  const auto found =
      std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.name == name; });
  return found == fields_.end() ? nullptr : &*found;
}

void* ScoreScratch::reserve(std::size_t bytes) {
  if (bytes > capacity_) {
    ::operator delete (memory_, std::align_val_t{64});
    memory_ = nullptr;
    capacity_ = 0;
    const std::size_t grown = std::max<std::size_t>(4096, bytes + bytes / 2);
    memory_ = ::operator new (grown, std::align_val_t{64});
    capacity_ = grown;
  }
  return memory_;
}
ScoreScratch::ScoreScratch(ScoreScratch&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
ScoreScratch& ScoreScratch::operator=(ScoreScratch&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(capacity_, other.capacity_);
  return *this;
}
ScoreScratch::~ScoreScratch() { ::operator delete (memory_, std::align_val_t{64}); }

Result<std::shared_ptr<const Model>> ModelRuntime::load_with(std::string_view bytes, const ModelOptions& options,
                                                             const ModelLimits& limits) const {
  if (options.empty()) return load(bytes, limits);
  return Status::invalid_argument("load " + std::string(type()) +
                                  " model: this type takes no features, inputs, outputs, classes, tag or signature");
}

ModelRuntimes::ModelRuntimes(std::initializer_list<std::shared_ptr<const ModelRuntime>> runtimes) {
  for (const auto& runtime : runtimes) add(runtime);
}
void ModelRuntimes::add(std::shared_ptr<const ModelRuntime> runtime) {
  WEIR_CHECK(runtime != nullptr, "a model runtime must not be null");
  std::erase_if(runtimes_, [&](const auto& known) { return known->type() == runtime->type(); });
  runtimes_.push_back(std::move(runtime));
}
const ModelRuntime* ModelRuntimes::find(std::string_view type) const noexcept {
  for (const auto& runtime : runtimes_)
    if (runtime->type() == type) return runtime.get();
  return nullptr;
}
std::string ModelRuntimes::types() const {
  std::string names;
  for (const auto& runtime : runtimes_) {
    if (!names.empty()) names += ", ";
    names += runtime->type();
  }
  return names.empty() ? "none" : names;
}

}  // namespace weir
