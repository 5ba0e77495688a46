#pragma once
/// A look at the bytes of an ArchiveRecord without decoding all of it.

#include <string_view>

namespace weir {

/// The key, a view into the bytes; empty when they are malformed.
std::string_view archived_key(std::string_view bytes);

}  // namespace weir
