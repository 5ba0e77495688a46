// The Open Inference Protocol against running jobs.

#include <chrono>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>

#include <weir/memory_sink.hpp>
#include <weir/model_inbox.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

#include "operators/serving/toy_runtime.hpp"
#include "support/http_client.hpp"
#include "support/tap.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

struct Reading {
  std::string machine;
  double temperature = 0;
  std::string maker;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (machine, temperature, maker))

/// Makers other than acme are never hot; acme's are from `limit` degrees on.
std::string tree(const std::string& limit) {
  return R"(<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/><DataDictionary>
<DataField name="risk" optype="categorical" dataType="string"><Value value="low"/><Value value="high"/></DataField>
<DataField name="temperature" optype="continuous" dataType="double"/>
<DataField name="maker" optype="categorical" dataType="string"/></DataDictionary>
<TreeModel functionName="classification" missingValueStrategy="defaultChild"><MiningSchema>
<MiningField name="risk" usageType="target"/><MiningField name="temperature"/><MiningField name="maker"/></MiningSchema>
<Node id="0" score="low" defaultChild="2"><True/>
<Node id="1" score="high"><CompoundPredicate booleanOperator="and">
<SimplePredicate field="maker" operator="equal" value="acme"/>
<SimplePredicate field="temperature" operator="greaterOrEqual" value=")" +
         limit + R"("/></CompoundPredicate>
<ScoreDistribution value="high" recordCount="3"/><ScoreDistribution value="low" recordCount="1"/></Node>
<Node id="2" score="low"><True/>
<ScoreDistribution value="high" recordCount="0"/><ScoreDistribution value="low" recordCount="4"/></Node>
</Node></TreeModel></PMML>)";
}

/// A model `HANG` whose scorer waits when it is asked for seven rows: inferences of the test, not the stream.
class HangRuntime final : public ModelRuntime {
 public:
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_entered = false;
    bool is_open = false;
    void pass() {
      std::unique_lock lock(mutex);
      is_entered = true;
      changed.notify_all();
      changed.wait(lock, [this] { return is_open; });
    }
    void wait_until_entered() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return is_entered; });
    }
    void open() {
      const std::lock_guard lock(mutex);
      is_open = true;
      changed.notify_all();
    }
  };

  explicit HangRuntime(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  [[nodiscard]] std::string_view type() const noexcept override { return "HANG"; }
  [[nodiscard]] Result<std::shared_ptr<const Model>> load(std::string_view, const ModelLimits&) const override {
    return std::shared_ptr<const Model>(std::make_shared<const HangModel>(gate_));
  }

 private:
  class HangModel final : public Model {
   public:
    explicit HangModel(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
    [[nodiscard]] std::span<const Field> inputs() const noexcept override { return inputs_; }
    [[nodiscard]] std::span<const Field> outputs() const noexcept override { return outputs_; }
    [[nodiscard]] std::string summary() const override { return "hangs"; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof *this; }
    [[nodiscard]] Result<std::shared_ptr<const Scorer>> bind(const FeatureSchema&,
                                                             std::span<const std::string>) const override {
      return std::shared_ptr<const Scorer>(std::make_shared<const HangScorer>(gate_, outputs_));
    }

   private:
    std::shared_ptr<Gate> gate_;
    std::vector<Field> inputs_{{"temperature", FieldType::kNumber}};
    std::vector<Field> outputs_{{"y", FieldType::kNumber}};
  };
  class HangScorer final : public Scorer {
   public:
    HangScorer(std::shared_ptr<Gate> gate, std::vector<Field> outputs)
        : gate_(std::move(gate)), outputs_(std::move(outputs)) {}
    void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors&, ScoreScratch&) const noexcept override {
      if (in.rows == 7) gate_->pass();
      for (std::size_t row = 0; row < in.rows; ++row) {
        out.numbers[row] = 1;
        out.failed[row] = 0;
      }
    }
    [[nodiscard]] std::span<const Field> outputs() const noexcept override { return outputs_; }

   private:
    std::shared_ptr<Gate> gate_;
    std::vector<Field> outputs_;
  };
  std::shared_ptr<Gate> gate_;
};

/// A job whose records come when the test lets them, with its models posted over HTTP.
class ServedJob {
 public:
  explicit ServedJob(HttpOptions http = {}, ServeOptions options = {}) {
    Pipeline pipeline({.name = "inference", .parallelism = 2});
    pipeline.enable_checkpointing({.directory = directory_.path(), .interval = std::chrono::milliseconds(0)});
    const std::string token = http.token;
    pipeline.serve_http(std::move(http));
    auto readings = pipeline.from_source(tap_source(tap, 1))
                        .uid("readings")
                        .parallelism(1)
                        .map([](std::int64_t number) {
                          return Reading{"press", static_cast<double>(number), "acme"};
                        })
                        .key_by(&Reading::machine);
    auto models = pipeline.from_source(model_inbox_source()).uid("models").key_by([](const ModelRecord& model) {
      return model.key;
    });
    auto inputs = features<Reading>()
                      .number("temperature", [](const Reading& reading) { return reading.temperature; })
                      .text("maker", [](const Reading& reading) -> std::string_view { return reading.maker; });
    readings.connect(models)
        .co_process(ServeModel<Reading>(
            {pmml_runtime(), std::make_shared<const ToyRuntime>(), std::make_shared<const HangRuntime>(gate)},
            std::move(inputs), std::move(options)))
        .uid("risk")
        .sink_to(for_each_sink<Scored<Reading>>([scored = scored](const Scored<Reading>&) { scored->add(); }))
        .uid("scores");
    auto started = pipeline.start();
    EXPECT_TRUE(started.is_ok()) << started.status().to_string();
    job.emplace(std::move(started).value());
    client.emplace(job->http_port(), token);
  }
  ~ServedJob() { gate->open(); }
  ServedJob(const ServedJob&) = delete;
  ServedJob& operator=(const ServedJob&) = delete;

  /// Posts a model and waits until it is current.
  void publish(const std::string& key, const std::string& name, int version, const std::string& bytes,
               const std::string& type = "PMML") {
    const std::string number = std::to_string(version);
    const auto posted = client->post("/v1/models?key=" + key + "&name=" + name + "&version=" + number + "&type=" + type,
                                     bytes, "application/octet-stream");
    ASSERT_TRUE(posted.is_ok()) << posted.status().to_string();
    ASSERT_EQ(posted->status, 202) << posted->body;
    ASSERT_EQ(client->wait_for("/v1/models/" + key + "/" + number, R"("state":"current")"), "found");
  }
  std::string get(const std::string& target, int status = 200) {
    const auto reply = client->get(target);
    EXPECT_TRUE(reply.is_ok()) << reply.status().to_string();
    if (!reply.is_ok()) return {};
    EXPECT_EQ(reply->status, status) << target << "\n" << reply->body;
    return reply->body;
  }
  std::string infer(const std::string& model, const std::string& body, int status = 200) {
    const auto reply = client->post("/v2/models/" + model + "/infer", body);
    EXPECT_TRUE(reply.is_ok()) << reply.status().to_string();
    if (!reply.is_ok()) return {};
    EXPECT_EQ(reply->status, status) << model << "\n" << body << "\n" << reply->body;
    return reply->body;
  }

  std::shared_ptr<Tap> tap = std::make_shared<Tap>();
  std::shared_ptr<Counter> scored = std::make_shared<Counter>();
  std::shared_ptr<HangRuntime::Gate> gate = std::make_shared<HangRuntime::Gate>();
  std::optional<HttpClient> client;

 private:
  weir::testing_support::TemporaryDirectory directory_;

 public:
  std::optional<Job> job;  // goes before its directory
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* kThreeRows = R"({"id":"q1","inputs":[
  {"name":"maker","datatype":"BYTES","shape":[3,1],"data":[["acme"],["acme"],["other"]]},
  {"name":"temperature","datatype":"FP64","shape":[3],"data":[71.5,20,90]}]})";

TEST(Inference, AClientFindsTheServerItsModelsAndTheirTensors) {
  ServedJob served;
  EXPECT_EQ(served.client->wait_for("/v2/health/ready", R"({"ready":true})"), "found");
  EXPECT_EQ(served.get("/v2/health/live"), R"({"live":true})");
  EXPECT_TRUE(contains(served.get("/v2"), R"({"name":"weir","version":)"));
  EXPECT_TRUE(
      contains(served.get("/v2/models/press", 404), R"({"error":"find model 'press': there is no such model"})"));
  EXPECT_TRUE(contains(served.get("/v2/models/press/ready", 404), "no such model"));
  served.publish("press", "risk", 3, tree("70"));
  EXPECT_EQ(served.get("/v2/models/press/ready"), R"({"name":"press","ready":true})");
  const std::string metadata = served.get("/v2/models/press");
  EXPECT_TRUE(contains(
      metadata,
      R"json({"name":"press","versions":["3"],"platform":"weir_pmml","inputs":[{"name":"temperature","datatype":"FP64","shape":[-1]},{"name":"maker","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"risk","datatype":"BYTES","shape":[-1]},{"name":"probability(low)","datatype":"FP64","shape":[-1]})json"))
      << metadata;
  EXPECT_EQ(served.get("/v2/models/press/versions/3"), metadata);
  EXPECT_TRUE(contains(served.get("/v2/models/press/versions/4", 404), "press:risk version 3"));
  EXPECT_TRUE(contains(served.get("/v2/models/press/versions/x", 400), "version is 'x'"));
  served.publish("press", "risk", 4, tree("80"));
  served.publish("a%2Fb", "", 1, tree("80"));
  const auto index = served.client->post("/v2/repository/index", "");
  EXPECT_EQ(index->status, 200);
  EXPECT_EQ(index->header("weir-complete"), "true");
  EXPECT_TRUE(contains(index->body, R"({"name":"press:risk","version":"3","state":"READY","reason":"retired"})"));
  EXPECT_TRUE(contains(index->body, R"({"name":"press:risk","version":"4","state":"READY","reason":""})"));
  EXPECT_TRUE(contains(index->body, R"({"name":"a/b","version":"1","state":"READY","reason":""})"));
  EXPECT_EQ(served.client->post("/v2/repository/index?limit=1&prefix=press", R"({"ready":true})")->status, 200);
  EXPECT_EQ(served.client->post("/v2/repository/index", "[]")->status, 400);
  EXPECT_EQ(served.client->post("/v2/repository/index", R"({"ready":1})")->status, 400);
  EXPECT_EQ(served.client->post("/v2/repository/index?limit=0", "")->status, 400);
  served.get("/v2/models/a%2Fb");
  served.get("/v2/models/press%3Arisk");
  EXPECT_TRUE(served.job->stop().is_ok());
  EXPECT_TRUE(contains(served.get("/v2/health/ready", 503), R"({"error":")"));
  EXPECT_TRUE(contains(served.infer("press", kThreeRows, 503), "the job is stopped"));
}

TEST(Inference, RowsAreScoredAsTheModelDoes) {
  ServedJob served;
  served.publish("press", "risk", 3, tree("70"));
  const std::string all = served.infer("press", kThreeRows);
  EXPECT_TRUE(contains(all, R"({"model_name":"press","model_version":"3","id":"q1","parameters":{"uid":"risk")"))
      << all;
  EXPECT_TRUE(contains(all, R"({"name":"risk","datatype":"BYTES","shape":[3],"data":["high","low","low"]})")) << all;
  EXPECT_TRUE(contains(all, R"json({"name":"probability(high)","datatype":"FP64","shape":[3],"data":[0.75,0,0]})json"))
      << all;
  const std::string one = served.infer("press:risk", R"json({"inputs":[
    {"name":"temperature","datatype":"INT32","shape":[2],"data":[70,71]},
    {"name":"maker","datatype":"BYTES","shape":[2],"data":[null,"acme"]}],
    "parameters":{"binary_data_output":true},
    "outputs":[{"name":"probability(low)","parameters":{"binary_data":true}},{"name":"risk"}]})json");
  EXPECT_TRUE(contains(
      one,
      R"json("outputs":[{"name":"probability(low)","datatype":"FP64","shape":[2],"data":[1,0.25]},{"name":"risk","datatype":"BYTES","shape":[2],"data":["low","high"]}]})json"))
      << one;
  EXPECT_FALSE(contains(one, R"("id")"));
  EXPECT_EQ(served.client->post("/v2/models/press/infer?name=risk&uid=risk", kThreeRows)->body, all);
}

TEST(Inference, KeptVersionsAnswerLoadedOrNot) {
  // Room for one loaded model: the others are in the store only.
  ServedJob served({}, {.keep_versions = 3, .model_memory_bytes = 2});
  for (int version = 1; version <= 4; ++version)
    served.publish("press", "risk", version, tree(std::to_string(version * 10)));
  const std::string body = R"({"inputs":[{"name":"temperature","datatype":"FP64","shape":[1],"data":[25]},
    {"name":"maker","datatype":"BYTES","shape":[1],"data":["acme"]}],"outputs":[{"name":"risk"}]})";
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(contains(served.infer("press", body), R"("model_version":"4")"));
    EXPECT_TRUE(contains(served.infer("press/versions/2", body), R"(["high"])"));
    EXPECT_TRUE(contains(served.infer("press/versions/3", body), R"(["low"])"));
  }
  EXPECT_TRUE(contains(served.infer("press/versions/1", body, 404), "there is none")) << "one more than is kept";
  EXPECT_TRUE(contains(served.get("/v2/models/press"), R"("versions":["2","3","4"])"));
  served.get("/v2/models/press/versions/2/ready");
  EXPECT_EQ(served.client->post("/v1/models/press/pause", "")->status, 202);
  EXPECT_EQ(served.client->wait_for("/v2/models/press/ready", "no such current model"), "found");
  EXPECT_EQ(served.client->post("/v1/models/press/resume", "")->status, 202);
  EXPECT_EQ(served.client->wait_for("/v2/models/press/ready", R"("ready":true)"), "found");
}

TEST(Inference, WhatIsWrongIsNamed) {
  ServedJob served;
  served.publish("press", "risk", 3, tree("70"));
  served.publish("toy", "t", 1, "FAIL 5", "TOY");
  const std::pair<const char*, const char*> cases[] = {
      {"rubbish", "no JSON"},
      {R"({"inputs":[{"name":"maker","datatype":"BYTES","shape":[1],"data":["acme"]}]})",
       "inputs are missing: 'temperature'"},
      {R"({"inputs":[{"name":"maker","datatype":"BYTES","shape":[1],"data":["acme"]},
                     {"name":"temperature","datatype":"BYTES","shape":[1],"data":["hot"]}]})",
       "input 'temperature' has datatype BYTES, the model takes a number (FP64)"},
      {R"({"inputs":[{"name":"maker","datatype":"BYTES","shape":[1],"data":["acme"]},
                     {"name":"temperature","datatype":"FP64","shape":[1],"data":[1]},
                     {"name":"color","datatype":"FP64","shape":[1],"data":[1]}]})",
       "input 'color' is not one of the model's ('temperature', 'maker')"},
      {R"({"inputs":[{"name":"maker","datatype":"BYTES","shape":[1],"data":["acme"]},
                     {"name":"temperature","datatype":"FP64","shape":[1],"data":[1]}],"outputs":[{"name":"sum"}]})",
       "output 'sum' is not one of the model's ('risk', "},
  };
  for (const auto& [body, expected] : cases) {
    const std::string answer = served.infer("press", body, 400);
    EXPECT_TRUE(answer.starts_with(R"({"error":")")) << answer;
    EXPECT_TRUE(contains(answer, expected)) << answer;
  }
  const std::string failing = R"({"inputs":[{"name":"temperature","datatype":"FP64","shape":[3],"data":[1,-1,2]},
    {"name":"maker","datatype":"BYTES","shape":[3],"data":["a","b","c"]}]})";
  EXPECT_EQ(served.infer("toy", failing, 400),
            R"({"error":"1 row cannot be scored; row 1: the first feature is negative"})");
  const auto binary =
      served.client->request("POST", "/v2/models/press/infer", kThreeRows,
                             {{"Content-Type", "application/octet-stream"}, {"Inference-Header-Content-Length", "10"}});
  EXPECT_EQ(binary->status, 400);
  EXPECT_TRUE(contains(binary->body, R"({"error":"the binary tensor data extension is not supported)"));
  EXPECT_EQ(
      served.client->request("POST", "/v2/models/press/infer", kThreeRows, {{"Content-Encoding", "gzip"}})->status,
      400);
}

TEST(Inference, TheServersOwnErrorsAreTextsToo) {
  ServedJob served({.token = "secret"});
  served.publish("press", "risk", 3, tree("70"));
  HttpClient stranger(served.job->http_port());
  for (const char* const target : {"/v2", "/v2/models/press", "/v2/health/ready"}) {
    const auto refused = stranger.get(target);
    EXPECT_EQ(refused->status, 401);
    EXPECT_TRUE(refused->body.starts_with(R"({"error":"GET ')")) << refused->body;
  }
  EXPECT_EQ(stranger.post("/v2/models/press/infer", kThreeRows)->status, 401);
  EXPECT_EQ(stranger.post("/v2/repository/index", "")->status, 401);
  EXPECT_TRUE(stranger.get("/v1/models")->body.starts_with(R"({"error":{)"));
  EXPECT_TRUE(served.get("/v2/nothing", 404).starts_with(R"({"error":"find path)"));
  EXPECT_TRUE(served.get("/v2/models/press/infer", 405).starts_with(R"({"error":"GET ')"));
  const auto large = served.client->request("POST", "/v2/models/press/infer", "", {{"Content-Length", "8388609"}});
  EXPECT_EQ(large->status, 413);
  EXPECT_TRUE(large->body.starts_with(R"({"error":"read body)")) << large->body;
}

TEST(Inference, NamesThatNobodyWouldGiveAreNotFound) {
  ServedJob served;
  served.publish("press", "risk", 3, tree("70"));
  for (const std::string name : {"%FF%00%0A%0D", "..%2F..%2Fetc", ":", "press:", ":risk", "press:risk:risk", "%22%5C",
                                 "press%00", "PRESS", "press%3Arisk%2Fversions%2F3"}) {
    for (const std::string& path : {name, name + "/ready", name + "/versions/3", name + "/versions/3/ready"}) {
      const std::string error = served.get("/v2/models/" + path, 404);
      EXPECT_TRUE(error.starts_with(R"({"error":"find model ')")) << path << "\n" << error;
    }
    served.infer(name, kThreeRows, 404);
    served.infer(name + "/versions/3", kThreeRows, 404);
  }
  served.get("/v2/models/" + std::string(8000, 'x'), 404);
  served.get("/v2/models//ready", 404);
  served.get("/v2/models/press?uid=nothing", 404);
  served.get("/v2/models/press?name=", 404);
  served.get("/v2/models/press/versions/99999999999999999999", 400);
  served.get("/v2/models/press/versions/-3/ready", 400);
  EXPECT_EQ(served.client->post("/v2/repository/index", std::string(5000, ' '))->status, 413);
  EXPECT_EQ(served.client->post("/v2/repository/index?limit=1001", "")->status, 400);
  EXPECT_EQ(served.client->post("/v2/repository/index", std::string(4000, '['))->status, 400);
  served.infer("press", kThreeRows);
}

TEST(Inference, NoMoreThanSixtyFourAreInWorkAtOnce) {
  ServedJob served;
  served.publish("press", "slow", 1, "x", "HANG");
  const std::string body =
      R"({"inputs":[{"name":"temperature","datatype":"FP64","shape":[7],"data":[1,2,3,4,5,6,7]}]})";
  const auto requests = [&served] {
    const std::string name = "\nweir_http_requests_total ";
    const std::string metrics = served.get("/metrics");
    return std::stoul(metrics.substr(metrics.find(name) + name.size()));
  };
  const auto before = requests();
  std::vector<HttpClient> clients;
  for (int i = 0; i < 65; ++i) {
    clients.emplace_back(served.job->http_port());
    ASSERT_TRUE(clients.back()
                    .send("POST /v2/models/press/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body)
                    .is_ok());
  }
  for (std::size_t asked = 1; requests() < before + 65 + asked; ++asked) {
  }  // until all have come
  served.gate->open();
  int answered = 0;
  int refused = 0;
  for (HttpClient& client : clients) {
    const auto reply = client.read_reply();
    ASSERT_TRUE(reply.is_ok()) << reply.status().to_string();
    ++(reply->status == 200 ? answered : refused);
    if (reply->status == 200) continue;
    EXPECT_EQ(reply->body, R"({"error":"too many inferences are in work at once"})");
    EXPECT_EQ(reply->header("retry-after"), "1");
  }
  EXPECT_EQ(answered, 64);
  EXPECT_EQ(refused, 1);
}

TEST(Inference, TheStreamsStatisticsStayItsOwn) {
  ServedJob served;
  served.publish("press", "risk", 3, tree("70"));
  served.tap->open_to(5);
  served.scored->wait_for(5);
  for (int i = 0; i < 4; ++i) served.infer("press", kThreeRows);
  served.infer("press", R"({"inputs":[{"name":"maker","datatype":"BYTES","shape":[1],"data":["acme"]}]})", 400);
  EXPECT_EQ(served.client->wait_for("/v1/models/press", R"("usage":5,)"), "found");
  const std::string metrics = served.get("/metrics");
  const std::string labels = R"({uid="risk",task="0",key="press",model="risk",version="3"} )";
  EXPECT_TRUE(contains(metrics, "weir_operator_http_inferences_total" + labels + "5\n")) << metrics;
  EXPECT_TRUE(contains(metrics, "weir_operator_http_inference_rows_total" + labels + "12\n"));
  EXPECT_TRUE(contains(metrics, "weir_operator_http_inference_errors_total" + labels + "1\n"));
  EXPECT_TRUE(contains(metrics, "weir_operator_model_records_total"));
}

TEST(Inference, OneThatHangsHoldsUpNoRecordNoOtherInferenceAndNotTheStop) {
  ServedJob served({.stop_timeout_ms = 1});
  served.publish("press", "slow", 1, "x", "HANG");
  HttpClient hanging(served.job->http_port());
  const std::string body =
      R"({"inputs":[{"name":"temperature","datatype":"FP64","shape":[7],"data":[1,2,3,4,5,6,7]}]})";
  ASSERT_TRUE(hanging
                  .send("POST /v2/models/press/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body)
                  .is_ok());
  served.gate->wait_until_entered();
  served.tap->open_to(1000);
  served.scored->wait_for(1000);
  EXPECT_TRUE(
      contains(served.infer("press", R"({"inputs":[{"name":"temperature","datatype":"FP64","shape":[1],"data":[1]}]})"),
               R"("data":[1])"));
  EXPECT_TRUE(served.job->stop().is_ok());
  served.job.reset();  // while it hangs
  served.gate->open();
  EXPECT_EQ(hanging.read_reply()->status, 503);
}

}  // namespace
}  // namespace weir::test
