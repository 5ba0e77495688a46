#include <gtest/gtest.h>

#include <weir/blob_store.hpp>
#include <weir/checkpoint.hpp>
#include <weir/map_table.hpp>
#include <weir/value_table.hpp>

namespace {
struct P {
  int a;
  std::string b;
  std::vector<double> c;
};
TEST(Smoke, Compiles) {
  weir::StateContext ctx({.uid = "x"});
  weir::CurrentKey<std::string> cur;
  auto v = weir::make_value_state<P>(ctx, &cur, {.name = "v"});
  auto m = weir::make_map_state<int, P>(ctx, &cur, {.name = "m"});
  std::string k = "hello";
  cur.key = &k;
  cur.hash = weir::hash_key(k);
  v.mutate().a = 5;
  m.mutate(3).b = "x";
  EXPECT_EQ(v.get()->a, 5);
  EXPECT_EQ(m.size(), 1u);
  EXPECT_EQ(ctx.tables()[0]->query_json("hello").value(), "[5,\"\",[]]");
  EXPECT_EQ(ctx.tables()[1]->query_json("hello").value(), "{\"3\":[0,\"x\",[]]}");
  for (auto& t : ctx.tables()) {
    t->freeze();
    weir::StateDelta d;
    EXPECT_TRUE(t->drain(10, d));
    EXPECT_EQ(d.entries(), 1u);
    t->committed();
  }
  EXPECT_EQ(weir::schema_of<P>(), "{i32,string,list<f64>}");
  EXPECT_TRUE(weir::deserialize<P>(weir::serialize(P{1, "2", {3}})).is_ok());
}
}  // namespace
