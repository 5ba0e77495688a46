// What `{m}` of /v2/models/{m} means.

#include "operators/inference/model_choice.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir::inference {
namespace {

using serving::ServedModel;

ServedModel model(std::string key, std::string name, std::int64_t version, bool is_current,
                  const std::string& uid = "score") {
  static const auto config = std::make_shared<const serving::LoaderConfig>();
  ServedModel served;
  served.uid = uid;
  served.key = std::move(key);
  served.name = std::move(name);
  served.version = version;
  served.is_current = is_current;
  served.state = is_current ? ModelState::kCurrent : ModelState::kRetired;
  served.config = config;
  return served;
}
ServedModel pending(std::string key, std::string name, std::int64_t version) {
  ServedModel served = model(std::move(key), std::move(name), version, false);
  served.is_pending = true;
  served.state = ModelState::kLoading;
  return served;
}

std::string choice(const WantedModel& wanted, std::vector<KeyModelsFound> found) {
  const auto chosen = choose_model(wanted, std::move(found));
  if (!chosen.is_ok()) return std::string(to_string(chosen.status().code())) + ": " + chosen.status().message();
  return chosen->key + "/" + chosen->name + "/" + std::to_string(chosen->version);
}
KeyModelsFound whole(std::vector<ServedModel> models) { return {std::move(models), {}, true, false}; }
KeyModelsFound split(std::vector<ServedModel> models) { return {{}, std::move(models), false, true}; }
WantedModel wanted(std::string text, std::int64_t version = 0, std::optional<std::string> name = {}) {
  return {std::move(text), std::move(name), version};
}

TEST(ModelChoice, AKeyMeansItsCurrentModel) {
  const std::vector<KeyModelsFound> found = {
      {}, whole({model("JFK", "delay", 1, false), model("JFK", "delay", 2, true), pending("JFK", "delay", 3)})};
  EXPECT_EQ(choice(wanted("JFK"), found), "JFK/delay/2");
  EXPECT_EQ(choice(wanted("JFK", 1), found), "JFK/delay/1") << "kept";
  EXPECT_EQ(choice(wanted("JFK", 3), found).substr(0, 9), "not_found") << "not ready";
  EXPECT_EQ(choice(wanted("JFK", 0, "delay"), found), "JFK/delay/2");
  EXPECT_EQ(choice(wanted("JFK", 0, "other"), found).substr(0, 9), "not_found");
  EXPECT_EQ(versions_beside(found[1].of_whole_key[1], found), (std::vector<std::int64_t>{1, 2}));
}

TEST(ModelChoice, TheLastColonPartsKeyAndNameUnlessTheWholeIsAKey) {
  EXPECT_EQ(wanted("a:b:c").split(), (std::pair<std::string, std::string>("a:b", "c")));
  EXPECT_FALSE(wanted(":c").split());
  EXPECT_FALSE(wanted("abc").split());
  EXPECT_FALSE(wanted("a:b", 0, "x").split()) << "the name was said apart";
  const KeyModelsFound of_split = split({model("a", "b", 4, true), model("a", "c", 5, false)});
  EXPECT_EQ(choice(wanted("a:b"), {of_split}), "a/b/4");
  EXPECT_EQ(choice(wanted("a:c", 5), {of_split}), "a/c/5");
  EXPECT_EQ(choice(wanted("a:c"), {of_split}),
            "not_found: find model 'a:c': the key has no such current model (kept are: a:c version 5)");
  EXPECT_EQ(choice(wanted("a:b"), {of_split, whole({model("a:b", "n", 1, true)})}), "a:b/n/1");
}

TEST(ModelChoice, NothingFits) {
  EXPECT_EQ(choice(wanted("x"), {{}, {}}), "not_found: find model 'x': there is no such model");
  EXPECT_EQ(choice(wanted("x"), {whole({pending("x", "n", 1)})}),
            "unavailable: find model 'x': it is loading, not ready yet");
  EXPECT_EQ(choice(wanted("x"), {whole({})}), "not_found: find model 'x': the key has no such current model");
}

TEST(ModelChoice, SeveralAreNotGuessedBetween) {
  const std::vector<KeyModelsFound> found = {
      whole({model("JFK", "live", 3, true, "score")}),
      whole({model("JFK", "frozen", 1, true, "frozen"), model("JFK", "live", 1, false, "score")})};
  EXPECT_EQ(choice(wanted("JFK"), found),
            "invalid_argument: find model 'JFK': several are meant, say which: JFK:live version 3 of uid=score, "
            "JFK:frozen version 1 of uid=frozen");
  EXPECT_EQ(choice(wanted("JFK", 0, "frozen"), found), "JFK/frozen/1");
  EXPECT_EQ(choice(wanted("JFK", 1), found).substr(0, 16), "invalid_argument");
  // The same model in two operators is one.
  EXPECT_EQ(choice(wanted("JFK"), {whole({model("JFK", "m", 3, true, "a"), model("JFK", "m", 3, true, "b")})}),
            "JFK/m/3");
}

TEST(ModelChoice, VersionsAreWholeNumbers) {
  for (const char* const text : {"0", "-1", "1x", "", "99999999999999999999"}) {
    HttpRequest request;
    request.captures = {"JFK", text};
    EXPECT_FALSE(wanted_model(request).is_ok()) << text;
  }
  HttpRequest request;
  request.captures = {"JFK", "12"};
  request.query["name"] = "n";
  const auto good = wanted_model(request);
  ASSERT_TRUE(good.is_ok());
  EXPECT_EQ(good->version, 12);
  EXPECT_EQ(good->name, "n");
}

}  // namespace
}  // namespace weir::inference
