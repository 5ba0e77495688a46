#include "state/checkpoint_directory.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "state/database.hpp"

namespace weir {
namespace {

constexpr std::string_view kPrefix = "chk-";
constexpr std::string_view kManifestName = "MANIFEST";
constexpr std::string_view kDatabase = "db/";

bool is_table(std::string_view name) { return name.ends_with(".sst"); }

}  // namespace

Status CheckpointDirectory::prepare() {
  WEIR_RETURN_IF_ERROR(filesystem_.make_directories(path_));
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, filesystem_.list(path_));
  for (const std::string& name : names)
    if (name.ends_with(".tmp") || name.ends_with(".gone"))
      WEIR_RETURN_IF_ERROR(filesystem_.remove_all(path_ + "/" + name));
  return {};
}

Result<std::vector<std::uint64_t>> CheckpointDirectory::ids() const {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, filesystem_.list(path_));
  std::vector<std::uint64_t> ids;
  for (const std::string& name : names) {
    if (!name.starts_with(kPrefix)) continue;
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), id);
    if (error == std::errc{} && end == name.data() + name.size()) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string CheckpointDirectory::path_of(std::uint64_t id) const {
  char name[32];
  std::snprintf(name, sizeof name, "/chk-%06llu", static_cast<unsigned long long>(id));
  return path_ + name;
}

Result<proto::Manifest> CheckpointDirectory::read_manifest(std::uint64_t id) const {
  Result<std::string> bytes = filesystem_.read_file(path_of(id) + "/" + std::string(kManifestName));
  if (!bytes && bytes.status().code() == StatusCode::kNotFound) return Status::data_loss("it has no manifest");
  if (!bytes) return bytes.status();
  Result<proto::Manifest> manifest = decode_manifest(*bytes);
  if (manifest && manifest->checkpoint_id() != id)
    return Status::data_loss("its manifest is that of checkpoint " + std::to_string(manifest->checkpoint_id()));
  return manifest;
}

Status CheckpointDirectory::verify(const proto::Manifest& manifest) const {
  const std::string root = path_of(manifest.checkpoint_id()) + "/";
  for (const proto::ManifestFile& file : manifest.files()) {
    Result<std::string> bytes = filesystem_.read_file(root + file.name());
    if (!bytes && bytes.status().code() == StatusCode::kNotFound) return Status::data_loss(file.name() + " is missing");
    if (!bytes) return bytes.status();
    if (bytes->size() != file.bytes())
      return Status::data_loss(file.name() + " has " + std::to_string(bytes->size()) + " bytes, not " +
                               std::to_string(file.bytes()));
    if (crc32c(*bytes) != file.crc32c()) return Status::data_loss(file.name() + " has another checksum");
  }
  return {};
}

Status CheckpointDirectory::put_aside(std::uint64_t id) {
  const std::string aside = path_of(id) + ".damaged";
  WEIR_RETURN_IF_ERROR(filesystem_.remove_all(aside));
  return filesystem_.rename(path_of(id), aside);
}

Status CheckpointDirectory::remove(std::uint64_t id) {
  const std::string gone = path_of(id) + ".gone";
  WEIR_RETURN_IF_ERROR(filesystem_.rename(path_of(id), gone));
  return filesystem_.remove_all(gone);
}

Status CheckpointDirectory::clone_for_writing(const proto::Manifest& manifest, const std::string& target) {
  const std::string root = path_of(manifest.checkpoint_id()) + "/";
  WEIR_RETURN_IF_ERROR(filesystem_.make_directories(target));
  for (const proto::ManifestFile& file : manifest.files()) {
    const std::string to = target + "/" + file.name().substr(kDatabase.size());
    if (is_table(file.name())) {
      WEIR_RETURN_IF_ERROR(filesystem_.link(root + file.name(), to));
    } else {
      WEIR_ASSIGN_OR_RETURN(const std::string bytes, filesystem_.read_file(root + file.name()));
      WEIR_RETURN_IF_ERROR(filesystem_.write_file(to, bytes));
    }
  }
  return {};
}

Status CheckpointDirectory::clone_unchanged(const proto::Manifest& manifest, const std::string& target) {
  const std::string root = path_of(manifest.checkpoint_id()) + "/";
  WEIR_RETURN_IF_ERROR(filesystem_.make_directories(target));
  for (const proto::ManifestFile& file : manifest.files())
    WEIR_RETURN_IF_ERROR(filesystem_.link(root + file.name(), target + "/" + file.name().substr(kDatabase.size())));
  return {};
}

Result<std::vector<proto::ManifestFile>> CheckpointDirectory::describe(const std::string& database,
                                                                       const proto::Manifest& known) const {
  // A table is never changed, and its number never used again by those that come after it.
  std::map<std::string, const proto::ManifestFile*> tables;
  for (const proto::ManifestFile& file : known.files())
    if (is_table(file.name())) tables.emplace(file.name(), &file);

  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, filesystem_.list(database));
  std::vector<proto::ManifestFile> files;
  for (const std::string& name : names) {
    proto::ManifestFile& file = files.emplace_back();
    file.set_name(std::string(kDatabase) + name);
    WEIR_ASSIGN_OR_RETURN(const std::uint64_t bytes, filesystem_.file_size(database + "/" + name));
    file.set_bytes(bytes);
    const auto same = tables.find(file.name());
    if (same != tables.end() && same->second->bytes() == bytes) {
      file.set_crc32c(same->second->crc32c());
    } else {
      WEIR_ASSIGN_OR_RETURN(const std::string content, filesystem_.read_file(database + "/" + name));
      file.set_crc32c(crc32c(content));
    }
  }
  return files;
}

Status CheckpointDirectory::complete(const proto::Manifest& manifest) {
  const std::uint64_t id = manifest.checkpoint_id();
  const std::string temporary = temporary_path_of(id);
  // The files' names first: a manifest must not be there before what it speaks of.
  WEIR_RETURN_IF_ERROR(filesystem_.sync_directory(temporary + "/db"));
  WEIR_RETURN_IF_ERROR(filesystem_.write_file(temporary + "/" + std::string(kManifestName), encode_manifest(manifest)));
  WEIR_RETURN_IF_ERROR(filesystem_.sync_directory(temporary));
  WEIR_RETURN_IF_ERROR(filesystem_.rename(temporary, path_of(id)));
  return filesystem_.sync_directory(path_);
}

CheckpointInfo info_of(const proto::Manifest& manifest, std::string path) {
  CheckpointInfo info;
  info.id = manifest.checkpoint_id();
  info.completed = Timestamp(Duration(manifest.completed_us()));
  for (const proto::ManifestFile& file : manifest.files()) info.bytes += file.bytes();
  info.duration_ms = manifest.duration_ms();
  info.path = std::move(path);
  return info;
}

}  // namespace weir
