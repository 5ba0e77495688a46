#include "engine/http/route_table.hpp"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

HttpRoute route(std::string method, std::string pattern) {
  return {.method = std::move(method),
          .pattern = std::move(pattern),
          .handler = [](const HttpRequest&, const HttpReply&) {}};
}

std::string pattern_of(const RouteTable& table, std::string_view method, const std::vector<std::string>& segments) {
  const RouteMatch match = table.match(method, segments);
  return match.route == nullptr ? "none, allow " + match.allow : match.route->pattern;
}

TEST(RouteTable, PrefersLiteralSegments) {
  const auto table =
      RouteTable::build({route("GET", "/{a}/{b}"), route("GET", "/{a}/list"), route("GET", "/models/{b}"),
                         route("GET", "/models/list"), route("POST", "/models/stop"), route("GET", "/")});
  ASSERT_TRUE(table.is_ok()) << table.status().to_string();
  EXPECT_EQ(pattern_of(*table, "GET", {"models", "list"}), "/models/list");
  EXPECT_EQ(pattern_of(*table, "GET", {"models", "x"}), "/models/{b}");
  EXPECT_EQ(pattern_of(*table, "GET", {"x", "list"}), "/{a}/list");
  EXPECT_EQ(pattern_of(*table, "GET", {"x", "y"}), "/{a}/{b}");
  EXPECT_EQ(pattern_of(*table, "GET", {""}), "/");
  EXPECT_EQ(pattern_of(*table, "GET", {"models", "stop"}), "/models/{b}");
  EXPECT_EQ(pattern_of(*table, "HEAD", {"models", "stop"}), "/models/{b}");
  EXPECT_EQ(pattern_of(*table, "POST", {"models", "stop"}), "/models/stop");
  EXPECT_EQ(pattern_of(*table, "DELETE", {"models", "stop"}), "none, allow GET, HEAD, POST");
  EXPECT_EQ(pattern_of(*table, "GET", {"models", "x", "y"}), "none, allow ");
  EXPECT_EQ(pattern_of(*table, "GET", {"models", ""}), "none, allow ");
}

TEST(RouteTable, GivesCapturesInOrder) {
  const auto table = RouteTable::build({route("GET", "/v1/{a}/to/{b}")});
  ASSERT_TRUE(table.is_ok());
  EXPECT_EQ(table->match("GET", {"v1", "..", "to", "x/y"}).captures, (std::vector<std::string>{"..", "x/y"}));
}

TEST(RouteTable, ReportsAllFaultyRoutesTogether) {
  HttpRoute idle = route("GET", "/idle");
  idle.handler = nullptr;
  const auto table =
      RouteTable::build({route("GET", "/a/{x}"), route("GET", "/a/{y}"), route("get", "/b"), route("GET", "c"),
                         route("GET", "/d//e"), route("GET", "/{open"), route("GET", "/f/"), idle});
  const std::string message = table.status().message();
  EXPECT_EQ(table.status().code(), StatusCode::kInvalidArgument);
  for (const char* const part :
       {"GET /a/{y}: another route", "get /b: the method", "GET c: a pattern", "GET /d//e: a segment",
        "GET /{open: segment", "GET /f/: a segment", "GET /idle: it has no handler"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
  EXPECT_EQ(message.find("/a/{x}"), std::string::npos);
}

}  // namespace
}  // namespace weir::http
