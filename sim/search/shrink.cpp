#include "sim/search/shrink.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/base/text.h"
#include "sim/scenario/scenario_json.h"

namespace faultline::sim {
namespace {

constexpr std::int64_t kLeastCpuSeconds = 5;

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// Times a fault by others: those that wait for a fault which is gone would wait for ever.
void drop_orphans(Scenario& s) {
    while (true) {
        std::set<std::string> there;
        for (const FaultSpec& f : s.faults) there.insert(f.id);
        const auto gone = std::erase_if(s.faults, [&](const FaultSpec& f) {
            return f.when.kind == Trigger::Kind::after && !there.contains(f.when.after);
        });
        if (gone == 0) break;
    }
}

// Faults that refer to a client or topic that is gone.
bool refers_to(const FaultSpec& f, const std::string& name) {
    const auto in = [&](const std::vector<std::string>& list) {
        return std::ranges::any_of(list, [&](const std::string& s) {
            return s == name || s.find("(" + name + ",") != std::string::npos;
        });
    };
    return in(f.nodes) || in(f.from) || in(f.to) || in(f.when.on) ||
           f.when.partition.starts_with(name + "/");
}

Duration rounded(Duration d, Duration to) {
    if (d == Duration{0}) return d;
    const auto sign = d.count() < 0 ? -1 : 1;
    const auto n = (d.count() * sign + to.count() / 2) / to.count();
    return Duration{std::max<std::int64_t>(1, n) * to.count() * sign};
}

// Applies `change` to a copy; nothing when it changed nothing.
template <class Change>
void propose(std::vector<Scenario>& out, const Scenario& from, Change change) {
    Scenario one = from;
    change(one);
    for (FaultSpec& f : one.faults) f = canonical(f);
    if (one != from) out.push_back(std::move(one));
}
}  // namespace

std::size_t count_elements(const Scenario& s) {
    const Scenario plain;
    std::size_t n = s.faults.size() + s.producers.size() + s.consumers.size() + s.admins.size();
    n += s.cluster.config.size();
    for (const TopicSpec& t : s.cluster.topics) n += 1 + t.config.size();
    n += s.cluster.nodes.size() + s.network.links.size();
    NetworkSpec network = s.network;
    network.links.clear();
    n += (network != plain.network ? 1 : 0) + (s.disk != plain.disk ? 1 : 0);
    n += (s.schedule != plain.schedule ? 1 : 0) + (s.perturb ? 1 : 0);
    return n;
}

Shrinker::Shrinker(Scenario scenario, RunResult result, Limits limits, Duration time,
                   std::function<void(const std::string&)> say)
    : best_(std::move(scenario)),
      result_(std::move(result)),
      limits_(limits),
      deadline_ns_(now_ns() + time.count()),
      say_(std::move(say)) {
    // A candidate that needs far longer than the original is no simplification.
    limits_.cpu_seconds = std::min(
        limits.cpu_seconds, static_cast<unsigned>(std::clamp<std::int64_t>(
                                result_.cpu_ns * 10 / 1'000'000'000, kLeastCpuSeconds, INT32_MAX)));
    best_.expect.violates = result_.invariant;
    best_.expect.vacuous = {"*"};
    best_.expect.reached.clear();
}

bool Shrinker::over() const { return now_ns() > deadline_ns_; }

bool Shrinker::take(const char* what, const Candidates& candidates) {
    if (candidates.empty() || over()) return false;
    const auto hit = first_that(candidates, limits_, [&](const RunResult& r) {
        ++runs_;
        return same_failure(r, result_);
    });
    if (!hit) return false;
    const std::size_t before = count_elements(best_);
    best_ = candidates[*hit];
    const std::size_t after = count_elements(best_);
    if (say_)
        say_(fmt::format("{}: {} elements{}", what, after, after == before ? ", simpler" : ""));
    return true;
}

template <class Make>
bool Shrinker::repeat(const char* what, Make make) {
    bool any = false;
    while (!over()) {
        Candidates candidates;
        make(candidates);
        if (!take(what, candidates)) break;
        any = true;
    }
    return any;
}

Shrunk Shrinker::run() {
    Shrunk out;
    out.before = count_elements(best_);
    cut_tail();
    drop_kinds();
    // Until nothing smaller fails: each step may make another possible.
    for (bool smaller = true; smaller && !over();) {
        smaller = drop_faults();
        smaller = drop_clients() || smaller;
        smaller = fewer_records() || smaller;
        smaller = smaller_cluster() || smaller;
        smaller = calm_world() || smaller;
        smaller = plain_config() || smaller;
        smaller = plain_faults() || smaller;
        smaller = round_times() || smaller;
    }
    event_triggers();
    out.finished = !over();
    out.scenario = best_;
    Limits alone = limits_;
    alone.jobs = 1;
    out.result = run_isolated(best_, alone);
    out.scenario.expect.vacuous.clear();
    for (const auto& [id, effects] : out.result.effects) {
        if (effects == 0) out.scenario.expect.vacuous.push_back(id);
    }
    out.after = count_elements(best_);
    out.runs = runs_ + 1;
    return out;
}

// What comes after the violation is not needed. A violation that only shows at the end needs the
// end, not the length.
void Shrinker::cut_tail() {
    Candidates candidates;
    const Duration at = rounded(Duration{result_.at_ns} + 50ms, 100ms);
    if (at < best_.length) propose(candidates, best_, [&](Scenario& s) { s.length = at; });
    take("cut the tail", candidates);
    candidates.clear();
    propose(candidates, best_, [&](Scenario& s) {
        std::erase_if(s.faults, [&](const FaultSpec& f) {
            const auto it = result_.effects.find(f.id);
            return it != result_.effects.end() && it->second == 0;
        });
        drop_orphans(s);
    });
    take("faults without effect", candidates);
}

void Shrinker::drop_kinds() {
    repeat("drop a kind of fault", [&](Candidates& out) {
        std::set<FaultKind> kinds;
        for (const FaultSpec& f : best_.faults) kinds.insert(f.kind);
        if (kinds.size() < 2) return;
        for (const FaultKind kind : kinds) {
            propose(out, best_, [&](Scenario& s) {
                std::erase_if(s.faults, [&](const FaultSpec& f) { return f.kind == kind; });
                drop_orphans(s);
            });
        }
    });
}

bool Shrinker::drop_faults() {
    const std::size_t before = best_.faults.size();
    ddmin(best_.faults, [&](const std::vector<std::vector<FaultSpec>>& lists) {
        Candidates candidates;
        for (const auto& faults : lists) {
            Scenario one = best_;
            one.faults = faults;
            drop_orphans(one);
            candidates.push_back(std::move(one));
        }
        // take() changes best_; ddmin goes on from the list that it was given.
        std::optional<std::size_t> hit;
        const Scenario old = best_;
        if (take("drop faults", candidates)) {
            for (std::size_t i = 0; i < candidates.size() && !hit; ++i) {
                if (candidates[i] == best_) hit = i;
            }
        }
        return hit;
    });
    return best_.faults.size() < before;
}

bool Shrinker::drop_clients() {
    return repeat("drop a client", [&](Candidates& out) {
        const auto without = [&](Scenario& s, const std::string& id) {
            std::erase_if(s.faults, [&](const FaultSpec& f) { return refers_to(f, id); });
            std::erase_if(s.cluster.nodes, [&](const NodeSpec& n) { return n.name == id; });
            drop_orphans(s);
        };
        for (std::size_t i = 0; i < best_.admins.size(); ++i) {
            propose(out, best_, [&](Scenario& s) {
                s.admins.erase(s.admins.begin() + static_cast<std::ptrdiff_t>(i));
                without(s, best_.admins[i].id);
            });
        }
        for (std::size_t i = 0; i < best_.consumers.size(); ++i) {
            propose(out, best_, [&](Scenario& s) {
                s.consumers.erase(s.consumers.begin() + static_cast<std::ptrdiff_t>(i));
                without(s, best_.consumers[i].id);
            });
        }
        for (std::size_t i = 0; i < best_.producers.size(); ++i) {
            propose(out, best_, [&](Scenario& s) {
                s.producers.erase(s.producers.begin() + static_cast<std::ptrdiff_t>(i));
                without(s, best_.producers[i].id);
            });
        }
    });
}

bool Shrinker::fewer_records() {
    return repeat("fewer records", [&](Candidates& out) {
        for (std::size_t i = 0; i < best_.producers.size(); ++i) {
            for (const std::int64_t part : {10, 2}) {
                if (best_.producers[i].count / part < 1) continue;
                propose(out, best_, [&](Scenario& s) { s.producers[i].count /= part; });
            }
        }
    });
}

bool Shrinker::smaller_cluster() {
    return repeat("smaller cluster", [&](Candidates& out) {
        for (std::size_t i = 0; i < best_.cluster.topics.size(); ++i) {
            const std::string& name = best_.cluster.topics[i].name;
            const auto uses = [&](const auto& client) { return client.topic == name; };
            if (std::ranges::none_of(best_.producers, uses) &&
                std::ranges::none_of(best_.consumers, uses)) {
                propose(out, best_, [&](Scenario& s) {
                    s.cluster.topics.erase(s.cluster.topics.begin() +
                                           static_cast<std::ptrdiff_t>(i));
                    std::erase_if(s.faults, [&](const FaultSpec& f) { return refers_to(f, name); });
                    drop_orphans(s);
                });
            }
            if (best_.cluster.topics[i].partitions > 1)
                propose(out, best_, [&](Scenario& s) { s.cluster.topics[i].partitions = 1; });
        }
        if (best_.cluster.log_dirs > 1)
            propose(out, best_, [](Scenario& s) { s.cluster.log_dirs = 1; });
        if (best_.cluster.shards > 1)
            propose(out, best_, [](Scenario& s) { s.cluster.shards = 1; });
    });
}

bool Shrinker::calm_world() {
    return repeat("calmer world", [&](Candidates& out) {
        const auto everything = [](Scenario& s) {
            s.network = {};
            s.disk = {};
            s.schedule = {};
            s.perturb = false;
            s.cluster.nodes.clear();
        };
        propose(out, best_, everything);
        propose(out, best_, [](Scenario& s) { s.network = {}; });
        propose(out, best_, [](Scenario& s) { s.disk = {}; });
        propose(out, best_, [](Scenario& s) { s.schedule = {}; });
        propose(out, best_, [](Scenario& s) { s.perturb = false; });
        propose(out, best_, [](Scenario& s) { s.cluster.nodes.clear(); });
        if (best_.network != NetworkSpec{}) {
            propose(out, best_, [](Scenario& s) {
                s.network = {};
                s.network.latency_min = s.network.latency_max = 1ms;
            });
        }
    });
}

bool Shrinker::plain_config() {
    return repeat("configuration as by default", [&](Candidates& out) {
        propose(out, best_, [](Scenario& s) {
            s.cluster.config.clear();
            for (TopicSpec& t : s.cluster.topics) t.config.clear();
        });
        for (const auto& [key, value] : best_.cluster.config)
            propose(out, best_, [&](Scenario& s) { s.cluster.config.erase(key); });
        for (std::size_t i = 0; i < best_.cluster.topics.size(); ++i) {
            for (const auto& [key, value] : best_.cluster.topics[i].config)
                propose(out, best_, [&](Scenario& s) { s.cluster.topics[i].config.erase(key); });
        }
        for (std::size_t i = 0; i < best_.producers.size(); ++i) {
            propose(out, best_, [&](Scenario& s) {
                const ProducerSpec& p = best_.producers[i];
                s.producers[i] = {.id = p.id,
                                  .topic = p.topic,
                                  .count = p.count,
                                  .rate = p.rate,
                                  .delivery_timeout = p.delivery_timeout};
            });
            propose(out, best_, [&](Scenario& s) { s.producers[i].compression = "none"; });
            propose(out, best_, [&](Scenario& s) { s.producers[i].keys = 0; });
            propose(out, best_, [&](Scenario& s) { s.producers[i].size = 100; });
            propose(out, best_, [&](Scenario& s) { s.producers[i].linger = 5ms; });
            propose(out, best_, [&](Scenario& s) { s.producers[i].batch_size = 16384; });
        }
    });
}

bool Shrinker::plain_faults() {
    return repeat("simpler faults", [&](Candidates& out) {
        for (std::size_t i = 0; i < best_.faults.size(); ++i) {
            const FaultSpec& f = best_.faults[i];
            const auto change = [&](auto fn) {
                propose(out, best_, [&](Scenario& s) { fn(s.faults[i]); });
            };
            if (f.times > 1) change([](FaultSpec& x) { x.times = 1; });
            if (f.drop_dir_entries) change([](FaultSpec& x) { x.drop_dir_entries = false; });
            if (f.clock_stands) change([](FaultSpec& x) { x.clock_stands = false; });
            if (f.within > 0s) change([](FaultSpec& x) { x.within = 0s; });
            if (f.unsynced == Unsynced::random) {
                for (const Unsynced u : {Unsynced::drop, Unsynced::keep, Unsynced::torn})
                    change([&](FaultSpec& x) { x.unsynced = u; });
            }
            if (f.nodes.size() == 1 && f.nodes[0].starts_with("leader("))
                change([](FaultSpec& x) { x.nodes = {"n1"}; });
            if (f.when.kind == Trigger::Kind::after && f.when.plus > 0s)
                change([](FaultSpec& x) { x.when.plus = 0s; });
            if (f.when.kind == Trigger::Kind::disk || f.when.kind == Trigger::Kind::event) {
                change([](FaultSpec& x) { x.when.plus = 0s; });
                if (f.when.nth > 1) change([](FaultSpec& x) { x.when.nth = 1; });
                if (f.when.nth > 3) change([](FaultSpec& x) { x.when.nth /= 2; });
            }
        }
    });
}

bool Shrinker::round_times() {
    bool any = false;
    for (const Duration to : {Duration{1s}, Duration{100ms}, Duration{10ms}}) {
        any = repeat("rounder times",
                     [&](Candidates& out) {
                         propose(out, best_, [&](Scenario& s) {
                             for (FaultSpec& f : s.faults) {
                                 f.when.at = rounded(f.when.at, to);
                                 if (f.duration) f.duration = rounded(*f.duration, to);
                             }
                         });
                         for (std::size_t i = 0; i < best_.faults.size(); ++i) {
                             propose(out, best_, [&](Scenario& s) {
                                 s.faults[i].when.at = rounded(s.faults[i].when.at, to);
                             });
                             propose(out, best_, [&](Scenario& s) {
                                 auto& d = s.faults[i].duration;
                                 if (d) d = rounded(*d, to);
                             });
                             propose(out, best_, [&](Scenario& s) {
                                 s.faults[i].by = rounded(s.faults[i].by, to);
                                 s.faults[i].when.plus = rounded(s.faults[i].when.plus, to);
                             });
                         }
                     }) ||
              any;
    }
    return any;
}

// Times say nothing to a reader, and the next change of the code makes them miss. An event that
// happened just before says why then.
void Shrinker::event_triggers() {
    constexpr std::string_view events[] = {"node.started",    "log.opened",    "segment.rolled",
                                           "segment.deleted", "produce.acked", "log.flushed",
                                           "batch.appended"};
    for (std::size_t i = 0; i < best_.faults.size() && !over(); ++i) {
        if (best_.faults[i].when.kind != Trigger::Kind::time) continue;
        Candidates candidates;
        for (const std::string_view event : events) {
            for (const std::uint32_t nth : {1U, 2U, 3U}) {
                propose(candidates, best_, [&](Scenario& s) {
                    Trigger& t = s.faults[i].when;
                    t = {};
                    t.kind = Trigger::Kind::event;
                    t.event = event;
                    t.nth = nth;
                });
            }
        }
        take("an event instead of a time", candidates);
    }
}
}  // namespace faultline::sim
