#pragma once
/// A sink that writes files, each record exactly once.
///
///   auto sink = weir::file_sink<Scored>({.directory = "out", .prefix = "scores", .suffix = ".csv",
///                                        .format = weir::CsvFormat<Scored>{}, .header = weir::csv_header<Scored>()});
///
/// Task t writes what comes between two checkpoints into one part, `<prefix>-<t>-<n><suffix>.pending` (t in 5, n in 8
/// digits; n grows with every part), flushes and syncs it before the checkpoint counts, and after that the part gets
/// its final name, without `.pending`. So whoever reads only final names sees every record once, also after a crash, a
/// restore and a change of parallelism. Without checkpointing there is one part a task, final when the stream has
/// ended.
///
/// When a job starts from a checkpoint: parts the checkpoint prepared become final; other `.pending` files of the
/// prefix are deleted; final parts newer than the checkpoint (it was not the newest one) are set aside as
/// `.superseded`. A job that starts from nothing refuses a directory that holds final parts of its prefix. A final file
/// may be taken away by its reader at any time. Two sinks must not share directory and prefix.
///
/// Formatting runs on the task's thread; writing on the executor, with at most `buffers` buffers waiting, after which
/// the sink takes no more input; syncing on the checkpoint's thread. A write or sync that fails fails the job.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/csv.hpp>
#include <weir/detail/file_parts.hpp>
#include <weir/sink.hpp>

namespace weir {

template <class T>
struct FileSinkOptions {
  std::string directory{};      ///< made when it does not exist (its parent must)
  std::string prefix = "part";  ///< of every file's name; without `/`
  std::string suffix{};         ///< of every final file's name, such as `.csv`; without `/`
  /// Appends a record to the text, line end included. Each task has its own copy.
  std::function<void(const T&, std::string&)> format{};
  std::string header{};                               ///< what each part starts with
  std::size_t buffer_bytes = std::size_t{256} << 10;  ///< written at once
  std::size_t buffers = 4;                            ///< full ones that may wait, for each task
};

namespace detail {

template <class T>
class FileSink final : public Operator {
 public:
  FileSink(std::shared_ptr<const FilePartsOptions> options, std::function<void(const T&, std::string&)> format)
      : parts_(std::move(options)), format_(std::move(format)) {}

  Status open(OperatorContext& context) override { return parts_.open(context); }
  void process(std::size_t /*input*/, BatchPtr& batch, Outbox& /*out*/) override {
    if (const Status fault = parts_.fault(); !fault.is_ok()) throw std::runtime_error(fault.to_string());
    auto& in = static_cast<Batch<T>&>(*batch);
    while (in.cursor < in.size() && parts_.has_room()) format_(std::as_const(in.records[in.cursor++]), parts_.buffer());
  }
  void snapshot(SnapshotBuilder& builder) override { parts_.snapshot(builder); }
  void on_checkpoint_complete(std::uint64_t /*checkpoint_id*/) override { parts_.on_checkpoint_complete(); }
  void close() noexcept override { parts_.close(); }

 private:
  FileParts parts_;
  std::function<void(const T&, std::string&)> format_;
};

}  // namespace detail

template <class T>
Sink<T> file_sink(FileSinkOptions<T> options) {
  auto parts = std::make_shared<const detail::FilePartsOptions>(detail::FilePartsOptions{
      options.directory, options.prefix, options.suffix, options.header, options.buffer_bytes, options.buffers});
  Sink<T> sink;
  sink.kind = "file-sink";
  sink.faults = detail::faults_of(*parts);
  if (!options.format) sink.faults.push_back("a file sink needs a format function");
  sink.make_operator = [parts, format = std::move(options.format)] {
    return std::make_unique<detail::FileSink<T>>(parts, format);
  };
  sink.committer = [directory = options.directory](std::span<const std::string> names) {
    return detail::commit_parts(directory, names);
  };
  return sink;
}

}  // namespace weir
