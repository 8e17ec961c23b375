#include "core/wire/error_map.h"

namespace faultline::wire {

KafkaError to_kafka_error(Errc code) noexcept {
    switch (code) {
        case Errc::cancelled:
            return KafkaError::not_leader_or_follower;  // shutting down: ask again elsewhere
        case Errc::timed_out: return KafkaError::request_timed_out;
        case Errc::closed: return KafkaError::not_leader_or_follower;
        case Errc::unreachable: return KafkaError::network_exception;
        case Errc::not_found: return KafkaError::unknown_topic_or_partition;
        case Errc::exists: return KafkaError::topic_already_exists;
        case Errc::no_space:
        case Errc::io:
        case Errc::corrupt: return KafkaError::kafka_storage_error;
        case Errc::too_large: return KafkaError::message_too_large;
        case Errc::busy: return KafkaError::throttling_quota_exceeded;
        case Errc::invalid: return KafkaError::invalid_request;
        case Errc::not_owner: return KafkaError::not_leader_or_follower;
        case Errc::fenced: return KafkaError::fenced_leader_epoch;
    }
    return KafkaError::unknown_server_error;
}
}  // namespace faultline::wire
