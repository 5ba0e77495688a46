#pragma once
/// A Filesystem whose steps are counted and recorded; at a chosen one something goes wrong.

#include <functional>
#include <string>
#include <vector>

#include "state/filesystem.hpp"

namespace weir::testing {

class FailingFilesystem final : public Filesystem {
 public:
  /// Called with each step's name and path before it is done; a failure takes its place.
  std::function<Status(const std::string& step)> on_step;
  /// When set, a write_file that on_step fails leaves half of the bytes.
  bool tear_files = true;
  std::vector<std::string> steps;

  Status write_file(const std::string& path, std::string_view bytes) override {
    if (Status status = step("write_file", path); !status.is_ok()) {
      if (tear_files)
        Filesystem::write_file(path, bytes.substr(0, bytes.size() / 2)).ignore("a torn file is what is wanted");
      return status;
    }
    return Filesystem::write_file(path, bytes);
  }
  Status sync_directory(const std::string& path) override {
    WEIR_RETURN_IF_ERROR(step("sync_directory", path));
    return Filesystem::sync_directory(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    WEIR_RETURN_IF_ERROR(step("rename", to));
    return Filesystem::rename(from, to);
  }
  Status link(const std::string& from, const std::string& to) override {
    WEIR_RETURN_IF_ERROR(step("link", to));
    return Filesystem::link(from, to);
  }
  Status before(std::string_view name, const std::string& path) override { return step(std::string(name), path); }

 private:
  Status step(const std::string& name, const std::string& path) {
    steps.push_back(name + " " + path.substr(path.rfind('/') + 1));
    return on_step ? on_step(steps.back()) : Status();
  }
};

}  // namespace weir::testing
