#include "tests/unit/logic/raft/world.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace faultline::logic::raft::test {

World::World(std::size_t voters, std::size_t observers, std::uint64_t seed, RaftConfig config)
    : config_(config), seed_(seed) {
    std::vector<ReplicaKey> all;
    for (std::size_t i = 0; i < voters + observers; ++i) {
        Replica r;
        r.key = {NodeId{static_cast<std::int32_t>(i + 1)}, Uuid{7, ++directories_}};
        if (i < voters) all.push_back(r.key);
        replicas.push_back(std::move(r));
    }
    first_ = VoterSet(std::move(all));
    for (const Replica& r : replicas) config_.bootstrap.push_back(r.key.id);
    for (std::size_t i = 0; i < replicas.size(); ++i) {
        replicas[i].voters = first_;
        start(i);
    }
}

// The newest that its log holds, and those that would count again if it were cut.
std::vector<VoterSet> World::voters_of(const Replica& r) const {
    std::vector<VoterSet> sets;
    for (auto b = r.log.rbegin(); b != r.log.rend(); ++b) {
        if (!b->voters) continue;
        sets.push_back(*b->voters);
        const auto it = committed_.find(b->base.v);
        if (it != committed_.end() && it->second == *b) return sets;
    }
    sets.push_back(r.voters);
    return sets;
}

bool World::keeps_majority(const VoterSet& voters, std::optional<NodeId> without) const {
    const auto kept = std::ranges::count_if(voters.all(), [&](const ReplicaKey& voter) {
        return voter.id != without && replicas[index(voter.id)].key == voter;
    });
    return static_cast<std::size_t>(kept) >= voters.majority();
}

void World::broke(std::string what) {
    if (broken_.empty()) broken_ = std::move(what);
}

void World::start(std::size_t i) {
    Replica& r = replicas[i];
    if (r.raft) return;
    LogView view;
    VoterHistory voters(r.voters);
    if (r.snapshot.end > Offset{0}) {
        view.restart(r.snapshot);
        voters.restart(r.snapshot.end, r.voters);
    }
    for (const Batch& b : r.log) {
        view.append(b);
        if (b.voters) voters.append(b.base, *b.voters);
    }
    view.durable = r.durable = r.log_end();
    r.compared = {};
    r.raft.emplace(r.key, config_, r.state, std::move(view), std::move(voters),
                   seed_.fork(++starts_), now);
    run(i);
}

void World::contest() {
    Batch begin;
    begin.epoch = Epoch{1};
    begin.leader_change = true;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
        Replica& r = replicas[i];
        crash(i, 0);
        r.state = {Epoch{1}, NodeId{1}, {}};
        r.log = {begin};
        if (i == 0) {
            Batch removal;
            removal.epoch = Epoch{1};
            removal.base = Offset{1};
            removal.voters = first_.without(first_.all().back());
            r.log.push_back(removal);
        }
    }
    letters.clear();
    for (std::size_t i = 0; i < replicas.size(); ++i) start(i);
}

void World::call(std::size_t i, const std::function<void(Raft&)>& input) {
    if (!replicas[i].raft) return;
    ++steps;
    input(*replicas[i].raft);
    run(i);
    if (replicas[i].raft->log().durable > replicas[i].durable)
        broke("a replica takes for durable what is not");
}

void World::run(std::size_t i) {
    Replica& r = replicas[i];
    while (r.raft && !r.raft->effects().empty()) {
        std::vector<Effect> todo;
        todo.swap(r.raft->effects());
        for (Effect& e : todo) perform(i, std::move(e));
        if (flush_at_once && r.durable < r.log_end()) {
            r.durable = r.log_end();
            r.raft->flushed(now, r.durable);
        }
    }
}

void World::append_to(Replica& r, const Batch& batch) {
    if (batch.base != r.log_end()) return broke("a batch does not continue the log");
    r.log.push_back(batch);
}

void World::perform(std::size_t i, Effect effect) {
    Replica& r = replicas[i];
    if (auto* p = std::get_if<PersistState>(&effect)) {
        r.state = p->state;
        if (p->state.voted) {
            const std::pair who{static_cast<std::int64_t>(r.key.directory.lo), p->state.epoch};
            const auto [it, fresh] = votes_.try_emplace(who, *p->state.voted);
            if (!fresh && !(it->second == *p->state.voted)) broke("a replica voted twice");
        }
    } else if (auto* s = std::get_if<Send>(&effect)) {
        check_said(r, *s);
        if (const auto* fetch = std::get_if<FetchRequest>(&s->message))
            return fetch_from(r, s->to, *fetch);
        letters.push_back({r.key.id, s->to, std::move(s->message), r.key});
    } else if (auto* f = std::get_if<SendFetched>(&effect)) {
        for (const Batch& b : r.log) {
            if (b.base >= f->from && b.end() <= f->up_to) f->response.batches.push_back(b);
        }
        // A fetch has a limit of bytes.
        if (f->response.batches.size() > most_batches) f->response.batches.resize(most_batches);
        letters.push_back({r.key.id, f->to, std::move(f->response), r.key});
    } else if (auto* a = std::get_if<AppendBatches>(&effect)) {
        for (const Batch& b : a->batches) append_to(r, b);
    } else if (auto* t = std::get_if<Truncate>(&effect)) {
        std::erase_if(r.log, [&](const Batch& b) { return b.base >= t->to; });
        if (r.log_end() != t->to) broke("a log was cut inside a batch");
        r.durable = std::min(r.durable, t->to);
        r.compared = std::min(r.compared, t->to);
    } else if (auto* n = std::get_if<FetchSnapshot>(&effect)) {
        r.download = Replica::Download{n->from, n->id};
        ask_part(i);
    } else if (auto* c = std::get_if<Committed>(&effect)) {
        check_committed(i, c->high_watermark);
    } else if (auto* l = std::get_if<BecameLeader>(&effect)) {
        check_leader(i, l->epoch);
    }
}

// --- the shell's part of KIP-630: one part at a time, asked for again when none comes
// -------------

void World::ask_part(std::size_t i) {
    Replica& r = replicas[i];
    r.download->ask_at = now + config_.request_timeout;
    if (r.download->lane == 0) r.download->lane = ++lanes_;
    parts.push_back(
        {r.key.id, r.download->from, r.download->parts,
         FetchSnapshotRequest{r.raft->state().epoch, r.key, r.download->id, r.download->lane}});
}

void World::deliver_part(std::size_t part, bool keep) {
    const Part p = parts[part];
    if (!keep) {
        lose_part(part);
    } else if (auto* again = std::get_if<FetchSnapshotRequest>(&parts[part].message)) {
        again->lane = ++lanes_;
    }
    if (!replicas[index(p.to)].raft) return;
    std::holds_alternative<FetchSnapshotRequest>(p.message) ? serve(p) : take(p);
}

void World::lose_part(std::size_t part) {
    std::swap(parts[part], parts.back());
    parts.pop_back();
}

void World::serve(const Part& part) {
    const auto& q = std::get<FetchSnapshotRequest>(part.message);
    const Replica& r = replicas[index(part.to)];
    FetchSnapshotResponse answer;
    call(index(part.to), [&](Raft& raft) { answer = raft.serve_snapshot(now, part.from, q); });
    const bool last = part.number + 1 >= 1 + q.id.end.v % 3;
    parts.push_back({part.to, part.from, part.number, answer, r.snapshot == q.id, last});
}

void World::take(const Part& part) {
    const std::size_t i = index(part.to);
    Replica& r = replicas[i];
    const auto& answer = std::get<FetchSnapshotResponse>(part.message);
    bool awaited = false;
    call(i, [&](Raft& raft) { awaited = raft.snapshot_part(now, part.from, answer); });
    const auto& d = r.download;
    if (!d || d->from != part.from || d->id != answer.id || d->parts != part.number) return;
    if (!awaited) {
        if (!r.raft->awaits_snapshot(d->id)) r.download.reset();
        return;
    }
    if (!part.found) {
        r.download.reset();
        return call(i, [&](Raft& raft) { raft.snapshot_failed(now); });
    }
    ++r.download->parts;
    part.last ? install(i) : ask_part(i);
}

void World::install(std::size_t i) {
    Replica& r = replicas[i];
    r.log.clear();
    r.snapshot = r.download->id;
    r.voters = snapshots_.at(r.snapshot).voters;
    r.durable = r.compared = r.snapshot.end;
    r.download.reset();
    ++installed;
    call(i, [&](Raft& raft) { raft.snapshot_loaded(now, r.snapshot, r.voters); });
}

// What a replica calls committed, every other that ever did has too.
void World::check_committed(std::size_t i, Offset high_watermark) {
    Replica& r = replicas[i];
    auto b = std::ranges::lower_bound(r.log, r.compared, {}, &Batch::base);
    for (; b != r.log.end() && b->base < high_watermark; ++b) {
        if (b->end() > high_watermark) broke("half a batch is committed");
        const auto [it, fresh] = committed_.try_emplace(b->base.v, *b);
        if (!fresh && !(it->second == *b)) broke("two replicas committed different records");
    }
    r.compared = high_watermark;
}

// Raft paper, figure 3: election safety and leader completeness.
void World::check_leader(std::size_t i, Epoch epoch) {
    ++elections;
    const Replica& r = replicas[i];
    const auto [it, fresh] = leaders_.try_emplace(epoch, r.key.id);
    if (!fresh && it->second != r.key.id) broke("an epoch has two leaders");
    auto own = r.log.begin();
    for (auto b = committed_.lower_bound(r.snapshot.end.v); b != committed_.end(); ++b, ++own) {
        if (own == r.log.end() || !(*own == b->second))
            return broke("a leader lacks a committed record");
    }
    check_leases(i);
}

// INV-128: who is sure of its majority has no successor yet.
void World::check_leases(std::size_t i) {
    for (std::size_t k = 0; k < replicas.size(); ++k) {
        const auto& other = replicas[k].raft;
        if (k != i && other && other->has_majority(now))
            broke("another leads while a leader is sure of its majority");
    }
}

void World::fetch_from(Replica& r, NodeId to, FetchRequest fetch) {
    Replica::Lane& lane = r.lanes[to];
    if (lane.asked && now < *lane.asked + config_.request_timeout) {
        lane.next = std::move(fetch);
        return;
    }
    if (lane.id == 0 || lane.asked) lane.id = ++lanes_;
    lane.number = fetch.number;
    lane.asked = now;
    fetch.lane = lane.id;
    letters.push_back({r.key.id, to, std::move(fetch), r.key});
}

void World::answered(Replica& r, NodeId to) {
    Replica::Lane& lane = r.lanes[to];
    lane.asked.reset();
    if (auto next = std::exchange(lane.next, {})) fetch_from(r, to, *std::move(next));
}

// What is said is on the disk before.
void World::check_said(const Replica& r, const Send& said) {
    const auto promised = [&](Epoch epoch, NodeId candidate) {
        return r.state.epoch == epoch && r.state.voted && r.state.voted->id == candidate;
    };
    if (const auto* fetch = std::get_if<FetchRequest>(&said.message)) {
        if (fetch->at.end > r.durable) broke("a fetch claims records that are not on the disk");
    } else if (const auto* vote = std::get_if<VoteResponse>(&said.message)) {
        if (vote->granted && !vote->pre_vote && !promised(vote->asked, said.to))
            broke("a vote is told that is not on the disk");
    } else if (const auto* asks = std::get_if<VoteRequest>(&said.message)) {
        if (!asks->pre_vote && !promised(asks->epoch, r.key.id))
            broke("a candidate has not written down its own vote");
    } else if (const auto* begin = std::get_if<BeginQuorumEpochRequest>(&said.message)) {
        if (r.state.epoch != begin->epoch || r.state.leader != r.key.id)
            broke("a leader tells of a reign that is not on its disk");
    }
}

// KIP-853: a vote is that of a disk. Another disk of the same node has forgotten what it promised.
void World::check_vote(const Letter& letter) {
    const auto* vote = std::get_if<VoteResponse>(&letter.message);
    const auto& raft = replicas[index(letter.to)].raft;
    if (vote == nullptr || !vote->granted || vote->pre_vote || !raft) return;
    const bool counts = std::holds_alternative<Candidate>(raft->role()) &&
                        vote->asked == raft->state().epoch && vote->epoch == vote->asked;
    const ReplicaKey* voter = raft->voters().current().find(letter.from);
    if (counts && voter != nullptr && !voter->same(letter.sender))
        broke("the vote of a disk that is no voter counts");
}

void World::tick(std::size_t i) {
    auto& d = replicas[i].download;
    if (d && replicas[i].raft && now >= d->ask_at) {
        if (!replicas[i].raft->awaits_snapshot(d->id)) {
            d.reset();
        } else {
            d->lane = 0;  // the answer did not come
            ask_part(i);
        }
    }
    call(i, [&](Raft& r) { r.tick(now); });
}

void World::deliver(std::size_t letter, bool keep) {
    const Letter l = letters[letter];
    if (!keep) {
        take_out(letter);
    } else if (auto* again = std::get_if<FetchRequest>(&letters[letter].message)) {
        again->lane = ++lanes_;  // twice on one connection nothing comes
    }
    check_vote(l);
    if (const auto* answer = std::get_if<FetchResponse>(&l.message)) {
        // What was asked next leaves when this has been looked at.
        Replica& to = replicas[index(l.to)];
        call(index(l.to), [&](Raft& r) { r.receive(now, l.from, l.message); });
        if (to.lanes[l.from].asked && to.lanes[l.from].number == answer->number)
            answered(to, l.from);
        return;
    }
    call(index(l.to), [&](Raft& r) { r.receive(now, l.from, l.message); });
}

void World::take_out(std::size_t letter) {
    std::swap(letters[letter], letters.back());
    letters.pop_back();
}

void World::lose(std::size_t letter) {
    const Letter l = letters[letter];
    take_out(letter);
    if (const auto* q = std::get_if<FetchRequest>(&l.message)) broke_off(l.from, l.to, q->number);
    if (const auto* r = std::get_if<FetchResponse>(&l.message)) broke_off(l.to, l.from, r->number);
}

// With what was on it the connection is gone, and who asked hears of that.
void World::broke_off(NodeId asker, NodeId asked, std::uint64_t number) {
    Replica& r = replicas[index(asker)];
    Replica::Lane& lane = r.lanes[asked];
    if (!r.raft || !lane.asked || lane.number != number) return;
    lane.id = 0;
    answered(r, asked);
    call(index(asker), [&](Raft& raft) { raft.unreachable(now, asked, true, false); });
}

void World::flush(std::size_t i) {
    Replica& r = replicas[i];
    if (!r.raft || r.durable == r.log_end()) return;
    r.durable = r.log_end();
    call(i, [&](Raft& raft) { raft.flushed(now, r.durable); });
}

void World::sync(std::size_t i) {
    Replica& r = replicas[i];
    if (!r.raft) return;
    r.durable = r.log_end();
    r.syncs.push_back({r.durable, r.raft->cuts()});
}

void World::report(std::size_t i, std::size_t which) {
    Replica& r = replicas[i];
    const Replica::Sync done = r.syncs[which];
    r.syncs.erase(r.syncs.begin() + static_cast<std::ptrdiff_t>(which));
    call(i, [&](Raft& raft) { raft.flushed(now, done.end, done.cuts); });
}

bool World::append(std::size_t i) {
    if (!replicas[i].raft || !replicas[i].raft->leads()) return false;
    call(i, [&](Raft& r) { (void)r.append(1, ++payloads_); });
    return true;
}

void World::crash(std::size_t i, std::size_t kept) {
    Replica& r = replicas[i];
    r.raft.reset();
    r.syncs.clear();
    r.download.reset();
    r.lanes.clear();
    std::size_t left = 0;
    while (left < r.log.size() && r.log[left].end() <= r.durable) ++left;
    r.log.resize(std::min(r.log.size(), left + kept));
    r.durable = r.log_end();
}

bool World::may_wipe(std::size_t i) const {
    return std::ranges::all_of(replicas, [&](const Replica& r) {
        return std::ranges::all_of(voters_of(r), [&](const VoterSet& voters) {
            return keeps_majority(voters, replicas[i].key.id);
        });
    });
}

void World::wipe(std::size_t i) {
    Replica& r = replicas[i];
    r.key.directory = Uuid{7, ++directories_};
    r.state = {};
    r.log.clear();
    r.durable = {};
    r.snapshot = {};
    r.voters = first_;
}

void World::snapshot(std::size_t i) {
    Replica& r = replicas[i];
    if (!r.raft) return;
    const Offset at = r.raft->high_watermark();
    if (at <= r.snapshot.end || at > r.durable) return;
    LogEnd id{r.snapshot.epoch, at};
    for (const Batch& b : r.log) {
        if (b.end() <= at) id.epoch = b.epoch;
    }
    r.voters = r.raft->voters().before(at);
    r.snapshot = id;
    const auto [it, fresh] = snapshots_.try_emplace(id, Content{r.voters});
    if (!fresh && !(it->second == Content{r.voters})) broke("two snapshots of one end differ");
    std::erase_if(r.log, [&](const Batch& b) { return b.end() <= at; });
    r.raft->trimmed(id);
}
}  // namespace faultline::logic::raft::test
