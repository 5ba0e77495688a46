#include "models/pmml/document_builder.hpp"

#include <algorithm>

namespace weir::pmml {
namespace {

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
}

std::string_view local_name(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

// Subtrees without any meaning for scoring.
bool is_without_meaning(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {"Extension",       "ModelStats", "ModelExplanation",
                                                             "MiningBuildTask", "Header",     "Timestamp"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

constexpr std::size_t kKeptCapacityBytes = std::size_t{64} << 10;

}  // namespace

bool DocumentBuilder::start(std::string_view raw_name, std::uint32_t place) {
  if (++depth_ > kMaxDepth) return fail("elements nest deeper than " + std::to_string(kMaxDepth));
  if ((++starts_ & 0xfff) == 0 && !within_bounds()) return false;
  if (ignores()) {
    ++ignored_depth_;
    return true;
  }
  Document::Node node;
  if (!name_of(raw_name, node.name)) return false;
  if (is_left_out(node.name)) {
    ++ignored_depth_;
    return true;
  }
  node.place = place;
  node.attributes = static_cast<std::uint32_t>(document_.attributes_.size());
  const auto index = static_cast<std::uint32_t>(document_.nodes_.size());
  if (!open_.empty()) {
    Open& parent = open_.back();
    if (parent.blank) {
      parent.piece = {};
      parent.gathers = false;
    }
    node.parent = parent.index;
    if (parent.last_child == Document::kNone)
      document_.nodes_[parent.index].has_children = true;
    else
      document_.nodes_[parent.last_child].next_sibling = index;
    parent.last_child = index;
  }
  document_.nodes_.push_back(node);
  open_.push_back({index});
  return true;
}

bool DocumentBuilder::add_attribute(std::string_view name, Text value) {
  Document::Node& node = document_.nodes_[open_.back().index];
  if (node.attribute_count == kMaxAttributes)
    return fail("an element has more than " + std::to_string(kMaxAttributes) + " attributes");
  std::uint16_t id = 0;
  if (!name_of(name, id)) return false;
  ++node.attribute_count;
  document_.attributes_.push_back({value, id});
  return true;
}

bool DocumentBuilder::text(std::string_view piece, bool lasting) {
  if (ignores() || open_.empty() || piece.empty()) return true;
  Open& at = open_.back();
  at.blank = at.blank && is_blank(piece);
  if (lasting && at.piece.empty() && !at.gathers) {
    at.piece = piece;
    return true;
  }
  if (gathered_.size() < open_.size()) gathered_.resize(open_.size());
  std::string& gathered = gathered_[open_.size() - 1];
  if (!at.gathers) {
    gathered.assign(at.piece);
    at.gathers = true;
  }
  gathered.append(piece);
  return true;
}

bool DocumentBuilder::end() {
  --depth_;
  if (ignores()) {
    --ignored_depth_;
    return true;
  }
  const Open at = open_.back();
  const std::string_view whole = at.gathers ? std::string_view(gathered_[open_.size() - 1]) : at.piece;
  const bool formatting = at.blank && (at.last_child != Document::kNone || whole.find('\n') != std::string_view::npos);
  if (!whole.empty() && !formatting) {
    Text text;
    if (!locate(whole, text)) return false;
    document_.nodes_[at.index].text = static_cast<std::uint32_t>(document_.texts_.size());
    document_.texts_.push_back(text);
  }
  if (at.gathers && whole.size() > kKeptCapacityBytes) gathered_[open_.size() - 1] = {};
  open_.pop_back();
  return true;
}

bool DocumentBuilder::within_bounds() {
  if (document_.memory_bytes() > limits_.max_memory_bytes)
    return fail("the document needs more than max_memory_bytes " + std::to_string(limits_.max_memory_bytes));
  if (deadline_.passed()) return fail("the time budget max_load_ms ran out while parsing");
  return true;
}

// A piece of the bytes stays there; another is stored.
bool DocumentBuilder::locate(std::string_view piece, Text& text) {
  const std::string_view bytes = document_.bytes_;
  const std::less_equal<const char*> before;
  if (!piece.empty() && before(bytes.data(), piece.data()) &&
      before(piece.data() + piece.size(), bytes.data() + bytes.size())) {
    text = {static_cast<std::uint32_t>(piece.data() - bytes.data()), static_cast<std::uint32_t>(piece.size())};
    return true;
  }
  const std::size_t at = bytes.size() + document_.stored_.size();
  if (at + piece.size() > 0xffffffff) return fail("the document's texts need more than 4 GiB");
  text = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(piece.size())};
  document_.stored_.append(piece);
  return true;
}

bool DocumentBuilder::name_of(std::string_view raw, std::uint16_t& name) {
  const std::size_t place = raw.empty() ? 0
                                        : raw.size() * 7 + static_cast<unsigned char>(raw.front()) * 3u +
                                              static_cast<unsigned char>(raw.back());
  std::uint16_t& recent = recent_[place % kRecent];
  if (recent >= raw_names_.size() || raw_names_[recent] != raw) {
    const auto found = name_ids_.find(raw);
    if (found != name_ids_.end()) {
      recent = found->second;
    } else {
      if (raw_names_.size() >= kMaxNames) return fail("more than " + std::to_string(kMaxNames) + " different names");
      recent = static_cast<std::uint16_t>(raw_names_.size());
      const std::string& kept = document_.kept_names_.emplace_back(raw);
      raw_names_.push_back(kept);
      document_.names_.push_back(local_name(kept));
      without_meaning_.push_back(is_without_meaning(document_.names_.back()));
      name_ids_.emplace(kept, recent);
    }
  }
  name = recent;
  return true;
}

// Up to PMML 4.1 there was no place for an input's distribution but an Extension.
bool DocumentBuilder::is_left_out(std::uint16_t name) const {
  if (!without_meaning_[name]) return false;
  return document_.names_[name] != "Extension" || open_.empty() ||
         !Element(&document_, open_.back().index).is("BayesInput");
}

}  // namespace weir::pmml
