#pragma once
/// The groups of weirctl's subcommands. A group is one .cpp file with one function here; main.cpp calls it.
///
/// A function adds its subcommands to `app`; a subcommand's callback does the work, writes answers to standard output
/// and complaints to standard error, and leaves the process's exit code in `result`.

namespace CLI {
class App;
}

namespace weirctl {

/// Exit codes beside 0; wrong arguments are CLI11's own (above 100).
inline constexpr int kDiffers = 1;  ///< the answer is no: what was checked does not agree
inline constexpr int kCannot = 2;   ///< it could not be done; standard error says why

void add_model_commands(CLI::App& app, int& result);
void add_models_commands(CLI::App& app, int& result);
void add_archive_commands(CLI::App& app, int& result);

}  // namespace weirctl
