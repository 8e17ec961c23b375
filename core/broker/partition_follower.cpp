// A follower of a partition: it takes what its leader has, and cuts what its leader does not have.
#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/broker/partition.h"
#include "core/wire/record_batch.h"

namespace faultline::broker {
using wire::KafkaError;

std::optional<Partition::NextFetch> Partition::next_fetch(NodeId leader) const {
    if (leader_ || plan_.leader != leader || lost_) return std::nullopt;
    // The leader counts what is asked for from here as held: so it is asked from what is safe.
    if (held() < log_->log_end()) return std::nullopt;
    NextFetch next;
    next.topic_id = plan_.topic_id;
    next.leader_epoch = epoch().v;
    next.offset = log_->log_end().v;
    next.log_start = written_start_.v;
    next.high_watermark = high_watermark_.v;
    if (log_->log_end() > log_->log_start())
        next.last_epoch = log_->latest_epoch().value_or(Epoch{-1}).v;
    return next;
}

bool Partition::must_wait_for_rate() const {
    return throttled_as_follower_ && !caught_up_ &&
           context_.follower_throttle.used_up(context_.clock.now());
}

bool Partition::take_fetched(const NextFetch& asked,
                             const wire::FetchResponse::PartitionData& data) {
    const auto guard = appending_.lock();
    // Another epoch began, or the log moved: the answer is to a question of the past.
    const bool stale =
        leader_ || epoch().v != asked.leader_epoch || log_->log_end().v != asked.offset;
    if (stale) return true;
    if (data.error_code == KafkaError::offset_out_of_range) {
        const Offset start{data.log_start_offset};
        if (start <= log_->log_end()) return false;
        // All that this replica has is gone from the leader.
        context_.probe.reached(probe::Site::follower_starts_over);
        if (!log_->truncate_fully_and_start_at(start).ok()) return false;
        high_watermark_ = written_start_ = start;
        unwritten_start_.reset();
        return true;
    }
    if (data.error_code != KafkaError::none) return false;
    if (data.diverging_epoch.epoch >= 0) {
        const Offset to = log_->shared_end(
            {Epoch{data.diverging_epoch.epoch}, Offset{data.diverging_epoch.end_offset}});
        return cut_to(std::clamp(to, log_->log_start(), log_->log_end())).ok();
    }
    if (!data.records.is_null() && data.records.size() > 0) {
        if (throttled_as_follower_)
            context_.follower_throttle.take(data.records.size(), context_.clock.now());
        if (!append_fetched(data.records.bytes(), Offset{data.high_watermark}).ok()) return false;
    }
    caught_up_ = log_->log_end().v >= data.high_watermark;
    follow_log();
    return follow_high_watermark(data);
}

Result<void> Partition::append_fetched(const IoBuf& records, Offset leaders_high_watermark) {
    IoBuf good;
    Offset next = log_->log_end();
    bool gap = false;
    for (const IoBuf& batch : wire::split_batches(records)) {
        // The CRC is checked before anything is written: damage must not spread.
        const auto reader = wire::RecordReader::open(batch);
        if (!reader.ok()) {
            context_.probe.reached(probe::Site::fetched_batch_damaged);
            break;
        }
        const wire::BatchHeader& h = reader->header();
        if (h.leader_epoch > epoch().v) break;
        // Compaction takes offsets below the high watermark alone.
        if (h.base_offset != next.v && h.base_offset > leaders_high_watermark.v) break;
        // No more than a segment takes at once; the next fetch brings the rest.
        const bool full = !good.empty() &&
                          std::cmp_greater(good.size() + batch.size(), plan_.config.segment_bytes);
        if (full) break;
        gap |= h.base_offset > next.v;
        next = Offset{h.last_offset() + 1};
        good.append(batch);
    }
    if (good.empty()) return Error{Errc::corrupt, 0, "partition.append_fetched"};
    if (gap) FL_CHECK(log_->allow_gaps_below(leaders_high_watermark));
    const auto appended = log_->append_assigned(good);
    if (appended.ok()) return {};
    // A cut may have left it unknown what producers did: they are read for the next answer.
    if (appended.code() == Errc::corrupt) FL_CHECK(log_->truncate_to(log_->log_end()));
    return appended.error();
}

Result<void> Partition::cut_to(Offset to) {
    const Offset from = log_->log_end();
    if (to < from) context_.probe.reached(probe::Site::follower_cuts);
    auto cut = log_->truncate_to(to);
    if (log_->log_end() >= from || (!cut.ok() && cut.code() == Errc::cancelled)) return cut;
    // It may have failed behind the cut, which stands.
    context_.probe.emit([&] {
        return probe::ReplicaTruncated{key_, epoch(), from, log_->log_end()};
    });
    high_watermark_ = std::min(high_watermark_, log_->log_end());
    changed_.notify_all();
    follow_log();
    return cut;
}

// After the cut, never before it (KAFKA-14704): what this replica has below it is the leader's.
bool Partition::follow_high_watermark(const wire::FetchResponse::PartitionData& data) {
    const bool deleted = follow_log_start(Offset{data.log_start_offset});
    advance(std::min(Offset{data.high_watermark}, log_->log_end()));
    return deleted;
}

// False: tried again with the next answer.
bool Partition::follow_log_start(Offset start) {
    if (start <= written_start_ || start > log_->log_end()) return true;
    context_.probe.reached(probe::Site::follower_takes_log_start);
    if (start > log_->log_start() && !log_->delete_records_before(start).ok()) return false;
    high_watermark_ = std::max(high_watermark_, log_->log_start());
    unwritten_start_ = log_->log_start();
    return true;
}

void Partition::start_written(Offset start) {
    if (unwritten_start_ == start) unwritten_start_.reset();
    if (!leader_ && log_->log_start() >= start) written_start_ = std::max(written_start_, start);
}

void Partition::wait_safe(fiber::StopToken stop) {
    (void)changed_.wait(Deadline::never(), stop,
                        [&] { return lost_ || leader_ || held() >= log_->log_end(); });
}
}  // namespace faultline::broker
