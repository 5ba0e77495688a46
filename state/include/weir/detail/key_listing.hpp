#pragma once
/// One page of a listing of keys ordered by their text: keeps the least `limit` of all that come by.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include <weir/json.hpp>
#include <weir/state_table.hpp>

namespace weir::detail {

class KeyListing {
 public:
  KeyListing(std::string_view prefix, std::size_t limit, std::string_view cursor)
      : prefix_(prefix), cursor_(cursor), limit_(limit) {}

  /// Would this key be on the page, as far as is known? Asked first, to spare the value's JSON.
  [[nodiscard]] bool wants(std::string_view text) const;
  void add(std::string text, std::string value_json);
  /// Forgets what came by.
  void clear() noexcept { page_.clear(); }
  /// Writes the page; `cursor` becomes the last text on it, or empty when nothing follows.
  void finish(JsonWriter& json, std::string& cursor) const;

 private:
  std::string prefix_;
  std::string cursor_;
  std::size_t limit_;
  std::map<std::string, std::string, std::less<>> page_;  // one more than the limit, to know whether more follow
};

/// Calls `read` until the checkpoint it read from is the same before and after, and tells which one that was. Each call
/// but the last means that a checkpoint was completed meanwhile.
template <class Read>
auto read_of_one_checkpoint(const StateReader& reader, std::uint64_t& checkpoint, Read&& read) {
  while (true) {
    checkpoint = reader.checkpoint();
    auto result = read();
    if (reader.checkpoint() == checkpoint) return result;
  }
}

Status no_such_key(const StateDescriptor& descriptor, std::string_view key_text);
Status no_json_form(const StateDescriptor& descriptor);
Status no_checkpoints(const StateDescriptor& descriptor);

}  // namespace weir::detail
