#include "models/pmml/regular_expression.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace weir::pmml {
namespace {

// Java's names of the POSIX classes (they cover ASCII) and RE2's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kClasses = {{{"Lower", "lower"},
                                                                                     {"Upper", "upper"},
                                                                                     {"ASCII", "ascii"},
                                                                                     {"Alpha", "alpha"},
                                                                                     {"Digit", "digit"},
                                                                                     {"Alnum", "alnum"},
                                                                                     {"Punct", "punct"},
                                                                                     {"Graph", "graph"},
                                                                                     {"Print", "print"},
                                                                                     {"Blank", "blank"},
                                                                                     {"Cntrl", "cntrl"},
                                                                                     {"XDigit", "xdigit"},
                                                                                     {"Space", "space"}}};

constexpr std::string_view kHorizontalSpace =
    "\\t \\x{a0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}";

class Translation {
 public:
  explicit Translation(std::string_view java) : java_(java) {}

  std::string translate(std::string& problem) {
    while (at_ < java_.size() && problem_.empty()) step();
    problem = problem_;
    return problem_.empty() ? result_ : std::string();
  }

 private:
  [[nodiscard]] bool next_is(std::string_view text) const { return java_.substr(at_).starts_with(text); }
  void copy(std::size_t count) {
    result_ += java_.substr(at_, count);
    at_ += std::min(count, java_.size() - at_);
  }

  void step() {
    const char c = java_[at_];
    if (c == '\\') return escape();
    if (in_class_) return inside_class();
    if (c == '[') {
      in_class_ = true;
      copy(next_is("[^") ? 2 : 1);
      // A bracket that comes first stands for itself.
      if (next_is("]")) copy(1);
      return;
    }
    if (next_is("(?")) return group();
    copy(1);
  }

  void inside_class() {
    if (java_[at_] == ']') in_class_ = false;
    if (next_is("&&")) problem_ = "intersections of classes (&&) are not supported";
    if (next_is("[")) problem_ = "a class inside a class is not supported";
    copy(1);
  }

  // (?u) asks for Unicode in case folding, which RE2 does anyway; other flags that RE2 does not share are refused.
  void group() {
    if (at_ + 3 < java_.size() && java_[at_ + 2] == '<' && std::isalpha(static_cast<unsigned char>(java_[at_ + 3]))) {
      result_ += "(?P<";
      at_ += 3;
      return;
    }
    const std::size_t end = std::min(java_.find_first_not_of("idmsuxU-", at_ + 2), java_.size());
    if (end == java_.size() || (java_[end] != ')' && java_[end] != ':')) return copy(2);
    std::string flags;
    for (const char flag : java_.substr(at_ + 2, end - at_ - 2)) {
      if (flag == 'U' || flag == 'x' || flag == 'd') problem_ = std::string("the flag ") + flag + " is not supported";
      if (flag != 'u') flags += flag;
    }
    at_ = end;
    if (java_[end] == ':' || !flags.empty())
      result_ += "(?" + flags;
    else
      ++at_;  // nothing is left of (?u)
  }

  void escape() {
    if (next_is("\\Q")) {
      const std::size_t end = std::min(java_.find("\\E", at_), java_.size());
      return copy(std::min(end + 2, java_.size()) - at_);
    }
    if (next_is("\\h")) {
      result_ += in_class_ ? std::string(kHorizontalSpace) : "[" + std::string(kHorizontalSpace) + "]";
      at_ += 2;
      return;
    }
    if (next_is("\\p{") || next_is("\\P{")) {
      const bool negated = java_[at_ + 1] == 'P';
      const std::size_t end = java_.find('}', at_);
      const std::string_view name = java_.substr(at_ + 3, end == std::string_view::npos ? 0 : end - at_ - 3);
      const auto* found =
          std::find_if(kClasses.begin(), kClasses.end(), [&](const auto& at) { return at.first == name; });
      if (found != kClasses.end()) {
        const std::string inner = "[:" + std::string(negated ? "^" : "") + std::string(found->second) + ":]";
        result_ += in_class_ ? inner : "[" + inner + "]";
        at_ = end + 1;
        return;
      }
      if (name == "IsAlphabetic") {
        result_ += negated ? "\\P{L}" : "\\p{L}";
        at_ = end + 1;
        return;
      }
    }
    copy(2);
  }

  std::string_view java_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string result_, problem_;
};

}  // namespace

std::string in_re2_syntax(std::string_view java, std::string& problem) { return Translation(java).translate(problem); }

std::unique_ptr<const re2::RE2> compile_regular_expression(std::string_view java, bool case_sensitive,
                                                           std::string& problem) {
  const std::string pattern = in_re2_syntax(java, problem);
  if (!problem.empty()) return nullptr;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  options.set_case_sensitive(case_sensitive);
  auto result = std::make_unique<const RE2>(pattern, options);
  if (result->ok()) return result;
  problem = result->error();
  return nullptr;
}

}  // namespace weir::pmml
