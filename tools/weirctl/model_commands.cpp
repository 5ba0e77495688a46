// weirctl model ...: what can be done with a model's file, without a job.

#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/weirctl/check_suite.hpp"
#include "tools/weirctl/commands.hpp"
#include "tools/weirctl/model_check.hpp"

namespace weirctl {
namespace {

int failed(const weir::Status& status) {
  std::cerr << "weirctl: " << status.message() << '\n';
  return kCannot;
}

int show(const std::string& path) {
  const auto model = load_model(path);
  if (!model) return failed(model.status());
  std::cout << (*model)->summary() << '\n';
  for (const weir::Field& field : (*model)->inputs())
    std::cout << "input   " << weir::to_string(field.type) << "  " << field.name << '\n';
  for (const weir::Field& field : (*model)->outputs())
    std::cout << "output  " << weir::to_string(field.type) << "  " << field.name << '\n';
  return 0;
}

void list(const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::cout << what;
  for (std::size_t i = 0; i < names.size(); ++i) std::cout << (i == 0 ? " " : ", ") << names[i];
  std::cout << '\n';
}

int check(const std::string& path, const std::string& data_path, const std::string& expected_path, double tolerance) {
  const auto model = load_model(path);
  if (!model) return failed(model.status());
  const auto data = DelimitedFile::read(data_path);
  if (!data) return failed(data.status());
  const auto expected = DelimitedFile::read(expected_path);
  if (!expected) return failed(expected.status());
  const auto report = check_model(**model, *data, *expected, tolerance);
  if (!report) return failed(report.status());
  for (const Difference& difference : report->differences) std::cout << difference.to_string() << '\n';
  list("not in the data, so missing:", report->absent);
  list("not an output of the model, so not compared:", report->ignored);
  list("compared:", report->columns);
  if (report->passed()) {
    std::cout << "ok " << report->rows << " rows\n";
    return 0;
  }
  std::cout << "FAIL " << report->different << " of " << report->rows * report->columns.size() << " cells differ\n";
  return kDiffers;
}

int suite(const std::string& directory) {
  const auto report = check_suite(directory, std::cout);
  if (!report) return failed(report.status());
  std::cout << "ok " << report->passed << " of " << report->triples << '\n';
  return report->passed == report->triples ? 0 : kDiffers;
}

struct Arguments {
  std::string model, data, expected, directory;
  double tolerance = 1e-9;
};

}  // namespace

void add_model_commands(CLI::App& app, int& result) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* group = app.add_subcommand("model", "Look at a model's file and check what it answers");
  group->require_subcommand(1);

  CLI::App* show_command = group->add_subcommand("show", "A model's kind, inputs and outputs");
  show_command->add_option("MODEL", arguments->model, "the model's file (.pmml)")->required();
  show_command->callback([arguments, &result] { result = show(arguments->model); });

  CLI::App* check_command = group->add_subcommand("check", "Compare a model's answers with expected ones");
  check_command->add_option("MODEL", arguments->model, "the model's file (.pmml)")->required();
  check_command->add_option("--data", arguments->data, "input rows (CSV or TSV)")->required();
  check_command->add_option("--expected", arguments->expected, "expected outputs, in the same order")->required();
  check_command
      ->add_option("--tolerance", arguments->tolerance, "relative difference of numbers allowed, at least 1e-12")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  check_command->callback([arguments, &result] {
    result = check(arguments->model, arguments->data, arguments->expected, arguments->tolerance);
  });

  CLI::App* suite_command = group->add_subcommand("check-suite", "Check all models that a folder's index.tsv lists");
  suite_command->add_option("DIR", arguments->directory, "the folder")->required();
  suite_command->callback([arguments, &result] { result = suite(arguments->directory); });
}

}  // namespace weirctl
