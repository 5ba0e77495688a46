#include "models/pmml/problems.hpp"

#include <algorithm>

namespace weir::pmml {

void Problems::add(bool unsupported, Element element, std::string_view attribute, std::string_view what) {
  ++count_;
  only_unsupported_ = only_unsupported_ && unsupported;
  if (messages_.size() >= kListed) return;
  std::string message;
  if (element) {
    message = "line " + std::to_string(element.line()) + ": " + element.path();
    if (!attribute.empty()) message.append("@").append(attribute);
    message += ": ";
  }
  message += what;
  if (unsupported) message += " (not supported)";
  if (std::find(messages_.begin(), messages_.end(), message) != messages_.end()) return;
  messages_.push_back(std::move(message));
}

Status Problems::to_status() const {
  std::string all = "load PMML: ";
  if (!exhausted_.empty()) return Status::resource_exhausted(all + exhausted_);
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (i > 0) all += "; ";
    all += messages_[i];
  }
  if (count_ > kListed) all += "; and " + std::to_string(count_ - kListed) + " more";
  return only_unsupported_ ? Status::unimplemented(std::move(all)) : Status::invalid_argument(std::move(all));
}

}  // namespace weir::pmml
