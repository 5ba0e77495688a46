// Counts words by a pipeline: what somebody else's program does with an installed weir.
#include <weir/weir.hpp>

#include <iostream>
#include <map>
#include <memory>
#include <string>

struct WordCount {
  std::string word;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(WordCount, (), (word, count))

struct CountWords : weir::ProcessFunction<std::string, std::string, WordCount> {
  weir::ValueState<std::int64_t> count;
  void open(weir::OpenContext<std::string>& context) { count = context.value_state<std::int64_t>({.name = "count"}); }
  void process(const std::string& word, weir::ProcessContext<std::string>&, weir::Collector<WordCount>& out) {
    out.collect({word, ++count.mutate()});
  }
};

int main() {
  auto counted = std::make_shared<weir::Collected<WordCount>>();
  weir::Pipeline pipeline({.name = "words", .parallelism = 2});
  pipeline.from_source(weir::vector_source<std::string>({"to", "be", "or", "not", "to", "be", "to"}))
      .uid("words")
      .key_by([](const std::string& word) { return word; })
      .process(CountWords{})
      .uid("count")
      .sink_to(weir::collect_sink(counted))
      .uid("counts");
  if (const weir::Status status = pipeline.run(); !status.is_ok()) return weir::exit_code(status);

  std::map<std::string, std::int64_t> counts;  // the last count of a word is its highest
  for (const WordCount& entry : counted->records()) counts[entry.word] = std::max(counts[entry.word], entry.count);
  for (const auto& [word, count] : counts) std::cout << word << '=' << count << ' ';
  std::cout << weir::to_string(weir::ScoreStatus::kOk) << '\n';
  return 0;
}
