#include "core/client/consumer.h"

#include <algorithm>
#include <utility>

#include "core/logic/client/aborted_transactions.h"
#include "gen/wire/list_offsets_request.h"
#include "gen/wire/list_offsets_response.h"
#include "gen/wire/offset_for_leader_epoch_request.h"
#include "gen/wire/offset_for_leader_epoch_response.h"

namespace faultline::client {
namespace {
// For how long a partition that could not be read is left alone.
constexpr Duration kPartitionRest = std::chrono::milliseconds(500);
// For how long a follower that failed is not read, even if the leader names it again.
constexpr Duration kFollowerRest = std::chrono::seconds(5);
constexpr Duration kFollowerConnect = std::chrono::seconds(1);

// Asking again may help.
bool heals(Errc code) {
    return code == Errc::unreachable || code == Errc::closed || code == Errc::busy ||
           code == Errc::timed_out;
}

using wire::KafkaError;
constexpr wire::Version kLastWithNames{12};  // Fetch names topics by id from 13 on (KIP-516)
constexpr std::int64_t kLatest = -1, kEarliest = -2;

AbortedTransactions aborted_of(const wire::FetchResponse::PartitionData& data) {
    std::vector<AbortedTransactions::One> all;
    if (data.aborted_transactions) {
        for (const auto& one : *data.aborted_transactions)
            all.push_back({one.producer_id, one.first_offset});
    }
    return AbortedTransactions(std::move(all));
}
}  // namespace

Consumer::Consumer(Env& env, ClientConfig client, ConsumerConfig config)
    : cluster_(env, std::move(client)), config_(config) {}

void Consumer::assign(const std::string& topic, std::int32_t partition, Position from) {
    Assigned& a = assigned_[{topic, partition}];
    a = {};
    a.from = from;
    if (from.kind == Position::Kind::offset) {
        a.known = true;
        a.next = from.value;
    }
}

void Consumer::unassign(const std::string& topic, std::int32_t partition) {
    assigned_.erase({topic, partition});
}

bool Consumer::seek(const std::string& topic, std::int32_t partition, Position to) {
    const auto it = assigned_.find({topic, partition});
    if (it == assigned_.end()) return false;
    const bool paused = it->second.paused;
    assign(topic, partition, to);
    it->second.paused = paused;
    return true;
}

bool Consumer::pause(const std::string& topic, std::int32_t partition) {
    const auto it = assigned_.find({topic, partition});
    if (it != assigned_.end()) it->second.paused = true;
    return it != assigned_.end();
}

bool Consumer::resume(const std::string& topic, std::int32_t partition) {
    const auto it = assigned_.find({topic, partition});
    if (it != assigned_.end()) it->second.paused = false;
    return it != assigned_.end();
}

std::int64_t Consumer::position(const std::string& topic, std::int32_t partition) const {
    const auto it = assigned_.find({topic, partition});
    return it == assigned_.end() || !it->second.known ? -1 : it->second.next;
}

std::int64_t Consumer::high_watermark(const std::string& topic, std::int32_t partition) const {
    const auto it = assigned_.find({topic, partition});
    return it == assigned_.end() ? -1 : it->second.high_watermark;
}

Result<std::int64_t> Consumer::find_offset(const std::string& topic, std::int32_t partition,
                                           Position where, Deadline deadline,
                                           fiber::StopToken stop) {
    FL_TRY(const Found found, look_up(topic, partition, where, deadline, stop, false));
    return found.offset;
}

Result<Consumer::Found> Consumer::look_up(const std::string& topic, std::int32_t partition,
                                          Position where, Deadline deadline, fiber::StopToken stop,
                                          bool once) {
    if (where.kind == Position::Kind::offset) return Found{where.value, -1};
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    request.isolation_level = config_.read_committed ? 1 : 0;
    auto& t = request.topics.emplace_back();
    t.name = topic;
    auto& p = t.partitions.emplace_back();
    p.partition_index = partition;
    p.timestamp = where.value;
    if (where.kind == Position::Kind::beginning) p.timestamp = kEarliest;
    if (where.kind == Position::Kind::end) p.timestamp = kLatest;
    for (std::uint32_t attempt = 1;; ++attempt) {
        FL_TRY(const Leader leader, cluster_.leader(topic, partition, deadline, stop));
        const auto response = leader.conn->call<wire::ListOffsetsResponse>(
            request, cluster_.request_deadline(deadline), stop);
        if (response.ok() && !response->topics.empty() && !response->topics[0].partitions.empty()) {
            const auto& found = response->topics[0].partitions[0];
            if (found.error_code == KafkaError::none) {
                if (found.offset >= 0) return Found{found.offset, found.leader_epoch};
                // No record is that young: reading goes on with the next one to come.
                return look_up(topic, partition, Position::end(), deadline, stop, once);
            }
            last_error_ = found.error_code;
            last_error_topic_ = topic;
            if (!wire::is_retriable(found.error_code)) {
                return Error{Errc::invalid, 0, "consumer.list_offsets"};
            }
        } else if (!response.ok() && response.code() == Errc::invalid) {
            return response.error();
        }
        cluster_.note_stale(topic);
        if (once) return Error{Errc::unreachable, 0, "consumer.list_offsets"};
        FL_CHECK(cluster_.back_off(attempt, deadline, stop));
    }
}

Result<std::vector<Consumer::Round>> Consumer::plan(Deadline deadline, fiber::StopToken stop) {
    std::vector<Key> keys;
    for (const auto& [key, a] : assigned_) {
        if (!a.paused) keys.push_back(key);
    }
    // The first partitions of a request fill the answer first: take turns.
    if (!keys.empty()) {
        const std::size_t shift = turn_++ % keys.size();
        std::rotate(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(shift), keys.end());
    }
    const Clock& clock = cluster_.env().clock;
    std::vector<Round> rounds;
    std::optional<Error> failed;
    for (const Key& key : keys) {
        auto it = assigned_.find(key);
        if (it == assigned_.end() || it->second.not_before > clock.now()) continue;
        // One that is offline must not keep the others waiting: it is asked once.
        const bool once = it->second.failed && keys.size() > 1;
        auto found = find_leader(key, once, deadline, stop);
        it = assigned_.find(key);
        if (it == assigned_.end()) continue;
        if (!found.ok()) {
            if (!heals(found.code())) return found.error();
            cluster_.env().probe.reached(probe::Site::consumer_rested_partition);
            it->second.failed = true;
            it->second.not_before = clock.now() + kPartitionRest;
            if (!failed) failed = found.error();
            continue;
        }
        it->second.failed = false;
        Leader leader = std::move(*found);
        prefer_replica(key, leader, deadline, stop);
        it = assigned_.find(key);
        if (it == assigned_.end()) continue;
        const bool tells_rack = it->second.leader_until <= clock.now();
        const auto same = std::find_if(rounds.begin(), rounds.end(), [&](const Round& r) {
            return r.leader.conn == leader.conn && r.tells_rack == tells_rack;
        });
        if (same != rounds.end()) {
            same->partitions.push_back(key);
            if (leader.topic_id.is_zero()) same->leader.topic_id = {};
        } else {
            rounds.push_back({std::move(leader), tells_rack, {key}});
        }
    }
    if (rounds.empty() && failed) return *failed;
    if (rounds.empty() && !keys.empty()) return Error{Errc::unreachable, 0, "consumer.plan"};
    return rounds;
}

Result<Leader> Consumer::find_leader(const Key& key, bool once, Deadline deadline,
                                     fiber::StopToken stop) {
    auto it = assigned_.find(key);
    if (!it->second.known) {
        const Position from = it->second.from;
        FL_TRY(const Found found, look_up(key.first, key.second, from, deadline, stop, once));
        it = assigned_.find(key);
        if (it == assigned_.end()) return Error{Errc::unreachable, 0, "consumer.unassigned"};
        it->second.known = true;
        it->second.next = found.offset;
        it->second.epoch = found.leader_epoch;
    }
    FL_TRY(Leader leader, cluster_.leader(key.first, key.second, deadline, stop));
    FL_CHECK(validate(key, leader, deadline, stop));
    return leader;
}

void Consumer::prefer_replica(const Key& key, Leader& leader, Deadline deadline,
                              fiber::StopToken stop) {
    auto it = assigned_.find(key);
    if (it == assigned_.end() || it->second.replica < 0) return;
    if (cluster_.env().clock.now() >= it->second.replica_until)
        return back_to_leader(it->second, Duration{0});
    // The leader is there: nobody waits long for another.
    const Deadline soon = std::min(deadline, cluster_.env().clock.in(kFollowerConnect));
    auto conn = cluster_.known_broker(it->second.replica, soon, stop);
    it = assigned_.find(key);
    if (it == assigned_.end()) return;
    if (!conn.ok()) return back_to_leader(it->second, kFollowerRest);
    leader.conn = *std::move(conn);
}

void Consumer::back_to_leader(Assigned& assigned, Duration for_how_long) {
    if (assigned.replica < 0) return;
    assigned.leader_until = cluster_.env().clock.now() + for_how_long;
    cluster_.env().probe.reached(probe::Site::consumer_back_at_leader);
    assigned.replica = -1;
}

Result<void> Consumer::validate(const Key& key, const Leader& leader, Deadline deadline,
                                fiber::StopToken stop) {
    auto it = assigned_.find(key);
    if (it == assigned_.end()) return Error{Errc::unreachable, 0, "consumer.unassigned"};
    Assigned& assigned = it->second;
    if (assigned.leader_epoch == leader.epoch) return {};
    back_to_leader(assigned, Duration{0});  // the new one says whom to read
    if (assigned.epoch < 0 || !leader.conn->serves<wire::OffsetForLeaderEpochRequest>()) {
        assigned.leader_epoch = leader.epoch;  // nothing to compare, or nobody to ask
        return {};
    }
    wire::OffsetForLeaderEpochRequest request;
    request.replica_id = -1;
    auto& topic = request.topics.emplace_back();
    topic.topic = key.first;
    auto& p = topic.partitions.emplace_back();
    p.partition = key.second;
    p.current_leader_epoch = leader.epoch;
    p.leader_epoch = assigned.epoch;
    FL_TRY(const auto response, leader.conn->call<wire::OffsetForLeaderEpochResponse>(
                                    request, cluster_.request_deadline(deadline), stop));
    it = assigned_.find(key);
    if (it == assigned_.end() || response.topics.empty() || response.topics[0].partitions.empty())
        return Error{Errc::unreachable, 0, "consumer.validate"};
    const auto& said = response.topics[0].partitions[0];
    FL_CHECK(judge(key, it->second, said.error_code));
    it->second.leader_epoch = leader.epoch;
    if (said.end_offset >= it->second.next && said.leader_epoch >= 0) return {};
    return truncated(key, it->second, said.leader_epoch, said.end_offset);
}

Result<void> Consumer::truncated(const Key& key, Assigned& assigned, std::int32_t epoch,
                                 std::int64_t end) {
    cluster_.env().probe.reached(probe::Site::consumer_saw_truncation);
    if (config_.out_of_range == OffsetReset::fail) {
        last_error_ = KafkaError::offset_out_of_range;
        last_error_topic_ = key.first;
        return Error{Errc::not_found, 0, "consumer.log_truncated"};
    }
    if (epoch >= 0) {
        assigned.next = end;
        assigned.epoch = epoch;
        return {};
    }
    // The leader knows nothing of that epoch.
    return judge(key, assigned, KafkaError::offset_out_of_range);
}

Result<std::size_t> Consumer::fetch(const Round& round, bool may_wait, Deadline deadline,
                                    fiber::StopToken stop, const Handler& handler) {
    const Clock& clock = cluster_.env().clock;
    wire::FetchRequest request;
    const Duration left =
        std::clamp<Duration>(deadline.at - clock.now(), Duration{0}, config_.max_wait);
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(left);
    request.max_wait_ms = may_wait ? static_cast<std::int32_t>(wait.count()) : 0;
    request.min_bytes = config_.min_bytes;
    request.max_bytes = config_.max_bytes;
    request.isolation_level = config_.read_committed ? 1 : 0;
    request.session_id = 0;
    request.session_epoch = -1;  // no fetch session (KIP-227)
    if (round.tells_rack) request.rack_id = config_.rack;
    for (const Key& key : round.partitions) {
        const auto it = assigned_.find(key);
        if (it == assigned_.end()) continue;
        if (request.topics.empty() || request.topics.back().topic != key.first) {
            auto& topic = request.topics.emplace_back();
            topic.topic = key.first;
            if (const TopicInfo* info = cluster_.view().topic(key.first)) topic.topic_id = info->id;
        }
        auto& p = request.topics.back().partitions.emplace_back();
        p.partition = key.second;
        p.fetch_offset = it->second.next;
        p.current_leader_epoch = it->second.leader_epoch;
        p.partition_max_bytes = config_.partition_max_bytes;
    }
    // The answer may come as late as the long poll ends, whatever the caller's deadline is: giving
    // up earlier would cost the connection.
    const Deadline answer_by = clock.in(cluster_.config().request_timeout + wait);
    const wire::Version cap = round.leader.topic_id.is_zero() ? kLastWithNames : request.max;
    FL_TRY(const auto response,
           round.leader.conn->call<wire::FetchResponse>(request, answer_by, stop, cap));
    if (response.error_code != KafkaError::none) {
        last_error_ = response.error_code;
        for (const Key& key : round.partitions) cluster_.note_stale(key.first);
        if (wire::is_retriable(response.error_code)) {
            return Error{Errc::unreachable, 0, "consumer.fetch"};
        }
        return Error{Errc::invalid, 0, "consumer.fetch"};
    }
    return take(response, handler);
}

Result<std::size_t> Consumer::take(const wire::FetchResponse& response, const Handler& handler) {
    std::size_t count = 0;
    std::optional<Error> failed;
    for (const auto& topic : response.responses) {
        std::string name = topic.topic;
        if (name.empty()) name = std::string(cluster_.view().name_of(topic.topic_id));
        for (const auto& data : topic.partitions) {
            const Key key{name, data.partition_index};
            const auto it = assigned_.find(key);
            if (it == assigned_.end()) continue;
            const auto taken = take_partition(key, it->second, data, handler);
            if (taken.ok()) {
                count += *taken;
            } else if (!failed || failed->code == Errc::unreachable) {
                failed = taken.error();  // what retrying heals gives way to what it does not
            }
        }
    }
    // Records in hand come first; a lasting failure is met again by the next poll.
    if (failed && count == 0) return *failed;
    return count;
}

Result<void> Consumer::judge(const Key& key, Assigned& assigned, KafkaError error) {
    if (error == KafkaError::none) return {};
    last_error_ = error;
    last_error_topic_ = key.first;
    const bool from_follower = assigned.replica >= 0;
    back_to_leader(assigned, kFollowerRest);
    // Its leader may have what a follower does not have.
    if (from_follower && error == KafkaError::offset_out_of_range)
        return Error{Errc::unreachable, 0, "consumer.follower"};
    if (error == KafkaError::offset_out_of_range) {
        if (config_.out_of_range == OffsetReset::fail) {
            return Error{Errc::not_found, 0, "consumer.offset_out_of_range"};
        }
        cluster_.env().probe.reached(probe::Site::consumer_position_reset);
        assigned.known = false;
        assigned.epoch = -1;
        assigned.from =
            config_.out_of_range == OffsetReset::end ? Position::end() : Position::beginning();
        return Error{Errc::unreachable, 0, "consumer.offset_out_of_range"};
    }
    if (!wire::is_retriable(error)) return Error{Errc::invalid, 0, "consumer.partition"};
    cluster_.note_stale(key.first);
    return Error{Errc::unreachable, 0, "consumer.partition"};
}

Result<std::size_t> Consumer::take_partition(const Key& key, Assigned& assigned,
                                             const wire::FetchResponse::PartitionData& data,
                                             const Handler& handler) {
    FL_CHECK(judge(key, assigned, data.error_code));
    assigned.high_watermark = data.high_watermark;
    if (data.preferred_read_replica >= 0 && !config_.rack.empty()) {
        cluster_.env().probe.reached(probe::Site::consumer_reads_follower);
        assigned.replica = data.preferred_read_replica;
        assigned.replica_until = cluster_.env().clock.in(config_.replica_age).at;
    }
    if (data.records.is_null() || data.records.size() == 0) return std::size_t{0};
    std::size_t count = 0;
    const auto corrupt = [&](Error e) -> Result<std::size_t> {
        if (count > 0) return count;  // the next poll meets it again
        cluster_.env().probe.reached(probe::Site::consumer_saw_damage);
        last_error_ = KafkaError::corrupt_message;
        last_error_topic_ = key.first;
        damaged_ = Damaged{key.first, key.second, assigned.next};
        return e;
    };
    AbortedTransactions aborted = aborted_of(data);
    for (const IoBuf& batch : wire::split_batches(data.records.bytes())) {
        if (assigned.paused) break;  // by the handler
        auto reader = wire::RecordReader::open(batch);
        if (!reader.ok()) return corrupt(reader.error());
        const std::int64_t end = reader->header().last_offset() + 1;
        const bool hidden = config_.read_committed && aborted.hides(reader->header());
        const bool control = reader->header().control();
        if (end <= assigned.next && !(control && config_.read_committed)) continue;
        while (!hidden && (config_.read_committed || !control)) {
            const auto record = reader->next();
            if (!record.ok()) return corrupt(record.error());
            if (!*record) break;
            if (control) {
                aborted.marker(reader->header(), (*record)->key.value_or(Bytes{}));
                continue;
            }
            if ((*record)->offset < assigned.next) continue;  // before where reading starts
            handler({key.first, key.second, **record});
            assigned.next = (*record)->offset + 1;
            ++count;
            if (assigned.paused) return count;
        }
        assigned.next = std::max(assigned.next, end);
        // No checksum covers it: one that cannot be is not believed.
        const std::int32_t wrote = reader->header().leader_epoch;
        if (wrote > assigned.epoch && (assigned.leader_epoch < 0 || wrote <= assigned.leader_epoch))
            assigned.epoch = wrote;
    }
    return count;
}

Result<std::size_t> Consumer::poll(Deadline deadline, fiber::StopToken stop,
                                   const Handler& handler) {
    const Clock& clock = cluster_.env().clock;
    for (std::uint32_t failures = 0;;) {
        if (stop.stop_requested()) return Error{Errc::cancelled, 0, "consumer.poll"};
        Result<std::size_t> got = std::size_t{0};
        auto rounds = plan(deadline, stop);
        if (rounds.ok()) {
            // Several leaders: nobody waits at one while another has records.
            for (const Round& round : *rounds) {
                auto one = fetch(round, rounds->size() == 1, deadline, stop, handler);
                if (one.ok() && got.ok()) *got += *one;
                if (!one.ok() && (!got.ok() || *got == 0)) got = one;
                if (one.ok()) continue;
                for (const Key& key : round.partitions) {
                    const auto it = assigned_.find(key);
                    if (it != assigned_.end()) back_to_leader(it->second, kFollowerRest);
                }
            }
            if (rounds->size() != 1 && got.ok() && *got == 0) {
                const Deadline pause = std::min(deadline, clock.in(std::chrono::milliseconds(50)));
                (void)cluster_.env().fibers.sleep_until(pause, stop);
            }
        } else {
            got = rounds.error();
        }
        if (got.ok() && *got > 0) {
            last_error_ = KafkaError::none;
            return got;
        }
        if (clock.now() >= deadline.at) {
            if (!got.ok() && got.code() == Errc::not_found) return got;
            return std::size_t{0};
        }
        if (got.ok()) continue;
        if (!heals(got.code())) return got;
        const auto waited = cluster_.back_off(++failures, deadline, stop);
        if (!waited.ok() && waited.code() == Errc::cancelled) return waited.error();
    }
}
}  // namespace faultline::client
