#include "state/topic/database_copy.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "state/filesystem.hpp"

namespace weir::topics {
namespace {

namespace fs = std::filesystem;

Status from_system(const std::string& what, const std::error_code& error) {
  // A file that is gone was deleted by the writer.
  if (error == std::errc::no_such_file_or_directory) return Status::unavailable(what + ": it was just deleted");
  return Status::io_error(what + ": " + error.message());
}

/// Name and size of the manifest: whatever changes the set of files changes them.
struct Manifest {
  std::string name;
  std::uint64_t size = 0;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

Result<Manifest> manifest_of(const std::string& database) {
  Manifest manifest;
  WEIR_ASSIGN_OR_RETURN(manifest.name, real_filesystem().read_file(database + "/CURRENT"));
  while (!manifest.name.empty() && manifest.name.back() == '\n') manifest.name.pop_back();
  if (!manifest.name.starts_with("MANIFEST-") || manifest.name.find('/') != std::string::npos)
    return Status::data_loss("read '" + database + "/CURRENT': it names no manifest but '" + manifest.name + "'");
  std::error_code error;
  manifest.size = fs::file_size(database + "/" + manifest.name, error);
  if (error) return from_system("find the manifest of '" + database + "'", error);
  return manifest;
}

Status copy_file(const std::string& database, const std::string& to, const std::string& name) {
  std::error_code error;
  fs::copy_file(database + "/" + name, to + "/" + name, error);
  return error ? from_system("copy '" + database + "/" + name + "'", error) : Status();
}

// Appends may go on: what is copied of a log is its beginning.
Status copy_files(const std::string& database, const std::string& to) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, real_filesystem().list(database));
  for (const std::string& name : names) {
    if (name.ends_with(".log") || name == "IDENTITY") {
      WEIR_RETURN_IF_ERROR(copy_file(database, to, name));
    } else if (name.ends_with(".sst") || name.ends_with(".blob")) {
      std::error_code error;
      fs::create_symlink(database + "/" + name, to + "/" + name, error);
      if (error) return from_system("link '" + database + "/" + name + "'", error);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<DatabaseCopy>> DatabaseCopy::make(const std::string& database) {
  std::error_code error;
  const std::string from = fs::canonical(database, error).string();
  if (error) return from_system("find the database '" + database + "'", error);
  const fs::path parent = fs::temp_directory_path(error);
  if (error) return Status::io_error("find the directory for temporary files: " + error.message());
  std::string path = (parent / "weir-topics-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) return Status::from_errno("make the directory '" + path + "'", errno);
  std::unique_ptr<DatabaseCopy> copy(new DatabaseCopy(std::move(path)));

  WEIR_ASSIGN_OR_RETURN(const Manifest manifest, manifest_of(from));
  WEIR_RETURN_IF_ERROR(copy_file(from, copy->path_, manifest.name));
  WEIR_RETURN_IF_ERROR(copy_files(from, copy->path_));
  WEIR_RETURN_IF_ERROR(real_filesystem().write_file(copy->path_ + "/CURRENT", manifest.name + "\n"));
  WEIR_ASSIGN_OR_RETURN(const Manifest after, manifest_of(from));
  if (after != manifest) return Status::unavailable("copy the database '" + database + "': its files just changed");
  return copy;
}

DatabaseCopy::~DatabaseCopy() {
  std::error_code error;
  fs::remove_all(path_, error);
}

}  // namespace weir::topics
