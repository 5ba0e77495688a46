#include <weir/protobuf.hpp>

#include <gtest/gtest.h>

#include <weir/serde.hpp>
#include <weir/value_table.hpp>

#include "proto/manifest.pb.h"

namespace weir {
namespace {

TEST(Protobuf, MessagesAreStateLikeAnyOther) {
  static_assert(Serializable<proto::ManifestEntry>);
  proto::ManifestEntry entry;
  entry.set_name("a\"b");
  entry.set_value(std::string("\0\1", 2));
  const auto back = deserialize<proto::ManifestEntry>(serialize(entry));
  ASSERT_TRUE(back.is_ok());
  EXPECT_EQ(back->value(), entry.value());
  EXPECT_EQ(schema_of<std::optional<proto::ManifestEntry>>(), "optional<proto:weir.proto.ManifestEntry>");
  EXPECT_FALSE(deserialize<proto::ManifestEntry>("\x02\xff\xff").is_ok());
  EXPECT_FALSE(deserialize<proto::ManifestEntry>("\x7f").is_ok());
}

TEST(Protobuf, MessagesAnswerQueries) {
  StateContext context;
  CurrentKey<std::string> current;
  auto& table = context.emplace<ValueTable<std::string, proto::ManifestEntry>>(&current, StateOptions{.name = "entry"});
  table.mutate("k", hash_key(std::string_view("k"))).set_name("a\"b");
  EXPECT_EQ(table.query_json("k").value(), R"({"name":"a\"b"})");
  EXPECT_GT(table.memory_bytes(), 0U);
}

}  // namespace
}  // namespace weir
