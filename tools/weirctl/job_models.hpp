#pragma once
/// What `weirctl models` does: models of a running job, over HTTP.

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include <weir/result.hpp>

#include "tools/weirctl/job_client.hpp"

namespace weirctl {

struct Publication {
  std::string file;
  std::string key;
  std::string name;
  std::string version;
  std::string type;  ///< empty: found out from the bytes
  std::string effective_at;
  std::string description;
  std::string private_key_file;  ///< signs; empty: not signed
  /// What the bytes of an ONNX or TensorFlow model leave open; lists with commas. Empty: not said.
  struct {
    std::string features, inputs, outputs, classes, tag, signature;
  } options;
};

/// How the job knows a model that was published.
struct Published {
  std::string key;
  std::string name;
  std::string created;
  std::string sha256;
  std::uint64_t offset = 0;
};

/// One version as an operator shows it.
struct ModelLine {
  std::string uid;
  std::string key;
  std::string name;
  std::int64_t version = 0;
  std::string state;
  std::string type;
  std::string digest;
  std::string created;
  std::string since;
  std::string reason;

  [[nodiscard]] std::string to_string() const;
};

/// Base64 of the signature of what would be published.
weir::Result<std::string> sign(const Publication& publication);
/// Reads, signs when asked to, and posts.
weir::Result<Published> publish(JobClient& client, const Publication& publication);

enum class Fate : unsigned char { kAccepted, kRefused, kUnknown };
struct Outcome {
  Fate fate = Fate::kUnknown;    ///< kUnknown: patience ended before the job had decided
  std::vector<ModelLine> lines;  ///< the model, in each operator that shows it
};
/// What to tell and how long to wait while a model is followed. Functions may not be empty.
struct Following {
  std::chrono::steady_clock::time_point deadline;
  std::function<void(const Published&)> accepted;           ///< the job has taken the model
  std::function<void(const weir::Status&)> without_events;  ///< why the job is asked again and again instead
  std::function<void()> pause;                              ///< between two questions, and two connections
};
/// Listens to the events of the key, publishes, and looks at each decision until every operator that shows the model
/// has accepted or refused it. Connects again when the connection breaks. A job that does not tell events (too many
/// listen, say) is asked instead.
weir::Result<Outcome> publish_and_follow(JobClient& client, const Publication& publication, const Following& following);

/// Versions of all keys that begin with `prefix`, of the first 1,000 keys of each task.
weir::Result<std::vector<ModelLine>> list(JobClient& client, const std::string& prefix);
/// Versions of one key, those pending and refused too.
weir::Result<std::vector<ModelLine>> versions(JobClient& client, const std::string& key);
/// Calls `changed` for each version of a key that begins with `prefix` as it is now, and then for each change of its
/// state as the job tells it, until `changed` says false or the job ends. Connects again when the connection breaks;
/// `pause` is called before that, and says false when patience is over.
weir::Status follow_events(JobClient& client, const std::string& prefix,
                           const std::function<bool(const ModelLine&)>& changed, const std::function<bool()>& pause);
/// `rollback`, `retire`, `promote`, `pause` or `resume`.
weir::Status order(JobClient& client, const std::string& verb, const std::string& key, const std::string& name,
                   const std::string& version);

/// Writes a private key to `path` (only the owner may read it) and the public one to `path` + `.pub`. Neither may
/// exist.
weir::Status make_keys(const std::string& path);

}  // namespace weirctl
