// One incremental fetch session (KIP-227): what a client fetches, kept between its requests, so
// that it sends only changes and is told only what changed. Pure. Where the KIP is silent, as
// Apache Kafka 4.3.1 answers.
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "gen/wire/errors.h"
#include "gen/wire/fetch_request.h"

namespace faultline::logic {

// What the partition of a fetch is known by: its topic's id from version 13 on, the name before.
struct FetchKey {
    std::string topic;
    Uuid topic_id;
    std::int32_t partition = 0;
    friend auto operator<=>(const FetchKey&, const FetchKey&) = default;
};

// What was found in one partition, as far as a session cares.
struct FetchFound {
    FetchKey key;
    wire::KafkaError error = wire::KafkaError::none;
    std::int64_t high_watermark = -1, log_start = -1;
    std::uint64_t bytes = 0;
    bool must_tell = false;  // a diverging epoch, another replica to read from
};

// Session epochs go from 2147483647 to 1: 0 begins a session.
constexpr std::int32_t epoch_after(std::int32_t epoch) noexcept {
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

class FetchSession {
public:
    using Topics = std::vector<wire::FetchRequest::FetchTopic>;

    FetchSession(std::int32_t id, bool privileged, bool by_id, MonoTime now)
        : id_(id), privileged_(privileged), by_id_(by_id), created_(now) {}

    std::int32_t id() const noexcept { return id_; }
    bool privileged() const noexcept { return privileged_; }  // of a follower
    bool by_id() const noexcept { return by_id_; }            // topics are known by their ids
    MonoTime created() const noexcept { return created_; }
    std::size_t size() const noexcept { return order_.size(); }
    // That the next request must carry: 1 after the first.
    std::int32_t epoch() const noexcept { return epoch_; }
    void next_epoch() noexcept { epoch_ = epoch_after(epoch_); }

    // Adds or changes the partitions of `topics`; then those of `forgotten` go, be they among them.
    void update(const Topics& topics,
                const std::vector<wire::FetchRequest::ForgottenTopic>& forgotten);
    // Everything that the session fetches, in its order.
    Topics topics() const;
    // Whether the client has to be told, by position in `found`: data, another high watermark or
    // log start than it was told last, an error, or the first look after one. Partitions that gave
    // data go to the end of the order, so that all get their turn when the limit of bytes is small.
    std::vector<bool> tell(const std::vector<FetchFound>& found);

private:
    struct Cached {
        FetchKey key;
        wire::FetchRequest::FetchPartition asked;
        std::int64_t high_watermark = -1, log_start = -1;  // as it was told; -1: tell it anyway
    };
    std::int32_t id_;
    bool privileged_, by_id_;
    MonoTime created_;
    std::int32_t epoch_ = 1;
    std::list<Cached> order_;
    std::map<FetchKey, std::list<Cached>::iterator> index_;
};

// `topics` with each partition once, at its first place and as it is asked for last; neighbours of
// one topic together.
FetchSession::Topics each_once(const FetchSession::Topics& topics);
// Whether a partition is named twice.
bool names_twice(const FetchSession::Topics& topics);
}  // namespace faultline::logic
