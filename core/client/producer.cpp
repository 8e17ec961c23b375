#include "core/client/producer.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/client/producer_lane.h"

namespace faultline::client {

Producer::Producer(Env& env, ClientConfig client, ProducerConfig config, OnDelivery on_delivery)
    : cluster_(env, std::move(client)),
      config_(config),
      on_delivery_(std::move(on_delivery)),
      group_(env.fibers) {}

Producer::~Producer() = default;

Producer::Lane& Producer::lane(const std::string& topic, std::int32_t partition) {
    auto& slot = lanes_[{topic, partition}];
    if (!slot) {
        slot =
            std::make_unique<Lane>(topic, partition, InFlight(config_.in_flight, numbers_wanted()));
        group_.spawn({.name = "producer.partition"},
                     [this, made = slot.get()](fiber::StopToken stop) { run(*made, stop); });
    }
    return *slot;
}

Result<std::int32_t> Producer::send(const OutRecord& record, Deadline deadline,
                                    fiber::StopToken stop) {
    if (closed_) return Error{Errc::closed, 0, "producer.send"};
    FL_TRY(const std::int32_t count, cluster_.partitions(record.topic, deadline, stop));
    if (record.partition && (*record.partition < 0 || *record.partition >= count)) {
        return Error{Errc::not_found, 0, "producer.partition"};
    }
    const std::size_t bytes = kRecordOverhead + (record.key ? record.key->size() : 0) +
                              (record.value ? record.value->size() : 0) +
                              header_bytes(record.headers);
    if (bytes > config_.buffer_bytes) return Error{Errc::too_large, 0, "producer.record"};
    FL_CHECK(changed_.wait(deadline, stop,
                           [&] { return closed_ || buffered_ + bytes <= config_.buffer_bytes; }));
    if (closed_) return Error{Errc::closed, 0, "producer.send"};

    std::int32_t partition = 0;
    if (record.partition) {
        partition = *record.partition;
    } else {
        auto& chooser = partitioners_.try_emplace(record.topic, config_.batch_bytes).first->second;
        partition = chooser.choose(record.key, bytes, count, cluster_.rng());
    }
    Lane& to = lane(record.topic, partition);
    const Clock& clock = cluster_.env().clock;
    if (to.queue.empty() || to.queue.back().bytes + bytes > config_.batch_bytes) {
        Batch& fresh = to.queue.emplace_back();
        fresh.opened = clock.now();
        fresh.expires = clock.in(config_.delivery_timeout).at;
    }
    Batch& batch = to.queue.back();
    batch.builder.add(record.timestamp.value_or(clock.wall().ms), record.key, record.value,
                      record.headers);
    batch.tags.push_back(record.tag);
    batch.bytes += bytes;
    buffered_ += bytes;
    ++unanswered_;
    if (batch.tags.size() == 1 || full(to)) to.changed.notify_all();
    return partition;
}

void Producer::answer(const Lane& lane, const Batch& batch, const Delivery& result) {
    Delivery one = result;
    one.partition = lane.partition;
    for (const std::uint64_t tag : batch.tags) {
        one.tag = tag;
        if (on_delivery_) on_delivery_(one);
        if (one.offset >= 0) ++one.offset;
    }
    unanswered_ -= batch.tags.size();
    buffered_ -= batch.bytes;
    changed_.notify_all();
}

Result<void> Producer::flush(Deadline deadline, fiber::StopToken stop) {
    struct Flushing {
        std::size_t& n;
        explicit Flushing(std::size_t& count) : n(count) { ++n; }
        ~Flushing() { --n; }
    } flushing(flushing_);
    for (auto& [key, lane] : lanes_) lane->changed.notify_all();
    return changed_.wait(deadline, stop, [this] { return unanswered_ == 0; });
}

void Producer::close(Deadline deadline) {
    closed_ = true;
    changed_.notify_all();
    (void)flush(deadline);
    group_.request_stop();
    group_.join();
    FL_INVARIANT(61, unanswered_ == 0 && buffered_ == 0);
    cluster_.close();
}
}  // namespace faultline::client
