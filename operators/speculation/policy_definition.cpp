// The bytes of a policy's definition; what is nested is a definition of its own, `sized` (a varint length, the bytes).
//
//   1 first_good  2 best_quality  3 by_priority
//   4 ranked         vector<string>
//   5 majority       name:sized output:varint of_numbers:byte tie:byte weighted:byte share:fixed64
//   6 median         output:varint
//   7 weighted_mean  output:varint
//   8 quorum         votes:varint sized
//   9 otherwise      sized sized
//  10 fixed_answer   vector<double> vector<string>
//  11 named          name:sized sized

#include "operators/speculation/policy_definition.hpp"

#include <bit>
#include <vector>

#include <weir/decision_policy.hpp>
#include <weir/serde.hpp>

namespace weir {
namespace {

constexpr int kDeepest = 32;  // of policies within policies

PolicyPtr read_policy(std::string_view bytes, int depth);

PolicyPtr read_nested(ByteReader& reader, int depth) {
  const std::string nested(reader.sized());
  return reader.ok() ? read_policy(nested, depth + 1) : nullptr;
}

PolicyPtr read_majority(ByteReader& reader) {
  MajorityOptions options;
  options.name = reader.sized();
  options.output = reader.varint();
  options.of_numbers = reader.byte() != 0;
  const std::uint8_t tie = reader.byte();
  options.weighted = reader.byte() != 0;
  options.share = std::bit_cast<double>(reader.fixed64());
  if (tie > static_cast<std::uint8_t>(TieRule::kNone)) return nullptr;
  options.tie = static_cast<TieRule>(tie);
  return majority(std::move(options));
}

PolicyPtr read_of_kind(PolicyKind kind, ByteReader& reader, int depth) {
  switch (kind) {
    case PolicyKind::kFirstGood: return first_good();
    case PolicyKind::kBestQuality: return best_quality();
    case PolicyKind::kByPriority: return by_priority();
    case PolicyKind::kRanked: {
      std::vector<std::string> names;
      Serde<std::vector<std::string>>::read(reader, names);
      return ranked(std::move(names));
    }
    case PolicyKind::kMajority: return read_majority(reader);
    case PolicyKind::kMedian: return median(reader.varint());
    case PolicyKind::kWeightedMean: return weighted_mean(reader.varint());
    case PolicyKind::kQuorum: {
      const std::uint64_t votes = reader.varint();
      PolicyPtr policy = read_nested(reader, depth);
      return policy ? quorum(votes, std::move(policy)) : nullptr;
    }
    case PolicyKind::kOtherwise: {
      PolicyPtr first = read_nested(reader, depth);
      PolicyPtr second = read_nested(reader, depth);
      return first && second ? otherwise(std::move(first), std::move(second)) : nullptr;
    }
    case PolicyKind::kFixedAnswer: {
      std::vector<double> numbers;
      std::vector<std::string> texts;
      Serde<std::vector<double>>::read(reader, numbers);
      Serde<std::vector<std::string>>::read(reader, texts);
      return fixed_answer(std::move(numbers), std::move(texts));
    }
    case PolicyKind::kNamed: {
      std::string name(reader.sized());
      PolicyPtr policy = read_nested(reader, depth);
      return policy ? named(std::move(name), std::move(policy)) : nullptr;
    }
  }
  return nullptr;
}

PolicyPtr read_policy(std::string_view bytes, int depth) {
  if (depth > kDeepest) return nullptr;
  ByteReader reader(bytes);
  PolicyPtr policy = read_of_kind(static_cast<PolicyKind>(reader.byte()), reader, depth);
  return reader.at_end() ? policy : nullptr;
}

}  // namespace

Result<PolicyPtr> policy_of(std::string_view definition) {
  PolicyPtr policy = read_policy(definition, 0);
  if (!policy) return Status::data_loss("the definition of a decision policy is malformed");
  return policy;
}

}  // namespace weir
