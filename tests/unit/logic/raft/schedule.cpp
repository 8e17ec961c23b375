// Random schedules over the world.
#include <algorithm>

#include <fmt/format.h>

#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft::test {
namespace {

class Run {
public:
    Run(const Schedule& s, std::uint64_t seed)
        : s_(s), rng_(seed), world_(s.voters, s.observers, seed) {
        world_.flush_at_once = rng_.chance(1, 2);
        late_reports_ = rng_.chance(1, 2);
        if (rng_.chance(1, 2)) world_.most_batches = 1 + rng_.below(3);
    }

    std::string go(Totals& out) {
        while (world_.steps < s_.steps && world_.broken().empty()) {
            storm();
            if (world_.letters.size() > 60) world_.lose(rng_.below(world_.letters.size()));
        }
        std::string wrong = world_.broken();
        if (wrong.empty()) wrong = calm();
        out.steps += world_.steps;
        out.elections += world_.elections;
        out.committed += world_.committed().size();
        out.installed += world_.installed;
        return wrong;
    }

private:
    std::size_t any() { return rng_.below(world_.replicas.size()); }
    bool cut(const Letter& l) const {
        return cut_.contains(l.from) != cut_.contains(l.to) && !cut_.empty();
    }
    std::size_t down() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            world_.replicas, [](const Replica& r) { return !r.raft.has_value(); }));
    }
    std::optional<std::size_t> leader() const {
        for (std::size_t i = 0; i < world_.replicas.size(); ++i) {
            if (world_.replicas[i].raft && world_.replicas[i].raft->ready()) return i;
        }
        return {};
    }

    void storm() {
        const auto what = rng_.below(1000);
        if (what < 600) {
            post();
        } else if (what < 750) {
            pass(Duration{rng_.between(1'000'000, 150'000'000)});
        } else if (what < 870) {
            world_.append(any());
        } else if (what < 960) {
            sync(any());
        } else if (what < 972) {
            world_.crash(any(), rng_.below(3));
        } else if (what < 988) {
            world_.start(any());
        } else if (what < 992) {
            cut_.clear();
            if (rng_.chance(1, 2)) cut_.insert(world_.replicas[any()].key.id);
        } else if (what < 994) {
            world_.call(any(), [&](Raft& r) { r.resign(world_.now); });
        } else if (what < 996 && s_.snapshots) {
            const std::size_t who = any();
            const auto at = leader();
            world_.snapshot(at && rng_.chance(1, 2) ? *at : who);
        } else if (s_.wipes && rng_.chance(1, 3)) {
            wipe(any());
        } else if (s_.changes) {
            change();
        }
    }

    // Whoever it is, whatever it has promised and holds: what counts is that a majority keeps its
    // disk.
    void wipe(std::size_t who) {
        if (!world_.may_wipe(who)) return;
        world_.crash(who, 0);
        world_.wipe(who);
        world_.start(who);
    }

    void post() {
        if (world_.letters.size() + world_.parts.size() == 0) return pass(1ms);
        const std::size_t i = rng_.below(world_.letters.size() + world_.parts.size());
        if (i >= world_.letters.size()) return post_part(i - world_.letters.size());
        if (cut(world_.letters[i]) || rng_.chance(1, 20)) return world_.lose(i);
        world_.deliver(i, rng_.chance(1, 20));
    }

    void post_part(std::size_t i) {
        const Part& part = world_.parts[i];
        const bool cut = cut_.contains(part.from) != cut_.contains(part.to);
        if (cut || world_.parts.size() > 20 || rng_.chance(1, 20)) return world_.lose_part(i);
        world_.deliver_part(i, rng_.chance(1, 20));
    }

    // Reports of syncs may come late, out of order, and twice for the same records.
    void sync(std::size_t who) {
        const Replica& r = world_.replicas[who];
        if (!late_reports_) return world_.flush(who);
        if (r.syncs.size() < 3 && rng_.chance(1, 2)) return world_.sync(who);
        if (!r.syncs.empty()) world_.report(who, rng_.below(r.syncs.size()));
    }

    void pass(Duration time) {
        world_.now = world_.now + time;
        for (std::size_t i = 0; i < world_.replicas.size(); ++i) {
            const auto& raft = world_.replicas[i].raft;
            const auto& download = world_.replicas[i].download;
            if (raft &&
                (raft->deadline() <= world_.now || (download && download->ask_at <= world_.now)))
                world_.tick(i);
        }
    }

    void change() {
        const auto at = leader();
        if (!at) return;
        const std::size_t who = any();
        const ReplicaKey key = world_.replicas[who].key;
        const VoterSet& voters = world_.replicas[*at].raft->voters().current();
        if (voters.contains(key)) {
            const auto fewer = voters.without(key);
            if (voters.size() > 1 && world_.keeps_majority(*fewer, {}))
                world_.call(*at, [&](Raft& r) { (void)r.remove_voter(key); });
            return;
        }
        if (const ReplicaKey* old = voters.find(key.id)) {  // its disk was replaced
            world_.call(*at, [&](Raft& raft) { (void)raft.remove_voter(ReplicaKey(*old)); });
            return;
        }
        world_.call(*at, [&](Raft& raft) { (void)raft.add_voter(key); });
    }

    // Everything works from now on: within a minute there is a leader, and all replicas have what
    // is committed.
    std::string calm() {
        cut_.clear();
        world_.flush_at_once = true;
        for (std::size_t i = 0; i < world_.replicas.size(); ++i) {
            world_.start(i);
            while (!world_.replicas[i].syncs.empty()) world_.report(i, 0);
            world_.flush(i);
        }
        const MonoTime end = world_.now + 60s;
        std::uint64_t asked = 0;
        while (world_.now < end) {
            // A defect may talk for ever without time passing.
            for (int n = 0; n < 2'000 && !world_.letters.empty() && world_.broken().empty(); ++n)
                world_.deliver(rng_.below(world_.letters.size()), false);
            for (int n = 0; n < 100 && !world_.parts.empty() && world_.broken().empty(); ++n)
                world_.deliver_part(rng_.below(world_.parts.size()), false);
            if (!world_.broken().empty()) return world_.broken();
            if (const auto at = leader(); at && asked < 3) {
                world_.append(*at);
                ++asked;
            } else if (asked == 3 && settled()) {
                return "";
            }
            pass(10ms);
        }
        std::string all = "no agreement within a minute of calm:";
        for (const Replica& r : world_.replicas) {
            all += fmt::format(" {}: role {} epoch {} end {} hw {};", r.key.id.v,
                               r.raft->role().index(), r.raft->state().epoch.v, r.raft->log().end.v,
                               r.raft->high_watermark().v);
            all += fmt::format(" disk {}, voters", r.key.directory.lo);
            for (const ReplicaKey& voter : r.raft->voters().current().all())
                all += fmt::format(" {}/{}", voter.id.v, voter.directory.lo);
            all += ';';
        }
        return all;
    }
    bool settled() const {
        const auto at = leader();
        if (!at) return false;
        const Raft& l = *world_.replicas[*at].raft;
        return std::ranges::all_of(world_.replicas, [&](const Replica& r) {
            return r.raft->high_watermark() == l.log().end &&
                   r.raft->state().epoch == l.state().epoch;
        });
    }

    const Schedule& s_;
    Rng rng_;
    World world_;
    std::set<NodeId> cut_;
    bool late_reports_ = false;
};
}  // namespace

Schedule mixed_schedule(std::uint64_t seed) {
    Schedule s;
    s.voters = seed % 4 == 3 ? 5 : seed % 8 == 6 ? 2 : 3;
    s.observers = seed % 3;
    s.changes = seed % 2 == 1;
    s.snapshots = seed % 4 < 2;
    s.wipes = s.changes && seed % 8 < 6;
    s.steps = 4'000;
    return s;
}

std::string run_random(const Schedule& schedule, std::uint64_t seed, Totals& out) {
    return Run(schedule, seed).go(out);
}
}  // namespace faultline::logic::raft::test
