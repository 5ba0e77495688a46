// weirctl replay, weirctl audit: input archives.

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include <weir/runtimes.hpp>

#include "tools/weirctl/commands.hpp"
#include "tools/weirctl/job_archive.hpp"

namespace weirctl {
namespace {

int exit_code_of(const weir::Result<bool>& outcome) {
  if (outcome.is_ok()) return *outcome ? 0 : kDiffers;
  std::cerr << "weirctl: " << outcome.status().message() << '\n';
  return kCannot;
}

}  // namespace

void add_archive_commands(CLI::App& app, int& result) {
  auto replay_request = std::make_shared<ReplayRequest>();
  CLI::App* replay_command = app.add_subcommand(
      "replay", "Score an input archive again: check every score, or compare with another version or model");
  replay_command->add_option("JOBDIR", replay_request->directory, "the job's directory")->required();
  replay_command->add_option("--topic", replay_request->topic, "the archive, when there are several");
  replay_command->add_option("--key", replay_request->key, "only records of this key");
  CLI::Option* version =
      replay_command->add_option("--version", replay_request->version, "compare with this version of each key")
          ->check(CLI::PositiveNumber);
  CLI::Option* model =
      replay_command->add_option("--model", replay_request->model_file, "compare with the model in this file")
          ->check(CLI::ExistingFile);
  version->excludes(model);
  replay_command->add_option("--name", replay_request->name,
                             "only models of this name; with --model, of several that vote the one it replaces");
  replay_command->add_option("--type", replay_request->model_type, "of the model; found out from the bytes")
      ->needs(model);
  replay_command->add_option("--worst", replay_request->worst_rows, "rows listed that differ most")
      ->capture_default_str();
  replay_command->add_flag("--json", replay_request->json, "the report as JSON");
  replay_command->callback(
      [replay_request, &result] { result = exit_code_of(replay(*replay_request, weir::all_runtimes(), std::cout)); });

  auto audit_request = std::make_shared<AuditRequest>();
  CLI::App* audit_command =
      app.add_subcommand("audit", "Which version scored a record, from which inputs, and what would another have said");
  audit_command->add_option("JOBDIR", audit_request->directory, "the job's directory; or http://... of one that runs")
      ->required();
  audit_command->add_option("KEY", audit_request->key, "of the record")->required();
  CLI::Option* position = audit_command->add_option("--position", audit_request->position, "in its source");
  CLI::Option* time = audit_command->add_option("--time", audit_request->time, "its event time");
  position->excludes(time);
  audit_command->add_option("--version", audit_request->version, "what would this version have said?");
  audit_command->add_option("--topic", audit_request->topic, "the archive, when there are several");
  audit_command->add_option("--token", audit_request->token, "of the job's HTTP server")->envname("WEIR_TOKEN");
  audit_command->add_flag("--json", audit_request->json, "the answer as JSON");
  audit_command->callback(
      [audit_request, &result] { result = exit_code_of(audit(*audit_request, weir::all_runtimes(), std::cout)); });
}

}  // namespace weirctl
