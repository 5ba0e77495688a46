#pragma once
// A request as the models see it.

#include <array>
#include <string_view>

#include <weir/model.hpp>

#include "events.hpp"

namespace flights {

inline constexpr std::size_t kTextInputs = 4;
inline constexpr std::size_t kNumberInputs = 9;
// The output that says how likely the flight arrives more than 15 minutes late.
inline constexpr std::string_view kLateProbability = "probability(1)";

// Texts carrier, origin, dest, weekday; then numbers hour to visibility: the columns of requests.csv from `carrier` on.
weir::FeatureSchema model_inputs();

// Writes one row in the columns of model_inputs(). The texts are views into `request`.
void fill_model_inputs(const FlightRequest& request, std::span<double, kNumberInputs> numbers,
                       std::span<std::string_view, kTextInputs> texts);

}  // namespace flights
