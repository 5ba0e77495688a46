#pragma once
/// Streams: the verbs of a pipeline. A stream is a small value that names an output of an operator; building does no
/// I/O.
///
///   pipeline.from_source(events).uid("events")
///       .filter([](const Event& e) { return e.amount > 0; })
///       .key_by(&Event::user)
///       .process(SumPerUser{}).uid("sum")
///       .sink_to(weir::file_sink<Sum>({.directory = "out"})).uid("sums");
///
/// `uid`, `name` and `parallelism` speak of the operator that was added last. Sources, stateful operators and sinks
/// need a uid: by it their state is found again. Functions are copied into each task and run on one thread at a time.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/detail/broadcast_operator.hpp>
#include <weir/detail/keyed_operator.hpp>
#include <weir/detail/transform_operators.hpp>
#include <weir/graph.hpp>
#include <weir/process_function.hpp>
#include <weir/sink.hpp>
#include <weir/watermark.hpp>

namespace weir {

template <class T, class KeyOf>
class KeyedStream;
template <class T>
class BroadcastStream;
template <class Left, class Right, class LeftKeyOf, class RightKeyOf>
class ConnectedStreams;
template <class Left, class Right>
class BroadcastConnectedStreams;

namespace detail {

/// An output of a node, and how records travel from it.
struct Origin {
  NodeId node = 0;
  std::uint32_t output = 0;
};

template <class T>
OutputSpec output_of(std::string name = {}) {
  return {std::move(name), [] { return std::make_unique<Batch<T>>(); }, std::is_copy_constructible_v<T>};
}

template <class T, class KeyOf>
class TypedKeyHasher final : public KeyHasher {
 public:
  explicit TypedKeyHasher(KeyOf key_of) : key_of_(std::move(key_of)) {}
  void hash(BatchBase& batch) const override {
    const auto& records = static_cast<Batch<T>&>(batch).records;
    const std::size_t size = records.size();
    batch.hashes.resize_for_overwrite(size);
    std::uint64_t* const hashes = batch.hashes.data();
    for (std::size_t index = 0; index < size; ++index) hashes[index] = hash_key(std::invoke(key_of_, records[index]));
  }

 private:
  KeyOf key_of_;
};

/// A key function that may be a pointer to a member.
template <class T, class KeyOf>
struct KeyFunction {
  KeyOf key_of;
  decltype(auto) operator()(const T& record) const { return std::invoke(key_of, record); }
};

/// A definition that makes its own two-input operator (such as ServeModel), as opposed to a CoProcessFunction.
template <class Definition, class LeftKeyOf, class RightKeyOf>
concept CoOperatorDefinition = requires(const Definition& definition, LeftKeyOf left, RightKeyOf right) {
  typename Definition::Output;
  { definition.make_operator(left, right) } -> std::convertible_to<std::unique_ptr<Operator>>;
};

/// A definition whose right side is shared by all tasks, but goes to the task that owns its key (such as
/// BroadcastServeModel).
template <class Definition>
concept BroadcastOperatorDefinition = requires(const Definition& definition) {
  typename Definition::Output;
  { definition.make_broadcast_operator() } -> std::convertible_to<std::unique_ptr<Operator>>;
  definition.broadcast_key();
};

/// Runs when the node's uid is known: operators that add HTTP paths need it.
template <class Definition>
concept HasRoutes = requires(const Definition& definition, const std::string& uid, JobControl& job) {
  { definition.routes(uid, job) } -> std::convertible_to<std::vector<HttpRoute>>;
};

}  // namespace detail

/// Returned by sink_to(): the end of a stream, to be named.
class SinkHandle {
 public:
  SinkHandle(std::shared_ptr<LogicalGraph> graph, NodeId node) : graph_(std::move(graph)), node_(node) {}
  SinkHandle& uid(std::string uid) { return node().uid = std::move(uid), *this; }
  SinkHandle& name(std::string name) { return node().name = std::move(name), *this; }
  SinkHandle& parallelism(std::uint32_t parallelism) { return node().parallelism = parallelism, *this; }

 private:
  NodeSpec& node() { return graph_->nodes[node_]; }
  std::shared_ptr<LogicalGraph> graph_;
  NodeId node_;
};

template <class T>
class Stream {
 public:
  using Record = T;

  /// Sets the identity of the operator added last: 1 to 128 of A-Z a-z 0-9 - _ . and unique in the pipeline.
  Stream& uid(std::string uid) { return node().uid = std::move(uid), *this; }
  /// A name for people, in HTTP answers.
  Stream& name(std::string name) { return node().name = std::move(name), *this; }
  /// Tasks of the operator added last; default: the pipeline's.
  Stream& parallelism(std::uint32_t parallelism) { return node().parallelism = parallelism, *this; }
  /// The operator added last begins a task of its own instead of joining the one before it: two cores can then share
  /// the work.
  Stream& start_new_chain() { return node().start_new_chain = true, *this; }

  /// Sets event times by `timestamp_of(const T&)` and makes watermarks. Keeps its watermark in checkpoints.
  ///   .watermarks(weir::bounded_out_of_orderness(5s), [](const Event& e) { return e.time; })
  template <class TimestampOf>
  Stream<T> watermarks(WatermarkOptions options, TimestampOf timestamp_of) const {
    return add<T>("watermarks", [options, timestamp_of] {
      return std::make_unique<detail::WatermarkOperator<T, TimestampOf, std::nullptr_t>>(options, timestamp_of,
                                                                                         nullptr);
    });
  }
  /// The same with a rule of your own: `custom(const T&, Timestamp)` gives a watermark or nothing, for each record.
  template <class TimestampOf, class Custom>
  Stream<T> watermarks(WatermarkOptions options, TimestampOf timestamp_of, Custom custom) const {
    return add<T>("watermarks", [options, timestamp_of, custom] {
      return std::make_unique<detail::WatermarkOperator<T, TimestampOf, Custom>>(options, timestamp_of, custom);
    });
  }

  /// One result per record. Keeps no state.
  ///   .map([](const Order& o) { return o.amount * 1.19; })
  template <class Function, class U = std::remove_cvref_t<std::invoke_result_t<const Function&, const T&>>>
  Stream<U> map(Function function) const {
    return add<U>("map", [function] { return std::make_unique<detail::MapOperator<T, U, Function>>(function); });
  }

  /// Keeps records for which `predicate` is true. Keeps no state.
  ///   .filter([](const Order& o) { return o.paid; })
  template <class Predicate>
  Stream<T> filter(Predicate predicate) const {
    static_assert(std::is_invocable_r_v<bool, const Predicate&, const T&>,
                  "filter needs a function of const T& that gives a bool");
    return add<T>("filter", [predicate] { return std::make_unique<detail::FilterOperator<T, Predicate>>(predicate); });
  }

  /// Any number of results per record. Keeps no state.
  ///   .flat_map<Word>([](const Line& line, weir::Collector<Word>& out) { for (auto& w : words(line)) out.collect(w);
  ///   })
  template <class U, class Function>
  Stream<U> flat_map(Function function) const {
    static_assert(std::is_invocable_v<Function&, const T&, Collector<U>&>,
                  "flat_map needs a function of (const T&, Collector<U>&)");
    return add<U>("flat-map",
                  [function] { return std::make_unique<detail::FlatMapOperator<T, U, Function>>(function); });
  }

  /// Records of one key meet in one task. `key_of(const T&)` gives the key: arithmetic, string, pair, or a type with
  /// hash_key(); it is called more than once per record, so it should be cheap and must be pure.
  ///   .key_by(&Order::customer)
  template <class KeyOf>
  KeyedStream<T, detail::KeyFunction<T, KeyOf>> key_by(KeyOf key_of) const {
    return KeyedStream<T, detail::KeyFunction<T, KeyOf>>(*this, detail::KeyFunction<T, KeyOf>{std::move(key_of)});
  }

  /// The records of several streams as one, in no particular order between them. Watermark: the least of theirs.
  template <class... Others>
  Stream<T> merge(const Others&... others) const {
    Stream<T> merged = *this;
    (merged.origins_.insert(merged.origins_.end(), others.origins_.begin(), others.origins_.end()), ...);
    return merged;
  }

  /// What the operator added last puts into the named side output.
  template <class U>
  Stream<U> side_output(const SideOutput<U>& output) const {
    auto& outputs = graph_->nodes[origins_.front().node].outputs;
    for (std::uint32_t index = 1; index < outputs.size(); ++index)
      if (outputs[index].name == output.name) return Stream<U>(graph_, {{origins_.front().node, index}});
    outputs.push_back(detail::output_of<U>(output.name));
    return Stream<U>(graph_, {{origins_.front().node, static_cast<std::uint32_t>(outputs.size() - 1)}});
  }

  /// Spreads batches evenly over the tasks of the next operator.
  Stream<T> rebalance() const {
    Stream<T> spread = *this;
    spread.kind_ = EdgeKind::kRebalance;
    return spread;
  }
  /// Every task of the next operator gets every record. For `connect`: models for all tasks.
  BroadcastStream<T> broadcast() const { return BroadcastStream<T>(*this); }

  /// Two streams into one operator: `.connect(other).co_process(...)`. Both must be keyed, or the other one broadcast.
  template <class U>
  BroadcastConnectedStreams<T, U> connect(const BroadcastStream<U>& other) const {
    return {*this, other.stream()};
  }

  /// Ends the stream in a sink. A sink's uid is mandatory when it is exactly-once.
  SinkHandle sink_to(const Sink<T>& sink) const {
    NodeSpec node;
    node.kind = sink.kind;
    node.is_sink = true;
    node.make_operator = sink.make_operator;
    node.committer = sink.committer;
    node.stateful = static_cast<bool>(sink.committer);
    node.max_parallelism_limit = sink.max_parallelism;
    node.faults = sink.faults;
    const NodeId id = graph_->add(std::move(node));
    connect_to(id, 0, kind_, nullptr);
    return {graph_, id};
  }

  // For the library: building nodes.
  Stream(std::shared_ptr<LogicalGraph> graph, std::vector<detail::Origin> origins)
      : graph_(std::move(graph)), origins_(std::move(origins)) {}
  void connect_to(NodeId node, std::uint32_t input, EdgeKind kind, std::shared_ptr<const KeyHasher> hasher) const {
    for (const detail::Origin& origin : origins_)
      graph_->edges.push_back({origin.node, origin.output, node, input, kind, hasher});
  }
  [[nodiscard]] const std::shared_ptr<LogicalGraph>& graph() const noexcept { return graph_; }
  [[nodiscard]] EdgeKind kind() const noexcept { return kind_; }

 private:
  NodeSpec& node() {
    NodeSpec& spec = graph_->nodes[origins_.front().node];
    if (origins_.size() > 1)
      spec.faults.emplace_back("uid, name and parallelism cannot be set on a merged stream; set them on its parts");
    return spec;
  }

  template <class U, class Make>
  Stream<U> add(const char* kind, Make make) const {
    NodeSpec node;
    node.kind = kind;
    node.outputs.push_back(detail::output_of<U>());
    node.make_operator = std::move(make);
    const NodeId id = graph_->add(std::move(node));
    connect_to(id, 0, kind_, nullptr);
    return Stream<U>(graph_, {{id, 0}});
  }

  std::shared_ptr<LogicalGraph> graph_;
  std::vector<detail::Origin> origins_;
  EdgeKind kind_ = EdgeKind::kForward;
};

template <class T>
class BroadcastStream {
 public:
  explicit BroadcastStream(Stream<T> stream) : stream_(std::move(stream)) {}
  [[nodiscard]] const Stream<T>& stream() const noexcept { return stream_; }

 private:
  Stream<T> stream_;
};

template <class T, class KeyOf>
class KeyedStream {
 public:
  using Key = std::remove_cvref_t<std::invoke_result_t<const KeyOf&, const T&>>;

  KeyedStream(Stream<T> stream, KeyOf key_of) : stream_(std::move(stream)), key_of_(std::move(key_of)) {}

  /// Runs a ProcessFunction<Key, T, Out> with keyed state and timers. Needs a uid.
  template <class Function, class Out = typename Function::Output>
  Stream<Out> process(Function function) const {
    static_assert(std::is_same_v<Key, typename Function::Key>,
                  "key_by and the process function name different key types");
    static_assert(std::is_same_v<T, typename Function::Input>,
                  "the stream and the process function name different record types");
    NodeSpec node;
    node.kind = "process";
    node.stateful = true;
    node.outputs.push_back(detail::output_of<Out>());
    node.make_operator = [key_of = key_of_, function] {
      return std::make_unique<detail::KeyedProcessOperator<Key, T, Out, KeyOf, Function>>(key_of, function);
    };
    const NodeId id = stream_.graph()->add(std::move(node));
    connect_to(id, 0);
    return Stream<Out>(stream_.graph(), {{id, 0}});
  }

  /// Meets another stream of the same key: both sides of a key are in one task.
  template <class U, class OtherKeyOf>
  ConnectedStreams<T, U, KeyOf, OtherKeyOf> connect(const KeyedStream<U, OtherKeyOf>& other) const {
    static_assert(std::is_same_v<Key, typename KeyedStream<U, OtherKeyOf>::Key>,
                  "both sides of connect must be keyed by the same type");
    return {*this, other};
  }

  // For the library.
  void connect_to(NodeId node, std::uint32_t input) const {
    stream_.connect_to(node, input, EdgeKind::kHash, std::make_shared<detail::TypedKeyHasher<T, KeyOf>>(key_of_));
  }
  [[nodiscard]] const std::shared_ptr<LogicalGraph>& graph() const noexcept { return stream_.graph(); }
  [[nodiscard]] const KeyOf& key_of() const noexcept { return key_of_; }

 private:
  Stream<T> stream_;
  KeyOf key_of_;
};

template <class Left, class Right, class LeftKeyOf, class RightKeyOf>
class ConnectedStreams {
 public:
  using Key = typename KeyedStream<Left, LeftKeyOf>::Key;

  ConnectedStreams(KeyedStream<Left, LeftKeyOf> left, KeyedStream<Right, RightKeyOf> right)
      : left_(std::move(left)), right_(std::move(right)) {}

  /// Runs a CoProcessFunction<Key, Left, Right, Out>, or a definition of the library such as ServeModel. Needs a uid.
  template <class Function, class Out = typename Function::Output>
  Stream<Out> co_process(Function function) const {
    NodeSpec node;
    node.inputs = 2;
    node.stateful = true;
    node.outputs.push_back(detail::output_of<Out>());
    if constexpr (detail::CoOperatorDefinition<Function, LeftKeyOf, RightKeyOf>) {
      node.kind = Function::kKind;
      node.make_operator = [left = left_.key_of(), right = right_.key_of(), function] {
        return function.make_operator(left, right);
      };
    } else {
      static_assert(std::is_same_v<Key, typename Function::Key>,
                    "key_by and the co-process function name different key types");
      static_assert(
          std::is_same_v<Left, typename Function::LeftInput> && std::is_same_v<Right, typename Function::RightInput>,
          "the streams and the co-process function name different record types");
      node.kind = "co-process";
      node.make_operator = [left = left_.key_of(), right = right_.key_of(), function] {
        return std::make_unique<detail::KeyedCoProcessOperator<Key, Left, Right, Out, LeftKeyOf, RightKeyOf, Function>>(
            left, right, function);
      };
    }
    const auto graph = left_.graph();
    const NodeId id = graph->add(std::move(node));
    if constexpr (detail::HasRoutes<Function>) {
      graph->nodes[id].routes = [function](const std::string& uid, JobControl& job) {
        return function.routes(uid, job);
      };
    }
    left_.connect_to(id, 0);
    right_.connect_to(id, 1);
    return Stream<Out>(graph, {{id, 0}});
  }

 private:
  KeyedStream<Left, LeftKeyOf> left_;
  KeyedStream<Right, RightKeyOf> right_;
};

/// A stream beside one that every task gets whole.
template <class Left, class Right>
class BroadcastConnectedStreams {
 public:
  BroadcastConnectedStreams(Stream<Left> left, Stream<Right> right)
      : left_(std::move(left)), right_(std::move(right)) {}

  /// Runs a function with `using Output`, `process_left(const Left&, Collector<Output>&)` and `process_right(const
  /// Right&, Collector<Output>&)`; the right side is the broadcast one. A function that has `weir_write` and
  /// `weir_read` (see serde.hpp) keeps what they write in checkpoints: once, not once per task, and every task gets it
  /// back, at any parallelism. So only what comes from the broadcast side may be kept. Needs a uid.
  template <class Function, class Out = typename Function::Output>
  Stream<Out> co_process(Function function) const {
    NodeSpec node;
    node.inputs = 2;
    node.stateful = true;
    node.outputs.push_back(detail::output_of<Out>());
    EdgeKind right_kind = EdgeKind::kBroadcast;
    std::shared_ptr<const KeyHasher> right_hasher;
    if constexpr (detail::BroadcastOperatorDefinition<Function>) {
      static_assert(
          std::is_same_v<Left, typename Function::Input> && std::is_same_v<Right, typename Function::ModelInput>,
          "the streams and the definition name different record types");
      node.kind = Function::kKind;
      node.make_operator = [function] { return function.make_broadcast_operator(); };
      right_kind = EdgeKind::kHash;
      right_hasher =
          std::make_shared<detail::TypedKeyHasher<Right, decltype(function.broadcast_key())>>(function.broadcast_key());
    } else {
      node.kind = "broadcast-co-process";
      node.make_operator = [function] {
        return std::make_unique<detail::BroadcastCoProcessOperator<Left, Right, Out, Function>>(function);
      };
    }
    const auto graph = left_.graph();
    const NodeId id = graph->add(std::move(node));
    if constexpr (detail::HasRoutes<Function>) {
      graph->nodes[id].routes = [function](const std::string& uid, JobControl& job) {
        return function.routes(uid, job);
      };
    }
    left_.connect_to(id, 0, left_.kind(), nullptr);
    right_.connect_to(id, 1, right_kind, std::move(right_hasher));
    return Stream<Out>(graph, {{id, 0}});
  }

 private:
  Stream<Left> left_;
  Stream<Right> right_;
};

}  // namespace weir
