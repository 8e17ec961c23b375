// The only translation of operating errors into what a client is told.
#pragma once
#include "core/base/result.h"
#include "gen/wire/errors.h"

namespace faultline::wire {
KafkaError to_kafka_error(Errc code) noexcept;
}  // namespace faultline::wire
