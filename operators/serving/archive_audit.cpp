#include "operators/serving/archive_audit.hpp"

#include <utility>

#include <weir/json.hpp>

namespace weir::serving {
namespace {

Result<ArchiveFindings> look(const Archive& archive, const ArchiveQuestion& question,
                             const std::vector<ModelRuntimes>& runtimes) {
  Result<ArchiveFindings> findings = Status::unimplemented("there is no runtime");
  for (const ModelRuntimes& some : runtimes) {
    findings = audit_archive(archive, question, {.runtimes = some});
    if (findings.status().code() != StatusCode::kUnimplemented) break;
  }
  return findings;
}

Result<std::vector<std::string>> archives_in(const std::string& directory) {
  if (directory.empty()) return std::vector<std::string>();
  Result<std::vector<std::string>> topics = Archive::topics(directory);
  if (topics.status().code() == StatusCode::kNotFound) return std::vector<std::string>();
  return topics;
}

Result<ArchivesAnswer> look_at_all(const std::string& directory, const ArchiveQuestion& question,
                                   const std::vector<ModelRuntimes>& runtimes) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> topics, archives_in(directory));
  if (topics.empty() && question.version != 0)
    return Status::failed_precondition(
        "what another version would have said needs the inputs: this job does not archive them");
  ArchivesAnswer answer;
  JsonWriter json;
  json.begin_array();
  for (const std::string& topic : topics) {
    WEIR_ASSIGN_OR_RETURN(const Archive archive, Archive::open(directory, topic));
    WEIR_ASSIGN_OR_RETURN(const ArchiveFindings findings, look(archive, question, runtimes));
    answer.is_found = answer.is_found || !findings.answers.empty();
    json.begin_object();
    json.key("topic");
    json.string(topic);
    json.key("found");
    findings.weir_json(json);
    json.end_object();
  }
  json.end_array();
  answer.json = json.take();
  return answer;
}

}  // namespace

void ArchiveAuditor::ask(JobControl& control, ArchiveQuestion question, std::vector<ModelRuntimes> runtimes,
                         std::function<void(Result<ArchivesAnswer>)> done) {
  if (control.directory().empty()) return done(look_at_all({}, question, runtimes));
  if (running_.fetch_add(1) >= kMostAtOnce) {
    --running_;
    return done(Status::resource_exhausted(std::to_string(kMostAtOnce) + " audits are in work already"));
  }
  question.max_bytes = kMostBytes;
  const std::string what = "audit key '" + question.key + "'";
  const Status submitted =
      control.executor().submit(what, [self = shared_from_this(), directory = control.directory(), done,
                                       question = std::move(question), runtimes = std::move(runtimes)] {
        Result<ArchivesAnswer> answer = look_at_all(directory, question, runtimes);
        --self->running_;
        done(std::move(answer));
      });
  if (submitted.is_ok()) return;
  --running_;
  done(submitted);
}

}  // namespace weir::serving
