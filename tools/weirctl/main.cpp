// weirctl: weir's command for people. Each group of subcommands is in a file of its own (commands.hpp).

#include <CLI/CLI.hpp>

#include "tools/weirctl/commands.hpp"

int main(int argc, char** argv) {
  CLI::App app("weirctl: models, jobs and their state from the command line", "weirctl");
  app.require_subcommand(1);
  int result = 0;
  weirctl::add_model_commands(app, result);
  weirctl::add_models_commands(app, result);
  weirctl::add_archive_commands(app, result);
  CLI11_PARSE(app, argc, argv);
  return result;
}
