#pragma once
/// One page of keys ordered by their text: keeps the least `limit` of all that come by, and one more, to know whether
/// anything follows.

#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <weir/json.hpp>
#include <weir/state_listing.hpp>

namespace weir::detail {

template <class Value>
class KeyPage {
 public:
  explicit KeyPage(PageQuery query) : query_(std::move(query)) {}

  /// Would this key be on the page, as far as is known?
  [[nodiscard]] bool wants(std::string_view text) const {
    if (!text.starts_with(query_.prefix) || (!query_.cursor.empty() && text <= query_.cursor)) return false;
    return keys_.size() <= query_.limit || text < keys_.rbegin()->first;
  }
  /// Precondition: wants(text). What is there already is replaced.
  void add(std::string text, Value value) {
    keys_.insert_or_assign(std::move(text), std::move(value));
    if (keys_.size() > query_.limit + 1) keys_.erase(std::prev(keys_.end()));
  }
  void clear() noexcept { keys_.clear(); }

  /// What asks for the page after this one; empty when nothing follows.
  [[nodiscard]] std::string next_cursor() const {
    return keys_.size() <= query_.limit ? std::string() : std::prev(end())->first;
  }
  /// Begins the page after this one. Precondition: something follows.
  void turn() {
    query_.cursor = next_cursor();
    clear();
  }

  /// The page's keys, without the one that only shows that more follow.
  [[nodiscard]] auto begin() noexcept { return keys_.begin(); }
  [[nodiscard]] auto end() noexcept { return std::prev(keys_.end(), keys_.size() > query_.limit ? 1 : 0); }
  [[nodiscard]] auto end() const noexcept { return std::prev(keys_.end(), keys_.size() > query_.limit ? 1 : 0); }

 private:
  PageQuery query_;
  std::map<std::string, Value, std::less<>> keys_;
};

/// One entry of StatePage::entries.
inline void write_entry(JsonWriter& json, std::string_view key_text, std::string_view value_json) {
  json.begin_object();
  json.key("key");
  json.string(key_text);
  json.key("value");
  json.raw(value_json);
  json.end_object();
}

}  // namespace weir::detail
