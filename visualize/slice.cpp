#include "visualize/slice.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "sim/trace/describe.h"

namespace faultline::visualize {
namespace {

constexpr std::size_t kChain = 4000;  // events that are followed back from one root

// From 0, the most important, to 5.
struct Candidate {
    std::size_t event;
    int rank;
};

class Slicer {
public:
    explicit Slicer(const Trace& trace) : t_(trace) {
        for (std::size_t i = 0; i < t_.types.size(); ++i) types_[t_.types[i].name] = i;
        for (std::size_t i = t_.events.size(); i-- > 0 && !violation_;) {
            if (is(i, "Violation")) violation_ = i;
        }
        for (std::size_t i = 0; i < t_.events.size(); ++i) {
            if (is(i, "MessageSent")) sent_[t_.get(t_.events[i], "message")] = i;
            if (is(i, "MessageDelivered") || is(i, "MessageDropped"))
                ended_[t_.get(t_.events[i], "message")] = i;
        }
    }

    std::optional<Slice> run() {
        if (!violation_) return std::nullopt;
        const Event& v = t_.events[*violation_];
        Slice out;
        out.invariant = t_.get(v, "invariant");
        out.sentence = t_.label(t_.get(v, "sentence", 0));
        out.events = *violation_ + 1;
        facts(v);
        for (std::size_t root : roots_) follow(root);
        out.partition =
            partition_ > 0 ? t_.partitions[static_cast<std::size_t>(partition_)].text : "";
        choose(out);
        lanes(out);
        return out;
    }

private:
    const std::string& name(std::size_t i) const { return t_.types[t_.events[i].type].name; }
    bool is(std::size_t i, std::string_view type) const {
        const auto it = types_.find(type);
        return it != types_.end() && t_.events[i].type == it->second;
    }
    std::int64_t get(std::size_t i, std::string_view field, std::int64_t otherwise = -1) const {
        return t_.get(t_.events[i], field, otherwise);
    }

    void facts(const Event& v) {
        roots_.push_back(*violation_);
        for (const char* field : {"fact", "other_fact"}) {
            const std::int64_t number = t_.get(v, field, 0);
            if (number < 1 || static_cast<std::size_t>(number) > *violation_) continue;
            const auto i = static_cast<std::size_t>(number - 1);
            facts_.insert(i);
            roots_.push_back(i);
            if (partition_ <= 0) partition_ = get(i, "partition", 0);
            for (const char* offset : {"first", "at", "log_end", "to", "durable_end", "hw"}) {
                const std::int64_t o = get(i, offset, -1);
                if (o >= 0) offsets_.insert(o);
            }
        }
        // An oracle that does not know its facts names the partition in its sentence.
        const std::string& sentence = t_.label(t_.get(v, "sentence", 0));
        for (std::size_t p = 1; p < t_.partitions.size() && partition_ <= 0; ++p) {
            if (sentence.find(t_.partitions[p].text) != std::string::npos)
                partition_ = static_cast<std::int64_t>(p);
        }
        if (roots_.size() == 1 && *violation_ > 0) roots_.push_back(*violation_ - 1);
    }

    void follow(std::size_t root) {
        std::size_t depth = 0;
        for (std::size_t i = root; depth < kChain; ++depth) {
            const auto [it, fresh] = chain_.try_emplace(i, depth);
            if (!fresh && it->second <= depth && i != root) break;
            it->second = std::min(it->second, depth);
            const std::uint32_t cause = t_.events[i].cause;
            if (cause == kNoCause) break;
            i = cause;
        }
    }

    // Which events may be shown, and how much they matter; nothing: not at all.
    std::optional<int> rank(std::size_t i) const {
        if (i == *violation_ || facts_.contains(i)) return 0;
        const std::string& n = name(i);
        if (n == "NodeStarted" || n == "NodeCrashed" || n == "NodeStopped" || n == "NodePaused" ||
            n == "ClockJumped" || n == "FaultEffect") {
            return 1;
        }
        if (n == "LogDirFailed" || n == "CorruptionFound") return 1;
        const auto in_chain = chain_.find(i);
        const bool near = in_chain != chain_.end() && in_chain->second < 12;
        if (n == "FaultArmed" || n == "FaultHealed" || n == "DiskLost") return 2;
        const std::int64_t partition = get(i, "partition", 0);
        if (partition_ > 0 && partition == partition_) {
            if (n == "LogOpened" || n == "TornTailCut" || n == "LogTruncated" ||
                n == "LeaderChanged" || n == "LogStartMoved" || n == "SegmentDeleted") {
                return 1;
            }
            if (touches_offset(i)) return 2;
            if (n == "SegmentRolled") return 4;
            if (near) return 3;
            return n == "LogFlushed" || n == "HighWatermark" || n == "BatchAppended" ? 5 : 6;
        }
        if (n == "MessageSent" && in_chain != chain_.end()) return near ? 3 : 5;
        if (n == "DiskDone" && in_chain != chain_.end() && (near || get(i, "sys", 0) != 0))
            return 4;
        if (n == "ConnClosed" && in_chain != chain_.end()) return 5;
        return std::nullopt;
    }

    bool touches_offset(std::size_t i) const {
        const std::string& n = name(i);
        std::int64_t low = -1, high = -1;
        if (n == "BatchAppended" || n == "ProduceAnswered") {
            low = get(i, "first");
            high = get(i, "last");
        } else if (n == "ProduceAcked") {
            low = get(i, "first");
            high = low + get(i, "count", 1) - 1;
        } else if (n == "RecordDelivered") {
            low = high = get(i, "at");
        } else if (n == "LogFlushed") {
            low = high = get(i, "durable_end");
        } else if (n == "HighWatermark") {
            low = high = get(i, "hw");
        }
        if (low < 0) return false;
        const auto it = offsets_.lower_bound(low);
        return it != offsets_.end() && *it <= high;
    }

    static RowKind kind_of(const std::string& n) {
        if (n == "Violation") return RowKind::violation;
        if (n.starts_with("Fault") || n == "ClockJumped") return RowKind::fault;
        if (n.starts_with("Node") || n.starts_with("Broker")) return RowKind::life;
        if (n.starts_with("Disk") || n == "LogDirFailed") return RowKind::disk;
        if (n.starts_with("Message") || n.starts_with("Conn")) return RowKind::message;
        if (n == "ProduceSent" || n == "ProduceAcked" || n == "ProduceFailed" ||
            n == "RecordDelivered")
            return RowKind::client;
        return n == "Note" ? RowKind::other : RowKind::log;
    }

    // Events of one type, node and partition in a row are one row; what is least important goes
    // until there is room.
    void choose(Slice& out) {
        std::vector<Candidate> all;
        for (std::size_t i = 0; i <= *violation_; ++i) {
            if (const auto r = rank(i)) all.push_back({i, *r});
        }
        for (int worst = 6; worst >= 0; --worst) {
            out.rows.clear();
            for (const Candidate& c : all) {
                if (c.rank <= worst) add_row(out, c);
            }
            if (out.rows.size() <= Slice::kMostRows) break;
        }
        // Even what matters most may be too much: the middle goes, the facts stay.
        while (out.rows.size() > Slice::kMostRows) {
            auto victim = out.rows.end();
            const auto middle = out.rows.begin() + std::ssize(out.rows) / 2;
            for (auto it = middle; it != out.rows.end() && victim == out.rows.end(); ++it) {
                if (!it->fact && it->kind != RowKind::violation) victim = it;
            }
            for (auto it = middle; it != out.rows.begin() && victim == out.rows.end(); --it) {
                if (!std::prev(it)->fact) victim = std::prev(it);
            }
            out.rows.erase(victim);
        }
        finish_rows(out);
    }

    void add_row(Slice& out, const Candidate& c) {
        const bool fact = facts_.contains(c.event);
        if (!out.rows.empty() && !fact && c.rank > 0) {
            SliceRow& last = out.rows.back();
            const Event &a = t_.events[last.last_event], &b = t_.events[c.event];
            if (!last.fact && a.type == b.type && t_.get(a, "node", 0) == t_.get(b, "node", 0) &&
                t_.get(a, "partition", 0) == t_.get(b, "partition", 0) &&
                t_.get(a, "from", 0) == t_.get(b, "from", 0) &&
                t_.get(a, "fault", 0) == t_.get(b, "fault", 0)) {
                ++last.times;
                last.last_event = c.event;
                return;
            }
        }
        SliceRow row;
        row.event = row.last_event = c.event;
        row.kind = kind_of(name(c.event));
        row.fact = fact;
        row.at = t_.events[c.event].at;
        out.rows.push_back(std::move(row));
    }

    void finish_rows(Slice& out) {
        std::size_t next = 0;
        std::int64_t end = -1, hw = -1;
        std::size_t seen = 0;
        for (SliceRow& row : out.rows) {
            row.skipped = row.event - std::min(row.event, next);
            next = row.last_event + 1;
            for (; seen <= row.last_event; ++seen) positions(seen, end, hw);
            row.log_end = end;
            row.high_watermark = hw;
            row.text = sentence(row);
            if (is(row.event, "MessageSent")) {
                const auto e = ended_.find(get(row.event, "message"));
                row.lost = e == ended_.end() || is(e->second, "MessageDropped");
            }
        }
    }

    void positions(std::size_t i, std::int64_t& end, std::int64_t& hw) const {
        if (partition_ <= 0 || get(i, "partition", 0) != partition_) return;
        if (is(i, "BatchAppended")) end = get(i, "last") + 1;
        if (is(i, "LogOpened")) end = get(i, "log_end");
        if (is(i, "LogTruncated")) end = get(i, "to");
        if (is(i, "HighWatermark")) hw = get(i, "hw");
        if (is(i, "LogOpened") && hw > end) hw = end;
    }

    std::string sentence(const SliceRow& row) const {
        const Event& e = t_.events[row.event];
        std::string text = event_sentence(t_, e);
        if (is(row.event, "MessageSent")) {
            const std::int64_t api = t_.get(e, "api_key");
            if (api >= 0) {
                text = fmt::format("{} {} {} {}", t_.node_name(t_.get(e, "from")),
                                   t_.get(e, "response") == 1 ? "answers" : "asks",
                                   t_.node_name(t_.get(e, "to")), t_.api_name(api));
            }
        }
        if (row.times > 1)
            text += fmt::format("  (×{}, the last at {})", row.times,
                                seconds(t_.events[row.last_event].at));
        return text;
    }

    void lanes(Slice& out) const {
        std::set<std::int64_t> used;
        const auto node_of = [&](const SliceRow& row, const char* const* fields) {
            for (; *fields != nullptr; ++fields) {
                const std::int64_t n = get(row.event, *fields, 0);
                if (n > 0) return n;
            }
            return std::int64_t{0};
        };
        static const char* const own[] = {"node", "from", "by", nullptr};
        static const char* const other[] = {"to", nullptr};
        const auto is_message = [&](const SliceRow& row) {
            return is(row.event, "MessageSent") || is(row.event, "ConnRefused");
        };
        for (const SliceRow& row : out.rows) {
            used.insert(node_of(row, own));
            if (is_message(row)) used.insert(node_of(row, other));
        }
        for (const bool brokers : {false, true}) {
            for (const NodeHead& n : t_.nodes) {
                const bool broker = n.role == "broker" || n.role == "controller";
                if (broker == brokers && used.contains(n.id))
                    out.lanes.push_back({n.id, n.name, n.role});
            }
        }
        const auto lane = [&](std::int64_t node) {
            for (std::size_t i = 0; i < out.lanes.size(); ++i) {
                if (out.lanes[i].node == node) return static_cast<int>(i);
            }
            return -1;
        };
        for (SliceRow& row : out.rows) {
            row.lane = lane(node_of(row, own));
            if (is_message(row)) row.to = lane(node_of(row, other));
        }
    }

    const Trace& t_;
    std::map<std::string_view, std::size_t> types_;
    std::optional<std::size_t> violation_;
    std::map<std::int64_t, std::size_t> sent_, ended_;
    std::vector<std::size_t> roots_;
    std::set<std::size_t> facts_;
    std::set<std::int64_t> offsets_;
    std::map<std::size_t, std::size_t> chain_;  // event -> steps from a root
    std::int64_t partition_ = 0;
};
}  // namespace

std::optional<Slice> make_slice(const Trace& trace) { return Slicer(trace).run(); }

std::string slice_txt(const Trace& trace, const Slice& s) {
    std::string out = fmt::format("{} seed {} hash {}\nINV-{} violated: {}\n", trace.scenario,
                                  trace.seed, trace.hash, s.invariant, s.sentence);
    if (!s.partition.empty()) out += fmt::format("(end, hw: of {})\n", s.partition);
    out += fmt::format("\n{:>4}  {:>10}  {:>6} {:>6}  what\n", "", "time", "end", "hw");
    std::size_t number = 0;
    for (const SliceRow& row : s.rows) {
        if (row.skipped > 0)
            out += fmt::format("      {:>10}  … {} more event{}\n", "", grouped_count(row.skipped),
                               row.skipped == 1 ? "" : "s");
        const auto offset = [](std::int64_t o) {
            return o < 0 ? std::string("-") : std::to_string(o);
        };
        out += fmt::format("{:>4}. {:>10}  {:>6} {:>6}  {}{}\n", ++number, seconds(row.at),
                           offset(row.log_end), offset(row.high_watermark), row.fact ? "FACT " : "",
                           row.text);
    }
    return out;
}

std::vector<SliceEdge> slice_edges(const Trace& trace, const Slice& slice) {
    std::map<std::size_t, std::size_t> row_of;  // event -> row
    for (std::size_t i = 0; i < slice.rows.size(); ++i) {
        for (std::size_t e : {slice.rows[i].event, slice.rows[i].last_event}) row_of[e] = i;
    }
    std::vector<SliceEdge> edges;
    for (std::size_t i = 0; i < slice.rows.size(); ++i) {
        std::size_t hidden = 0;
        for (std::uint32_t c = trace.events[slice.rows[i].event].cause; c != kNoCause;
             c = trace.events[c].cause, ++hidden) {
            const auto it = row_of.find(c);
            if (it == row_of.end() || it->second == i) continue;
            edges.push_back({it->second, i, hidden});
            break;
        }
    }
    return edges;
}
}  // namespace faultline::visualize
