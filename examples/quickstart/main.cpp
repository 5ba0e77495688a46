// Sums sales by shop: a CSV file in, one line per sale out, state kept by key.
#include <cstdio>
#include <string>

#include <weir/weir.hpp>

struct Sale {
  weir::Timestamp time;
  std::string shop;
  double amount = 0;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (time, shop, amount))

struct Total {
  std::string shop;
  double sum = 0;
};

struct SumByShop : weir::ProcessFunction<std::string, Sale, Total> {
  weir::ValueState<double> sum;
  void open(weir::OpenContext<Key>& context) { sum = context.value_state<double>({.name = "sum", .queryable = true}); }
  void process(const Sale& sale, weir::ProcessContext<Key>& context, weir::Collector<Total>& out) {
    out.collect({context.key(), sum.mutate() += sale.amount});
  }
};

int main(int argc, char** argv) {
  const std::string file = argc > 1 ? argv[1] : "examples/quickstart/sales.csv";
  weir::Pipeline pipeline({.name = "quickstart", .parallelism = 2});
  pipeline.from_source(weir::csv_file_source<Sale>({.path = file, .timestamp = [](const Sale& s) { return s.time; }}))
      .uid("sales")
      .filter([](const Sale& sale) { return sale.amount > 0; })
      .key_by(&Sale::shop)
      .process(SumByShop{})
      .uid("sum-by-shop")
      .sink_to(weir::for_each_sink<Total>(
          [](const Total& total) { std::printf("%-6s %6.2f\n", total.shop.c_str(), total.sum); }))
      .uid("print");
  return weir::exit_code(pipeline.run());
}
