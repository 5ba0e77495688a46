#pragma once
/// What becomes of input that cannot be read.

#include <cstdint>
#include <string>

#include <boost/describe/class.hpp>

namespace weir {

/// Name of the side output on which sources put what they cannot read; its record type is DeadLetter.
inline constexpr const char* kDeadLetterOutput = "dead-letter";

struct DeadLetter {
  std::string bytes;           ///< the record, at most its first 1,024 bytes when it is over the source's bound
  std::uint64_t position = 0;  ///< as the source counts positions; in files the byte offset
  std::uint64_t line = 0;      ///< the line it starts on, from 1; in files without lines the record's number
  std::string path;            ///< the file
  std::string reason;

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};
BOOST_DESCRIBE_STRUCT(DeadLetter, (), (bytes, position, line, path, reason))

/// What a source does with a record it cannot read.
enum class BadRecords : unsigned char {
  kDeadLetterOrFail,  ///< to the dead-letter output if somebody listens to it, else kFail
  kFail,              ///< fails the job, naming file, line and reason
  kSkip,              ///< counts it in the metric `bad_records_total`, which the others do too
};

}  // namespace weir
