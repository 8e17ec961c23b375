// Random schedules over the world.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft::test {
namespace {

class Run {
public:
    Run(const Schedule& s, std::uint64_t seed)
        : s_(s), rng_(seed), world_(s.voters, s.observers, seed), hasty_(seed % 3 == 0) {
        world_.flush_at_once = rng_.chance(1, 2);
        if (s.contested) world_.contest();
        late_reports_ = rng_.chance(1, 2);
        if (rng_.chance(1, 2)) world_.most_batches = 1 + rng_.below(3);
    }

    std::string go(Totals& out) {
        while (world_.steps < s_.steps && world_.broken().empty()) {
            const auto elections = world_.elections;
            storm();
            if (world_.elections != elections) elected();
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
    template <class Mail>
    bool cut(const Mail& mail) const {
        return cut_.contains(mail.from) != cut_.contains(mail.to) ||
               (broken_links_[mail.from.v] >> mail.to.v & 1) != 0;
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

    // The worst moments are those in which a leader is new: what is not decided by then may come
    // again.
    void elected() {
        if (s_.changes && rng_.chance(1, 2)) change();
        if (rng_.chance(1, hasty_ ? 2 : 4)) break_links();
    }

    void storm() {
        const auto what = rng_.below(1000);
        if (what < 600) {
            post();
        } else if (what < 750) {
            pass(Duration{rng_.between(1'000'000, hasty_ ? 600'000'000 : 150'000'000)});
        } else if (what < 870) {
            world_.append(any());
        } else if (what < 960) {
            sync(any());
        } else if (what < 972) {
            world_.crash(any(), rng_.below(3));
        } else if (what < 988) {
            world_.start(any());
        } else if (what < 992) {
            if (!hasty_ || rng_.chance(1, 4)) break_links();
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

    // All whole, one replica alone, or any links at all.
    void break_links() {
        cut_.clear();
        broken_links_ = {};
        if (rng_.chance(1, 3)) return;
        if (rng_.chance(1, 2)) {
            cut_.insert(world_.replicas[any()].key.id);
            return;
        }
        const auto n = static_cast<std::int32_t>(world_.replicas.size());
        for (std::int32_t a = 1; a <= n; ++a) {
            for (std::int32_t b = a + 1; b <= n; ++b) {
                if (!rng_.chance(1, 3)) continue;
                broken_links_[a] |= 1U << b;
                broken_links_[b] |= 1U << a;
            }
        }
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
        if (cut(part) || world_.parts.size() > 20 || rng_.chance(1, 20)) return world_.lose_part(i);
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

    // Asked of whoever takes itself for the leader, at once: it must know when it may.
    void change() {
        std::vector<std::size_t> leaders;
        for (std::size_t i = 0; i < world_.replicas.size(); ++i) {
            if (world_.replicas[i].raft && world_.replicas[i].raft->leads()) leaders.push_back(i);
        }
        if (leaders.empty()) return;
        const std::size_t at = leaders[rng_.below(leaders.size())];
        const std::size_t who = any();
        const ReplicaKey key = world_.replicas[who].key;
        const VoterSet& voters = world_.replicas[at].raft->voters().current();
        if (voters.contains(key)) {
            const auto fewer = voters.without(key);
            if (voters.size() > 1 && world_.keeps_majority(*fewer, {}))
                world_.call(at, [&](Raft& r) { (void)r.remove_voter(key); });
            return;
        }
        if (const ReplicaKey* old = voters.find(key.id)) {  // its disk was replaced
            world_.call(at, [&](Raft& raft) { (void)raft.remove_voter(ReplicaKey(*old)); });
            return;
        }
        world_.call(at, [&](Raft& raft) { (void)raft.add_voter(key); });
    }

    // Everything works from now on: within a minute there is a leader, and all replicas have what
    // is committed. Then nobody who was cut off, nor time, may end its reign; but its own cut must.
    std::string calm() {
        cut_.clear();
        broken_links_ = {};
        world_.flush_at_once = true;
        for (std::size_t i = 0; i < world_.replicas.size(); ++i) {
            world_.start(i);
            while (!world_.replicas[i].syncs.empty()) world_.report(i, 0);
            world_.flush(i);
        }
        std::string wrong = agree();
        if (wrong.empty() && rng_.chance(1, 4)) wrong = quiet();
        if (wrong.empty() && rng_.chance(1, 4)) wrong = leader_cut();
        return wrong;
    }

    std::string agree() {
        const MonoTime end = world_.now + 60s;
        for (int asked = 0; world_.now < end;) {
            if (!deliver_all().empty()) return world_.broken();
            if (const auto at = leader(); at && asked < 3) {
                world_.append(*at);
                ++asked;
            } else if (asked == 3 && settled()) {
                return "";
            }
            pass(10ms);
        }
        return "no agreement within a minute of calm: " + tell();
    }

    // KIP-996: a voter that was cut off ends no reign when it comes back.
    std::string quiet() {
        const std::size_t at = *leader();
        const Raft& reign = *world_.replicas[at].raft;
        const Epoch epoch = reign.state().epoch;
        for (const ReplicaKey& voter : reign.voters().current().all()) {
            const bool lone = voter.id != reign.self().id && rng_.chance(1, 2);
            if (lone && world_.keeps_majority(reign.voters().current(), voter.id))
                cut_ = {voter.id};
        }
        const bool busy = rng_.chance(1, 2);
        for (const Duration time : {8s, 6s}) {
            for (const MonoTime end = world_.now + time; world_.now < end; pass(50ms)) {
                if (!deliver_all().empty()) return world_.broken();
                if (busy && rng_.chance(1, 10)) world_.append(at);
            }
            cut_.clear();
        }
        if (!reign.leads() || reign.state().epoch != epoch)
            return "a reign ended that a majority followed: " + tell();
        return agree();
    }

    // Check quorum: a leader that no majority of the voters fetches from resigns, whoever else
    // does, in time for the clients that it has; and the others have a leader soon.
    std::string leader_cut() {
        const std::size_t at = *leader();
        const Raft& old = *world_.replicas[at].raft;
        const VoterSet voters = old.voters().current();
        if (voters.size() == 1 || !world_.keeps_majority(voters, old.self().id)) return "";
        cut_ = {old.self().id};
        for (const Replica& r : world_.replicas) {  // observers stay with it
            if (voters.find(r.key.id) == nullptr) cut_.insert(r.key.id);
        }
        const MonoTime resigned = world_.now + 3200ms;  // 1.5 times the fetch time-out
        bool again = false;
        // Another one may be elected sooner than that.
        const auto over = [&] { return again && world_.now > resigned + 100ms; };
        for (const MonoTime end = world_.now + 30s; world_.now < end && !over(); pass(50ms)) {
            if (!deliver_all().empty()) return world_.broken();
            if (world_.now > resigned && old.leads())
                return "a leader without a majority goes on: " + tell();
            again = again || std::ranges::any_of(world_.replicas, [&](const Replica& r) {
                        return &*r.raft != &old && r.raft->ready();
                    });
        }
        if (!again) return "no other leader within 30 s: " + tell();
        cut_.clear();
        return agree();
    }

    // A defect may talk for ever without time passing. "" or what broke.
    const std::string& deliver_all() {
        for (int n = 0; n < 2'000 && !world_.letters.empty() && world_.broken().empty(); ++n) {
            const std::size_t i = rng_.below(world_.letters.size());
            cut(world_.letters[i]) ? world_.lose(i) : world_.deliver(i, false);
        }
        for (int n = 0; n < 100 && !world_.parts.empty() && world_.broken().empty(); ++n) {
            const std::size_t i = rng_.below(world_.parts.size());
            cut(world_.parts[i]) ? world_.lose_part(i) : world_.deliver_part(i, false);
        }
        return world_.broken();
    }

    std::string tell() const {
        std::string all;
        for (const Replica& r : world_.replicas) {
            all += fmt::format("{}: role {} epoch {} end {} hw {} disk {}, voters", r.key.id.v,
                               r.raft->role().index(), r.raft->state().epoch.v, r.raft->log().end.v,
                               r.raft->high_watermark().v, r.key.directory.lo);
            for (const ReplicaKey& voter : r.raft->voters().current().all())
                all += fmt::format(" {}/{}", voter.id.v, voter.directory.lo);
            all += "; ";
        }
        return all;
    }
    bool settled() const {
        const auto at = leader();
        if (!at) return false;
        const Raft& l = *world_.replicas[*at].raft;
        return l.voters().current().contains(l.self()) &&
               std::ranges::all_of(world_.replicas, [&](const Replica& r) {
                   return r.raft->high_watermark() == l.log().end &&
                          r.raft->state().epoch == l.state().epoch;
               });
    }

    const Schedule& s_;
    Rng rng_;
    World world_;
    std::set<NodeId> cut_;
    std::array<std::uint32_t, 16> broken_links_{};  // by node id, a bit for each other
    bool late_reports_ = false;
    bool hasty_;  // links stay as an election found them, and time passes fast
};
}  // namespace

Schedule mixed_schedule(std::uint64_t seed) {
    Schedule s;
    s.voters = seed % 4 == 3 ? 5 : seed % 8 == 6 ? 2 : seed % 4 == 1 ? 4 : 3;
    s.observers = seed % 3;
    s.changes = seed % 2 == 1;
    s.snapshots = seed % 4 < 2;
    s.wipes = s.changes && seed % 8 < 6;
    s.steps = 4'000;
    return s;
}

Schedule contested_schedule(std::uint64_t seed) {
    Schedule s;
    s.voters = 3 + seed % 3;
    s.changes = true;
    s.contested = true;
    s.steps = 300;
    return s;
}

std::string run_random(const Schedule& schedule, std::uint64_t seed, Totals& out) {
    return Run(schedule, seed).go(out);
}
}  // namespace faultline::logic::raft::test
