#include "core/controller/quorum.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/wire/record_batch.h"

namespace faultline::controller {
namespace {
constexpr std::size_t kMaxRead = 8U << 20;  // bytes of one answer, and of one step of the replay
constexpr Duration kStood = 100ms, kRead = 200ms;
constexpr std::int64_t kMostElections = 1'000'000;  // between what two replicas know

// One bit per node id.
std::uint64_t bits_of(const raft::VoterSet& voters) {
    std::uint64_t bits = 0;
    for (const raft::ReplicaKey& voter : voters.all()) {
        if (voter.id.v >= 0 && voter.id.v < 64) bits |= std::uint64_t{1} << voter.id.v;
    }
    return bits;
}
}  // namespace

Quorum::Quorum(Env& env, QuorumConfig config, QuorumEvents& events)
    : env_(env),
      config_(std::move(config)),
      events_(events),
      snapshots_(env.disk),
      fibers_(env.fibers) {}

Result<void> Quorum::open(storage::LogManager& logs) {
    logs_ = &logs;
    log_key_ = env_.probe.intern(kMetadataTopic, PartitionIndex{0});
    FL_CHECK(log_.open(logs));
    state_path_ = log_.log().path() + "/quorum-state";
    FL_TRY(auto stored, load_quorum_state(env_.disk, state_path_));
    std::vector<raft::ReplicaKey> keys;
    for (const VoterEndpoint& v : config_.voters) keys.push_back({v.id, {}});
    static_voters_ = raft::VoterSet(std::move(keys));
    raft::LogView view;
    FL_TRY(auto first, open_snapshots(view, static_voters_));
    raft::VoterHistory voters(std::move(first));
    if (const auto scanned = log_.scan(view, voters); !scanned.ok()) {
        tell_damage(scanned.error());
        return scanned;
    }
    committed_ = view.start;
    for (std::size_t i = 0; i < config_.bootstrap.size(); ++i)
        config_.raft.bootstrap.push_back(bootstrap_id(i));
    raft_.emplace(raft::ReplicaKey{config_.node, logs.directory_id(log_.ref())}, config_.raft,
                  std::move(stored), std::move(view), std::move(voters), env_.rng.fork("raft"),
                  env_.clock.now());
    return {};
}

void Quorum::start() {
    for (const VoterEndpoint& v : config_.voters) {
        if (v.id == config_.node) continue;
        (void)peer(v.id);  // its address is known
    }
    fibers_.spawn({.name = "quorum"}, [this](fiber::StopToken stop) { run(stop); });
    fibers_.spawn({.name = "quorum flush"}, [this](fiber::StopToken stop) { flush(stop); });
    fibers_.spawn({.name = "quorum apply"}, [this](fiber::StopToken stop) { hand_out(stop); });
    fibers_.spawn({.name = "snapshots"}, [this](fiber::StopToken stop) { keep_snapshots(stop); });
    fibers_.spawn({.name = "snapshot fetch"},
                  [this](fiber::StopToken stop) { fetch_snapshots(stop); });
    // A static list of voters is never told better.
    if (config_.voters.empty() || raft_->voters().current().in_log())
        fibers_.spawn({.name = "own address"},
                      [this](fiber::StopToken stop) { compare_addresses(stop); });
}

void Quorum::stop() {
    if (raft_ && raft_->leads()) {
        raft_->resign(env_.clock.now());
        poke();
        // The good-bye leaves with the last effects.
        (void)handed_out_.wait(env_.clock.in(100ms), {}, [&] { return !has_work(); });
        env_.fibers.sleep_until(env_.clock.in(10ms));
    }
    fibers_.request_stop();
    fibers_.join();
}

// The storage looked at the log when it was opened: what rots after that is found by who reads it.
void Quorum::tell_damage(const Error& error) const {
    if (error.code == Errc::corrupt)
        env_.probe.emit([&] { return probe::CorruptionFound{log_key_, applied_}; });
}

void Quorum::fail(const Error& error) {
    if (broken_) return;
    // What waited for space, or for whoever did, ends with this node.
    if (error.code == Errc::cancelled && fibers_.token().stop_requested()) return;
    broken_ = error;
    // Whoever reads the log finds damage that the storage did not look for: it was good when it was
    // opened.
    if (error.code == Errc::corrupt)
        env_.probe.emit([&] { return probe::CorruptionFound{log_key_, applied_}; });
    commits_.notify_all();
    handed_out_.notify_all();
    events_.failed(error);
}

// --- the loop
// -------------------------------------------------------------------------------------

void Quorum::run(fiber::StopToken stop) {
    MonoTime patience{};
    while (!stop.stop_requested() && !broken_) {
        perform(stop);
        if (downloaded_ && !has_work() && !broken_) {
            const auto done = install(*downloaded_, stop);
            downloaded_.reset();
            downloaded_changed_.notify_all();
            if (!done.ok()) return fail(done.error());
            continue;
        }
        if (log_.log().durable_end() > raft_->log().durable && !has_work()) {
            // Only now: what is durable counts for Raft when it knows no other log than the disk.
            raft_->flushed(env_.clock.now(), log_.log().durable_end());
            continue;
        }
        const auto next = [&] { return std::max(raft_->deadline(), patience); };
        const MonoTime due = next();
        // What is told to Raft meanwhile may give it something to do earlier.
        (void)work_.wait(Deadline{due}, stop, [&] {
            return has_work() || downloaded_ || next() < due ||
                   log_.log().durable_end() > raft_->log().durable;
        });
        const MonoTime now = env_.clock.now();
        // When this process stood still, what others sent meanwhile waits to be read.
        if (now - raft_->deadline() > kStood && patience < raft_->deadline())
            patience = now + kRead;
        else if (now >= next())
            raft_->tick(now);
    }
}

void Quorum::perform(fiber::StopToken stop) {
    while (has_work() && !stop.stop_requested() && !broken_) {
        auto& fresh = raft_->effects();
        std::move(fresh.begin(), fresh.end(), std::back_inserter(effects_));
        fresh.clear();
        const auto done = perform(effects_.front());
        if (!done.ok() && done.code() == Errc::no_space) {
            // A replica that cannot write says nothing meanwhile: the others go on without it.
            env_.probe.reached(probe::Site::quorum_waits_for_space);
            env_.fibers.sleep_until(env_.clock.in(kFullDiskRetry), stop);
            continue;
        }
        if (!done.ok()) return fail(done.error());
        effects_.pop_front();
    }
    handed_out_.notify_all();
}

Result<void> Quorum::perform(raft::Effect& effect) {
    if (const auto* persist = std::get_if<raft::PersistState>(&effect))
        return save_quorum_state(env_.disk, state_path_, persist->state);
    if (auto* send = std::get_if<raft::Send>(&effect)) {
        reply(send->to, send->message, {});
    } else if (const auto* fetched = std::get_if<raft::SendFetched>(&effect)) {
        return answer_fetch(*fetched);
    } else if (const auto* append = std::get_if<raft::AppendBatches>(&effect)) {
        return append_batches(*append);
    } else if (const auto* cut = std::get_if<raft::Truncate>(&effect)) {
        env_.probe.reached(probe::Site::quorum_log_cut);
        return log_.truncate(cut->to);
    } else if (const auto* commit = std::get_if<raft::Committed>(&effect)) {
        committed_ = commit->high_watermark;
        commits_.notify_all();
        env_.probe.emit([&] {
            return probe::HighWatermark{log_key_, raft_->state().epoch, committed_};
        });
    } else if (const auto* won = std::get_if<raft::BecameLeader>(&effect)) {
        reign_ = won->epoch;
        ready_at_ = won->ready_at;
        announced_ = false;
        env_.probe.emit([&] { return probe::LeaderChanged{log_key_, reign_, env_.node}; });
        env_.probe.emit([&] { return probe::HighWatermark{log_key_, reign_, committed_}; });
        commits_.notify_all();
    } else if (std::holds_alternative<raft::LostLeadership>(effect)) {
        announced_ = false;
        env_.probe.emit([&] {
            return probe::PartitionFollows{log_key_, raft_->state().epoch,
                                           raft_->leader().value_or(model::kNoLeader)};
        });
        events_.leads(std::nullopt);
        handed_out_.notify_all();
    } else if (const auto* snapshot = std::get_if<raft::FetchSnapshot>(&effect)) {
        wanted_ = *snapshot;
        wanted_changed_.notify_all();
    }
    return {};
}

Result<void> Quorum::append_batches(const raft::AppendBatches& effect) {
    IoBuf bytes;
    const Offset before = log_.log().log_end();
    for (const raft::Batch& batch : effect.batches) {
        if (batch.base < before) continue;  // written before the disk was full
        if (const auto it = payloads_.find(batch.payload); it != payloads_.end()) {
            bytes.append(it->second);
        } else if (batch.voters) {
            bytes.append(encode_voters(batch, env_.clock.wall()));
        } else {
            FL_ASSERT(batch.leader_change);
            bytes.append(encode_leader_change(batch, config_.node, raft_->voters().current(),
                                              env_.clock.wall()));
        }
    }
    if (!bytes.empty()) FL_CHECK(log_.append(bytes));
    for (const raft::Batch& batch : effect.batches) {
        payloads_.erase(batch.payload);
        if (!batch.voters || batch.base < before) continue;
        env_.probe.emit([&] {
            return probe::VotersChanged{log_key_, batch.epoch, batch.base,
                                        bits_of(raft_->voters().before(batch.base)),
                                        bits_of(*batch.voters)};
        });
    }
    written_.notify_all();
    return {};
}

void Quorum::flush(fiber::StopToken stop) {
    storage::PartitionLog& log = log_.log();
    while (written_.wait(Deadline::never(), stop, [&] { return log.durable_end() < log.log_end(); })
               .ok()) {
        const auto synced = log.wait_durable(log.log_end(), Deadline::never(), stop);
        // fenced: it was cut meanwhile, what is there now is waited for in the next round.
        if (!synced.ok() && synced.code() != Errc::fenced) {
            if (synced.code() != Errc::cancelled) fail(synced.error());
            return;
        }
        poke();
    }
}

// --- what is committed
// ----------------------------------------------------------------------------

void Quorum::hand_out(fiber::StopToken stop) {
    while (!stop.stop_requested() && !broken_) {
        if (const auto done = hand_out_up_to(committed_); !done.ok()) return fail(done.error());
        const Offset end = applied_;
        events_.caught_up(end);
        told_ = end;
        if (raft_->leads() && ready() && !announced_) {
            announced_ = true;
            events_.leads(reign_);
        }
        handed_out_.notify_all();
        snapshot_due_.notify_all();
        (void)commits_.wait(Deadline::never(), stop, [&] {
            return broken_ || committed_ > applied_ || (raft_->leads() && ready() && !announced_);
        });
    }
}

Result<void> Quorum::hand_out_up_to(Offset end) {
    while (applied_ < end) {
        if (replacing_) {
            const auto done = [&] { return !replacing_ || broken_; };
            FL_CHECK(commits_.wait(Deadline::never(), fibers_.token(), done));
            if (broken_) return *broken_;
            continue;
        }
        if (applied_ < log_.log().log_start()) {
            FL_CHECK(load_snapshot());
            continue;
        }
        const auto read = log_.read(applied_, end, kMaxRead);
        // Another log may stand there meanwhile, that begins above.
        if (replacing_ || applied_ < log_.log().log_start()) continue;
        FL_TRY(const IoBuf bytes, read);
        FL_TRY(const auto batches, QuorumLog::decode(bytes));
        fresh_bytes_ += static_cast<std::int64_t>(bytes.size());
        if (batches.empty()) return Error{Errc::corrupt, 0, "quorum.replay"};
        for (const MetadataBatch& batch : batches) {
            if (batch.base != applied_) return Error{Errc::corrupt, 0, "quorum.replay"};
            events_.committed(batch);
            applied_ = batch.end;
            last_batch_ms_ = batch.timestamp_ms;
        }
    }
    return {};
}

Result<Offset> Quorum::append(const std::vector<model::MetadataRecord>& records,
                              Deadline deadline) {
    FL_ASSERT(!records.empty());
    if (!raft_->leads() || broken_) return Error{Errc::fenced, 0, "quorum.append"};
    const Epoch epoch = raft_->state().epoch;
    const std::uint64_t payload = next_payload_++;
    payloads_[payload] = encode_batch(records, raft_->log().end, epoch, env_.clock.wall());
    const auto base = raft_->append(static_cast<std::int32_t>(records.size()), payload);
    FL_ASSERT(base.has_value());
    const Offset end = *base + static_cast<std::int64_t>(records.size());
    poke();
    const auto over = [&] {
        return told_ >= end || broken_ || !raft_->leads() || raft_->state().epoch != epoch;
    };
    FL_CHECK(handed_out_.wait(deadline, fibers_.token(), over));
    // Also after the reign: another leader may have carried it on, but that is not known here.
    if (told_ < end || raft_->state().epoch != epoch)
        return Error{Errc::fenced, 0, "quorum.append"};
    return end;
}

// --- messages
// -------------------------------------------------------------------------------------

template <class Answer>
constexpr std::size_t Quorum::kind_of() {
    return raft::Message(Answer{}).index();
}

void Quorum::reply(NodeId to, const raft::Message& message, IoBuf records) {
    const auto* fetched = std::get_if<raft::FetchResponse>(&message);
    // Not for whoever asks now: the disk kept it back for longer than its asker has waited.
    const auto late = late_.find({to, message.index()});
    if (fetched == nullptr && late != late_.end()) {
        if (--late->second == 0) late_.erase(late);
        return;
    }
    const auto it = std::ranges::find_if(asks_, [&](const Ask* a) {
        return a->from == to && a->kind == message.index() && !a->answered &&
               (fetched == nullptr || fetched->number == a->number);
    });
    if (it != asks_.end()) {
        (*it)->answered = true;
        (*it)->answer = message;
        (*it)->records = std::move(records);
        (*it)->waiter.wake();
        asks_.erase(it);
        return;
    }
    if (QuorumPeer* const other = peer(to)) other->send(message);
}

Result<void> Quorum::answer_fetch(const raft::SendFetched& effect) {
    if (effect.from < raft_->log().start) {  // cut since that was decided
        raft::FetchResponse response = effect.response;
        response.snapshot = raft_->log().snapshot;
        reply(effect.to, response, {});
        return {};
    }
    FL_TRY(IoBuf records, log_.read(effect.from, effect.up_to, kMaxRead));
    reply(effect.to, effect.response, std::move(records));
    return {};
}

// No replica is so many elections ahead. One that was believed would use up the epochs there are.
bool Quorum::believable(Epoch epoch) const {
    return std::int64_t{epoch.v} - raft_->state().epoch.v <= kMostElections && epoch.v < INT32_MAX;
}

Result<raft::Message> Quorum::ask(NodeId from, const raft::Message& message, std::size_t kind,
                                  std::uint64_t number, IoBuf* records) {
    if (broken_) return *broken_;
    if (replacing_) return Error{Errc::busy, 0, "quorum.replacing_log"};
    const Epoch epoch = std::visit([](const auto& m) { return m.epoch; }, message);
    if (!believable(epoch)) return Error{Errc::invalid, 0, "quorum.epoch"};
    Ask ask{.from = from,
            .kind = kind,
            .number = number,
            .waiter = {},
            .answered = false,
            .answer = {},
            .records = {}};
    asks_.push_back(&ask);
    raft_->receive(env_.clock.now(), from, message);
    poke();
    const Deadline deadline = env_.clock.in(config_.raft.fetch_wait + config_.raft.request_timeout);
    // The answer may come in the very moment in which the time is over.
    if (ask.waiter.park(deadline, fibers_.token()) != fiber::Wake::signalled && !ask.answered) {
        std::erase(asks_, &ask);
        if (number == 0) ++late_[{from, kind}];
        return Error{Errc::timed_out, 0, "quorum.ask"};
    }
    if (records != nullptr) *records = std::move(ask.records);
    return std::move(ask.answer);
}

Result<wire::VoteResponse> Quorum::vote(const wire::VoteRequest& request) {
    FL_TRY(const auto q, from_wire(request));
    FL_TRY(const auto answer, ask(q.candidate.id, q, kind_of<raft::VoteResponse>(), 0, nullptr));
    return to_wire(std::get<raft::VoteResponse>(answer));
}

Result<wire::BeginQuorumEpochResponse> Quorum::begin_epoch(
    const wire::BeginQuorumEpochRequest& request) {
    FL_TRY(const auto q, from_wire(request));
    for (const auto& e : request.leader_endpoints) learned(q.leader, {e.host, e.port});
    FL_TRY(const auto answer,
           ask(q.leader, q, kind_of<raft::BeginQuorumEpochResponse>(), 0, nullptr));
    return to_wire(std::get<raft::BeginQuorumEpochResponse>(answer));
}

Result<wire::EndQuorumEpochResponse> Quorum::end_epoch(const wire::EndQuorumEpochRequest& request) {
    FL_TRY(const auto q, from_wire(request));
    if (!believable(q.epoch)) return Error{Errc::invalid, 0, "quorum.epoch"};
    if (!replacing_) raft_->receive(env_.clock.now(), q.leader, q);
    poke();
    wire::EndQuorumEpochResponse response;
    response.topics.resize(1);
    response.topics[0].topic_name = kMetadataTopic;
    auto& p = response.topics[0].partitions.emplace_back();
    p.leader_id = raft_->leader().value_or(model::kNoLeader).v;
    p.leader_epoch = raft_->state().epoch.v;
    return response;
}

Result<wire::FetchResponse> Quorum::fetch(const wire::FetchRequest& request, std::uint64_t lane) {
    FL_TRY(auto q, from_wire(request));
    q.lane = lane;
    q.number = next_number_++;  // its own stays with the asker
    IoBuf records;
    FL_TRY(const auto answer,
           ask(q.replica.id, q, kind_of<raft::FetchResponse>(), q.number, &records));
    auto response = to_wire(std::get<raft::FetchResponse>(answer), std::move(records));
    response.responses[0].partitions[0].log_start_offset = raft_->log().start.v;
    if (const auto leader = raft_->leader()) {
        // Who asks may know nothing but a bootstrap server.
        const auto at = *leader == config_.node ? config_.advertised : endpoint_of(*leader);
        if (at) response.node_endpoints.push_back({leader->v, at->host, at->port, {}, {}});
    }
    return response;
}

void Quorum::answered(NodeId from, const raft::Message& message) {
    if (replacing_) return;
    raft_->receive(env_.clock.now(), from, message);
    poke();
}

void Quorum::fetched(NodeId from, raft::FetchResponse response, const IoBuf& records) {
    if (replacing_) return;
    for (const IoBuf& one : wire::split_batches(records)) {
        auto batch = describe_batch(one);
        // A damaged answer counts up to the damage; the rest is asked for again.
        if (!batch.ok() || !wire::RecordReader::open(one).ok()) break;
        batch->payload = next_payload_++;
        payloads_[batch->payload] = one;
        response.batches.push_back(*std::move(batch));
    }
    std::vector<std::uint64_t> offered;
    for (const raft::Batch& b : response.batches) offered.push_back(b.payload);
    const std::size_t before = raft_->effects().size();
    raft_->receive(env_.clock.now(), from, response);
    // What Raft did not take is dropped.
    std::vector<std::uint64_t> taken;
    for (std::size_t i = before; i < raft_->effects().size(); ++i) {
        if (const auto* append = std::get_if<raft::AppendBatches>(&raft_->effects()[i]))
            for (const raft::Batch& b : append->batches) taken.push_back(b.payload);
    }
    for (const std::uint64_t id : offered) {
        if (std::ranges::find(taken, id) == taken.end()) payloads_.erase(id);
    }
    poke();
}

void Quorum::unreachable(NodeId peer, bool was_fetch, bool gone) {
    if (replacing_) return;
    raft_->unreachable(env_.clock.now(), peer, was_fetch, gone);
    poke();
}

MonoTime Quorum::last_fetch(NodeId replica) const {
    const auto* leader = std::get_if<raft::Leader>(&raft_->role());
    if (leader == nullptr) return {};
    const auto it = leader->progress.find(replica);
    return it == leader->progress.end() ? MonoTime{} : it->second.last_fetch;
}
}  // namespace faultline::controller
