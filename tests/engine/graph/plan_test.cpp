// What a pipeline becomes: every sentence of the validation, and which operators share a task.

#include "engine/graph/plan.hpp"

#include <gtest/gtest.h>

#include <memory>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>

namespace weir {
namespace {

using Number = std::int64_t;

Source<Number> numbers() {
  return generator_source([](std::uint64_t index) { return static_cast<Number>(index); }, {.count = 10});
}
Sink<Number> nowhere() {
  return for_each_sink<Number>([](const Number&) {});
}
Number same(Number value) { return value; }
Number key_of(Number value) { return value % 3; }

struct Pass : ProcessFunction<Number, Number, Number> {
  void process(const Number& value, ProcessContext<Number>&, Collector<Number>& out) { out.collect(value); }
};
struct PassBoth : CoProcessFunction<Number, Number, Number, Number> {
  void process_left(const Number& value, ProcessContext<Number>&, Collector<Number>& out) { out.collect(value); }
  void process_right(const Number& value, ProcessContext<Number>&, Collector<Number>& out) { out.collect(value); }
};
struct PassBeside {
  using Output = Number;
  void process_left(const Number& value, Collector<Number>& out) { out.collect(value); }
  void process_right(const Number&, Collector<Number>&) {}
};

struct Uncopyable {
  std::unique_ptr<int> value;
};
Source<Uncopyable> uncopyables() {
  return generator_source([](std::uint64_t) { return Uncopyable{}; }, {.count = 10});
}
Sink<Uncopyable> drop_uncopyables() {
  return for_each_sink<Uncopyable>([](const Uncopyable&) {});
}

Status validated(const Pipeline& pipeline, LogicalGraph& graph) {
  graph = pipeline.graph();
  return graph::validate(graph, {pipeline.options().parallelism, pipeline.options().max_parallelism});
}
Status validated(const Pipeline& pipeline) {
  LogicalGraph graph;
  return validated(pipeline, graph);
}

// The whole message of a pipeline with one fault.
void expect_fault(const Pipeline& pipeline, const std::string& sentence) {
  const Status status = validated(pipeline);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the pipeline has 1 fault:\n  - " + sentence);
}

// Each task chain by the uids in it, then each edge as `from -kind-> to`.
std::string plan_of(const Pipeline& pipeline) {
  LogicalGraph graph;
  const Status status = validated(pipeline, graph);
  if (!status.is_ok()) return status.to_string();
  const graph::Plan plan = graph::make_plan(graph);
  static constexpr const char* kKinds[] = {"forward", "hash", "rebalance", "broadcast"};
  std::string text;
  for (const graph::Vertex& vertex : plan.vertices)
    text += "[" + vertex.name(graph) + "] x" + std::to_string(vertex.parallelism) + "\n";
  for (const graph::PlannedEdge& edge : plan.edges) {
    EXPECT_EQ(plan.vertices[edge.from].nodes[edge.from_stage], graph.edges[edge.edge].from)
        << "the stage the edge leaves";
    text += graph.nodes[graph.edges[edge.edge].from].uid + " -" + kKinds[static_cast<int>(edge.kind)] + "-> " +
            graph.nodes[graph.edges[edge.edge].to].uid + "\n";
  }
  return text;
}

TEST(Validation, AcceptsAPipelineAndNamesWhatHasNoUid) {
  Pipeline pipeline({.name = "fine", .parallelism = 3});
  pipeline.from_source(numbers()).uid("numbers").map(same).map(same).uid("map-1").sink_to(nowhere());
  LogicalGraph graph;
  ASSERT_TRUE(validated(pipeline, graph).is_ok());
  EXPECT_EQ(graph.nodes[1].uid, "map-2") << "map-1 is taken";
  EXPECT_EQ(graph.nodes[3].uid, "for-each-sink-1");
  EXPECT_EQ(graph.nodes[1].parallelism, 3U);
}

TEST(Validation, RefusesAnEmptyPipeline) {
  expect_fault(Pipeline(), "the pipeline is empty; start it with from_source(...)");
}

TEST(Validation, RefusesNumbersOfTasksAndKeyGroupsThatCannotBe) {
  Pipeline none({.parallelism = 0});
  none.from_source(numbers()).uid("numbers").parallelism(1).sink_to(nowhere()).parallelism(1);
  expect_fault(none, "parallelism must be at least 1");
  Pipeline many({.max_parallelism = 32769});
  many.from_source(numbers()).uid("numbers").sink_to(nowhere());
  expect_fault(many, "max_parallelism is 32769; it must be 1 to 32768");
  Pipeline above({.parallelism = 1, .max_parallelism = 4});
  above.from_source(numbers()).uid("numbers").map(same).uid("wide").parallelism(5).sink_to(nowhere());
  expect_fault(above, "map 'wide' has parallelism 5, above the job's max_parallelism of 4");
}

TEST(Validation, RefusesUidsThatAreNoNamesOrNotUnique) {
  Pipeline odd;
  odd.from_source(numbers()).uid("a/b").sink_to(nowhere());
  expect_fault(odd, "uid 'a/b' of a generator must be 1 to 128 of A-Z a-z 0-9 - _ .");
  Pipeline lengthy;
  lengthy.from_source(numbers()).uid(std::string(129, 'u')).sink_to(nowhere());
  expect_fault(lengthy, "uid '" + std::string(129, 'u') + "' of a generator must be 1 to 128 of A-Z a-z 0-9 - _ .");
  Pipeline twice;
  twice.from_source(numbers()).uid("same").map(same).uid("same").sink_to(nowhere());
  expect_fault(twice, "uid 'same' is given to two operators (the second is a map); uids are unique");
}

TEST(Validation, WantsUidsWhereStateIsKept) {
  Pipeline source;
  source.from_source(numbers()).sink_to(nowhere());
  expect_fault(
      source,
      "a generator keeps state and has no uid; give it one with .uid(\"...\") so that its state is found again");
  Pipeline process;
  process.from_source(numbers()).uid("numbers").key_by(key_of).process(Pass{}).sink_to(nowhere());
  expect_fault(process,
               "a process keeps state and has no uid; give it one with .uid(\"...\") so that its state is found again");
}

TEST(Validation, WantsEveryStreamToEndInASink) {
  Pipeline pipeline;
  pipeline.from_source(numbers()).uid("numbers").map(same).uid("mapped");
  expect_fault(pipeline, "map 'mapped': its results go nowhere; end the stream with sink_to(...)");
}

TEST(Validation, WantsEveryInputToBeFed) {
  LogicalGraph graph;
  NodeSpec node;
  node.uid = "starved";
  node.kind = "join";
  node.inputs = 2;
  node.is_sink = true;
  graph.add(node);
  const Status status = graph::validate(graph, {});
  EXPECT_EQ(status.message(),
            "the pipeline has 2 faults:\n  - join 'starved': nothing feeds input 0\n  - join 'starved': nothing feeds "
            "input 1");
}

TEST(Validation, RefusesSeveralConsumersOfRecordsThatCannotBeCopied) {
  Pipeline one;
  one.from_source(uncopyables()).uid("source").sink_to(drop_uncopyables());
  EXPECT_TRUE(validated(one).is_ok());
  Pipeline two;
  const auto stream = two.from_source(uncopyables()).uid("source");
  stream.sink_to(drop_uncopyables());
  stream.sink_to(drop_uncopyables());
  const Status status = validated(two);
  EXPECT_NE(
      status.message().find(
          "generator 'source': its records cannot be copied, so they can have one consumer only and no broadcast"),
      std::string::npos)
      << status.message();
}

TEST(Validation, RefusesAUidOnAMergedStream) {
  Pipeline pipeline;
  const auto left = pipeline.from_source(numbers()).uid("left");
  const auto right = pipeline.from_source(numbers()).uid("right");
  auto merged = left.merge(right);
  merged.name("both");
  merged.sink_to(nowhere());
  expect_fault(pipeline,
               "generator 'left': uid, name and parallelism cannot be set on a merged stream; set them on its parts");
}

TEST(Validation, PassesOnTheFaultsOfSourcesAndSinks) {
  Pipeline pipeline;
  pipeline
      .from_source(generator_source([](std::uint64_t index) { return static_cast<Number>(index); },
                                    [](Number) { return Timestamp{}; }, {.watermarks = Duration{-1}}))
      .uid("numbers")
      .sink_to(nowhere());
  expect_fault(pipeline,
               "generator 'numbers': watermarks cannot be ahead of the records: the out-of-orderness is negative");
}

TEST(Validation, ReportsAllFaultsTogether) {
  Pipeline pipeline({.parallelism = 3, .max_parallelism = 2});
  pipeline.from_source(numbers()).map(same).uid("m m");
  const std::string message = validated(pipeline).message();
  EXPECT_TRUE(message.starts_with("the pipeline has 5 faults:\n")) << message;
}

TEST(Plan, ChainsForwardEdgesOfEqualParallelism) {
  Pipeline pipeline({.parallelism = 2});
  pipeline.from_source(numbers())
      .uid("n")
      .map(same)
      .uid("m")
      .filter([](Number) { return true; })
      .uid("f")
      .sink_to(nowhere())
      .uid("s");
  EXPECT_EQ(plan_of(pipeline), "[n > m > f > s] x2\n");
}

TEST(Plan, DoesNotChainOtherParallelismOrANewChain) {
  Pipeline pipeline({.parallelism = 2});
  auto start = pipeline.from_source(numbers()).uid("n").map(same).uid("m").start_new_chain();
  start.map(same).uid("one").parallelism(1).sink_to(nowhere()).uid("s").parallelism(1);
  EXPECT_EQ(plan_of(pipeline), "[n] x2\n[m] x2\n[one > s] x1\nn -forward-> m\nm -rebalance-> one\n");
}

TEST(Plan, ChainsAKeyedEdgeOnlyBetweenSingleTasks) {
  const auto build = [](std::uint32_t parallelism) {
    Pipeline pipeline({.parallelism = parallelism});
    pipeline.from_source(numbers()).uid("n").key_by(key_of).process(Pass{}).uid("p").sink_to(nowhere()).uid("s");
    return plan_of(pipeline);
  };
  EXPECT_EQ(build(1), "[n > p > s] x1\n");
  EXPECT_EQ(build(2), "[n] x2\n[p > s] x2\nn -hash-> p\n");
}

TEST(Plan, GivesEachConsumerOfAStreamAnEdge) {
  Pipeline pipeline;
  const auto stream = pipeline.from_source(numbers()).uid("n");
  stream.map(same).uid("a").sink_to(nowhere()).uid("sa");
  stream.map(same).uid("b").sink_to(nowhere()).uid("sb");
  EXPECT_EQ(plan_of(pipeline), "[n] x1\n[a > sa] x1\n[b > sb] x1\nn -forward-> a\nn -forward-> b\n");
}

TEST(Plan, ChainsTheMainOutputAndNotTheSideOutput) {
  const SideOutput<Number> side{"side"};
  Pipeline pipeline;
  auto process = pipeline.from_source(numbers()).uid("n").key_by(key_of).process(Pass{}).uid("p");
  process.sink_to(nowhere()).uid("main");
  process.side_output(side).sink_to(nowhere()).uid("aside");
  EXPECT_EQ(plan_of(pipeline), "[n > p > main] x1\n[aside] x1\np -forward-> aside\n");
}

TEST(Plan, AsksForASideOutputTwiceAndGetsTheSameOne) {
  const SideOutput<Number> side{"side"};
  Pipeline pipeline;
  auto process = pipeline.from_source(numbers()).uid("n").key_by(key_of).process(Pass{}).uid("p");
  process.sink_to(nowhere()).uid("main");
  process.side_output(side).sink_to(nowhere()).uid("a");
  process.side_output(side).sink_to(nowhere()).uid("b");
  EXPECT_EQ(pipeline.graph().nodes[1].outputs.size(), 2U);
  EXPECT_EQ(plan_of(pipeline), "[n > p > main] x1\n[a] x1\n[b] x1\np -forward-> a\np -forward-> b\n");
}

TEST(Plan, DoesNotChainMergedStreams) {
  Pipeline pipeline;
  const auto left = pipeline.from_source(numbers()).uid("left");
  const auto right = pipeline.from_source(numbers()).uid("right");
  left.merge(right).map(same).uid("m").sink_to(nowhere()).uid("s");
  EXPECT_EQ(plan_of(pipeline), "[left] x1\n[right] x1\n[m > s] x1\nleft -forward-> m\nright -forward-> m\n");
}

TEST(Plan, DoesNotChainTwoInputsNorWhatIsRebalancedOrBroadcast) {
  Pipeline keyed;
  keyed.from_source(numbers())
      .uid("l")
      .key_by(key_of)
      .connect(keyed.from_source(numbers()).uid("r").key_by(key_of))
      .co_process(PassBoth{})
      .uid("both")
      .sink_to(nowhere())
      .uid("s");
  EXPECT_EQ(plan_of(keyed), "[l] x1\n[r] x1\n[both > s] x1\nl -hash-> both\nr -hash-> both\n");
  Pipeline beside;
  beside.from_source(numbers())
      .uid("l")
      .rebalance()
      .connect(beside.from_source(numbers()).uid("r").broadcast())
      .co_process(PassBeside{})
      .uid("both")
      .parallelism(3)
      .sink_to(nowhere())
      .uid("s")
      .parallelism(3);
  EXPECT_EQ(plan_of(beside), "[l] x1\n[r] x1\n[both > s] x3\nl -rebalance-> both\nr -broadcast-> both\n");
}

TEST(Plan, KeepsToTheLimitOfWhatCannotBeParallel) {
  Source<Number> single = numbers();
  single.max_parallelism = 1;
  Pipeline pipeline({.parallelism = 4});
  pipeline.from_source(single).uid("n").sink_to(nowhere()).uid("s");
  EXPECT_EQ(plan_of(pipeline), "[n] x1\n[s] x4\nn -rebalance-> s\n");
}

TEST(JobCreation, RefusesSizesOfNothing) {
  Pipeline pipeline;
  pipeline.from_source(numbers()).uid("n").sink_to(nowhere());
  EXPECT_EQ(Job::create(pipeline.graph(), {.batch_size = 0}).status().message(), "batch_size must be at least 1");
  EXPECT_EQ(Job::create(pipeline.graph(), {.queue_capacity = 0}).status().message(),
            "queue_capacity must be at least 1");
  JobOptions options;
  options.checkpoint.emplace();
  EXPECT_EQ(Job::create(pipeline.graph(), options).status().message(),
            "checkpointing needs CheckpointOptions::directory");
}

}  // namespace
}  // namespace weir
