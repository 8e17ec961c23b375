// A broker in memory, for tests of the client: one topic "t", and answers that a test can bend.
#pragma once
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "core/env/env.h"
#include "core/logic/producer/producer_state.h"
#include "core/rpc/frame_io.h"
#include "core/wire/reader.h"
#include "core/wire/record_batch.h"
#include "gen/wire/api.h"

namespace faultline::test {

struct TinyBroker {
    // --- what the test sets ---
    std::int32_t partitions = 1;
    std::int16_t newest_api_versions = 4;  // older than asked: error 35 in version 0
    bool serves_init_producer_id = false;
    std::deque<wire::KafkaError> produce_errors;  // of the next Produce requests; none: append
    bool keeps_numbers = false;  // refuses and recognises batches by their numbers, as KIP-98 says
    int swallow_produce = 0;     // appends, then closes the connection without an answer
    int fetch_out_of_range = 0;
    bool corrupt_fetch = false;
    Duration produce_delay{0};
    std::size_t largest_batch = SIZE_MAX;  // bytes; larger ones are refused
    wire::KafkaError refusal_of_size = wire::KafkaError::message_too_large;
    // What every Fetch answer says was aborted, as producer id and first offset.
    std::vector<std::pair<std::int64_t, std::int64_t>> aborted;
    // The leader epoch of every partition, and where each epoch but the first began (KIP-320). At
    // first no epoch is told, as by old brokers.
    std::int32_t leader_epoch = -1;
    std::vector<std::pair<std::int32_t, std::int64_t>> epoch_starts;
    // A new leader whose log ends at `end`.
    void elect(std::int64_t end);

    // --- what the test looks at ---
    struct Stored {
        std::int32_t partition;
        std::int64_t base_offset;
        IoBuf bytes;
    };
    std::vector<Stored> log;
    std::vector<std::int64_t> ends;  // by partition
    int connections = 0, produces = 0, metadatas = 0;
    std::vector<std::int16_t> api_versions_asked;
    std::vector<std::int32_t> sequences;
    std::vector<std::int16_t> epochs;  // of the batches in the log
    logic::ProducerStates numbers;     // of all partitions
    int epochs_asked = 0;

    // A node's main.
    void serve(Env& env, fiber::StopToken stop);
    // Values of a partition in order.
    std::vector<std::string> values(std::int32_t partition) const;

private:
    void serve_connection(Env& env, Connection& connection, fiber::StopToken stop);
    // Nothing: close the connection.
    template <class Req>
    std::optional<OutBuf> run(Env& env, wire::Reader& in, wire::Version version,
                              std::int32_t correlation);
    std::optional<OutBuf> dispatch(Env& env, const IoBuf& frame);
};
}  // namespace faultline::test
