#include "tools/weirctl/job_archive.hpp"

#include <charconv>
#include <iomanip>
#include <ostream>

#include <weir/json.hpp>
#include <weir/model_inbox.hpp>
#include <weir/serving/audit.hpp>

#include "tools/weirctl/delimited_file.hpp"
#include "tools/weirctl/job_client.hpp"

namespace weirctl {
namespace {

using weir::Result;
using weir::Status;

std::string shortest(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string text_of(const weir::ReplayAnswer& answer) {
  std::string text;
  if (answer.status != weir::ScoreStatus::kOk) text = to_string(answer.status);
  if (!answer.reason.empty()) text += " (" + answer.reason + ")";
  if (answer.status == weir::ScoreStatus::kError) return text;
  for (const double number : answer.numbers) text += (text.empty() ? "" : " ") + shortest(number);
  for (const std::string& label : answer.texts) text += (text.empty() ? "'" : " '") + label + "'";
  return text;
}

std::string place_of(const weir::ReplayRow& row) {
  std::string text = row.key;
  if (row.position) text += " position " + std::to_string(*row.position);
  if (row.time) text += " time " + weir::format_timestamp(*row.time);
  text += " (offset " + std::to_string(row.offset) + ", row " + std::to_string(row.row) + ")";
  if (!row.member.empty()) text += " vote of '" + row.member + "'";
  if (row.model.has_value()) text += " version " + std::to_string(row.model.version);
  return text;
}

void write_report(std::ostream& out, const weir::VerifyReport& report) {
  out << report.records << " records: " << report.scored << " scored by " << report.versions << " versions, "
      << report.without_model << " without a model; " << report.swaps << " swaps recorded\n";
  if (report.ballots != 0) {
    out << report.ballots << " answers of several models: " << report.votes << " votes; " << report.decisions
        << " decisions derived again, " << report.decisions_unknown << " by policies that are code\n";
  }
  if (report.is_same()) {
    out << "ok every score is the same again, bit by bit\n";
    return;
  }
  out << "FAIL " << report.different << " of " << report.scored - report.ballots + report.votes
      << " scores are not the same, and " << report.decisions_different << " decisions; the first:\n  "
      << place_of(*report.first) << ": was " << text_of(report.first->before) << ", is " << text_of(report.first->after)
      << '\n';
}

void write_line(std::ostream& out, const std::string& name, double before, double after) {
  out << std::left << std::setw(12) << name << std::right << std::setw(24) << shortest(before) << std::setw(24)
      << shortest(after) << '\n';
}

void write_report(std::ostream& out, const weir::CompareReport& report) {
  out << report.records << " records: " << report.compared << " answered by both, " << report.only_before
      << " only before, " << report.only_after << " only after, " << report.neither << " by neither, " << report.skipped
      << " of keys without such a version\n";
  if (report.numbers != 0) {
    out << "                            before                   after\n";
    write_line(out, "mean", report.before.mean, report.after.mean);
    for (std::size_t i = 0; i < weir::Distribution::kAt.size(); ++i)
      write_line(out, shortest(100 * weir::Distribution::kAt[i]) + " %", report.before.quantiles[i],
                 report.after.quantiles[i]);
    out << "numbers: " << report.identical << " of " << report.numbers << " the same bit by bit; difference: mean "
        << shortest(report.mean_difference) << ", mean absolute " << shortest(report.mean_absolute)
        << ", largest absolute " << shortest(report.max_absolute) << '\n';
  }
  if (report.labels != 0)
    out << "labels: " << report.labels_different << " of " << report.labels << " are others ("
        << shortest(100.0 * static_cast<double>(report.labels_different) / static_cast<double>(report.labels))
        << " %)\n";
  if (report.decisions + report.decisions_open + report.decisions_unknown != 0)
    out << "decisions: " << report.decisions_changed << " of " << report.decisions << " are others; "
        << report.decisions_open << " would have waited, " << report.decisions_unknown
        << " by policies that are code\n";
  if (!report.worst.empty()) out << "largest differences:\n";
  for (const weir::ReplayRow& row : report.worst)
    out << "  " << place_of(row) << ": " << text_of(row.before) << " -> " << text_of(row.after) << '\n';
}

void write_vote(std::ostream& out, const weir::AuditedVote& vote) {
  out << "  vote of '" << vote.member << "'";
  if (vote.model.has_value())
    out << " version " << vote.model.version << " (" << weir::to_hex(vote.model.digest) << ")";
  out << ": " << to_string(vote.status);
  if (vote.status == weir::VoteStatus::kVoted || vote.status == weir::VoteStatus::kFailed)
    out << ' ' << text_of(vote.answer);
  if (vote.is_reproduced) out << (*vote.is_reproduced ? "; the same again, bit by bit" : "; NOT the same again");
  if (vote.would_be) out << "; it says: " << text_of(*vote.would_be);
  if (vote.other) out << "; version " << vote.other->version << " says: " << text_of(vote.of_other);
  out << '\n';
}

void write_decision(std::ostream& out, const weir::ArchivedDecision& decision, const weir::ReplayAnswer& answer) {
  out << "  " << to_string(decision.status) << " by policy '" << decision.policy << "'";
  if (!decision.winner.empty()) out << ", of '" << decision.winner << "'";
  if (!answer.numbers.empty() || !answer.texts.empty()) out << ": " << text_of(answer);
  out << "\n  after " << decision.latency_ns / 1000 << " us of " << decision.deadline_ns / 1000
      << (decision.at_deadline ? ", at the deadline\n" : "\n");
  for (const weir::AuditedVote& vote : decision.votes) write_vote(out, vote);
  if (!decision.is_derived)
    out << "  the policy is code: its decision cannot be derived again here\n";
  else
    out << (*decision.is_derived ? "  the votes give the same answer again\n"
                                 : "  the votes do NOT give the same answer again\n");
  if (decision.of_other) out << "  with the votes of that version: " << text_of(*decision.of_other) << '\n';
}

void write_answer(std::ostream& out, const weir::ArchivedAnswer& answer) {
  out << place_of(answer.row) << '\n';
  if (answer.decision) {
    for (const auto& [field, value] : answer.inputs) out << "  input " << field.name << " = " << value << '\n';
    return write_decision(out, *answer.decision, answer.row.before);
  }
  if (answer.row.model.has_value()) {
    out << "  scored by '" << answer.row.model.name << "' version " << answer.row.model.version << " ("
        << weir::to_hex(answer.row.model.digest) << ")\n";
  } else {
    out << "  met no model\n";
  }
  out << "  path " << to_string(answer.row.path) << ", status " << to_string(answer.row.before.status) << ": "
      << text_of(answer.row.before) << '\n';
  for (const auto& [field, value] : answer.inputs) out << "  input " << field.name << " = " << value << '\n';
  if (answer.row.model.has_value())
    out << (answer.is_reproduced ? "  the same again, bit by bit"
                                 : "  NOT the same again: " + text_of(answer.row.after))
        << '\n';
  if (answer.other) out << "  version " << answer.other->version << " says: " << text_of(answer.of_other) << '\n';
}

template <class Number>
Result<Number> number_of(const std::string& what, const std::string& text, Number least = 0) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least)
    return Status::invalid_argument(what + " '" + text + "': a whole number, " + std::to_string(least) + " and up");
  return number;
}

Result<bool> audit_over_http(const AuditRequest& request, std::ostream& out) {
  WEIR_ASSIGN_OR_RETURN(JobClient client, JobClient::make(request.directory, request.token));
  const std::string target =
      "/v1/audit/" + percent_encode(request.key) +
      query_of({{"position", request.position}, {"time", request.time}, {"version", request.version}});
  WEIR_ASSIGN_OR_RETURN(const JobReply reply, client.ask("GET", target));
  out << reply.body << '\n';
  return true;
}

}  // namespace

Result<bool> replay(const ReplayRequest& request, const weir::ModelRuntimes& runtimes, std::ostream& out) {
  if (request.version != 0 && !request.model_file.empty())
    return Status::invalid_argument("give a version or a model, not both");
  weir::ReplayOptions options{.runtimes = runtimes, .key = request.key, .worst_rows = request.worst_rows};
  WEIR_ASSIGN_OR_RETURN(const weir::Archive archive, weir::Archive::open(request.directory, request.topic));
  if (request.version == 0 && request.model_file.empty()) {
    WEIR_ASSIGN_OR_RETURN(const weir::VerifyReport report, weir::verify_archive(archive, options));
    if (request.json)
      out << weir::to_json(report) << '\n';
    else
      write_report(out, report);
    return report.is_same();
  }
  weir::ReplayCandidate candidate{.version = request.version, .name = request.name};
  if (!request.model_file.empty()) {
    WEIR_ASSIGN_OR_RETURN(candidate.bytes, read_file(request.model_file));
    candidate.type = request.model_type.empty() ? weir::sniff_model_type(*candidate.bytes) : request.model_type;
    if (candidate.type.empty()) return Status::invalid_argument("'" + request.model_file + "': say its --type");
  }
  WEIR_ASSIGN_OR_RETURN(const weir::CompareReport report, weir::compare_archive(archive, candidate, options));
  if (request.json)
    out << weir::to_json(report) << '\n';
  else
    write_report(out, report);
  return true;
}

Result<bool> audit(const AuditRequest& request, const weir::ModelRuntimes& runtimes, std::ostream& out) {
  if (request.position.empty() == request.time.empty())
    return Status::invalid_argument("ask for one record: by --position or by --time");
  if (request.directory.starts_with("http://")) return audit_over_http(request, out);
  weir::ArchiveQuestion question{.key = request.key};
  if (!request.position.empty()) {
    WEIR_ASSIGN_OR_RETURN(question.position, number_of<std::uint64_t>("position", request.position));
  }
  if (!request.time.empty()) {
    WEIR_ASSIGN_OR_RETURN(question.time, weir::serving::parse_event_time("time", request.time));
  }
  if (!request.version.empty()) {
    WEIR_ASSIGN_OR_RETURN(question.version, number_of<std::int64_t>("version", request.version, 1));
  }
  WEIR_ASSIGN_OR_RETURN(const weir::Archive archive, weir::Archive::open(request.directory, request.topic));
  WEIR_ASSIGN_OR_RETURN(const weir::ArchiveFindings findings,
                        weir::audit_archive(archive, question, {.runtimes = runtimes}));
  bool is_good = !findings.answers.empty();
  for (const weir::ArchivedAnswer& answer : findings.answers)
    is_good = is_good && (answer.is_reproduced || (!answer.row.model.has_value() && !answer.decision));
  if (request.json) {
    out << weir::to_json(findings) << '\n';
    return is_good;
  }
  if (findings.answers.empty()) out << "the archive does not hold this record\n";
  for (const weir::ArchivedAnswer& answer : findings.answers) write_answer(out, answer);
  return is_good;
}

}  // namespace weirctl
