#pragma once
/// Pages of a keyed state, ordered by the text of the keys.

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir {

/// The first `limit` keys whose text starts with `prefix` and is greater than `cursor`. A page of what is live has
/// fewer when some of them have gone and are still stored; only a page that nothing follows is empty.
struct PageQuery {
  std::string prefix{};
  std::size_t limit = 100;
  std::string cursor{};
};

struct StatePage {
  std::string entries = "[]";    ///< `[{"key":…,"value":…},…]`
  std::string next_cursor{};     ///< asks for the next page; empty: nothing follows
  std::uint64_t checkpoint = 0;  ///< the one it is of; 0 for what is live
};

/// A page of what a table holds now, put together in small steps by StateTable::list_step: what is in memory is looked
/// at on the table's thread, a bounded number of entries at a time, and what is only stored is read elsewhere, so that
/// no record waits for a listing. The table is used between the steps; each value is of some moment between the first
/// and the last step, and a key that was there all the while is on its page. Thread: one at a time, handed on with
/// synchronisation.
class StateListing {
 public:
  enum class Place : std::uint8_t { kTask, kAnywhere, kDone };

  virtual ~StateListing() = default;
  /// Where the next step has to be taken.
  [[nodiscard]] Place next() const noexcept { return next_; }
  /// Precondition: next() is kDone. The page is handed over.
  [[nodiscard]] StatePage take_page() noexcept { return static_cast<StatePage&&>(page_); }

 protected:
  Place next_ = Place::kTask;
  StatePage page_;
};

}  // namespace weir
