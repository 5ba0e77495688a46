// Runtimes over a long time: reloads with flat memory, damaged files, life beside our own protobuf and RocksDB.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>

#include <malloc.h>
#include <unistd.h>

#include "models/csv_table.hpp"
#include "models/runtimes/model_case.hpp"

namespace weir::test {
namespace {

std::string bytes_of(const char* file) { return read_file(kRuntimeModels / file); }

#ifdef WEIR_TEST_SANITIZED
constexpr std::size_t kShare = 100;  // every how manieth reload
#else
constexpr std::size_t kShare = 1;
#endif

std::size_t resident_bytes() {
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void load_score_forget(const ModelRuntime& runtime, const std::string& bytes, const ModelOptions& options,
                       const Rows& rows) {
  const auto model = runtime.load_with(bytes, options, {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  const auto scorer = (*model)->bind(rows.features, {});
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  double number = 0;
  unsigned char failed = 9;
  ScoreErrors errors;
  ScoreScratch scratch;
  (*scorer)->score(rows.some(0, 1), {&number, nullptr, &failed}, errors, scratch);
  ASSERT_EQ(failed, 0);
}

void expect_flat_memory(const ModelRuntime& runtime, const char* file, const ModelOptions& options,
                        std::size_t reloads) {
  const std::string bytes = bytes_of(file);
  const Rows rows = Rows::read({"a", "b", "c", "d"});
  reloads = std::max<std::size_t>(reloads / kShare, 20);
  for (std::size_t i = 0; i < reloads / 10; ++i)
    ASSERT_NO_FATAL_FAILURE(load_score_forget(runtime, bytes, options, rows));
  const std::size_t before = resident_bytes();
  for (std::size_t i = reloads / 10; i < reloads; ++i)
    ASSERT_NO_FATAL_FAILURE(load_score_forget(runtime, bytes, options, rows));
  const std::size_t after = resident_bytes();
  testing::Test::RecordProperty("grown_kib", std::to_string((after > before ? after - before : 0) / 1024));
#ifndef WEIR_TEST_SANITIZED  // quarantines grow
  EXPECT_LT(after, before + (std::size_t{24} << 20)) << "of " << before << " bytes, after " << reloads << " reloads";
#endif
}

/// Loads damaged copies; those that load are scored. What counts is that the process lives.
void load_damaged(const ModelRuntime& runtime, const char* file, const ModelOptions& options, std::size_t copies) {
  const std::string whole = bytes_of(file);
  const Rows rows = Rows::read({"a", "b", "c", "d"});
  std::mt19937_64 random(7);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < copies / kShare + 5; ++i) {
    std::string bytes = whole;
    for (std::uint64_t j = 0; j < 1 + random() % 4; ++j) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
        case 2: bytes.erase(at, 1 + random() % 8); break;
        default: bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 8)); break;
      }
      if (bytes.empty()) bytes = "x";
    }
    const auto model = runtime.load_with(bytes, options, {});
    if (!model.is_ok()) {
      EXPECT_FALSE(model.status().message().empty());
      ++refused;
      continue;
    }
    const auto scorer = (*model)->bind(rows.features, {});
    if (!scorer.is_ok() || (*scorer)->outputs()[0].type == FieldType::kText) continue;
    score(**scorer, rows, 250);
  }
  EXPECT_GT(refused, 0U);
}

#ifdef WEIR_TEST_ONNX
TEST(OnnxReloads, KeepMemoryFlat) {
  expect_flat_memory(*onnx_runtime(), "logistic.onnx", {}, 5'000);
  expect_flat_memory(*onnx_runtime(), "forest.onnx", {}, 2'500);
}
TEST(OnnxFiles, ThatAreDamagedDoNoHarm) {
  for (const char* file : {"linear.onnx", "logistic.onnx", "logistic-zipmap.onnx", "mlp-classes.onnx", "columns.onnx"})
    load_damaged(*onnx_runtime(), file, {}, 500);
  for (const char* file : {"forest-classes.onnx", "xgboost.onnx", "lightgbm.onnx"})
    load_damaged(*onnx_runtime(), file, {}, 300);
}
#endif

#ifdef WEIR_TEST_TENSORFLOW
const ModelOptions kNames{.inputs = {"x"}, .outputs = {"Identity"}};

TEST(TensorFlowReloads, KeepMemoryFlat) {
  expect_flat_memory(*tensorflow_runtime(), "keras-frozen.pb", kNames, 2'300);
  expect_flat_memory(*tensorflow_saved_runtime(), "keras-saved.zip", {}, 200);
}
TEST(TensorFlowFiles, ThatAreDamagedDoNoHarm) {
  load_damaged(*tensorflow_runtime(), "keras-frozen.pb", kNames, 1'000);
  load_damaged(*tensorflow_saved_runtime(), "keras-saved.zip", {}, 300);
  load_damaged(*tensorflow_saved_runtime(), "keras-saved.tar", {}, 150);
}
#endif

}  // namespace
}  // namespace weir::test
