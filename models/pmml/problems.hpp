#pragma once
/// What is wrong with a document: every reason with its line, element path and attribute, reported together.

#include <string>
#include <string_view>
#include <vector>

#include <weir/status.hpp>

#include "models/pmml/document.hpp"

namespace weir::pmml {

class Problems {
 public:
  static constexpr std::size_t kListed = 50;

  /// The document is wrong at `element` (and `attribute`, may be empty).
  void wrong(Element element, std::string_view attribute, std::string_view what) {
    add(false, element, attribute, what);
  }
  /// The document asks for something weir does not support.
  void unsupported(Element element, std::string_view attribute, std::string_view what) {
    add(true, element, attribute, what);
  }
  /// A bound was reached; the load is given up.
  void exhausted(std::string_view what) {
    if (exhausted_.empty()) exhausted_ = what;
  }

  [[nodiscard]] bool any() const noexcept { return count_ > 0 || !exhausted_.empty(); }
  /// True once going on makes no sense.
  [[nodiscard]] bool hopeless() const noexcept { return !exhausted_.empty() || count_ > 1'000; }
  [[nodiscard]] Status to_status() const;

 private:
  void add(bool unsupported, Element element, std::string_view attribute, std::string_view what);
  std::vector<std::string> messages_;
  std::string exhausted_;
  std::size_t count_ = 0;
  bool only_unsupported_ = true;
};

}  // namespace weir::pmml
