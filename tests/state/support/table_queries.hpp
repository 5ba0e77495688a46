#pragma once
/// Queries and listings of a table whose steps are all taken on this thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weir/state_table.hpp>

namespace weir::testing {

/// The live value of a key, from memory or, when it is not there, from the store.
inline Result<std::string> query_now(const StateTable& table, std::string_view key_text) {
  WEIR_ASSIGN_OR_RETURN(std::optional<std::string> json, table.query_json(key_text));
  std::uint64_t checkpoint = 0;
  return json ? Result<std::string>(*std::move(json)) : table.query_stored_json(key_text, checkpoint);
}

/// `before_step(place)` is called before each step.
template <class BeforeStep>
Result<StatePage> list_now(const StateTable& table, PageQuery query, BeforeStep&& before_step) {
  WEIR_ASSIGN_OR_RETURN(const auto listing, table.list(std::move(query)));
  while (listing->next() != StateListing::Place::kDone) {
    before_step(listing->next());
    WEIR_RETURN_IF_ERROR(table.list_step(*listing));
  }
  return listing->take_page();
}
inline Result<StatePage> list_now(const StateTable& table, PageQuery query) {
  return list_now(table, std::move(query), [](StateListing::Place) {});
}

}  // namespace weir::testing
