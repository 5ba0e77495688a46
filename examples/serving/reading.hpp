#pragma once
// The records of the example.

#include <cstdint>
#include <string>

#include <boost/describe/class.hpp>

#include <weir/time.hpp>

struct Reading {
  weir::Timestamp time;
  std::string machine;
  double temperature = 0;  // degrees Celsius
  double vibration = 0;    // millimetres a second
};
BOOST_DESCRIBE_STRUCT(Reading, (), (time, machine, temperature, vibration))

struct Risk {
  std::string machine;
  weir::Timestamp time;
  std::uint64_t position = 0;  // of the reading, in its source
  std::int64_t model = 0;      // version; 0: no model yet
  double probability = 0;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(Risk, (), (machine, time, position, model, probability, status))
