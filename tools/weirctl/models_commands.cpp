// weirctl models ...: the models of a running job.

#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>

#include "tools/weirctl/commands.hpp"
#include "tools/weirctl/job_models.hpp"

namespace weirctl {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 200ms;

struct Arguments {
  std::string url = "http://127.0.0.1:8080";
  std::string token;
  Publication publication;
  std::string key, name, version, prefix, path;
  int wait_seconds = 60;
  bool once = false;
  bool follow = false;
};

int failed(const weir::Status& status) {
  std::cerr << "weirctl: " << status.message() << '\n';
  return kCannot;
}

// Runs `work(client)`.
template <class Work>
int with_client(const Arguments& arguments, Work work) {
  weir::Result<JobClient> client = JobClient::make(arguments.url, arguments.token);
  return client.is_ok() ? work(*client) : failed(client.status());
}

int print(const weir::Result<std::vector<ModelLine>>& lines) {
  if (!lines.is_ok()) return failed(lines.status());
  for (const ModelLine& line : *lines) std::cout << line.to_string() << '\n';
  return 0;
}

void print(const Published& published) {
  std::cout << "accepted  key " << published.key << "  offset " << published.offset << "  sha256 " << published.sha256
            << std::endl;
}

int publish_only(JobClient& client, const Arguments& arguments) {
  const weir::Result<Published> published = publish(client, arguments.publication);
  if (!published.is_ok()) return failed(published.status());
  print(*published);
  return 0;
}

int publish_and_wait(JobClient& client, const Arguments& arguments) {
  const auto outcome = publish_and_follow(
      client, arguments.publication,
      {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(arguments.wait_seconds),
       .accepted = [](const Published& published) { print(published); },
       .without_events =
           [](const weir::Status& reason) {
             std::cerr << "weirctl: asks what becomes of the model instead of listening: " << reason.message() << '\n';
           },
       .pause = [] { std::this_thread::sleep_for(kPause); }});
  if (!outcome.is_ok()) return failed(outcome.status());
  for (const ModelLine& line : outcome->lines) std::cout << line.to_string() << '\n';
  if (outcome->fate == Fate::kUnknown)
    return failed(
        weir::Status::deadline_exceeded("the job has not decided about the model yet; see weirctl models show"));
  return outcome->fate == Fate::kAccepted ? 0 : kDiffers;
}

int events(JobClient& client, const Arguments& arguments) {
  if (arguments.once) return print(list(client, arguments.prefix));
  const weir::Status followed = follow_events(
      client, arguments.prefix,
      [](const ModelLine& line) {
        std::cout << line.to_string() << std::endl;
        return std::cout.good();
      },
      [] {
        std::this_thread::sleep_for(kPause);
        return true;
      });
  return followed.is_ok() ? 0 : failed(followed);
}

void add_publication(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
  Publication& publication = arguments->publication;
  command.add_option("FILE", publication.file, "the model's file")->required()->check(CLI::ExistingFile);
  command.add_option("--key", publication.key, "which records it is for")->required();
  command.add_option("--name", publication.name, "of the model; versions are counted per key and name");
  command.add_option("--version", publication.version, "1 and up; without one the job counts");
  command.add_option("--type", publication.type, "PMML, ONNX, ...; found out from the bytes when not given");
  command.add_option("--sign", publication.private_key_file, "sign with this private key (PEM)");
}

}  // namespace

void add_models_commands(CLI::App& app, int& result) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* group = app.add_subcommand("models", "Publish, watch and steer the models of a running job");
  group->require_subcommand(1);
  group->add_option("--url", arguments->url, "of the job")->envname("WEIR_URL")->capture_default_str();
  group->add_option("--token", arguments->token, "of the job's HTTP server")->envname("WEIR_TOKEN");
  group->fallthrough();

  CLI::App* publish_command = group->add_subcommand("publish", "Publish a model and wait for what becomes of it");
  add_publication(*publish_command, arguments);
  publish_command->add_option("--effective-at", arguments->publication.effective_at, "event time from which it counts");
  publish_command->add_option("--description", arguments->publication.description, "for people");
  auto& options = arguments->publication.options;
  publish_command->add_option("--features", options.features, "names of the features a model's tensor takes, in order");
  publish_command->add_option("--inputs", options.inputs, "names of the graph's inputs");
  publish_command->add_option("--outputs", options.outputs, "names of the graph's outputs");
  publish_command->add_option("--classes", options.classes, "labels of the columns of its probabilities");
  publish_command->add_option("--tag", options.tag, "of a SavedModel");
  publish_command->add_option("--signature", options.signature, "of a SavedModel");
  publish_command
      ->add_option("--wait", arguments->wait_seconds, "seconds to wait until it is accepted or refused; 0: none")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  publish_command->callback([arguments, &result] {
    result = with_client(*arguments, [&](JobClient& client) {
      return arguments->wait_seconds == 0 ? publish_only(client, *arguments) : publish_and_wait(client, *arguments);
    });
  });

  CLI::App* list_command = group->add_subcommand("list", "All versions kept, of all keys");
  list_command->add_option("--prefix", arguments->prefix, "only keys that begin so");
  list_command->callback([arguments, &result] {
    result = with_client(*arguments, [&](JobClient& client) { return print(list(client, arguments->prefix)); });
  });

  CLI::App* show_command = group->add_subcommand("show", "The versions of a key, and why others were refused");
  show_command->add_option("KEY", arguments->key)->required();
  show_command->callback([arguments, &result] {
    result = with_client(*arguments, [&](JobClient& client) { return print(versions(client, arguments->key)); });
  });

  CLI::App* events_command =
      group->add_subcommand("events", "What is there, then each change of a model's state until the job ends");
  events_command->add_option("--prefix", arguments->prefix, "only keys that begin so");
  auto* const once = events_command->add_flag("--once", arguments->once, "only what is there now");
  events_command->add_flag("--follow", arguments->follow, "changes too; so it is without --once")->excludes(once);
  events_command->callback([arguments, &result] {
    result = with_client(*arguments, [&](JobClient& client) { return events(client, *arguments); });
  });

  const std::pair<const char*, const char*> verbs[] = {
      {"rollback", "Back to the version before, or to --version"},
      {"retire", "No model for the key from now on"},
      {"promote", "A model that is ready becomes current, where that is not automatic"},
      {"pause", "Treat the key's records as if there were no model"},
      {"resume", "End a pause"},
  };
  for (const auto& [verb, help] : verbs) {
    CLI::App* command = group->add_subcommand(verb, help);
    command->add_option("KEY", arguments->key)->required();
    command->add_option("--name", arguments->name, "only models of this name");
    command->add_option("--version", arguments->version, "that version");
    command->callback([arguments, &result, order_verb = std::string(verb)] {
      result = with_client(*arguments, [&](JobClient& client) {
        const weir::Status status = order(client, order_verb, arguments->key, arguments->name, arguments->version);
        if (!status.is_ok()) return failed(status);
        std::cout << "accepted  " << order_verb << "  key " << arguments->key << '\n';
        return 0;
      });
    });
  }

  CLI::App* keygen_command = group->add_subcommand("keygen", "Make a pair of keys for signatures: PATH and PATH.pub");
  keygen_command->add_option("PATH", arguments->path)->required();
  keygen_command->callback([arguments, &result] {
    const weir::Status status = make_keys(arguments->path);
    result = status.is_ok() ? 0 : failed(status);
  });

  CLI::App* sign_command = group->add_subcommand("sign", "Print the signature of a model, base64");
  add_publication(*sign_command, arguments);
  sign_command->get_option("--sign")->required();
  sign_command->callback([arguments, &result] {
    const weir::Result<std::string> signature = sign(arguments->publication);
    if (signature.is_ok()) std::cout << *signature << '\n';
    result = signature.is_ok() ? 0 : failed(signature.status());
  });
}

}  // namespace weirctl
