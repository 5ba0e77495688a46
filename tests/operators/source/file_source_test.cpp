#include <weir/file_source.hpp>

#include <gtest/gtest.h>

#include <set>

#include <weir/paced.hpp>

#include "support/operator_harness.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using namespace testing_support;

struct Reading {
  int id = 0;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Reading& reading) {
    return out << reading.id << ':' << reading.text;
  }
};
BOOST_DESCRIBE_STRUCT(Reading, (), (id, text))
std::string show_letter(const DeadLetter& letter) {
  return "bad " + std::to_string(letter.line) + ' ' + letter.reason + " <" + letter.bytes + '>';
}

Timestamp at(int seconds) { return Timestamp{std::chrono::seconds(seconds)}; }

template <class T>
OperatorHarness::Options harness_of(const Source<T>& source, bool listens = false) {
  EXPECT_TRUE(source.faults.empty()) << source.faults.front();
  OperatorHarness::Options options{.make_operator = source.make_operator, .inputs = 0, .outputs = {output_of<T>()}};
  if (listens) {
    options.outputs.push_back(output_of<DeadLetter>(show_letter));
    options.context.side_outputs = {kDeadLetterOutput};
  }
  return options;
}

// In every mode and with chunks that cut records everywhere.
template <class MakeSource>
void expect_records(MakeSource make_source, const std::vector<std::string>& expected, bool listens = false) {
  for (const std::size_t chunk : {1, 2, 7, 64, 1 << 18}) {
    SCOPED_TRACE("chunks of " + std::to_string(chunk));
    expect_same_source_in_all_modes(harness_of(make_source(chunk), listens), expected);
  }
}

class FileSource : public ::testing::Test {
 protected:
  auto csv(std::string bytes, FileSourceOptions<Reading> options = {}) {
    options.path = directory_.write("in.csv", bytes);
    return [options](std::size_t chunk) {
      auto chunked = options;
      chunked.chunk_bytes = chunk;
      return csv_file_source<Reading>(chunked);
    };
  }
  auto lines(std::string bytes, FileSourceOptions<std::string> options = {}) {
    options.path = directory_.write("in.txt", bytes);
    return [options](std::size_t chunk) {
      auto chunked = options;
      chunked.chunk_bytes = chunk;
      return line_file_source<std::string>(
          chunked, [](std::string_view line) -> Result<std::string> { return std::string(line); });
    };
  }
  // How the job fails that reads this source.
  template <class T>
  std::string failure(const Source<T>& source) {
    OperatorHarness harness(harness_of(source));
    if (const Status opened = harness.open(); !opened.is_ok()) return opened.to_string();
    try {
      harness.run_source();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }

  TemporaryDirectory directory_;
};

TEST_F(FileSource, ReadsDescribedStructsByTheHeadersNames) {
  expect_records(csv("text,more,id\na,x,1\nb,y,2\n"), {"1:a #13", "2:b #19"});
  expect_records(csv("1,a\n2,b", {.has_header = false}), {"1:a #0", "2:b #4"});
  expect_records(csv("id;text\n1;a,b\n", {.delimiter = ';'}), {"1:a,b #8"});
}

TEST_F(FileSource, ReadsCrLfEmbeddedLinesQuotesAndAByteOrderMark) {
  expect_records(csv("\xEF\xBB\xBFid,text\r\n1,\"two\r\nlines, \"\"quoted\"\"\"\r\n\r\n2,\"\"\r\n3,b"),
                 {"1:two\r\nlines, \"quoted\" #12", "2: #42", "3:b #48"});
}

TEST_F(FileSource, AFileWithoutRecordsGivesNone) {
  expect_records(csv(""), {});
  expect_records(csv("id,text"), {});
  expect_records(csv("id,text\n\n\n"), {});
  expect_records(csv("\xEF\xBB\xBF"), {});
}

TEST_F(FileSource, PutsBadRecordsOnTheDeadLetterOutput) {
  expect_records(csv("id,text\n1,a\nx,b\n2,c,d\n3,\"e\"f\n4,\"g\nh\"\n5,\"i\n6,j\n"),
                 {"1:a #8",                                                            //
                  "[1] bad 3 column 'id': cannot read 'x' <x,b> #12",                  //
                  "[1] bad 4 3 fields, but the header has 2 <2,c,d> #16",              //
                  "[1] bad 5 text after the closing quote of a field <3,\"e\"f> #22",  //
                  "4:g\nh #29",                                                        //
                  "[1] bad 8 a quoted field is not closed <5,\"i> #37", "6:j #42"},
                 true);
}

TEST_F(FileSource, FailsTheJobWithFileLineAndReasonWhenNobodyListens) {
  const std::string file = directory_.file("in.csv");
  EXPECT_EQ(failure(csv("id,text\n1,a\nx,b\n")(64)),
            "data_loss: '" + file + "' line 3 (byte 12): column 'id': cannot read 'x'");
  EXPECT_EQ(failure(csv("id,text\n1,\"a")(64)),
            "data_loss: '" + file + "' line 2 (byte 8): a quoted field is not closed");
  EXPECT_EQ(failure(csv("id,name\n1,a\n")(64)),
            "invalid_argument: '" + file + "': no column 'text' (there are: id, name)");
  EXPECT_EQ(failure(csv("id,\"text\n1,a\n")(64)),
            "data_loss: cannot read the header of '" + file + "': a quoted field is not closed");
}

TEST_F(FileSource, MayFailOrSkipThoughSomebodyListens) {
  OperatorHarness failing(harness_of(csv("id,text\nx,b\n", {.bad_records = BadRecords::kFail})(64), true));
  ASSERT_TRUE(failing.open().is_ok());
  EXPECT_THROW(failing.run_source(), std::runtime_error);
  OperatorHarness skipping(harness_of(csv("id,text\nx,b\n1,a\n", {.bad_records = BadRecords::kSkip})(64), true));
  ASSERT_TRUE(skipping.open().is_ok());
  skipping.run_source();
  EXPECT_EQ(skipping.texts(), std::vector<std::string>{"1:a"});
  EXPECT_TRUE(skipping.texts(1).empty());
  EXPECT_EQ(skipping.context().metric("bad_records_total").value(), 1);
}

TEST_F(FileSource, SaysWhichFileIsMissingOrCannotBeRead) {
  EXPECT_EQ(failure(csv_file_source<Reading>({.path = directory_.file("none.csv")})),
            "not_found: there is no file '" + directory_.file("none.csv") + "'");
  EXPECT_EQ(failure(csv_file_source<Reading>({.path = directory_.path()})),
            "io_error: read '" + directory_.path() + "' at byte 0: Is a directory");
}

TEST_F(FileSource, ALongRecordIsABadOneAndTheNextIsFound) {
  const std::string longer(12, 'y');
  expect_records(
      lines("one\nxxxxxxxxxx\n" + longer + "\ntwo\n" + longer, {.max_record_bytes = 10}),
      {"one #0", "xxxxxxxxxx #4",
       "[1] bad 3 the record is longer than the source's bound (max_record_bytes) <" + longer + "> #15", "two #28",
       "[1] bad 5 the record is longer than the source's bound (max_record_bytes) <" + longer + "> #32"},
      true);
}

TEST_F(FileSource, AQuoteNeverClosedCostsOneLineNotTheFile) {
  std::string bytes = "id,text\n1,\"a\n";
  std::vector<std::string> expected{
      "[1] bad 2 the record is longer than the source's bound (max_record_bytes) <1,\"a> #8"};
  for (int i = 0; i < 20; ++i) {
    expected.push_back(std::to_string(i) + ":z #" + std::to_string(bytes.size()));
    bytes += std::to_string(i) + ",z\n";
  }
  expect_records(csv(bytes, {.max_record_bytes = 30}), expected, true);
}

TEST_F(FileSource, BoundsARecordAtTenMegabytesByDefault) {
  directory_.write("big.txt", std::string(10'000'000, 'a') + "\n" + std::string(10'000'001, 'b') + "\nc\n");
  const auto parse = [](std::string_view line) -> Result<std::uint64_t> { return line.size(); };
  OperatorHarness harness(
      harness_of(line_file_source<std::uint64_t>({.path = directory_.file("big.txt")}, parse), true));
  ASSERT_TRUE(harness.open().is_ok());
  harness.run_source();
  EXPECT_EQ(harness.texts(), (std::vector<std::string>{"10000000", "1"}));
  ASSERT_EQ(harness.texts(1).size(), 1U);
  EXPECT_LT(harness.texts(1)[0].size(), 1200U);
}

TEST_F(FileSource, ReadsLinesAndDropsEmptyOnes) { expect_records(lines("a\r\n\n\r\nb\nc"), {"a #0", "b #6", "c #8"}); }

TEST_F(FileSource, ReadsLengthDelimitedRecords) {
  std::string bytes;
  ByteWriter writer(bytes);
  std::vector<std::string> expected;
  for (const std::string& text : {std::string("a"), std::string(300, 'b'), std::string()}) {
    expected.push_back(text + " #" + std::to_string(bytes.size()));
    writer.sized(serialize(text));
  }
  const std::size_t whole = bytes.size();
  writer.sized("not a string's bytes");
  expected.push_back("[1] bad 4");
  writer.varint(100);
  bytes += "cut off";
  FileSourceOptions<std::string> options{.path = directory_.write("in.bin", bytes)};
  for (const std::size_t chunk : {1, 64, 1 << 18}) {
    options.chunk_bytes = chunk;
    OperatorHarness harness(harness_of(delimited_file_source<std::string>(options), true));
    ASSERT_TRUE(harness.open().is_ok());
    harness.run_source();
    ASSERT_EQ(harness.outputs().size(), 5U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(harness.outputs()[i].to_string(), expected[i]);
    EXPECT_EQ(harness.outputs()[3].position, whole);
    EXPECT_TRUE(harness.outputs()[4].text.starts_with("bad 5 the file ends within a record")) << harness.outputs()[4];
  }
}

TEST_F(FileSource, GivesTimesAndWatermarksThatNoRecordIsBehind) {
  const auto make =
      csv("id,text\n1,a\n3,b\n2,c\n9,d\n",
          {.timestamp = [](const Reading& reading) { return at(reading.id); }, .watermarks = std::chrono::seconds(1)});
  OperatorHarness harness(harness_of(make(64)));
  ASSERT_TRUE(harness.open().is_ok());
  harness.run_source();
  ASSERT_EQ(harness.outputs().size(), 5U);
  EXPECT_EQ(harness.outputs()[2].time, at(2));
  EXPECT_EQ(harness.last_watermark(), at(8) - Duration{1});
}

TEST_F(FileSource, CanBePaced) {
  const auto make = csv("id,text\n1,a\nbad,x\n3,b\n2,c\nbad,y\n",
                        {.timestamp = [](const Reading& reading) { return at(reading.id); }});
  expect_same_source_in_all_modes(
      harness_of(paced(make(64), {.speed = 5}), true),
      std::vector<std::string>{"1:a @1970-01-01T00:00:01Z #8", "[1] bad 3 column 'id': cannot read 'bad' <bad,x> #12",
                               "3:b @1970-01-01T00:00:03Z #18", "2:c @1970-01-01T00:00:02Z #22",
                               "[1] bad 6 column 'id': cannot read 'bad' <bad,y> #26"});
}

TEST_F(FileSource, WaitsWhenTheExecutorIsFull) {
  auto options = harness_of(lines("a\nb\n")(64));
  options.context.executor->capacity = 0;
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  EXPECT_EQ(harness.poll_once(), PollResult::kIdle);
  EXPECT_TRUE(harness.context().scheduled.has_value());
  options.context.executor->capacity = 10;
  harness.run_source();
  EXPECT_EQ(harness.texts(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(FileSource, ReadsAtMostTwoChunksAhead) {
  auto options = harness_of(lines(std::string(1000, 'x') + "\n")(10));
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(harness.poll_once(), PollResult::kIdle);
    EXPECT_LE(options.context.executor->pending(), 1U);
    options.context.executor->run_all();
  }
}

TEST_F(FileSource, NoticesAFileThatBecameShorterThanItsPosition) {
  const auto make = lines("a\nb\n");
  OperatorHarness harness(harness_of(make(64)));
  ASSERT_TRUE(harness.open().is_ok());
  harness.run_source([] {});
  auto stored = std::make_shared<StoredOperator>(**harness.checkpoint());
  // As of a checkpoint before the end was known.
  for (auto& [name, bytes] : stored->entries) bytes[3] = 0;
  directory_.write("in.txt", "a\n");
  ASSERT_TRUE(harness.open(stored).is_ok());
  EXPECT_THROW(harness.run_source(), std::runtime_error);
}

TEST_F(FileSource, RefusesAPositionItCannotRead) {
  const auto make = lines("a\n");
  auto stored = std::make_shared<StoredOperator>();
  stored->entries.emplace_back("split:" + directory_.file("in.txt"), "\x01");
  OperatorHarness harness(harness_of(make(64)));
  EXPECT_EQ(harness.open(stored).code(), StatusCode::kDataLoss);
}

TEST_F(FileSource, SharesFilesOutAndKeepsThemWhenTheParallelismChanges) {
  std::set<std::string> expected;
  for (int file = 0; file < 7; ++file) {
    std::string bytes;
    for (int line = 0; line < 10 + file; ++line) {
      const std::string text = std::to_string(file * 100 + line);
      expected.insert(text);
      bytes += text + "\n";
    }
    directory_.write("part-" + std::to_string(file) + ".txt", bytes);
  }
  FileSourceOptions<int> options{.path = directory_.file("part-*.txt"),
                                 .timestamp = [](const int& value) { return at(value); }};
  options.chunk_bytes = 16;
  const auto parse = [](std::string_view line) -> Result<int> { return std::stoi(std::string(line)); };

  std::shared_ptr<const StoredOperator> stored;
  std::set<std::string> seen;
  for (const std::uint32_t parallelism : {3, 1, 9, 2}) {
    const auto source = line_file_source<int>(options, parse);
    auto next = std::make_shared<StoredOperator>();
    for (std::uint32_t task = 0; task < parallelism; ++task) {
      auto harness_options = harness_of(source);
      harness_options.batch_size = 3;
      harness_options.context.task_index = task;
      harness_options.context.parallelism = parallelism;
      OperatorHarness harness(harness_options);
      ASSERT_TRUE(harness.open(stored).is_ok());
      for (int polls = 0; polls < (parallelism == 2 ? 1000 : 6 + static_cast<int>(task)); ++polls) {
        if (harness.poll_once() == PollResult::kEnd) break;
        harness.let_world_move();
      }
      Timestamp watermark = kMinTimestamp;
      for (const Output& out : harness.outputs()) {
        if (out.is_watermark) watermark = *out.time;
        EXPECT_TRUE(out.is_watermark || parallelism != 1 || *out.time > watermark) << "files begun before take turns";
      }
      for (const std::string& text : harness.texts()) EXPECT_TRUE(seen.insert(text).second) << text << " came twice";
      next->merge(**harness.checkpoint());
    }
    stored = next;
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(FileSource, NamesWrongOptions) {
  EXPECT_EQ(csv_file_source<Reading>({}).faults.size(), 1U);
  EXPECT_EQ(
      csv_file_source<Reading>({.path = "x", .max_record_bytes = 0, .chunk_bytes = 0, .delimiter = '"'}).faults.size(),
      3U);
}

}  // namespace
}  // namespace weir
