#include "operators/serving/model_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <weir/blob_store.hpp>
#include <weir/bytes.hpp>
#include <weir/detail/topic_codec.hpp>
#include <weir/log.hpp>

#include "operators/serving/open_beneath.hpp"

namespace weir::serving {
namespace {

constexpr std::string_view kDescriptor = ".json";
constexpr std::size_t kMostDescriptorBytes = std::size_t{64} << 10;
constexpr std::size_t kMostSubdirectories = 10'000;
constexpr std::size_t kMarksAtOnce = 1000;
constexpr std::uint8_t kVersion = 1;

Timestamp to_timestamp(std::int64_t ns) { return Timestamp{Duration{ns / 1000}}; }
std::int64_t to_ns(const struct timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// `%2F` is a slash: a key may hold what a file name may not.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned byte = 0;
    if (text.size() - i < 3) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (error != std::errc{} || end != text.data() + i + 3) return std::nullopt;
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

// Takes `-<version>` off the end.
std::string take_version(std::string_view& stem) {
  const auto dash = stem.rfind('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view digits = stem.substr(dash + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return {};
  stem = stem.substr(0, dash);
  return std::string(digits);
}

Result<std::string> read_all(const OpenFile& file, std::uint64_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::pread(file.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::from_errno("read it", errno);
    if (got == 0) return Status::unavailable("it became shorter while it was read");
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

// What the descriptor says wins over the path.
Status add_descriptor(const std::string& text, ModelParameters& parameters) {
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(text, error);
  if (error || !parsed.is_object()) return Status::invalid_argument("its descriptor is no JSON object");
  for (const auto& [name, value] : parsed.get_object()) {
    const std::string key(name);
    if (!is_model_parameter(key) || key == "location")
      return Status::invalid_argument("its descriptor has '" + key.substr(0, 64) + "', which is no parameter");
    if (value.is_string()) {
      parameters[key] = std::string(value.get_string());
    } else if (value.is_int64() || value.is_uint64()) {
      parameters[key] = boost::json::serialize(value);
    } else {
      return Status::invalid_argument("'" + key + "' of its descriptor is neither a text nor a whole number");
    }
  }
  return {};
}

// Versions of a name in their order, whatever the number of their digits.
auto order_of_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? std::string() : path.substr(0, slash);
  std::string_view stem = std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1);
  stem = stem.substr(0, stem.rfind('.'));
  const std::string version = take_version(stem);
  return std::tuple(folder, std::string(stem), version.size(), version, path);
}

}  // namespace

bool is_ignored_model_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.back() == '~') return true;
  for (const std::string_view ending : {".tmp", ".part", ".partial", ".swp", ".filepart", ".crdownload"})
    if (name.ends_with(ending)) return true;
  return name.ends_with(kDescriptor);
}

Result<ModelParameters> read_model_path(std::string_view path) {
  ModelParameters parameters;
  const auto slash = path.find('/');
  if (slash != std::string_view::npos) {
    const auto key = percent_decode(path.substr(0, slash));
    if (!key || key->empty()) return Status::invalid_argument("the name of its directory is no percent-encoded key");
    parameters["key"] = *key;
    path.remove_prefix(slash + 1);
  }
  const auto dot = path.rfind('.');
  std::string_view stem = path.substr(0, dot);
  const std::string_view ending = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  if (std::string version = take_version(stem); !version.empty()) parameters["version"] = std::move(version);
  const auto name = percent_decode(stem);
  if (!name || name->empty())
    return Status::invalid_argument("it should be called NAME.pmml or NAME-VERSION.pmml (or .onnx, .pb, .zip, .tar)");
  parameters["name"] = *name;
  if (ending == "pmml") parameters["type"] = "PMML";
  if (ending == "onnx") parameters["type"] = "ONNX";
  return parameters;
}

std::string ModelDirectory::mark_of(std::string_view path) const {
  return "directory:" + options_.path + "\n" + std::string(path);
}

std::string ModelDirectory::encode(const Identity& identity) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  for (const File& file : {identity.model, identity.descriptor}) {
    for (const std::uint64_t number : {file.device, file.inode, file.size, static_cast<std::uint64_t>(file.modified_ns),
                                       static_cast<std::uint64_t>(file.changed_ns)})
      writer.fixed64(number);
  }
  writer.sized(identity.digest);
  return bytes;
}

std::optional<ModelDirectory::Identity> ModelDirectory::decode(std::string_view bytes) {
  ByteReader reader(bytes);
  Identity identity;
  const bool known = reader.byte() == kVersion;
  for (File* file : {&identity.model, &identity.descriptor}) {
    file->device = reader.fixed64();
    file->inode = reader.fixed64();
    file->size = reader.fixed64();
    file->modified_ns = static_cast<std::int64_t>(reader.fixed64());
    file->changed_ns = static_cast<std::int64_t>(reader.fixed64());
  }
  identity.digest = reader.sized();
  if (!known || !reader.at_end()) return std::nullopt;
  return identity;
}

Status ModelDirectory::open() {
  const std::string prefix = mark_of("");
  WEIR_ASSIGN_OR_RETURN(const auto marks, topic_->marks(prefix));
  for (const auto& [name, bytes] : marks) {
    std::optional<Identity> identity = decode(bytes);
    if (!identity) return Status::data_loss("the note about '" + name.substr(prefix.size()) + "' is malformed");
    known_.emplace(name.substr(prefix.size()), std::move(*identity));
  }
  return {};
}

Result<ModelDirectory::File> ModelDirectory::facts_of(int descriptor) {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0) return Status::from_errno("look at it", errno);
  if (!S_ISREG(facts.st_mode)) return Status::invalid_argument("it is no regular file");
  return File{facts.st_dev, facts.st_ino, static_cast<std::uint64_t>(facts.st_size), to_ns(facts.st_mtim),
              to_ns(facts.st_ctim)};
}

// Sets the identity as far as it comes. kUnavailable: the file is being changed.
Result<ModelRecord> ModelDirectory::read(const std::string& path, Identity& identity) {
  WEIR_ASSIGN_OR_RETURN(const OpenFile model, open_beneath(path, {options_.path}));
  WEIR_ASSIGN_OR_RETURN(identity.model, facts_of(model.get()));
  const Result<OpenFile> descriptor = open_beneath(path + std::string(kDescriptor), {options_.path});
  if (descriptor.is_ok()) {
    WEIR_ASSIGN_OR_RETURN(identity.descriptor, facts_of(descriptor->get()));
  } else if (descriptor.status().code() != StatusCode::kNotFound) {
    return descriptor.status();
  }
  if (identity.model.size > options_.max_file_bytes || identity.descriptor.size > kMostDescriptorBytes)
    return Status::invalid_argument("it has " + std::to_string(identity.model.size) + " bytes, its descriptor " +
                                    std::to_string(identity.descriptor.size) + "; the limits are " +
                                    std::to_string(options_.max_file_bytes) + " and " +
                                    std::to_string(kMostDescriptorBytes));
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, read_all(model, identity.model.size));
  std::string description;
  if (descriptor.is_ok()) {
    WEIR_ASSIGN_OR_RETURN(description, read_all(*descriptor, identity.descriptor.size));
  }
  WEIR_ASSIGN_OR_RETURN(const File after, facts_of(model.get()));
  if (after != identity.model) return Status::unavailable("it changed while it was read");
  identity.digest = sha256_hex(sha256_hex(bytes) + description);
  WEIR_ASSIGN_OR_RETURN(ModelParameters parameters, read_model_path(path));
  if (descriptor.is_ok()) WEIR_RETURN_IF_ERROR(add_descriptor(description, parameters));
  if (parameters.find("key") == parameters.end())
    return Status::invalid_argument("no key: put it into a directory named by the key, or beside it a descriptor '" +
                                    path + std::string(kDescriptor) + "'");
  return make_model_record(parameters, bytes);
}

Status ModelDirectory::publish(const std::string& path, const ModelRecord& record, const Identity& identity) {
  TopicAppend append;
  const auto known = known_.find(path);
  const bool is_new = known == known_.end() || known->second.digest != identity.digest;
  if (is_new)
    append.records.push_back(
        {detail::TopicCodec<ModelRecord>::encode(record), record.effective_at ? record.effective_at : record.created});
  append.marks.emplace_back(mark_of(path), encode(identity));
  WEIR_RETURN_IF_ERROR(topic_->append(std::move(append)).status());
  known_[path] = identity;
  reported_.erase(path);
  if (is_new) ++published_;
  return {};
}

void ModelDirectory::report(const std::string& path, const Identity& identity, const std::string& reason) {
  ++problems_;
  if (reported_.size() < options_.max_files) reported_[path] = identity;
  log(LogLevel::kWarn, "models", "'" + options_.path + "/" + path + "' is not published: " + reason);
  if (options_.on_problem) options_.on_problem(path, reason);
}

ModelDirectory::Outcome ModelDirectory::look_at(const std::string& path, std::optional<Timestamp> now,
                                                std::optional<Timestamp>& settled_at) {
  const auto same = [&](const std::map<std::string, Identity>& seen, const Identity& identity) {
    const auto found = seen.find(path);
    return found != seen.end() && found->second.model == identity.model &&
           found->second.descriptor == identity.descriptor;
  };
  // A glance, to leave alone what is known.
  Identity glance;
  const Result<OpenFile> model = open_beneath(path, {options_.path});
  if (!model.is_ok() && model.status().code() == StatusCode::kNotFound) return Outcome::kDone;
  if (model.is_ok()) {
    if (const Result<File> facts = facts_of(model->get()); facts.is_ok()) glance.model = *facts;
    const Result<OpenFile> descriptor = open_beneath(path + std::string(kDescriptor), {options_.path});
    if (descriptor.is_ok())
      if (const Result<File> facts = facts_of(descriptor->get()); facts.is_ok()) glance.descriptor = *facts;
  }
  if (same(known_, glance) || same(reported_, glance)) return Outcome::kDone;
  if (now) {
    // When its contents or its name changed last; nobody can set this time.
    const Timestamp changed = to_timestamp(std::max(glance.model.changed_ns, glance.descriptor.changed_ns));
    if (*now < changed + options_.settle) {
      const Timestamp due = std::min(changed, *now) + options_.settle;
      settled_at = settled_at ? std::min(*settled_at, due) : due;
      return Outcome::kTooYoung;
    }
  }
  if (known_.size() >= options_.max_files && known_.find(path) == known_.end()) {
    report(path, glance, "there are " + std::to_string(known_.size()) + " files already, the limit");
    return Outcome::kDone;
  }
  Identity identity = glance;
  const Result<ModelRecord> record = read(path, identity);
  if (record.is_ok()) {
    if (const Status published = publish(path, *record, identity); !published.is_ok()) {
      // Not the file's fault: it is tried again by the next scan.
      log(LogLevel::kWarn, "models", "publish '" + options_.path + "/" + path + "': " + published.message());
    }
  } else if (record.status().code() == StatusCode::kUnavailable) {
    if (now) settled_at = settled_at ? std::min(*settled_at, *now + options_.settle) : *now + options_.settle;
    return Outcome::kTooYoung;
  } else if (record.status().code() != StatusCode::kNotFound) {
    report(path, identity, record.status().message());
  }
  return Outcome::kDone;
}

void ModelDirectory::moved_in(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (path.starts_with('.') ||
      is_ignored_model_name(std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1)))
    return;
  std::optional<Timestamp> never;
  look_at(path, std::nullopt, never);
}

void ModelDirectory::list(const std::string& subdirectory, std::set<std::string>& found) {
  std::error_code error;
  const std::string place = subdirectory.empty() ? options_.path : options_.path + "/" + subdirectory;
  std::filesystem::directory_iterator entries(place, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    const std::string path = subdirectory.empty() ? name : subdirectory + "/" + name;
    std::error_code ignored;
    if (entries->symlink_status(ignored).type() == std::filesystem::file_type::directory) {
      if (name.starts_with('.')) continue;
      if (!subdirectory.empty()) {
        if (reported_.find(path) == reported_.end()) report(path, {}, "directories of keys hold files only");
        found.insert(path);
      } else if (subdirectories_.size() < kMostSubdirectories) {
        subdirectories_.insert(name);
      } else if (reported_.find(path) == reported_.end()) {
        report(path, {}, "more than " + std::to_string(kMostSubdirectories) + " directories");
      }
    } else if (!is_ignored_model_name(name)) {
      found.insert(path);
    }
  }
  if (error) log(LogLevel::kWarn, "models", "look into the model directory '" + place + "': " + error.message());
}

std::optional<Timestamp> ModelDirectory::scan(Timestamp now) {
  std::set<std::string> found;
  subdirectories_.clear();
  list("", found);
  for (const std::string& subdirectory : std::set<std::string>(subdirectories_)) list(subdirectory, found);
  std::vector<std::string> paths(found.begin(), found.end());
  std::sort(paths.begin(), paths.end(),
            [](const std::string& a, const std::string& b) { return order_of_path(a) < order_of_path(b); });
  std::optional<Timestamp> settled_at;
  for (const std::string& path : paths) {
    if (stopping_) return std::nullopt;
    look_at(path, now, settled_at);
  }
  forget_missing(found);
  return settled_at;
}

// A file that is put there again later is new again.
void ModelDirectory::forget_missing(const std::set<std::string>& found) {
  std::erase_if(reported_, [&](const auto& entry) {
    return found.find(entry.first) == found.end() && subdirectories_.find(entry.first) == subdirectories_.end();
  });
  TopicAppend append;
  std::vector<std::string> gone;
  for (const auto& [path, identity] : known_) {
    if (found.find(path) != found.end() || gone.size() == kMarksAtOnce) continue;
    gone.push_back(path);
    append.marks.emplace_back(mark_of(path), "");
  }
  if (gone.empty()) return;
  if (const Status status = topic_->append(std::move(append)).status(); !status.is_ok()) {
    log(LogLevel::kWarn, "models", "forget files that are gone: " + status.message());
    return;
  }
  for (const std::string& path : gone) known_.erase(path);
}

}  // namespace weir::serving
