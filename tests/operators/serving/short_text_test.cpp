#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include <weir/json.hpp>
#include <weir/serde.hpp>
#include <weir/short_text.hpp>

namespace weir::test {
namespace {

const std::vector<std::string> kTexts = {
    "", "JFK", "fifteen letters", "sixteen letters.", std::string(1000, 'x'), std::string("a\0b", 3)};

TEST(ShortText, KeepsAnyTextWhenCopiedMovedAndAssigned) {
  for (const std::string& text : kTexts) {
    for (const std::string& other : kTexts) {
      const ShortText original = text;
      EXPECT_EQ(original, text);
      EXPECT_EQ(original.size(), text.size());
      ShortText copy = original;
      EXPECT_EQ(copy, original);
      ShortText moved = std::move(copy);
      EXPECT_EQ(moved, text);
      ShortText assigned = other;
      assigned = moved;
      EXPECT_EQ(assigned, text);
      EXPECT_EQ(moved, text);
      assigned = ShortText(other);
      EXPECT_EQ(assigned, other);
      const ShortText& itself = assigned;
      assigned = itself;
      EXPECT_EQ(assigned, other);
    }
  }
}

TEST(ShortText, ComparesAndPrintsAsItsText) {
  const ShortText short_one = "b";
  const ShortText long_one = "a text of more than fifteen letters";
  EXPECT_LT(long_one, short_one);
  EXPECT_NE(short_one, long_one);
  EXPECT_NE(ShortText("fifteen letters"), ShortText("fifteen letterz"));
  const std::string text = long_one;
  std::map<std::string, int> counts;
  ++counts[long_one];
  EXPECT_EQ(counts.at(text), 1);
  std::ostringstream printed;
  printed << short_one;
  EXPECT_EQ(printed.str(), "b");
}

TEST(ShortText, IsStoredAndShownAsAStringIs) {
  EXPECT_EQ(schema_of<ShortText>(), schema_of<std::string>());
  for (const std::string& text : kTexts) {
    EXPECT_EQ(serialize(ShortText(text)), serialize(text));
    const Result<ShortText> back = deserialize<ShortText>(serialize(text));
    ASSERT_TRUE(back.is_ok());
    EXPECT_EQ(*back, text);
    EXPECT_EQ(to_json(ShortText(text)), to_json(text));
  }
  EXPECT_FALSE(deserialize<ShortText>(serialize(kTexts[3]).substr(0, 5)).is_ok());
}

}  // namespace
}  // namespace weir::test
