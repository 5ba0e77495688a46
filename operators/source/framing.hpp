#pragma once
// Where records end in the bytes of a file.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <weir/detail/file_splits.hpp>

namespace weir::detail {

// What is to be thrown away before the next record.
enum class Discard : std::uint8_t { kNothing, kLine, kFile };

struct Frame {
  bool complete = false;                // false: more bytes are needed to tell, nothing below is set
  std::size_t consumed = 0;             // bytes to go past, with length and line end
  std::string_view content;             // the record; at most kShownBytes when it is over the bound
  std::string_view fault;               // why it cannot be read; empty: it can
  Discard discard = Discard::kNothing;  // what must go after `consumed`
};
inline constexpr std::size_t kShownBytes = 1024;

// The first record of `window`, which is not empty. `at_end`: nothing follows the window.
Frame find_frame(const FileReading& reading, std::string_view window, bool at_end);

}  // namespace weir::detail
