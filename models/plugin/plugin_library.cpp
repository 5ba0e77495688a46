#include "models/plugin/plugin_library.hpp"

#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <unistd.h>

#include <weir/log.hpp>

namespace weir::plugin {
namespace {

constexpr const char* kHowToInstall =
    "`./dev runtimes` fetches and builds the runtimes; WEIR_RUNTIME_PATH or RuntimeOptions::plugin names another place "
    "(docs/runtimes.md)";

struct Library {
  void* handle = nullptr;
  std::string path;  // or the bare name the dynamic linker found
  decltype(&weir_runtime_open) open = nullptr;
};

/// What is open, for the whole process: nothing of it is ever closed, since a runtime's threads and thread-local data
/// may outlive its last model.
struct OpenLibraries {
  std::mutex mutex;
  std::map<std::string, Library> by_name;                                           // guarded by mutex
  std::map<std::pair<std::string, std::string>, const weir_runtime*> by_name_type;  // guarded by mutex
};
OpenLibraries& open_libraries() {
  static auto& libraries = *new OpenLibraries;  // never destroyed: loads may run while the process ends
  return libraries;
}

/// Files to try in turn. The last ones are names without a slash, for the dynamic linker's own search.
std::vector<std::string> candidates(const std::string& file_name, const RuntimeOptions& options) {
  if (!options.plugin.empty())
    return {options.plugin.find('/') == std::string::npos ? "./" + options.plugin : options.plugin};
  std::vector<std::string> paths;
  if (const char* directories = std::getenv("WEIR_RUNTIME_PATH")) {
    std::string_view left = directories;
    while (!left.empty()) {
      const std::string_view directory = left.substr(0, left.find(':'));
      left.remove_prefix(std::min(left.size(), directory.size() + 1));
      if (!directory.empty()) paths.push_back(std::string(directory) + "/" + file_name);
    }
  }
  paths.push_back(file_name);
  paths.push_back(std::string(WEIR_INSTALLED_PLUGINS) + "/" + file_name);
  return paths;
}

Result<Library> open_library(const std::string& type, const std::string& file_name, const RuntimeOptions& options) {
  const std::string what = "open the runtime for " + type + " models";
  std::string tried;
  for (const std::string& path : candidates(file_name, options)) {
    const bool is_path = path.find('/') != std::string::npos;
    if (is_path && ::access(path.c_str(), F_OK) != 0) {
      tried += (tried.empty() ? "" : ", ") + path;
      continue;
    }
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const char* reason = ::dlerror();
      // A library that is there but cannot be opened is not passed over: its reason is what people need.
      if (is_path) return Status::failed_precondition(what + ": " + (reason != nullptr ? reason : path));
      const std::string_view text = reason != nullptr ? reason : "";
      if (text.find("cannot open shared object file: No such file") == std::string_view::npos ||
          !text.starts_with(file_name)) {
        return Status::failed_precondition(what + ": " + std::string(text));
      }
      tried += (tried.empty() ? "" : ", ") + std::string("the dynamic linker's directories");
      continue;
    }
    const auto version =
        reinterpret_cast<decltype(&weir_runtime_abi_version)>(::dlsym(handle, "weir_runtime_abi_version"));
    Library library{handle, path, reinterpret_cast<decltype(&weir_runtime_open)>(::dlsym(handle, "weir_runtime_open"))};
    std::string fault;
    if (version == nullptr || library.open == nullptr) {
      fault = "is no weir runtime: it does not export weir_runtime_abi_version and weir_runtime_open";
    } else if (version() != WEIR_RUNTIME_ABI_VERSION) {
      fault = "was built for version " + std::to_string(version()) + " of weir/runtime_plugin.h, this program for " +
              std::to_string(WEIR_RUNTIME_ABI_VERSION) + ": build both from one weir";
    }
    if (fault.empty()) return library;
    ::dlclose(handle);
    return Status::failed_precondition(what + ": '" + path + "' " + fault + "; " + kHowToInstall);
  }
  return Status::failed_precondition(what + ": there is no " + file_name + " (looked for: " + tried + "); " +
                                     kHowToInstall);
}

void log_line(const char* data, size_t size) { log(LogLevel::kInfo, "models", std::string_view(data, size)); }

}  // namespace

weir_text_sink sink_of(std::string& text) noexcept {
  return {&text,
          [](void* context, const char* data, size_t size) { static_cast<std::string*>(context)->assign(data, size); }};
}

Result<const weir_runtime*> open_runtime(const std::string& type, const std::string& file_name,
                                         const RuntimeOptions& options) {
  OpenLibraries& libraries = open_libraries();
  const std::lock_guard lock(libraries.mutex);
  const std::string& name = options.plugin.empty() ? file_name : options.plugin;
  if (const auto found = libraries.by_name_type.find({name, type}); found != libraries.by_name_type.end())
    return found->second;
  auto library = libraries.by_name.find(name);
  if (library == libraries.by_name.end()) {
    WEIR_ASSIGN_OR_RETURN(Library opened, open_library(type, file_name, options));
    library = libraries.by_name.emplace(name, std::move(opened)).first;
  }
  const weir_runtime_host host{WEIR_RUNTIME_ABI_VERSION, {options.library.data(), options.library.size()}, log_line};
  std::string reason;
  const weir_runtime* runtime = library->second.open(&host, type.c_str(), sink_of(reason));
  if (runtime == nullptr) {
    return Status::failed_precondition("open the runtime for " + type + " models with '" + library->second.path +
                                       "': " + (reason.empty() ? "it gave no reason" : reason));
  }
  log(LogLevel::kInfo, "models", type + " models are served by " + runtime->name);
  libraries.by_name_type.emplace(std::pair(name, type), runtime);
  return runtime;
}

}  // namespace weir::plugin
