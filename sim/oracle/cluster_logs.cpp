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
    if (!p.lazy) return false;
    std::uint64_t holders = 0;
    for (std::size_t n = 0; n < p.replicas.size(); ++n) {
        if (p.replicas[n].opened) holders |= bit(NodeId{static_cast<std::int32_t>(n)});
    }
    // Committed is what min.insync.replicas hold: as long as fewer of them are in doubt, one that
    // has it is known to be eligible (KIP-966).
    return (dark_ & holders) != 0 &&
           std::popcount(unclean_ & holders) >= std::min(p.min_isr, p.factor);
}

void ClusterLogs::forgive(Partition& p, std::int64_t records) {
    p.forgiven = true;
    forgiven_records_ += static_cast<std::uint64_t>(std::max<std::int64_t>(records, 0));
}

void ClusterLogs::on_sim(const SimEvent& event) {
    if (!fresh()) return;
    budget_.on_sim(event);
    const auto* crash = std::get_if<NodeCrashed>(&event);
    if (crash == nullptr) return;
    unclean_ |= bit(crash->node);
    if (crash->power_loss) dark_ |= bit(crash->node);
}

void ClusterLogs::on_probe(NodeId node, const probe::Event& event) {
    if (!fresh()) return;
    disagreement_.reset();
    overtaken_.reset();
    cut_.reset();
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
        dark_ |= bit(node);  // nobody knows which pages the disk has got
        unclean_ |= bit(node);
    }
}

void ClusterLogs::shorten(Replica& r, std::int64_t end) {
    while (!r.batches.empty() && r.batches.back().last >= end) r.batches.pop_back();
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
        if (own != nullptr && own->same(*lost)) cut_ = *lost;
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
