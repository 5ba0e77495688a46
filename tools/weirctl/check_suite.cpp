#include "tools/weirctl/check_suite.hpp"

#include <algorithm>
#include <charconv>

#include "tools/weirctl/model_check.hpp"

namespace weirctl {
namespace {

// Empty when the triple passes.
std::string check_triple(const std::filesystem::path& set, const std::string& name, const std::string& dataset,
                         double tolerance) {
  const auto model = load_model(set / "pmml" / (name + ".pmml"));
  if (!model) return model.status().to_string();
  const auto data = DelimitedFile::read(set / "csv" / (dataset + ".csv"));
  if (!data) return data.status().to_string();
  const auto expected = DelimitedFile::read(set / "expected" / (name + ".csv"));
  if (!expected) return expected.status().to_string();
  const auto report = check_model(**model, *data, *expected, tolerance);
  if (!report) return report.status().to_string();
  return report->passed() ? "" : report->differences.front().to_string();
}

}  // namespace

weir::Result<std::shared_ptr<const weir::Model>> load_model(const std::filesystem::path& path) {
  const std::string suffix = path.extension().string();
  if (suffix != ".pmml" && suffix != ".xml")
    return weir::Status::invalid_argument("load '" + path.string() + "': no runtime for files named *" + suffix);
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  auto model = weir::pmml_runtime()->load(bytes, {});
  if (!model) return model.status().with_context("'" + path.string() + "'");
  return model;
}

weir::Result<SuiteReport> check_suite(const std::filesystem::path& directory, std::ostream& out) {
  WEIR_ASSIGN_OR_RETURN(const DelimitedFile index, DelimitedFile::read(directory / "index.tsv"));
  const std::size_t id = index.column("id"), dataset = index.column("dataset"), tolerance = index.column("tolerance");
  if (id == DelimitedFile::kNone || dataset == DelimitedFile::kNone || tolerance == DelimitedFile::kNone)
    return weir::Status::invalid_argument("'" + (directory / "index.tsv").string() +
                                          "': the columns id, dataset and tolerance are needed");
  SuiteReport report;
  for (const auto& row : index.rows) {
    ++report.triples;
    const std::size_t slash = row[id].find('/');
    double allowed = 0;
    const std::string& text = row[tolerance];
    const bool number = std::from_chars(text.data(), text.data() + text.size(), allowed).ec == std::errc();
    std::string wrong;
    if (slash == std::string::npos)
      wrong = "an id is set/name";
    else if (!number)
      wrong = "'" + text + "' is not a tolerance";
    else
      wrong = check_triple(directory / row[id].substr(0, slash), row[id].substr(slash + 1), row[dataset], allowed);
    if (wrong.empty()) {
      ++report.passed;
      continue;
    }
    std::replace(wrong.begin(), wrong.end(), '\n', ' ');
    out << "FAIL " << row[id] << ": " << wrong << '\n';
  }
  return report;
}

}  // namespace weirctl
