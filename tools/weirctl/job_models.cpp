#include "tools/weirctl/job_models.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <weir/blob_store.hpp>
#include <weir/model_inbox.hpp>
#include <weir/model_signature.hpp>

#include "tools/weirctl/delimited_file.hpp"
#include "tools/weirctl/event_reader.hpp"

namespace weirctl {
namespace {

namespace json = boost::json;
using weir::Result;
using weir::Status;

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) text += j <= count ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

Result<std::string> sign_bytes(const Publication& publication, std::string_view bytes) {
  weir::ModelRecord record;
  record.key = publication.key;
  record.name = publication.name;
  record.type = publication.type.empty() ? std::string(weir::sniff_model_type(bytes)) : publication.type;
  if (record.type.empty()) return Status::invalid_argument("sign '" + publication.file + "': say its --type");
  if (!publication.version.empty()) {
    const char* const end = publication.version.data() + publication.version.size();
    const auto [rest, error] = std::from_chars(publication.version.data(), end, record.version);
    if (error != std::errc{} || rest != end)
      return Status::invalid_argument("version '" + publication.version + "' is no whole number");
  }
  WEIR_ASSIGN_OR_RETURN(const std::string key, read_file(publication.private_key_file));
  WEIR_ASSIGN_OR_RETURN(const std::string signature, weir::sign_model(record, weir::sha256(bytes), key));
  return base64(signature);
}

// Answers of a job are looked into with care: another version may say less.
const json::value* member(const json::value& value, std::string_view name) {
  return value.is_object() ? value.get_object().if_contains({name.data(), name.size()}) : nullptr;
}
std::string text_of(const json::value& value, std::string_view name) {
  const json::value* const found = member(value, name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}
std::int64_t number_of(const json::value& value, std::string_view name) {
  const json::value* const found = member(value, name);
  if (found == nullptr) return 0;
  if (found->is_int64()) return found->get_int64();
  return found->is_uint64() ? static_cast<std::int64_t>(found->get_uint64()) : 0;
}
template <class Function>
void for_each(const json::value& value, std::string_view name, Function function) {
  const json::value* const found = member(value, name);
  if (found == nullptr || !found->is_array()) return;
  for (const json::value& element : found->get_array()) function(element);
}

Result<json::value> parse(const std::string& body) {
  boost::system::error_code error;
  json::value parsed = json::parse(body, error);
  if (error) return Status::data_loss("read the job's answer: " + error.message());
  return parsed;
}

ModelLine line_of(const json::value& version, const std::string& uid, const std::string& key) {
  return {uid,
          key,
          text_of(version, "name"),
          number_of(version, "version"),
          text_of(version, "state"),
          text_of(version, "type"),
          text_of(version, "digest"),
          text_of(version, "created"),
          text_of(version, "since"),
          text_of(version, "reason")};
}

ModelLine event_line_of(const json::value& event) {
  return {text_of(event, "uid"),    text_of(event, "key"),
          text_of(event, "name"),   number_of(event, "version"),
          text_of(event, "state"),  {},
          text_of(event, "sha256"), {},
          text_of(event, "at"),     text_of(event, "reason")};
}

void add_lines(const json::value& models, const std::string& uid, const std::string& key,
               std::vector<ModelLine>& lines) {
  for (const char* part : {"versions", "pending", "refused"})
    for_each(models, part, [&](const json::value& version) { lines.push_back(line_of(version, uid, key)); });
}

bool is_decided(const ModelLine& line) {
  return line.state == "current" || line.state == "ready" || line.state == "retired" || line.state == "refused";
}

Status write_new(const std::string& path, const std::string& text, int mode) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return Status::from_errno("make '" + path + "'", errno);
  const ssize_t put = ::write(file, text.data(), text.size());
  const int failed = put == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  return failed == 0 ? Status::ok() : Status::from_errno("write '" + path + "'", failed);
}

}  // namespace

std::string ModelLine::to_string() const {
  std::string text = key + "  " + (name.empty() ? "-" : name) + "  " + std::to_string(version) + "  " + state + "  " +
                     (digest.empty() ? "-" : digest.substr(0, 12)) + "  " + since;
  if (!uid.empty()) text += "  " + uid;
  if (!reason.empty()) text += "  " + reason;
  return text;
}

Result<std::string> sign(const Publication& publication) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, read_file(publication.file));
  return sign_bytes(publication, bytes);
}

Result<Published> publish(JobClient& client, const Publication& publication) {
  WEIR_ASSIGN_OR_RETURN(std::string bytes, read_file(publication.file));
  std::string signature;
  if (!publication.private_key_file.empty()) {
    WEIR_ASSIGN_OR_RETURN(signature, sign_bytes(publication, bytes));
  }
  const std::string query = query_of({{"key", publication.key},
                                      {"name", publication.name},
                                      {"version", publication.version},
                                      {"type", publication.type},
                                      {"effective_at", publication.effective_at},
                                      {"description", publication.description},
                                      {"sha256", weir::sha256_hex(bytes)},
                                      {"ed25519", signature},
                                      {"features", publication.options.features},
                                      {"inputs", publication.options.inputs},
                                      {"outputs", publication.options.outputs},
                                      {"classes", publication.options.classes},
                                      {"tag", publication.options.tag},
                                      {"signature", publication.options.signature}});
  WEIR_ASSIGN_OR_RETURN(const JobReply reply, client.ask("POST", "/v1/models" + query, std::move(bytes)));
  WEIR_ASSIGN_OR_RETURN(const json::value answer, parse(reply.body));
  return Published{text_of(answer, "key"), text_of(answer, "name"), text_of(answer, "created"),
                   text_of(answer, "sha256"), static_cast<std::uint64_t>(number_of(answer, "offset"))};
}

Result<std::vector<ModelLine>> versions(JobClient& client, const std::string& key) {
  WEIR_ASSIGN_OR_RETURN(const JobReply reply, client.ask("GET", "/v1/models/" + percent_encode(key)));
  WEIR_ASSIGN_OR_RETURN(const json::value answer, parse(reply.body));
  std::vector<ModelLine> lines;
  for_each(answer, "operators", [&](const json::value& one) {
    const json::value* const serving = member(one, "serving");
    const json::value* const models = serving == nullptr ? nullptr : member(*serving, "models");
    if (models != nullptr) add_lines(*models, text_of(one, "uid"), key, lines);
  });
  return lines;
}

namespace {

// What has become of a model until now.
Result<Outcome> look(JobClient& client, const Published& published) {
  Outcome outcome;
  const Result<std::vector<ModelLine>> lines = versions(client, published.key);
  if (!lines.is_ok()) {
    // Not there yet: the record has not reached its operator, or the job restarts.
    const weir::StatusCode code = lines.status().code();
    if (code == weir::StatusCode::kNotFound || code == weir::StatusCode::kUnavailable) return outcome;
    return lines.status();
  }
  auto& found = outcome.lines;
  std::copy_if(lines->begin(), lines->end(), std::back_inserter(found),
               [&](const ModelLine& line) { return line.created == published.created && line.name == published.name; });
  if (found.empty() || !std::all_of(found.begin(), found.end(), is_decided)) return outcome;
  const bool refused =
      std::any_of(found.begin(), found.end(), [](const ModelLine& line) { return line.state == "refused"; });
  outcome.fate = refused ? Fate::kRefused : Fate::kAccepted;
  return outcome;
}

// A model from before it is published to its end.
class Follower {
 public:
  Follower(JobClient& client, const Publication& publication, const Following& following)
      : client_(client), publication_(publication), following_(following) {}

  Result<Outcome> run() {
    for (;;) {
      reader_.restart();
      const Status ended = client_.stream(
          "/v1/models/" + percent_encode(publication_.key) + "/events", reader_.last_id(),
          [this] { return is_published_ ? !is_settled() : publish_now(); },
          [this](std::string_view bytes) { return !tells_the_end(bytes); }, following_.deadline);
      if (!published_.is_ok()) return published_.status();
      if (is_published_ && is_over()) return outcome_;
      if (ended.code() != weir::StatusCode::kIoError || !is_published_) return ask(ended);
      following_.pause();
    }
  }

 private:
  bool publish_now() {
    published_ = publish(client_, publication_);
    is_published_ = published_.is_ok();
    if (is_published_) following_.accepted(*published_);
    return is_published_;
  }
  [[nodiscard]] bool is_over() const {
    return !outcome_.is_ok() || outcome_->fate != Fate::kUnknown ||
           std::chrono::steady_clock::now() >= following_.deadline;
  }
  bool is_settled() {
    outcome_ = look(client_, *published_);
    return is_over();
  }
  bool tells_the_end(std::string_view bytes) {
    for (const ServerEvent& event : reader_.feed(bytes)) {
      const Result<json::value> data = parse(event.data);
      const bool is_decision = event.type == "model" && data.is_ok() && is_decided(event_line_of(*data));
      if ((is_decision || event.type == "missed") && is_settled()) return true;
    }
    return false;
  }
  // Without events.
  Result<Outcome> ask(const Status& reason) {
    if (!is_published_ && !publish_now()) return published_.status();
    if (!reason.is_ok()) following_.without_events(reason);
    while (!is_settled()) following_.pause();
    return outcome_;
  }

  JobClient& client_;
  const Publication& publication_;
  const Following& following_;
  EventReader reader_;
  bool is_published_ = false;
  Result<Published> published_{Published{}};
  Result<Outcome> outcome_{Outcome{}};
};

}  // namespace

Result<Outcome> publish_and_follow(JobClient& client, const Publication& publication, const Following& following) {
  return Follower(client, publication, following).run();
}

Result<std::vector<ModelLine>> list(JobClient& client, const std::string& prefix) {
  WEIR_ASSIGN_OR_RETURN(const JobReply reply,
                        client.ask("GET", "/v1/models" + query_of({{"prefix", prefix}, {"limit", "1000"}})));
  WEIR_ASSIGN_OR_RETURN(const json::value answer, parse(reply.body));
  std::vector<ModelLine> lines;
  for_each(answer, "operators", [&](const json::value& one) {
    for_each(one, "keys", [&](const json::value& key) {
      if (const json::value* const models = member(key, "value"))
        add_lines(*models, text_of(one, "uid"), text_of(key, "key"), lines);
    });
  });
  return lines;
}

Status follow_events(JobClient& client, const std::string& prefix, const std::function<bool(const ModelLine&)>& changed,
                     const std::function<bool()>& pause) {
  const std::string target = "/v1/events" + query_of({{"type", "model"}, {"prefix", prefix}});
  EventReader reader;
  std::set<std::string> known;  // what is there now was told by events too, perhaps
  bool goes_on = true;
  const auto tell = [&](const ModelLine& line) { return goes_on = changed(line); };
  const auto show_all = [&] {
    const Result<std::vector<ModelLine>> lines = list(client, prefix);
    for (std::size_t i = 0; lines.is_ok() && goes_on && i < lines->size(); ++i) {
      known.insert((*lines)[i].to_string());
      tell((*lines)[i]);
    }
    return goes_on;
  };
  for (;;) {
    reader.restart();
    bool has_begun = false;
    const Status ended = client.stream(
        target, reader.last_id(),
        [&] {
          has_begun = true;
          return !reader.last_id().empty() || show_all();
        },
        [&](std::string_view bytes) {
          for (const ServerEvent& event : reader.feed(bytes)) {
            const Result<json::value> data = parse(event.data);
            if (event.type == "missed" && !show_all()) return false;
            if (event.type != "model" || !data.is_ok()) continue;
            const ModelLine line = event_line_of(*data);
            if (known.erase(line.to_string()) == 0 && !tell(line)) return false;
          }
          return true;
        });
    if (!goes_on) return {};
    if (ended.is_ok() && has_begun) return {};  // the job has ended
    const bool is_worth_it =
        ended.code() == weir::StatusCode::kIoError || ended.code() == weir::StatusCode::kDeadlineExceeded;
    if (!is_worth_it || !pause()) return ended;
  }
}

Status order(JobClient& client, const std::string& verb, const std::string& key, const std::string& name,
             const std::string& version) {
  return client
      .ask("POST", "/v1/models/" + percent_encode(key) + "/" + verb + query_of({{"name", name}, {"version", version}}))
      .status();
}

Status make_keys(const std::string& path) {
  WEIR_ASSIGN_OR_RETURN(const std::string private_key, weir::make_model_private_key());
  WEIR_ASSIGN_OR_RETURN(const weir::ModelPublicKey public_key, weir::public_key_of(private_key));
  WEIR_RETURN_IF_ERROR(write_new(path, private_key, 0600));
  return write_new(path + ".pub", weir::to_pem(public_key), 0644);
}

}  // namespace weirctl
