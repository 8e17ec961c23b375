// All states of a small quorum, up to a bound: breadth first over worlds, every message delivered
// or lost, every timer fired, every replica crashed, in every order. Times are not part of a state,
// so that a timer may fire at any moment.
#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "tests/support/catch.h"
#include "tests/unit/logic/raft/world.h"

namespace faultline::logic::raft::test {
namespace {

struct Limits {
    std::int32_t epochs = 2;
    std::size_t letters = 4, appends = 1, crashes = 1, depth = 100;
    std::size_t states = 30'000;  // then it ends
    bool deep = false;
};

struct State {
    World world;
    std::size_t appends = 0, crashes = 0, depth = 0;
};

void add(std::string& out, const Batch& b) {
    out += fmt::format("{}@{}:{}{} ", b.epoch.v, b.base.v, b.payload, b.leader_change ? "L" : "");
}
struct Digest {
    std::string operator()(const VoteRequest& m) const {
        return fmt::format("V{}{} {} {}/{}", m.pre_vote ? "?" : "", m.epoch.v, m.candidate.id.v,
                           m.last.epoch.v, m.last.end.v);
    }
    std::string operator()(const VoteResponse& m) const {
        return fmt::format("v{}{} {} {} {}", m.pre_vote ? "?" : "", m.epoch.v, m.granted, m.asked.v,
                           m.leader ? m.leader->v : 0);
    }
    std::string operator()(const BeginQuorumEpochRequest& m) const {
        return fmt::format("B{} {}", m.epoch.v, m.leader.v);
    }
    std::string operator()(const BeginQuorumEpochResponse& m) const {
        return fmt::format("b{} {}", m.epoch.v, m.asked.v);
    }
    std::string operator()(const EndQuorumEpochRequest& m) const {
        return fmt::format("E{} {}", m.epoch.v, m.leader.v);
    }
    std::string operator()(const FetchRequest& m) const {
        return fmt::format("F{} {}/{} {}", m.epoch.v, m.at.epoch.v, m.at.end.v, m.high_watermark.v);
    }
    std::string operator()(const FetchResponse& m) const {
        std::string out = fmt::format("f{} {} {} {} {}", static_cast<int>(m.error), m.epoch.v,
                                      m.high_watermark.v, m.asked.v, m.leader ? m.leader->v : 0);
        if (m.diverging) out += fmt::format(" d{}/{}", m.diverging->epoch.v, m.diverging->end.v);
        for (const Batch& b : m.batches) add(out, b);
        return out;
    }
};

std::string digest(const Replica& r, MonoTime now) {
    std::string out =
        fmt::format("{} {} {} d{} ", r.state.epoch.v, r.state.voted ? r.state.voted->id.v : 0,
                    r.state.leader ? r.state.leader->v : 0, r.durable.v);
    for (const Batch& b : r.log) add(out, b);
    if (!r.raft) return out + "down";
    out += fmt::format("r{} w{} ", r.raft->role().index(), r.raft->high_watermark().v);
    const auto ids = [&](const std::set<NodeId>& set) {
        for (const NodeId id : set) out += fmt::format("{},", id.v);
        out += ';';
    };
    if (const auto* p = std::get_if<Prospective>(&r.raft->role())) ids(p->granted);
    if (const auto* c = std::get_if<Candidate>(&r.raft->role())) ids(c->granted);
    if (const auto* f = std::get_if<Follower>(&r.raft->role()))
        out += fmt::format("{}{}", f->leader.v, f->asking);
    out += r.raft->hears_leader(now) ? "h" : "";
    if (const auto* l = std::get_if<Leader>(&r.raft->role())) {
        ids(l->not_told);
        for (const auto& [id, p] : l->progress) out += fmt::format("{}={} ", id.v, p.held.v);
        for (const auto& [id, q] : l->waiting) out += fmt::format("{}? ", id.v);
    }
    return out;
}

std::uint64_t digest(const State& s) {
    std::string out = fmt::format("{} {}|", s.appends, s.crashes);
    for (const Replica& r : s.world.replicas) out += digest(r, s.world.now) + "|";
    std::vector<std::string> letters;
    for (const Letter& l : s.world.letters)
        letters.push_back(
            fmt::format("{}>{} {}", l.from.v, l.to.v, std::visit(Digest{}, l.message)));
    std::ranges::sort(letters);
    for (const std::string& l : letters) out += l + "|";
    return std::hash<std::string>{}(out);
}

class Explorer {
public:
    Explorer(World first, Limits limits) : limits_(limits) { meet({std::move(first)}); }

    // "" or what broke.
    std::string run() {
        while (!edge_.empty() && seen_.size() < limits_.states && wrong_.empty()) {
            // In turns the oldest and the newest: wide as well as deep.
            const bool deep = limits_.deep && ++turns_ % 64 != 0;
            const State s = std::move(deep ? edge_.back() : edge_.front());
            if (deep) {
                edge_.pop_back();
            } else {
                edge_.pop_front();
            }
            if (s.depth < limits_.depth) expand(s);
        }
        return wrong_;
    }
    std::size_t states() const { return seen_.size(); }
    std::size_t reigns() const { return reigns_; }
    std::size_t commits() const { return commits_; }

private:
    template <class Act>
    void then(const State& s, Act act) {
        State next = s;
        ++next.depth;
        act(next);
        meet(std::move(next));
    }

    void meet(State s) {
        if (!s.world.broken().empty()) {
            wrong_ = s.world.broken();
            return;
        }
        while (s.world.letters.size() > limits_.letters) s.world.lose(0);
        for (const Replica& r : s.world.replicas) {
            if (r.state.epoch.v > limits_.epochs) return;
        }
        if (!seen_.insert(digest(s)).second) return;
        for (const Replica& r : s.world.replicas) reigns_ += r.raft && r.raft->leads() ? 1 : 0;
        commits_ += s.world.committed().empty() ? 0 : 1;
        edge_.push_back(std::move(s));
    }

    void expand(const State& s) {
        for (std::size_t i = 0; i < s.world.replicas.size(); ++i) {
            const Replica& r = s.world.replicas[i];
            if (!r.raft) {
                then(s, [&](State& n) { n.world.start(i); });
                continue;
            }
            if (r.raft->deadline() < MonoTime::never()) {
                then(s, [&](State& n) {
                    n.world.now = std::max(n.world.now, r.raft->deadline());
                    n.world.tick(i);
                });
            }
            if (r.durable < r.log_end()) then(s, [&](State& n) { n.world.flush(i); });
            if (s.crashes < limits_.crashes) {
                then(s, [&](State& n) {
                    ++n.crashes;
                    n.world.crash(i, 0);
                });
            }
            if (s.appends < limits_.appends && r.raft->leads()) {
                then(s, [&](State& n) {
                    ++n.appends;
                    n.world.append(i);
                });
            }
        }
        // Deliveries last: the newest states are those in which something was said and heard.
        for (std::size_t l = 0; l < s.world.letters.size(); ++l)
            then(s, [&](State& n) { n.world.lose(l); });
        for (std::size_t l = 0; l < s.world.letters.size(); ++l)
            then(s, [&](State& n) { n.world.deliver(l, false); });
    }

    Limits limits_;
    std::deque<State> edge_;
    std::unordered_set<std::uint64_t> seen_;
    std::size_t reigns_ = 0, commits_ = 0, turns_ = 0;
    std::string wrong_;
};

void explore(std::size_t voters, bool flush_at_once, Limits limits, bool to_the_end) {
    World world(voters, 0, 1);
    world.flush_at_once = flush_at_once;
    Explorer explorer(std::move(world), limits);
    CHECK(explorer.run() == "");
    INFO(explorer.states() << " states");
    CHECK((explorer.states() < limits.states) == to_the_end);
    CHECK(explorer.reigns() > 0);
    CHECK(explorer.commits() > 0);
}
}  // namespace

TEST_CASE("raft: every state of two voters in two epochs") {
    explore(2, true, {.epochs = 2, .letters = 2, .appends = 0, .crashes = 0, .states = 400'000},
            true);
}
TEST_CASE("raft: states of three voters, with and without a cache to lose") {
    for (const bool at_once : {true, false}) {
        explore(3, at_once,
                {.epochs = 3,
                 .letters = 6,
                 .appends = 2,
                 .crashes = 2,
                 .depth = 80,
                 .states = 60'000,
                 .deep = true},
                false);
    }
}
}  // namespace faultline::logic::raft::test
