#include "visualize/picture.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace faultline::visualize {
namespace {
constexpr std::size_t kFewestInBand = 3;
constexpr std::size_t kMostArrows = 48;
constexpr std::size_t kMostMarksOfLane = 12;
constexpr std::size_t kMostGroupsOfLane = 10;
constexpr std::size_t kMostPartitionsOfLane = 4;

// Which stretch between two turns a time lies in; what happens at a turn led to it.
std::size_t stretch(const Picture& picture, Ns at) {
    const auto& turns = picture.turns;
    return static_cast<std::size_t>(std::lower_bound(turns.begin(), turns.end(), at) -
                                    turns.begin());
}

// A pause that ends a group: long, and long for this group.
bool pause_between(Ns begin, Ns last_begin, Ns next_begin, std::size_t count) {
    const Ns gap = next_begin - last_begin;
    const Ns usual = count > 1 ? (last_begin - begin) / static_cast<Ns>(count - 1) : gap;
    return gap > 250'000'000 && gap > 20 * usual;
}

Traffic traffic_of(const Run& run, std::vector<std::size_t> members) {
    const Exchange& head = run.exchanges[members.front()];
    Traffic t{head.from, head.to, head.api, head.begin, head.end, {}, 0, 0};
    std::vector<Ns> times;
    for (const std::size_t i : members) {
        const Exchange& x = run.exchanges[i];
        t.end = std::max(t.end, x.end);
        if (x.answered) {
            times.push_back(x.end - x.begin);
        } else if (x.failed()) {
            ++t.unanswered;
        }
    }
    std::sort(times.begin(), times.end());
    if (!times.empty()) t.median = times[times.size() / 2];
    t.exchanges = std::move(members);
    return t;
}

using PairKey = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

// `fold`: also the unanswered ones disappear in bands, because there are too many of them.
// `fewest`: exchanges that make a band.
void group_exchanges(const Run& run, bool fold, std::size_t fewest, Picture& out) {
    out.arrows.clear();
    out.traffic.clear();
    std::map<PairKey, std::vector<std::size_t>> by_pair;
    for (std::size_t i = 0; i < run.exchanges.size(); ++i) {
        const Exchange& x = run.exchanges[i];
        const std::string name = x.api < 0 ? "" : run.trace->api_name(x.api);
        const bool work = x.api < 0 || x.failed() || name == "Produce" || name == "Fetch";
        by_pair[{x.from, x.to, work ? x.api : kSeveralApis}].push_back(i);
    }
    const auto flush = [&](std::int64_t api, std::vector<std::size_t>& members) {
        if (members.size() >= fewest) {
            out.traffic.push_back(traffic_of(run, std::move(members)));
            out.traffic.back().api = api;
        } else {
            out.arrows.insert(out.arrows.end(), members.begin(), members.end());
        }
        members.clear();
    };
    for (const auto& [key, list] : by_pair) {
        std::vector<std::size_t> members;
        for (const std::size_t i : list) {
            const Exchange& x = run.exchanges[i];
            if (!members.empty()) {
                const Exchange& first = run.exchanges[members.front()];
                const Exchange& last = run.exchanges[members.back()];
                if (stretch(out, x.begin) != stretch(out, last.begin) ||
                    pause_between(first.begin, last.begin, x.begin, members.size())) {
                    flush(std::get<2>(key), members);
                }
            }
            if (!fold && x.failed()) {
                flush(std::get<2>(key), members);
                out.arrows.push_back(i);
            } else {
                members.push_back(i);
            }
        }
        flush(std::get<2>(key), members);
    }
    std::sort(out.arrows.begin(), out.arrows.end());
    std::stable_sort(out.traffic.begin(), out.traffic.end(),
                     [](const Traffic& a, const Traffic& b) { return a.begin < b.begin; });
}

// `coarse`: a jump back in offsets does not end a group.
void group_records(const Run& run, bool coarse, Picture& out) {
    out.records.clear();
    std::map<std::tuple<std::int64_t, std::int64_t, bool>, RecordGroup> open;
    const auto flush = [&](const RecordGroup& g) { out.records.push_back(g); };
    std::map<std::int64_t, std::set<std::int64_t>> partitions;
    for (const Records& r : run.records) partitions[r.node].insert(r.partition);
    for (Records r : run.records) {
        const bool several = partitions[r.node].size() > kMostPartitionsOfLane;
        if (several) r.partition = 0;
        const std::tuple key{r.node, r.partition, r.read};
        const auto it = open.find(key);
        if (it != open.end()) {
            RecordGroup& g = it->second;
            // A jump back in offsets is worth seeing: read again, or acknowledged twice.
            const bool back = r.first <= g.last && !coarse && !several;
            if (stretch(out, g.end) == stretch(out, r.begin) && !back) {
                g.end = r.end;
                g.count += r.count;
                g.first = std::min(g.first, r.first);
                g.last = std::max(g.last, r.last);
                continue;
            }
            flush(g);
        }
        open[key] = {r.node, r.partition, r.read, r.begin, r.end, r.count, r.first, r.last};
    }
    for (const auto& [key, g] : open) flush(g);
    std::stable_sort(out.records.begin(), out.records.end(),
                     [](const RecordGroup& a, const RecordGroup& b) { return a.begin < b.begin; });
}

void group_disk(const Run& run, Picture& out) {
    out.disk.clear();
    std::map<std::int64_t, DiskGroup> open;
    for (const DiskWork& w : run.disk) {
        if (w.sys != 0 || w.op == "read") continue;
        const auto it = open.find(w.node);
        if (it != open.end() && (stretch(out, it->second.end) != stretch(out, w.at) ||
                                 w.at - it->second.end > 250'000'000)) {
            out.disk.push_back(it->second);
            open.erase(it);
        }
        DiskGroup& g = open.try_emplace(w.node, DiskGroup{w.node, w.at, w.at}).first->second;
        g.end = w.at;
        if (w.op == "write") {
            ++g.writes;
            g.bytes += w.len;
        } else if (w.op == "sync") {
            ++g.syncs;
        } else {
            ++g.others;
        }
    }
    for (const auto& [node, g] : open) out.disk.push_back(g);
    std::erase_if(out.disk, [](const DiskGroup& g) { return g.writes == 0 && g.syncs == 0; });
    std::stable_sort(out.disk.begin(), out.disk.end(),
                     [](const DiskGroup& a, const DiskGroup& b) { return a.begin < b.begin; });
}

// "power lost: 3 writes dropped, 1 torn at byte 1536 of orders-0/0.log"
std::string loss_text(const Run& run, const StateSpan& span, std::int64_t node) {
    std::string out = "power lost";
    std::map<std::string, int> counts;
    std::string torn;
    for (const Lost& l : run.lost) {
        if (l.node != node || l.at < span.from || l.at > span.to) continue;
        ++counts[l.how];
        if (l.how == "torn") torn = fmt::format(" at byte {} of {}", l.off, short_path(l.path));
    }
    std::string parts;
    const auto add = [&](const char* how, const char* one, const char* many) {
        const int n = counts[how];
        if (n == 0) return;
        if (!parts.empty()) parts += ", ";
        parts += fmt::format("{} {}", n, n == 1 ? one : many);
    };
    add("dropped", "unsynced write dropped", "unsynced writes dropped");
    add("torn", "torn", "torn");
    parts += torn;
    add("garbage", "turned to garbage", "turned to garbage");
    add("dir_entry", "directory entry lost", "directory entries lost");
    return parts.empty() ? out : out + ": " + parts;
}

void group_marks(const Run& run, bool full, Picture& out) {
    struct Open {
        MarkGroup group;
        std::string kind;
        int count;
    };
    std::map<std::int64_t, std::vector<MarkGroup>> lanes;
    for (const Lane& lane : run.lanes) {
        std::map<std::string, Open> open;
        std::vector<MarkGroup>& list = lanes[lane.node];
        const auto flush = [&](const Open& o) {
            list.push_back(o.group);
            if (o.count > 1) list.back().text = fmt::format("{} times: {}", o.count, o.group.text);
        };
        for (const Mark& m : run.marks) {
            if (m.node != lane.node) continue;
            const auto it = open.find(m.kind);
            if (it != open.end()) {
                if (!full && stretch(out, it->second.group.end) == stretch(out, m.at) &&
                    m.partition == 0) {
                    it->second.group.end = m.at;
                    ++it->second.count;
                    continue;
                }
                flush(it->second);
                open.erase(it);
            }
            open[m.kind] = {{m.node, m.at, m.at, m.text, m.weight}, m.kind, 1};
        }
        for (const auto& [kind, o] : open) flush(o);
        for (const StateSpan& s : lane.states) {
            if (s.state != State::crashed) continue;
            list.push_back({lane.node, s.from, s.from,
                            s.power_loss ? loss_text(run, s, lane.node) : "process killed",
                            Weight::bad});
        }
        std::stable_sort(list.begin(), list.end(),
                         [](const MarkGroup& a, const MarkGroup& b) { return a.begin < b.begin; });
        while (!full && list.size() > kMostMarksOfLane) {  // from the middle outwards
            auto victim = list.end();
            for (const Weight weight : {Weight::minor, Weight::normal, Weight::bad}) {
                const auto middle = list.begin() + std::ssize(list) / 2;
                const auto light = [&](const MarkGroup& g) { return g.weight == weight; };
                victim = std::find_if(middle, list.end(), light);
                if (victim == list.end()) victim = std::find_if(list.begin(), middle, light);
                if (victim != list.end()) break;
            }
            list.erase(victim);
            ++out.hidden_marks;
        }
        out.marks.insert(out.marks.end(), list.begin(), list.end());
    }
}

// At most `most` of them, evenly.
std::vector<Ns> some_of(const std::vector<Ns>& turns, std::size_t most) {
    if (turns.size() <= most) return turns;
    std::vector<Ns> out;
    for (std::size_t i = 0; i < most; ++i) out.push_back(turns[i * turns.size() / most]);
    return out;
}

bool crowded(const Picture& picture) {
    std::map<std::pair<int, std::int64_t>, std::size_t> counts;
    for (const Traffic& t : picture.traffic) ++counts[{0, t.from}];
    for (const RecordGroup& g : picture.records) ++counts[{1, g.node}];
    for (const DiskGroup& g : picture.disk) ++counts[{2, g.node}];
    return picture.arrows.size() > 2 * kMostArrows ||
           std::any_of(counts.begin(), counts.end(),
                       [](const auto& c) { return c.second > kMostGroupsOfLane; });
}
}  // namespace

Picture make_picture(const Run& run, bool full) {
    Picture out;
    out.turns = run.turns;
    if (full) {
        for (std::size_t i = 0; i < run.exchanges.size(); ++i) out.arrows.push_back(i);
        group_records(run, false, out);
        group_disk(run, out);
    } else {
        // All turns, the great ones, fewer and fewer of them, until the picture has room.
        for (const std::size_t most :
             {SIZE_MAX, SIZE_MAX - 1, std::size_t{6}, std::size_t{3}, std::size_t{0}}) {
            const bool coarse = most != SIZE_MAX;
            if (coarse) out.turns = some_of(run.great_turns, most);
            group_exchanges(run, false, kFewestInBand, out);
            if (out.arrows.size() > kMostArrows) {
                group_exchanges(run, true, coarse ? 1 : kFewestInBand, out);
            }
            group_records(run, coarse, out);
            group_disk(run, out);
            if (!crowded(out)) break;
        }
    }
    group_marks(run, full, out);
    return out;
}

namespace {
// "requests: ApiVersions, Metadata, ..."
std::string several_apis(const Run& run, const std::vector<std::size_t>& exchanges) {
    std::vector<std::string> names;
    for (const std::size_t i : exchanges) {
        std::string name = run.trace->api_name(run.exchanges[i].api);
        if (std::find(names.begin(), names.end(), name) == names.end())
            names.push_back(std::move(name));
    }
    if (names.size() == 1) return names.front();
    std::string out = "requests: " + names[0] + ", " + names[1];
    return names.size() > 2 ? out + ", \u2026" : out;
}
}  // namespace

std::string Traffic::label(const Run& run) const {
    std::string out = grouped(static_cast<std::int64_t>(exchanges.size())) + " ";
    if (api == kSeveralApis) return out + several_apis(run, exchanges);
    out += api < 0 ? "messages" : run.trace->api_name(api);
    int brokers = 0;
    for (const Lane& l : run.lanes) brokers += l.broker ? 1 : 0;
    if (brokers > 1) out += fmt::format(" to {}", run.trace->node_name(to));
    const std::string since = time_text(begin, run.end), until = time_text(end, run.end);
    out += ", " + (since == until ? since : since.substr(0, since.find(' ')) + "\u2013" + until);
    if (median > 0) out += fmt::format(", {} each", duration_text(median));
    if (unanswered > 0) out += fmt::format(", {} unanswered", unanswered);
    return out;
}

std::string RecordGroup::label(const Run& run) const {
    if (partition == 0) {
        return fmt::format("{} {} {} of several partitions", read ? "read" : "acked",
                           grouped(count), count == 1 ? "record" : "records");
    }
    const std::string& name = run.partition(partition);
    if (count == 1) return fmt::format("{} {} {}", read ? "read" : "acked", name, first);
    std::string out = fmt::format("{} {} {}\u2013{}", read ? "read" : "acked", name, first, last);
    if (count != last - first + 1) out += fmt::format(" ({} records)", grouped(count));
    return out;
}

std::string DiskGroup::label() const {
    std::string out;
    const auto add = [&](std::int64_t n, const char* one, const char* many) {
        if (n == 0) return;
        if (!out.empty()) out += ", ";
        out += fmt::format("{} {}", grouped(n), n == 1 ? one : many);
    };
    add(writes, "write", "writes");
    add(syncs, "sync", "syncs");
    add(others, "other operation", "other operations");
    return out;
}

std::string time_text(Ns at, Ns whole_run) {
    if (whole_run < 100'000'000)
        return fmt::format("{}.{:03} ms", at / 1'000'000, at / 1000 % 1000);
    return fmt::format("{}.{:03} s", at / 1'000'000'000, at / 1'000'000 % 1000);
}

std::string duration_text(Ns d) {
    const auto with = [](Ns value, Ns unit, const char* name) {
        const Ns tenths = (value * 10 + unit / 2) / unit;
        return tenths < 100 && tenths % 10 != 0
                   ? fmt::format("{}.{} {}", tenths / 10, tenths % 10, name)
                   : fmt::format("{} {}", (tenths + 5) / 10, name);
    };
    if (d < 1'000) return fmt::format("{} ns", d);
    if (d < 1'000'000) return with(d, 1'000, "us");
    if (d < 1'000'000'000) return with(d, 1'000'000, "ms");
    return with(d, 1'000'000'000, "s");
}

std::string grouped(std::int64_t number) {
    std::string digits = std::to_string(number);
    for (std::ptrdiff_t i = std::ssize(digits) - 3; i > (number < 0 ? 1 : 0); i -= 3) {
        digits.insert(static_cast<std::size_t>(i), ",");
    }
    return digits;
}
}  // namespace faultline::visualize
