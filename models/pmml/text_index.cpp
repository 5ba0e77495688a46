// TextIndex: how often a term occurs in a text.
//
// The text is normalised, cut into words and looked up among the model's words once a row, whatever the number of
// terms; a term then counts in a list of numbers. The list lives in the row's memory; two slots say where.

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "models/pmml/compiler.hpp"
#include "models/pmml/regular_expression.hpp"
#include "models/pmml/text_functions.hpp"

namespace weir::pmml {
namespace {

/// A word of a row: its code when the model knows it (Texts::kNone otherwise), and its letters.
struct Word {
  const char* text;
  std::uint32_t size;
  std::uint32_t code;
  [[nodiscard]] std::string_view view() const noexcept { return {text, size}; }
};

struct WordList {
  const Word* words = nullptr;
  std::size_t count = 0;
};

// Dash, open, close, connector and other punctuation of ASCII: symbols such as $ and + belong to the word.
bool is_punctuation(char c) noexcept { return std::strchr("-([{)]}_!\"#%&'*,./:;?@\\", c) != nullptr && c != 0; }

std::string_view trim_punctuation(std::string_view word) noexcept {
  while (!word.empty() && is_punctuation(word.front())) word.remove_prefix(1);
  while (!word.empty() && is_punctuation(word.back())) word.remove_suffix(1);
  return word;
}

std::string lowered(std::string_view text) {
  std::string result(text);
  change_letters(result.data(), result.size(), false);
  return result;
}

/// Edits that make one word the other, or `most` + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) noexcept {
  constexpr std::size_t kLongest = 64;
  if (a == b) return 0;
  if (a.size() > kLongest || b.size() > kLongest) return most + 1;
  std::array<std::size_t, kLongest + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return std::min(row[b.size()], most + 1);
}

/// How a text becomes words.
struct Splitting {
  std::shared_ptr<const RE2> separator;  ///< null: white space
  std::shared_ptr<const RE2> word;       ///< words are what matches, when set
  bool tokenize = true;
  bool case_sensitive = false;

  /// Calls `take` with each word of the text.
  template <class Take>
  void split(std::string_view text, Take take) const {
    if (!tokenize) {
      if (!text.empty()) take(text);
      return;
    }
    if (word != nullptr) {
      re2::StringPiece rest(text.data(), text.size()), found;
      while (RE2::PartialMatch(rest, *word, &found) && found.data() != nullptr) {
        if (!found.empty()) take(std::string_view(found.data(), found.size()));
        rest.remove_prefix(std::min<std::size_t>(rest.size(), static_cast<std::size_t>(found.data() - rest.data()) +
                                                                  std::max<std::size_t>(found.size(), 1)));
        if (rest.empty()) break;
      }
      return;
    }
    std::size_t at = 0;
    while (at < text.size()) {
      std::size_t begin = text.size(), end = text.size();
      if (separator == nullptr) {
        begin = std::min(text.find_first_of(" \t\n\r\f\v", at), text.size());
        end = std::min(text.find_first_not_of(" \t\n\r\f\v", begin), text.size());
      } else {
        re2::StringPiece found;
        const re2::StringPiece all(text.data(), text.size());
        if (separator->Match(all, at, text.size(), RE2::UNANCHORED, &found, 1) && !found.empty()) {
          begin = static_cast<std::size_t>(found.data() - text.data());
          end = begin + found.size();
        }
      }
      if (const std::string_view part = trim_punctuation(text.substr(at, begin - at)); !part.empty()) take(part);
      at = end;
    }
  }
};

/// One row of a TextIndexNormalization.
struct Rewrite {
  std::shared_ptr<const RE2> pattern;
  std::string replacement;
};
struct Normalization {
  std::vector<Rewrite> rewrites;
  bool recursive = false;

  void apply(std::string& text) const {
    // A rewrite that never settles ends here.
    for (int round = 0; round < (recursive ? 100 : 1); ++round) {
      bool changed = false;
      for (const Rewrite& rewrite : rewrites)
        changed = RE2::GlobalReplace(&text, *rewrite.pattern, rewrite.replacement) > 0 || changed;
      if (!changed || text.size() > RowTexts::kArenaBytes) return;
    }
  }
};

/// Makes the list of a text's words.
class WordsOf final : public Native {
 public:
  WordsOf(std::uint32_t text, std::uint32_t count, Splitting splitting,
          std::shared_ptr<const std::vector<Normalization>> normalizations)
      : text_(text), count_(count), splitting_(std::move(splitting)), normalizations_(std::move(normalizations)) {}

  [[nodiscard]] double call(Frame& frame) const noexcept override {
    frame.slots[count_] = kMissing;
    const double code = frame.slots[text_];
    if (is_missing(code)) return kMissing;
    std::string_view text = frame.texts.at(code);
    if (!normalizations_->empty() || !splitting_.case_sensitive) {
      std::string changed;
      if (!normalizations_->empty()) {
        changed = text;
        for (const Normalization& normalization : *normalizations_) normalization.apply(changed);
        text = changed;
      }
      char* copy = frame.texts.allocate(text.size());
      if (copy == nullptr && !text.empty()) return too_long(frame);
      if (!text.empty()) std::memcpy(copy, text.data(), text.size());
      if (!splitting_.case_sensitive) change_letters(copy, text.size(), false);
      text = {copy, text.size()};
    }
    std::size_t count = 0;
    splitting_.split(text, [&](std::string_view) { ++count; });
    char* memory = frame.texts.allocate(count * sizeof(Word) + alignof(Word));
    if (memory == nullptr) return too_long(frame);
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(memory) % alignof(Word);
    memory += misaligned == 0 ? 0 : alignof(Word) - misaligned;
    auto* word = reinterpret_cast<Word*>(memory);
    splitting_.split(text, [&](std::string_view part) {
      *word++ = {part.data(), static_cast<std::uint32_t>(part.size()), frame.tables->texts.find(part)};
    });
    frame.slots[count_] = static_cast<double>(count);
    return static_cast<double>(memory - reinterpret_cast<char*>(frame.slots));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof(*this); }

 private:
  static double too_long(Frame& frame) {
    frame.fail("TextIndex: the text is too long");
    return kMissing;
  }
  std::uint32_t text_;
  std::uint32_t count_;
  Splitting splitting_;
  std::shared_ptr<const std::vector<Normalization>> normalizations_;
};

enum class TermWeight : unsigned char { kFrequency, kBinary, kLogarithmic, kAugmented };

/// Counts a term in a list of words.
class TermCount final : public Native {
 public:
  struct Options {
    std::uint32_t words = 0;  ///< two slots: where the text's words are, how many
    std::uint32_t words_count = 0;
    std::uint32_t term = 0;  ///< likewise the term's
    std::uint32_t term_count = 0;
    TermWeight weight = TermWeight::kFrequency;
    std::size_t most_edits = 0;
    bool best_only = false;
  };
  explicit TermCount(const Options& options) : options_(options) {}

  [[nodiscard]] double call(Frame& frame) const noexcept override {
    WordList text, term;
    if (!find(frame, options_.words, options_.words_count, text) ||
        !find(frame, options_.term, options_.term_count, term))
      return kMissing;
    const double count = occurrences(text, term);
    switch (options_.weight) {
      case TermWeight::kBinary: return count > 0 ? 1 : 0;
      case TermWeight::kLogarithmic: return std::log10(1 + count);
      case TermWeight::kAugmented: return count == 0 ? 0 : 0.5 * (1 + count / most_frequent(text));
      default: return count;
    }
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof(*this); }

 private:
  static bool find(const Frame& frame, std::uint32_t place, std::uint32_t count, WordList& list) noexcept {
    if (is_missing(frame.slots[count])) return false;
    list.count = static_cast<std::size_t>(frame.slots[count]);
    list.words = reinterpret_cast<const Word*>(reinterpret_cast<const char*>(frame.slots) +
                                               static_cast<std::ptrdiff_t>(frame.slots[place]));
    return true;
  }

  [[nodiscard]] double occurrences(const WordList& text, const WordList& term) const noexcept {
    if (term.count == 0 || term.count > text.count) return 0;
    std::size_t count = 0, fewest = options_.most_edits;
    for (std::size_t at = 0; at + term.count <= text.count; ++at) {
      std::size_t edits = 0;
      for (std::size_t i = 0; i < term.count && edits <= options_.most_edits; ++i)
        edits += difference(text.words[at + i], term.words[i]);
      if (edits > (options_.best_only ? fewest : options_.most_edits)) continue;
      if (options_.best_only && edits < fewest) {
        fewest = edits;
        count = 0;
      }
      ++count;
    }
    return static_cast<double>(count);
  }
  [[nodiscard]] std::size_t difference(const Word& a, const Word& b) const noexcept {
    if (a.code != Texts::kNone && a.code == b.code) return 0;
    if (options_.most_edits == 0) return a.code == Texts::kNone && b.code == a.code && a.view() == b.view() ? 0 : 1;
    return edit_distance(a.view(), b.view(), options_.most_edits);
  }
  static double most_frequent(const WordList& text) noexcept {
    std::size_t most = 0;
    for (std::size_t i = 0; i < text.count; ++i) {
      std::size_t same = 0;
      for (std::size_t j = 0; j < text.count; ++j) same += text.words[i].view() == text.words[j].view() ? 1 : 0;
      most = std::max(most, same);
    }
    return static_cast<double>(most);
  }

  Options options_;
};

std::shared_ptr<const RE2> regex(Compiler& compiler, Element at, std::string_view attribute, std::string_view pattern,
                                 bool case_sensitive = true) {
  std::string problem;
  std::shared_ptr<const RE2> result = compile_regular_expression(pattern, case_sensitive, problem);
  if (result == nullptr)
    compiler.problems().wrong(at, attribute, "regular expression '" + std::string(pattern) + "': " + problem);
  return result;
}

bool flag(Element at, std::string_view name, bool otherwise) {
  const auto text = at.attribute(name);
  return text ? *text == "true" || *text == "1" : otherwise;
}

Splitting read_splitting(Compiler& compiler, Element at) {
  Splitting splitting;
  splitting.case_sensitive = flag(at, "isCaseSensitive", false);
  splitting.tokenize = flag(at, "tokenize", true);
  for (const std::string_view name : {"wordRE", "x-wordRE"})
    if (const auto pattern = at.attribute(name))
      splitting.word = regex(compiler, at, name, "(" + std::string(*pattern) + ")");
  const std::string_view separator = at.attribute_or("wordSeparatorCharacterRE", "\\s+");
  if (separator != "\\s+" && separator != "\\s") {
    splitting.separator = regex(compiler, at, "wordSeparatorCharacterRE", separator);
    if (splitting.separator != nullptr && RE2::FullMatch("", *splitting.separator))
      compiler.problems().unsupported(at, "wordSeparatorCharacterRE", "a separator that may be nothing");
  }
  return splitting;
}

Normalization read_normalization(Compiler& compiler, Element at, bool index_case_sensitive) {
  Normalization result;
  result.recursive = flag(at, "recursive", false);
  const bool case_sensitive = flag(at, "isCaseSensitive", index_case_sensitive);
  const bool words = flag(at, "tokenize", true);
  if (compiler.number(at, "maxLevenshteinDistance", 0) != 0)
    compiler.problems().unsupported(at, "maxLevenshteinDistance", "a distance in a TextIndexNormalization");
  const std::string_view in = at.attribute_or("inField", "string"), out = at.attribute_or("outField", "stem"),
                         is_regex = at.attribute_or("regexField", "regex");
  const Element table = at.child("InlineTable");
  if (!table) {
    compiler.problems().unsupported(at, "", "TextIndexNormalization without InlineTable");
    return result;
  }
  for (const Element row : table) {
    if (!row.is("row")) continue;
    const Element from = row.child(in), to = row.child(out), kind = row.child(is_regex);
    if (!from || !to) {
      compiler.problems().wrong(row, "", "no '" + std::string(!from ? in : out) + "' inside");
      continue;
    }
    Rewrite rewrite;
    std::string pattern(from.text());
    if (kind && trim(kind.text()) == "true") {
      // Java's $1 is RE2's \1.
      for (const char c : to.text()) rewrite.replacement += c == '$' ? '\\' : c;
    } else {
      // A word, or several, as written.
      pattern = RE2::QuoteMeta(pattern);
      if (words && !pattern.empty()) pattern = "\\b" + pattern + "\\b";
      for (const char c : to.text()) rewrite.replacement += c == '\\' ? "\\\\" : std::string(1, c);
    }
    rewrite.pattern = regex(compiler, from, "", pattern, case_sensitive);
    if (rewrite.pattern != nullptr && RE2::FullMatch("", *rewrite.pattern))
      compiler.problems().unsupported(from, "", "a pattern that may be nothing");
    result.rewrites.push_back(std::move(rewrite));
  }
  return result;
}

}  // namespace

Operand Compiler::text_index(Element at, Scope& scope, BlockBuilder& block) {
  const Element inner = expression_of(at);
  if (!inner) {
    problems_.wrong(at, "", "no expression inside");
    return {};
  }
  const Operand text = cast(field(required(at, "textField"), scope, at, "textField"), kStringType, block, at);
  const Operand term = cast(expression(inner, scope, block), kStringType, block, at);
  TermCount::Options options;
  const std::string_view weight = at.attribute_or("localTermWeights", "termFrequency");
  if (weight == "binary")
    options.weight = TermWeight::kBinary;
  else if (weight == "logarithmic")
    options.weight = TermWeight::kLogarithmic;
  else if (weight == "augmentedNormalizedTermFrequency")
    options.weight = TermWeight::kAugmented;
  else if (weight != "termFrequency")
    problems_.unsupported(at, "localTermWeights", "'" + std::string(weight) + "'");
  const std::string_view hits = at.attribute_or("countHits", "allHits");
  options.best_only = hits == "bestHits";
  if (!options.best_only && hits != "allHits") problems_.unsupported(at, "countHits", "'" + std::string(hits) + "'");
  const double edits = number(at, "maxLevenshteinDistance", 0);
  if (!(edits >= 0 && edits <= 64)) problems_.wrong(at, "maxLevenshteinDistance", "must be from 0 to 64");
  options.most_edits = edits >= 0 && edits <= 64 ? static_cast<std::size_t>(edits) : 0;

  // The same TextIndex element splits the same text once, however often a function around it is called.
  const auto words_of = [&](const Operand& of) -> std::pair<std::uint32_t, std::uint32_t> {
    const BlockBuilder::Key key(static_cast<int>(Op::kCall), {of.slot, at.index()}, 0);
    if (const std::uint32_t* known = block.find(key)) return {*known, *known - 1};
    auto& normalizations = text_normalizations_[at.index()];
    const Splitting splitting = read_splitting(*this, at);
    if (normalizations == nullptr) {
      auto read = std::make_shared<std::vector<Normalization>>();
      for (const Element child : at)
        if (child.is("TextIndexNormalization"))
          read->push_back(read_normalization(*this, child, splitting.case_sensitive));
      normalizations = std::move(read);
    }
    // Words that the model asks for have codes, so that they are found by number.
    if (of.constant)
      splitting.split(of.text, [&](std::string_view word) {
        tables_.texts.intern(splitting.case_sensitive ? std::string(word) : lowered(word));
      });
    const std::uint32_t count = new_slot();
    const std::uint32_t place = call(
        block, std::make_unique<WordsOf>(of.slot, count, splitting,
                                         std::static_pointer_cast<const std::vector<Normalization>>(normalizations)));
    if (place != count + 1) return {0, 0};  // out of slots: reported already
    if (block.conditional == 0) block.known.emplace(key, place);
    return {place, count};
  };
  std::tie(options.words, options.words_count) = words_of(text);
  std::tie(options.term, options.term_count) = words_of(term);
  return {call(block, std::make_unique<TermCount>(options)), kDoubleType, false, {}, kMissing};
}

}  // namespace weir::pmml
