#include "sim/oracle/cluster_logs.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace faultline::sim {

std::string node_name(NodeId node) { return fmt::format("n{}", node.v); }

std::string show(const ClusterLogs::Batch& b) {
    return fmt::format("batch {}-{} of epoch {} (crc {:08x})", b.first, b.last, b.epoch, b.crc);
}

std::string show_found(const ClusterLogs::Difference& d) {
    return d.found ? "has " + show(*d.found) : std::string("has nothing there");
}

ClusterLogs::ClusterLogs(const Recorder& recorder, const Cast& cast)
    : recorder_(recorder), cast_(cast), budget_(cast) {}

// Listeners are called one after the other: of the same event all but the first come late.
bool ClusterLogs::fresh() {
    if (recorder_.events() == seen_) return false;
    seen_ = recorder_.events();
    return true;
}

ClusterLogs::Partition ClusterLogs::introduce(probe::PartitionKey key) const {
    Partition p;
    const std::string topic(topic_of(recorder_.partition_name(key)));
    const auto spec = cast_.cluster_topics.find(topic);
    p.judged = spec != cast_.cluster_topics.end();
    if (!p.judged) return p;
    p.lazy = !cast_.flushes(topic);
    p.unclean = spec->second.unclean;
    p.min_isr = spec->second.min_isr;
    p.factor = spec->second.replicas;
    p.dark = dark_;
    p.disorderly = disorderly_;
    p.wiped = wiped_;
    return p;
}

ClusterLogs::Partition* ClusterLogs::find(probe::PartitionKey key) {
    if (key >= partitions_.size()) {
        partitions_.resize(key + 1);
        introduced_.resize(key + 1);
    }
    if (!introduced_[key]) {
        partitions_[key] = introduce(key);
        introduced_[key] = true;
    }
    return partitions_[key].judged ? &partitions_[key] : nullptr;
}

ClusterLogs::Replica& ClusterLogs::replica(Partition& p, NodeId node) {
    const auto i = static_cast<std::size_t>(node.v);
    if (i >= p.replicas.size()) p.replicas.resize(i + 1);
    return p.replicas[i];
}

bool ClusterLogs::may_lose(const Partition& p) const {
    if (p.forgiven || p.unclean || budget_.beyond()) return true;
    std::uint64_t holders = p.wiped;
    for (std::size_t n = 0; n < p.replicas.size(); ++n) {
        if (p.replicas[n].opened) holders |= bit(NodeId{static_cast<std::int32_t>(n)});
    }
    // Committed is what min.insync.replicas hold: as long as fewer of them are in doubt, one that
    // has it is known to be eligible (KIP-966).
    const auto enough = [&](std::uint64_t nodes) {
        return std::popcount(nodes & holders) >= std::min(p.min_isr, p.factor);
    };
    if (!p.lazy) return enough(p.wiped);
    return ((p.dark | p.wiped) & holders) != 0 && enough(p.disorderly);
}

void ClusterLogs::forgive(Partition& p, std::int64_t records) {
    p.forgiven = true;
    forgiven_records_ += static_cast<std::uint64_t>(std::max<std::int64_t>(records, 0));
}

void ClusterLogs::on_sim(const SimEvent& event) {
    if (!fresh()) return;
    const auto* effect = std::get_if<FaultEffect>(&event);
    const bool wiped = effect != nullptr && effect->fault < cast_.faults.size() &&
                       cast_.faults[effect->fault] == FaultKind::wipe;
    // Of a broker, the others have what it had. A controller that forgets how it voted, or what it
    // acknowledged of the metadata, breaks what all rests on.
    if (wiped && cast_.controllers > 0 && effect->node.v <= cast_.brokers)
        return wiped_clean(effect->node);
    budget_.on_sim(event);
    if (const auto* crash = std::get_if<NodeCrashed>(&event)) {
        in_doubt(crash->node, crash->power_loss ? Loss::unsynced : Loss::nothing);
    } else if (const auto* started = std::get_if<NodeStarted>(&event)) {
        registered_ &= ~bit(started->node);
    }
}

void ClusterLogs::wiped_clean(NodeId node) {
    in_doubt(node, Loss::all);
    for (Partition& p : partitions_) {
        if (p.judged) replica(p, node) = {};
    }
}

void ClusterLogs::in_doubt(NodeId node, Loss loss) {
    registered_ &= ~bit(node);
    const auto note = [&](std::uint64_t& disorderly, std::uint64_t& dark, std::uint64_t& wiped) {
        disorderly |= bit(node);
        if (loss == Loss::unsynced) dark |= bit(node);
        if (loss == Loss::all) wiped |= bit(node);
    };
    note(disorderly_, dark_, wiped_);
    for (Partition& p : partitions_) note(p.disorderly, p.dark, p.wiped);
}

void ClusterLogs::on_probe(NodeId node, const probe::Event& event) {
    if (!fresh()) return;
    disagreement_.reset();
    overtaken_.reset();
    cut_.reset();
    lacking_.reset();
    compared_ = 0;
    if (const auto* a = std::get_if<probe::BatchAppended>(&event)) {
        appended(node, *a);
    } else if (const auto* f = std::get_if<probe::LogFlushed>(&event)) {
        if (Partition* p = find(f->partition)) replica(*p, node).durable = f->durable_end.v;
    } else if (const auto* h = std::get_if<probe::HighWatermark>(&event)) {
        advanced(node, *h);
    } else if (const auto* o = std::get_if<probe::LogOpened>(&event)) {
        opened(node, *o);
    } else if (const auto* t = std::get_if<probe::LogTruncated>(&event)) {
        truncated(node, *t);
    } else if (const auto* m = std::get_if<probe::LogStartMoved>(&event)) {
        moved(node, *m);
    } else if (const auto* l = std::get_if<probe::LeaderChanged>(&event)) {
        takes_part(node, l->partition, l->epoch, Part::leader, l->leader);
    } else if (const auto* w = std::get_if<probe::PartitionFollows>(&event)) {
        takes_part(node, w->partition, w->epoch, Part::follower, w->leader);
    } else if (const auto* i = std::get_if<probe::IsrChanged>(&event)) {
        if (Partition* p = find(i->partition)) replica(*p, node).isr = i->members;
    } else if (const auto* gone = std::get_if<probe::LogRemoved>(&event)) {
        if (Partition* p = find(gone->partition)) replica(*p, node) = {};
    } else if (std::holds_alternative<probe::LogDirFailed>(event)) {
        in_doubt(node, Loss::unsynced);  // nobody knows which pages the disk has got
    } else if (const auto* registration = std::get_if<probe::RegistrationCommitted>(&event)) {
        if (registration->at <= metadata_) return;
        metadata_ = registration->at;
        registered_ |= bit(registration->broker);
    } else if (const auto* c = std::get_if<probe::IsrCommitted>(&event)) {
        isr_committed(*c);
    }
}

void ClusterLogs::shorten(Replica& r, std::int64_t end) {
    while (!r.batches.empty() && r.batches.back().last >= end) {
        Batch& last = r.batches.back();
        if (!last.known && last.first < end) {  // of several, nobody knows where they part
            last.last = end - 1;
            break;
        }
        r.batches.pop_back();
    }
    r.end = end;
    r.durable = std::min(r.durable, end);
    r.agreed = std::min(r.agreed, end);
}

void ClusterLogs::opened(NodeId node, const probe::LogOpened& o) {
    Partition* p = find(o.partition);
    if (p == nullptr) return;
    Replica& r = replica(*p, node);
    if (o.log_end.v < r.end) {
        shorten(r, o.log_end.v);
    } else if (o.log_end.v > r.end) {
        // Written by a process that died before it could say so.
        r.batches.push_back({std::max(r.end, o.log_start.v), o.log_end.v - 1, -1, 0, false});
    }
    r.opened = true;
    r.start = o.log_start.v;
    r.end = r.durable = o.log_end.v;  // recovery syncs what it keeps
    r.part = Part::none;
}

void ClusterLogs::appended(NodeId node, const probe::BatchAppended& a) {
    Partition* p = find(a.partition);
    if (p == nullptr) return;
    Replica& r = replica(*p, node);
    if (a.first.v < r.end) shorten(r, a.first.v);
    r.batches.push_back({a.first.v, a.last.v, a.epoch.v, a.crc, true});
    r.end = a.last.v + 1;
}

// It does what the leader of an earlier epoch told it, and whoever committed the batch since did
// not count it.
bool ClusterLogs::knows_no_better(const Partition& p, NodeId node, const Replica& r,
                                  const Committed& lost) {
    if (r.part != Part::follower || r.epoch >= lost.reign) return false;
    return std::ranges::any_of(p.replicas, [&](const Replica& by) {
        return by.part == Part::leader && by.epoch == lost.reign && (by.isr & bit(node)) == 0;
    });
}

void ClusterLogs::truncated(NodeId node, const probe::LogTruncated& t) {
    Partition* p = find(t.partition);
    if (p == nullptr) return;
    Replica& r = replica(*p, node);
    if (t.to.v > r.end) {  // begun again where its leader's log begins
        r.batches.clear();
        r.start = r.end = r.durable = r.agreed = t.to.v;
        return;
    }
    // What every other replica has deleted already may go.
    std::int64_t deleted = 0;
    for (const Replica& other : p->replicas) deleted = std::max(deleted, other.start);
    const auto lost = std::ranges::upper_bound(p->committed, t.to.v - 1, {}, &Committed::last);
    if (lost != p->committed.end() && lost->last >= deleted) {
        const Batch* own = batch_at(r, lost->first);
        // Of two that were found in logs, nobody knows whether they are the same.
        const bool shared = own != nullptr && own->known && lost->known && own->same(*lost);
        if (shared && !knows_no_better(*p, node, r, *lost)) cut_ = *lost;
    }
    shorten(r, t.to.v);
    r.start = std::min(r.start, r.end);
}

void ClusterLogs::moved(NodeId node, const probe::LogStartMoved& m) {
    Partition* p = find(m.partition);
    if (p == nullptr) return;
    Replica& r = replica(*p, node);
    r.start = m.to.v;
    while (!r.batches.empty() && r.batches.front().last < r.start) r.batches.pop_front();
    std::int64_t low = INT64_MAX;
    for (const Replica& other : p->replicas) {
        if (other.opened) low = std::min(low, other.start);
    }
    while (!p->committed.empty() && p->committed.front().last < low) p->committed.pop_front();
}

void ClusterLogs::takes_part(NodeId node, probe::PartitionKey key, Epoch epoch, Part part,
                             NodeId leader) {
    Partition* p = find(key);
    if (p == nullptr) return;
    Replica& r = replica(*p, node);
    r.part = part;
    r.epoch = epoch.v;
    r.newest_epoch = std::max(r.newest_epoch, epoch.v);
    r.leader = leader;
    if (part != Part::leader) return;
    r.isr = 0;
    if (epoch.v < p->top_epoch) return;
    p->top_epoch = epoch.v;
    p->top_leader = node;
}

void ClusterLogs::advanced(NodeId node, const probe::HighWatermark& h) {
    Partition* p = find(h.partition);
    if (p == nullptr || p->forgiven) return;
    Replica& r = replica(*p, node);
    disagreement_ = compare(*p, r, std::min(h.hw.v, p->committed_end));
    if (disagreement_ || r.part != Part::leader || h.hw.v <= p->committed_end) return;
    commit(*p, r, h.hw.v);
    // A leader that lost its reign without knowing it, and commits behind its successor's back.
    if (r.epoch < p->top_epoch && p->top_leader != node)
        overtaken_ = compare(*p, replica(*p, p->top_leader), p->committed_end, r.epoch);
}

// Who is let in has all that leaders have committed, if the controller let in the process that the
// leader meant: what would make its log shorter takes its registration away first.
void ClusterLogs::isr_committed(const probe::IsrCommitted& c) {
    if (c.at <= metadata_) return;  // another controller has told of it
    metadata_ = c.at;
    Partition* p = find(c.partition);
    if (p == nullptr) return;
    std::uint64_t entering = c.members & ~p->isr & registered_;
    p->isr = c.members;
    for (; entering != 0; entering &= entering - 1) {
        const NodeId node{std::countr_zero(entering)};
        Replica& r = replica(*p, node);
        if (!r.opened) continue;
        const auto missing = compare(*p, r, p->committed_end, c.epoch.v);
        ++compared_;
        if (!missing) {
            p->dark &= ~bit(node);
            p->disorderly &= ~bit(node);
            p->wiped &= ~bit(node);
        } else if (!may_lose(*p)) {
            lacking_ = Lacking{node, *missing};
        }
    }
}

void ClusterLogs::commit(Partition& p, Replica& r, std::int64_t to) {
    auto b = std::ranges::lower_bound(r.batches, p.committed_end, {}, &Batch::first);
    for (; b != r.batches.end() && b->last < to; ++b) {
        p.committed.push_back({*b, r.epoch, seen_});
        p.committed_end = r.agreed = b->last + 1;
    }
}

const ClusterLogs::Batch* ClusterLogs::batch_at(const Replica& r, std::int64_t offset) {
    const auto b = std::ranges::lower_bound(r.batches, offset, {}, &Batch::last);
    return b == r.batches.end() || b->first > offset ? nullptr : &*b;
}

std::optional<ClusterLogs::Difference> ClusterLogs::compare(Partition& p, Replica& r,
                                                            std::int64_t to, std::int32_t reign) {
    if (r.agreed >= to) return std::nullopt;
    auto c = std::ranges::lower_bound(p.committed, r.agreed, {}, &Committed::last);
    for (; c != p.committed.end() && c->last < to && c->reign <= reign; ++c) {
        if (c->last >= r.start && c->known) {
            const Batch* own = batch_at(r, c->first);
            if (own == nullptr) return Difference{*c, std::nullopt};
            if (own->known && !own->same(*c)) return Difference{*c, *own};
        }
        r.agreed = c->last + 1;
    }
    return std::nullopt;
}
}  // namespace faultline::sim
