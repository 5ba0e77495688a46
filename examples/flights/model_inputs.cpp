#include "model_inputs.hpp"

#include <algorithm>

namespace flights {

weir::FeatureSchema model_inputs() {
  std::vector<weir::Field> fields;
  constexpr std::size_t kFirst = 3;  // after id, event_time, month
  const auto columns = request_columns().subspan(kFirst);
  for (std::size_t column = 0; column < columns.size(); ++column)
    fields.push_back(
        {std::string(columns[column]), column < kTextInputs ? weir::FieldType::kText : weir::FieldType::kNumber});
  return weir::FeatureSchema(std::move(fields));
}

void fill_model_inputs(const FlightRequest& request, std::span<double, kNumberInputs> numbers,
                       std::span<std::string_view, kTextInputs> texts) {
  const std::array<std::string_view, kTextInputs> text_values = {request.carrier, request.origin, request.dest,
                                                                 request.weekday};
  const std::array<double, kNumberInputs> number_values = {
      request.hour,        request.distance,   request.origin_delay,  request.carrier_delay, request.overdue,
      request.temperature, request.wind_speed, request.precipitation, request.visibility};
  std::ranges::copy(text_values, texts.begin());
  std::ranges::copy(number_values, numbers.begin());
}

}  // namespace flights
