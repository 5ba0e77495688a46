#pragma once
/// The operator behind connect(stream.broadcast()).co_process(...): every task sees the whole right side.

#include <utility>

#include <weir/bytes.hpp>
#include <weir/collector.hpp>
#include <weir/operator.hpp>

namespace weir::detail {

template <class Left, class Right, class Out, class Function>
class BroadcastCoProcessOperator final : public Operator {
  static constexpr bool kKeepsState = requires(Function & function, ByteWriter& writer, ByteReader& reader) {
    function.weir_write(writer);
    function.weir_read(reader);
  };

 public:
  explicit BroadcastCoProcessOperator(Function function) : function_(std::move(function)) {}

  Status open(OperatorContext& context) override {
    task_index_ = context.task_index();
    if constexpr (kKeepsState) {
      for (const auto& [name, bytes] : context.restored_entries()) {
        if (name != "broadcast-state") continue;
        ByteReader reader(bytes);
        function_.weir_read(reader);
        if (!reader.ok())
          return Status::data_loss("broadcast state of " + std::to_string(bytes.size()) + " bytes cannot be read");
      }
    }
    return {};
  }

  void process(std::size_t input, BatchPtr& in, Outbox& out) override {
    Collector<Out> collector(out.batch<Out>());
    BatchBase& batch = *in;
    collector.set_source(batch);
    const std::size_t size = batch.size();
    for (; batch.cursor < size && collector.size() < out.batch_size(); ++batch.cursor) {
      collector.set_record(batch.cursor);
      if (input == 0)
        function_.process_left(std::as_const(static_cast<Batch<Left>&>(batch).records[batch.cursor]), collector);
      else
        function_.process_right(std::as_const(static_cast<Batch<Right>&>(batch).records[batch.cursor]), collector);
    }
  }

  // All tasks have seen the same right side before the barrier, so one speaks for all.
  void snapshot(SnapshotBuilder& builder) override {
    if constexpr (kKeepsState) {
      if (task_index_ != 0) return;
      std::string bytes;
      ByteWriter writer(bytes);
      std::as_const(function_).weir_write(writer);
      builder.put("broadcast-state", std::move(bytes));
    }
  }

 private:
  Function function_;
  std::uint32_t task_index_ = 0;
};

}  // namespace weir::detail
