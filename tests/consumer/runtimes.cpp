// Loads a model by an installed plug-in and scores one row: consumer_runtimes TYPE FILE [LIBRARY]. Prints the first
// answer, or why there is none.
#include <weir/runtimes.hpp>

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string type = argv[1];
  std::ifstream file(argv[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const weir::RuntimeOptions options{.library = argc > 3 ? argv[3] : ""};
  const auto runtime = type == "ONNX" ? weir::onnx_runtime(options) : weir::tensorflow_runtime(options);
  const auto model = runtime->load(bytes, {});
  if (!model.is_ok()) {
    std::cout << model.status().message() << '\n';
    return 1;
  }
  const weir::FeatureSchema features({{"a", weir::FieldType::kNumber},
                                      {"b", weir::FieldType::kNumber},
                                      {"c", weir::FieldType::kNumber},
                                      {"d", weir::FieldType::kNumber}});
  const auto scorer = (*model)->bind(features, {});
  if (!scorer.is_ok()) {
    std::cout << scorer.status().message() << '\n';
    return 1;
  }
  const double row[] = {0, 0, 0, 0};
  double answer = 0;
  unsigned char failed = 0;
  weir::ScoreErrors errors;
  weir::ScoreScratch scratch;
  (*scorer)->score({1, row, 4, nullptr, 0}, {&answer, nullptr, &failed}, errors, scratch);
  std::cout << (failed != 0 ? "failed" : "scored") << '\n';
  return failed;
}
