#include <weir/serde.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/describe/class.hpp>

#include <limits>
#include <random>

#include <weir/time.hpp>

namespace weir {
namespace {

enum class Colour : std::uint8_t { kRed, kGreen = 200 };

struct Point {
  double x = 0;
  std::int32_t y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};
struct Described {
  std::int64_t id = 0;
  std::string name;
  std::optional<Point> at;
  friend bool operator==(const Described&, const Described&) = default;
};
BOOST_DESCRIBE_STRUCT(Described, (), (id, name, at))

struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};
struct Tree {
  std::string label;
  std::vector<Tree> children;
  friend bool operator==(const Tree&, const Tree&) = default;
};
class Custom {
 public:
  explicit Custom(std::uint32_t value = 0) : value_(value) {}
  void weir_write(ByteWriter& writer) const { writer.varint(value_); }
  void weir_read(ByteReader& reader) {
    const std::uint64_t value = reader.varint();
    if (value > 1000) reader.fail();
    value_ = static_cast<std::uint32_t>(value);
  }
  static void weir_schema(std::string& out) { out += "custom"; }
  friend bool operator==(const Custom&, const Custom&) = default;

 private:
  std::uint32_t value_;
};

// Everything Serde knows, in one type.
using Everything =
    std::tuple<std::int8_t, std::uint64_t, float, double, bool, Colour, std::string, std::optional<std::string>,
               std::pair<int, std::string>, std::array<std::int16_t, 3>, std::vector<std::string>, std::vector<double>,
               std::vector<bool>, std::deque<int>, std::map<std::string, std::vector<int>>, std::set<std::uint8_t>,
               Described, Empty, Timestamp, std::chrono::milliseconds>;

template <class T>
void expect_round_trip(const T& value) {
  const std::string bytes = serialize(value);
  const Result<T> back = deserialize<T>(bytes);
  ASSERT_TRUE(back.is_ok()) << back.status().to_string();
  EXPECT_TRUE(*back == value);
  // No shorter bytes are this type, and no longer ones.
  for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 200); ++size)
    EXPECT_FALSE(deserialize<T>(std::string_view(bytes).substr(0, size)).is_ok()) << size;
  const Result<T> longer = deserialize<T>(bytes + "x");
  EXPECT_FALSE(longer.is_ok());
}

TEST(Serde, RoundTripsLimits) {
  expect_round_trip(std::numeric_limits<std::int64_t>::min());
  expect_round_trip(std::numeric_limits<std::uint64_t>::max());
  expect_round_trip(std::numeric_limits<double>::denorm_min());
  expect_round_trip(-0.0F);
  expect_round_trip(std::string("\0\xff", 2));
  expect_round_trip(std::string());
  expect_round_trip(kMinTimestamp);
  expect_round_trip(kMaxTimestamp);
  expect_round_trip(Colour::kGreen);
  expect_round_trip(std::tuple<>());
  expect_round_trip(std::array<int, 0>());
  expect_round_trip(Empty());
  expect_round_trip(std::vector<Empty>(300));
  expect_round_trip(std::optional<std::optional<int>>(std::optional<int>()));
  expect_round_trip(Custom(999));
  expect_round_trip(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::unordered_set<int>{1, 2, 3});
  expect_round_trip(Tree{"a", {{"b", {}}, {"c", {{"d", {}}}}}});
  expect_round_trip(Described{1, "n", Point{2.5, 3}});
}

TEST(Serde, RoundTripsNaN) {
  const double value = std::bit_cast<double>(0x7ff8000000000123ULL);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(*deserialize<double>(serialize(value))), 0x7ff8000000000123ULL);
}

TEST(Serde, RoundTripsLargeValues) {
  for (const std::size_t size : {std::size_t{127}, std::size_t{128}, std::size_t{65'537}, std::size_t{11} << 20}) {
    std::string text(size, 'a');
    text.back() = 'z';
    EXPECT_EQ(*deserialize<std::string>(serialize(text)), text);
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    EXPECT_EQ(*deserialize<std::vector<std::uint8_t>>(serialize(bytes)), bytes);
    const std::map<int, std::string> map{{1, text}, {2, "after"}};
    EXPECT_EQ((*deserialize<std::map<int, std::string>>(serialize(map))), map);
  }
}

Everything arbitrary_everything() {
  using namespace rc;
  const auto text = gen::arbitrary<std::string>();
  Described described{*gen::arbitrary<std::int64_t>(), *text, std::nullopt};
  if (*gen::arbitrary<bool>()) described.at = Point{1.5 * *gen::arbitrary<int>(), *gen::arbitrary<int>()};
  std::optional<std::string> maybe;
  if (*gen::arbitrary<bool>()) maybe = *text;
  const auto doubles = *gen::arbitrary<std::vector<std::int32_t>>();
  return {*gen::arbitrary<std::int8_t>(),
          *gen::arbitrary<std::uint64_t>(),
          static_cast<float>(*gen::arbitrary<int>()),
          0.5 * *gen::arbitrary<int>(),
          *gen::arbitrary<bool>(),
          static_cast<Colour>(*gen::arbitrary<std::uint8_t>()),
          *text,
          maybe,
          {*gen::arbitrary<int>(), *text},
          {*gen::arbitrary<std::int16_t>(), 0, -1},
          *gen::arbitrary<std::vector<std::string>>(),
          std::vector<double>(doubles.begin(), doubles.end()),
          *gen::arbitrary<std::vector<bool>>(),
          *gen::arbitrary<std::deque<int>>(),
          *gen::arbitrary<std::map<std::string, std::vector<int>>>(),
          *gen::arbitrary<std::set<std::uint8_t>>(),
          described,
          Empty{},
          Timestamp(Duration(*gen::arbitrary<std::int64_t>())),
          std::chrono::milliseconds(*gen::arbitrary<std::int64_t>())};
}

TEST(Serde, RoundTripsArbitraryValues) {
  EXPECT_TRUE(rc::check([] {
    const Everything value = arbitrary_everything();
    const auto back = deserialize<Everything>(serialize(value));
    RC_ASSERT(back.is_ok());
    RC_ASSERT(*back == value);
  }));
}

TEST(Serde, FailsOnEveryTruncationOfArbitraryValues) {
  EXPECT_TRUE(rc::check([] {
    const std::string bytes = serialize(arbitrary_everything());
    const std::size_t size = *rc::gen::inRange<std::size_t>(0, bytes.size());
    RC_ASSERT(!deserialize<Everything>(std::string_view(bytes).substr(0, size)).is_ok());
  }));
}

TEST(Serde, SurvivesDamagedBytes) {
  // What comes back may be a value or a failure; sanitizers and the memory limit of the next test watch over the way.
  EXPECT_TRUE(rc::check([] {
    std::string bytes = serialize(arbitrary_everything());
    for (int i = *rc::gen::inRange(1, 8); i > 0; --i)
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    const auto back = deserialize<Everything>(bytes);
    if (back.is_ok()) RC_ASSERT(deserialize<Everything>(serialize(*back)).is_ok());
  }));
}

std::string with_count(std::uint64_t count, std::string_view rest = "abcdefgh") {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.varint(count);
  return bytes += rest;
}

TEST(Serde, RefusesCountsAndLengthsThatCannotBeBeforeItAllocates) {
  for (const std::uint64_t count :
       {std::uint64_t{9}, std::uint64_t{1} << 32, std::uint64_t{1} << 61, std::numeric_limits<std::uint64_t>::max()}) {
    const std::string bytes = with_count(count);
    EXPECT_FALSE(deserialize<std::string>(bytes).is_ok());
    EXPECT_FALSE(deserialize<std::vector<std::uint8_t>>(bytes).is_ok());
    EXPECT_FALSE(deserialize<std::vector<double>>(bytes).is_ok());
    EXPECT_FALSE(deserialize<std::vector<Empty>>(bytes).is_ok());
    EXPECT_FALSE(deserialize<std::vector<std::tuple<>>>(bytes).is_ok());
    EXPECT_FALSE((deserialize<std::map<int, int>>(bytes).is_ok()));
    EXPECT_FALSE((deserialize<std::unordered_map<int, std::string>>(bytes).is_ok()));
    EXPECT_FALSE(deserialize<std::set<char>>(bytes).is_ok());
    EXPECT_FALSE(deserialize<std::deque<std::string>>(bytes).is_ok());
  }
  EXPECT_FALSE(deserialize<std::vector<double>>(with_count(2)).is_ok()) << "8 bytes hold one double";
}

TEST(Serde, RefusesNestingBeyondTheLimit) {
  // A tree of one branch: `""`, one child, and so on.
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += std::string("\0\1", 2);
  EXPECT_FALSE(deserialize<Tree>(deep + std::string(2, '\0')).is_ok());
  EXPECT_TRUE(deserialize<Tree>(deep.substr(0, 2 * (ByteReader::kMaxDepth - 1)) + std::string(2, '\0')).is_ok());
}

TEST(Serde, RefusesBytesThatAreNoBooleanAndNoOptional) {
  EXPECT_FALSE(deserialize<bool>("\2").is_ok());
  EXPECT_FALSE(deserialize<std::optional<std::uint8_t>>("\2\1").is_ok());
}

TEST(Serde, TellsTypesApartByTheirSchema) {
  EXPECT_EQ(
      schema_of<Everything>(),
      "tuple<i8,u64,f32,f64,bool,enum:u8,string,optional<string>,tuple<i32,string>,array<i16,3>,list<string>,"
      "list<f64>,list<bool>,list<i32>,map<string,list<i32>>,set<u8>,{id:i64,name:string,at:optional<{f64,i32}>},{},"
      "time<i64,1/1000000>,duration<i64,1/1000>>");
  EXPECT_EQ(schema_of<Tree>(), "{string,list<^1>}");
  EXPECT_EQ(schema_of<Custom>(), "custom");
  EXPECT_NE(schema_fingerprint(schema_of<Point>()), schema_fingerprint(schema_of<Described>()));
  EXPECT_EQ(schema_fingerprint("{f64,i32}"), schema_fingerprint(schema_of<Point>()));
}

TEST(Serde, KeepsItsBytes) {
  // State stored by earlier versions must be readable for ever.
  EXPECT_EQ(serialize(std::int32_t{-2}), std::string("\xfe\xff\xff\xff", 4));
  EXPECT_EQ(serialize(Described{1, "ab", Point{1.0, 2}}),
            std::string("\1\0\0\0\0\0\0\0\2ab\1\0\0\0\0\0\0\xf0\x3f\2\0\0\0", 24));
  EXPECT_EQ(serialize(std::vector<std::uint16_t>{1, 2}), std::string("\2\1\0\2\0", 5));
  EXPECT_EQ(serialize(std::map<std::string, bool>{{"k", true}}), std::string("\1\1k\1", 4));
}

TEST(Bytes, RoundTripsVarints) {
  EXPECT_TRUE(rc::check([](std::uint64_t bits) {
    const std::uint64_t value = bits >> *rc::gen::inRange(0, 64);
    std::string bytes;
    ByteWriter writer(bytes);
    writer.varint(value);
    ByteReader reader(bytes);
    RC_ASSERT(reader.varint() == value);
    RC_ASSERT(reader.at_end());
  }));
}

TEST(Bytes, RefusesVarintsThatAreTooLong) {
  ByteReader eleven(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
  EXPECT_EQ(eleven.varint(), 0U);
  EXPECT_FALSE(eleven.ok());
  ByteReader overflow(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
  EXPECT_EQ(overflow.varint(), 0U);
  EXPECT_FALSE(overflow.ok());
}

TEST(Bytes, ReadsNothingAfterAFailure) {
  ByteReader reader("\1\2\3");
  EXPECT_EQ(reader.fixed32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.byte(), 0);
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_TRUE(reader.sized().empty());
}

}  // namespace
}  // namespace weir
