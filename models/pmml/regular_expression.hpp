#pragma once
/// Regular expressions as PMML's exporters write them (Java's syntax), on RE2: linear time, no backtracking.

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace weir::pmml {

/// The pattern in RE2's syntax: named POSIX classes (\p{Punct}), horizontal space (\h), (?u), (?<name>…). What RE2
/// would read as something else than Java does (intersections and unions of classes, (?U), (?x), (?d)) gives an empty
/// text and the reason in `problem`. Back references, look-around and possessive repetitions are left for RE2 to
/// refuse.
std::string in_re2_syntax(std::string_view java, std::string& problem);

/// Null, with the reason in `problem`, for a pattern that RE2 cannot match.
std::unique_ptr<const re2::RE2> compile_regular_expression(std::string_view java, bool case_sensitive,
                                                           std::string& problem);

}  // namespace weir::pmml
