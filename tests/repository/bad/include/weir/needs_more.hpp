#pragma once
/// A header that does not compile alone: it forgets <string>. The test of headers_alone needs it.

namespace weir {

std::string needs_more();

}  // namespace weir
