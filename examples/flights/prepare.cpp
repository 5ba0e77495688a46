// flights_prepare DIRECTORY: makes requests.csv and outcomes.csv from the raw files that fetch.sh put into DIRECTORY.

#include <cstdio>
#include <string_view>

#include "features.hpp"

int main(int argument_count, char** arguments) {
  const std::string_view directory = argument_count == 2 ? arguments[1] : "--help";
  if (directory == "-h" || directory == "--help") {
    std::puts(
        "usage: flights_prepare DIRECTORY\n\nMakes requests.csv and outcomes.csv from flights.csv, weather.csv and "
        "airports.csv.");
    return argument_count == 2 ? 0 : 2;
  }
  if (const weir::Status status = flights::prepare_events(std::string(directory)); !status.is_ok()) {
    std::fprintf(stderr, "flights_prepare: %s\n", status.to_string().c_str());
    return 1;
  }
  return 0;
}
