#include <weir/detail/file_parts.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <weir/bytes.hpp>

#include "operators/sink/part_file.hpp"
#include "operators/sink/sink_part.hpp"

namespace weir::detail {
namespace {

// A blob `parts:<task>`: version 1, varint number of the next part, varint count and sized names of the parts prepared.
constexpr std::string_view kName = "parts:";
constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kPending = ".pending";
constexpr std::string_view kSuperseded = ".superseded";
constexpr std::size_t kTaskDigits = 5;
constexpr std::size_t kPartDigits = 8;

struct PartName {
  std::uint64_t task = 0;
  std::uint64_t part = 0;
  bool pending = false;
};

std::string padded(std::uint64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

std::optional<std::uint64_t> take_number(std::string_view& text, std::size_t digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || length < digits) return std::nullopt;
  text.remove_prefix(length);
  return number;
}

// Nothing when the file is none of this sink's.
std::optional<PartName> read_name(std::string_view name, const FilePartsOptions& options) {
  PartName read;
  if (!name.starts_with(options.prefix + "-")) return std::nullopt;
  name.remove_prefix(options.prefix.size() + 1);
  const auto task = take_number(name, kTaskDigits);
  if (!task || !name.starts_with('-')) return std::nullopt;
  name.remove_prefix(1);
  const auto part = take_number(name, kPartDigits);
  if (!part || !name.starts_with(options.suffix)) return std::nullopt;
  name.remove_prefix(options.suffix.size());
  if (!name.empty() && name != kPending) return std::nullopt;
  return PartName{*task, *part, !name.empty()};
}

Status rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    return Status::from_errno("rename '" + from + "' to '" + to + "'", errno);
  return {};
}

}  // namespace

std::vector<std::string> faults_of(const FilePartsOptions& options) {
  std::vector<std::string> faults;
  if (options.directory.empty()) faults.emplace_back("a file sink needs a directory");
  if (options.prefix.empty() || options.prefix.find('/') != std::string::npos)
    faults.emplace_back("the prefix of a file sink must be a part of a file name, not '" + options.prefix + "'");
  if (options.suffix.find('/') != std::string::npos || options.suffix.ends_with(kPending) ||
      (!options.suffix.empty() && options.suffix.front() >= '0' && options.suffix.front() <= '9'))
    faults.emplace_back("the suffix of a file sink must be the end of a file name such as '.csv', not '" +
                        options.suffix + "'");
  if (options.buffer_bytes == 0) faults.emplace_back("buffer_bytes of a file sink must be greater than 0");
  if (options.buffers == 0) faults.emplace_back("buffers of a file sink must be greater than 0");
  return faults;
}

Status commit_parts(const std::string& directory, std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (name.empty() || name.find('/') != std::string::npos)
      return Status::data_loss("'" + name + "' is no name of a part");
    const std::string final_path = directory + "/" + name;
    const Status renamed = rename_file(final_path + std::string(kPending), final_path);
    // Not there: committed before, and perhaps taken away by its reader since.
    if (!renamed.is_ok() && renamed.code() != StatusCode::kNotFound) return renamed;
  }
  return names.empty() ? Status::ok() : sync_directory(directory);
}

class FileParts::Part : public SinkPart<std::string> {
 public:
  Part(std::string directory, std::string name, std::function<void()> wake)
      : SinkPart(std::move(wake)), directory_(std::move(directory)), file_name_(std::move(name)) {}

  [[nodiscard]] const std::string& file_name() const noexcept { return file_name_; }

 private:
  // Under its pending name.
  Status put(std::string buffer) override {
    if (!file_.is_open()) WEIR_RETURN_IF_ERROR(file_.create(directory_ + "/" + file_name_ + std::string(kPending)));
    return file_.append(buffer);
  }
  Status seal() override {
    WEIR_RETURN_IF_ERROR(file_.sync_and_close());
    return sync_directory(directory_);
  }
  [[nodiscard]] std::string name() const override { return "part '" + file_name_ + "'"; }

  const std::string directory_;
  const std::string file_name_;
  PartFile file_;
};

FileParts::FileParts(std::shared_ptr<const FilePartsOptions> options) : options_(std::move(options)) {}
FileParts::~FileParts() { close(); }

std::string FileParts::name_of(std::uint64_t part) const {
  return options_->prefix + "-" + padded(context_->task_index(), kTaskDigits) + "-" + padded(part, kPartDigits) +
         options_->suffix;
}

Status FileParts::open(OperatorContext& context) {
  context_ = &context;
  WEIR_RETURN_IF_ERROR(make_directory(options_->directory));
  next_part_ = 0;
  std::vector<std::string> prepared_before;
  for (const auto& [name, bytes] : context.restored_entries()) {
    if (!name.starts_with(kName)) continue;
    ByteReader reader(bytes);
    const bool known = reader.byte() == kVersion;
    // The greatest of all tasks: a task that comes back after a change of parallelism must not reuse a number.
    next_part_ = std::max(next_part_, reader.varint());
    for (std::uint64_t left = reader.varint(); left != 0 && reader.ok(); --left)
      prepared_before.emplace_back(reader.sized());
    if (!known || !reader.at_end()) return Status::data_loss("cannot read the parts '" + name + "' in the checkpoint");
  }
  return clean_up(prepared_before);
}

// Each file has one task that looks after it: the tasks share out the numbers of those that wrote them.
Status FileParts::clean_up(const std::vector<std::string>& prepared_before) {
  std::error_code error;
  std::filesystem::directory_iterator files(options_->directory, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    const std::string name = files->path().filename().string();
    const std::optional<PartName> part = read_name(name, *options_);
    if (!part || part->task % context_->parallelism() != context_->task_index()) continue;
    const std::string path = options_->directory + "/" + name;
    if (part->pending) {
      const std::string final_name = name.substr(0, name.size() - kPending.size());
      if (std::find(prepared_before.begin(), prepared_before.end(), final_name) != prepared_before.end()) continue;
      if (std::remove(path.c_str()) != 0) return Status::from_errno("delete '" + path + "'", errno);
    } else if (!context_->is_restored()) {
      return Status::failed_precondition("'" + options_->directory + "' holds '" + name +
                                         "' of an earlier run: empty it, or choose another directory or prefix");
    } else if (part->part >= next_part_) {
      WEIR_RETURN_IF_ERROR(rename_file(path, path + std::string(kSuperseded)));
    }
  }
  if (error) return Status::from_errno("list directory '" + options_->directory + "'", error.value());
  return {};
}

void FileParts::push_buffer() {
  if (!part_) {
    part_ = std::make_shared<Part>(options_->directory, name_of(next_part_++), context_->waker());
    if (!options_->header.empty()) part_->push(options_->header);
  }
  part_->push(std::exchange(buffer_, {}));
  buffer_.reserve(options_->buffer_bytes + options_->buffer_bytes / 4);
}

bool FileParts::hand_on() {
  if (part_ && part_->waiting() >= options_->buffers) {
    request_write();
    return false;
  }
  push_buffer();
  request_write();
  return true;
}

void FileParts::request_write() { Part::request_write(part_, *context_, "write a file"); }

Status FileParts::fault() const { return part_ ? part_->fault() : Status::ok(); }

void FileParts::snapshot(SnapshotBuilder& builder) {
  if (!buffer_.empty()) push_buffer();
  if (part_) prepared_.push_back(std::move(part_));
  part_.reset();
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(next_part_);
  writer.varint(prepared_.size());
  // Parts of a checkpoint that was declined are prepared again.
  for (const auto& part : prepared_) {
    writer.sized(part->file_name());
    builder.add_committable(part->file_name());
    builder.defer([part] { return part->finish(); });
  }
  builder.put(std::string(kName) + std::to_string(context_->task_index()), std::move(bytes));
}

// Prepared parts may still be finished by a checkpoint that is under way.
void FileParts::close() noexcept {
  if (part_) part_->abandon();
  part_.reset();
}

}  // namespace weir::detail
