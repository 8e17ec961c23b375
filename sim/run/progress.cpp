#include "sim/run/progress.h"

#include <algorithm>

#include <fmt/format.h>

namespace faultline::sim {

void Progress::on_probe(MonoTime, NodeId node, const probe::Event& event) {
    if (cast_.brokers > 1 && of_replica(node, event)) return;
    if (const auto* a = std::get_if<probe::ProduceAcked>(&event)) {
        answered_[a->client] += a->count;
        acked += static_cast<std::uint64_t>(a->count);
        // What acks=1 has acknowledged becomes readable when the disk has it, however slow that is.
        // An acknowledgement may come so late that a power loss has taken its records.
        if (a->first.v >= 0) {
            expect_up_to(a->partition, std::min(a->first.v + a->count, log_end_[a->partition]));
        }
    } else if (const auto* f = std::get_if<probe::ProduceFailed>(&event)) {
        answered_[f->client] += f->count;
        failed += static_cast<std::uint64_t>(f->count);
    } else if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
        // Who has not heard of a newer leader may commit what that one, elected uncleanly, lacks.
        const auto newest = leader_epoch_.find(h->partition);
        if (newest == leader_epoch_.end() || h->epoch.v >= newest->second)
            expect_up_to(h->partition, h->hw.v);
    } else if (const auto* b = std::get_if<probe::BatchAppended>(&event)) {
        log_end_[b->partition] = b->last.v + 1;
    } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
        log_end_[t->partition] = t->to.v;
    } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
        // What the contract lets a power loss take need not be read; whether it may: INV-80.
        std::int64_t& hw = high_watermark_[o->partition];
        hw = std::min(hw, o->log_end.v);
        log_end_[o->partition] = o->log_end.v;
        log_start_[o->partition] = o->log_start.v;
    } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
        log_start_[m->partition] = m->to.v;
    } else if (const auto* c = std::get_if<probe::CorruptionFound>(&event)) {
        corrupt_.insert(c->partition);
    } else if (const auto* d = std::get_if<probe::RecordDelivered>(&event)) {
        next_[{d->consumer, d->partition}] = d->at.v + 1;
        if (d->consumer != cast_.auditor()) ++delivered;
    }
}

// Of a replicated log what its leaders commit is what must be read, whatever a replica lacks.
bool Progress::of_replica(NodeId node, const probe::Event& event) {
    if (const auto* b = std::get_if<probe::BatchAppended>(&event)) {
        replica_end_[{node, b->partition}] = b->last.v + 1;
    } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
        replica_end_[{node, t->partition}] = t->to.v;
    } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
        replica_end_[{node, o->partition}] = o->log_end.v;
    } else if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
        // What the contract lets a leader lack need not be read; whether it may: INV-140. Who has
        // not heard yet of a newer leader does not count.
        std::int32_t& newest = leader_epoch_.try_emplace(l->partition, -1).first->second;
        if (l->epoch.v < newest) return true;
        newest = l->epoch.v;
        std::int64_t& hw = high_watermark_[l->partition];
        hw = std::min(hw, replica_end_[{node, l->partition}]);
    } else {
        return false;
    }
    return true;
}

void Progress::expect_up_to(probe::PartitionKey key, std::int64_t end) {
    std::int64_t& hw = high_watermark_[key];
    hw = std::max(hw, end);
}

bool Progress::producers_done() const {
    for (std::size_t i = 0; i < cast_.producers.size(); ++i) {
        const auto it = answered_.find(static_cast<std::int32_t>(i));
        if ((it == answered_.end() ? 0 : it->second) < cast_.producers[i].count) return false;
    }
    return true;
}

bool Progress::nothing_left(probe::PartitionKey key, std::int64_t hw) const {
    const auto it = log_start_.find(key);
    return hw == 0 || (it != log_start_.end() && it->second >= hw);
}

bool Progress::caught_up(std::int32_t consumer, const std::string& topic,
                         const Recorder& recorder) const {
    return std::ranges::all_of(high_watermark_, [&](const auto& entry) {
        const auto& [key, hw] = entry;
        if (corrupt_.contains(key)) return true;
        if (!cast_.topics.contains(std::string(topic_of(recorder.partition_name(key)))))
            return true;
        if (!topic.empty() && topic_of(recorder.partition_name(key)) != topic) return true;
        if (nothing_left(key, hw)) return true;
        const auto it = next_.find({consumer, key});
        return it != next_.end() && it->second >= hw;
    });
}

bool Progress::consumers_done(const Recorder& recorder) const {
    for (std::size_t i = 0; i < cast_.consumers.size(); ++i) {
        if (!caught_up(static_cast<std::int32_t>(i), cast_.consumers[i].topic, recorder))
            return false;
    }
    return true;
}

bool Progress::auditor_done(const Recorder& recorder) const {
    return caught_up(cast_.auditor(), "", recorder);
}

std::string Progress::missing(const Recorder& recorder) const {
    for (std::size_t i = 0; i < cast_.producers.size(); ++i) {
        const ProducerSpec& p = cast_.producers[i];
        const auto it = answered_.find(static_cast<std::int32_t>(i));
        const std::int64_t n = it == answered_.end() ? 0 : it->second;
        if (n < p.count)
            return fmt::format("{} has an answer for {} of its {} records", p.id, n, p.count);
    }
    const auto behind = [&](std::int32_t consumer, const std::string& topic) -> std::string {
        for (const auto& [key, hw] : high_watermark_) {
            const auto name = recorder.partition_name(key);
            if (!cast_.topics.contains(std::string(topic_of(name)))) continue;
            if (corrupt_.contains(key) || nothing_left(key, hw) ||
                (!topic.empty() && topic_of(name) != topic))
                continue;
            const auto it = next_.find({consumer, key});
            const std::int64_t next = it == next_.end() ? 0 : it->second;
            if (next < hw) {
                return fmt::format("{} has read {} up to offset {} of {}",
                                   cast_.consumer_name(consumer), name, next, hw);
            }
        }
        return "";
    };
    for (std::size_t i = 0; i < cast_.consumers.size(); ++i) {
        const std::string what = behind(static_cast<std::int32_t>(i), cast_.consumers[i].topic);
        if (!what.empty()) return what;
    }
    return behind(cast_.auditor(), "");
}
}  // namespace faultline::sim
