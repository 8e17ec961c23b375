#include "visualize/timeline_txt.h"

#include <algorithm>

#include <fmt/format.h>

namespace faultline::visualize {
namespace {
constexpr std::size_t kTimeColumn = 13;

struct Row {
    Ns at;
    std::size_t column;  // of run.lanes; kWhole: the row belongs to the run
    std::string text;
};
constexpr std::size_t kWhole = SIZE_MAX;

std::string ascii(std::string text) {
    for (const auto& [from, to] : {std::pair{"\u2013", "-"}, {"\u2026", "..."}}) {
        for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
            text.replace(at, std::string_view(from).size(), to);
        }
    }
    return text;
}

std::vector<std::string> folded(const std::string& text, std::size_t width) {
    std::vector<std::string> lines;
    for (std::size_t from = 0; from < text.size();) {
        std::size_t to = std::min(from + width, text.size());
        if (to < text.size()) {
            const std::size_t space = text.rfind(' ', to);
            if (space != std::string::npos && space > from) to = space;
        }
        lines.push_back(text.substr(from, to - from));
        from = to < text.size() && text[to] == ' ' ? to + 1 : to;
    }
    return lines;
}

class Table {
public:
    Table(const Run& run, bool full) : run_(run), picture_(make_picture(run, full)) {
        const std::size_t lanes = std::max<std::size_t>(run.lanes.size(), 1);
        width_ = std::clamp<std::size_t>(108 / lanes, 22, 44);
    }

    std::string text() {
        collect();
        std::stable_sort(rows_.begin(), rows_.end(),
                         [](const Row& a, const Row& b) { return a.at < b.at; });
        std::string out = head();
        Ns last = run_.begin;
        for (const Row& row : rows_) {
            if (row.at - last >= 200'000'000 && quiet(last, row.at)) {
                out += fmt::format("{:>{}}  ~ {} quiet\n", "", kTimeColumn - 2,
                                   duration_text(row.at - last));
            }
            last = row.at;
            print(row, out);
        }
        return out;
    }

private:
    void add(Ns at, std::int64_t node, std::string text) {
        for (std::size_t i = 0; i < run_.lanes.size(); ++i) {
            if (run_.lanes[i].node == node) return rows_.push_back({at, i, ascii(std::move(text))});
        }
    }
    void whole(Ns at, std::string text) { rows_.push_back({at, kWhole, ascii(std::move(text))}); }

    bool quiet(Ns from, Ns to) const {
        return std::none_of(picture_.traffic.begin(), picture_.traffic.end(),
                            [&](const Traffic& t) { return t.begin < to && t.end > from; });
    }

    void collect() {
        for (const Fault& f : run_.faults) {
            whole(f.armed, fmt::format("F{} armed: {}", f.index + 1, f.what));
            for (std::size_t i = 0; i < std::min<std::size_t>(f.effects.size(), 3); ++i) {
                add(f.effects[i].at, f.effects[i].node,
                    fmt::format("F{}: {}", f.index + 1, f.effects[i].what));
            }
            if (f.healed) {
                whole(*f.healed, fmt::format("F{} healed; it had {} effect{}", f.index + 1,
                                             f.effects.size(), f.effects.size() == 1 ? "" : "s"));
            }
        }
        for (const Lane& l : run_.lanes) {
            for (const StateSpan& s : l.states) {
                add(s.from, l.node,
                    s.state == State::crashed
                        ? std::string(s.power_loss ? "CRASH, power loss" : "CRASH, killed")
                        : std::string(to_string(s.state)));
            }
        }
        for (const MarkGroup& m : picture_.marks) {
            const bool told = m.text == "power lost" || m.text == "process killed";
            if (!told) add(m.begin, m.node, m.text);
        }
        for (const Traffic& t : picture_.traffic) add(t.begin, t.from, "= " + t.label(run_));
        for (const RecordGroup& g : picture_.records) add(g.end, g.node, g.label(run_));
        for (const DiskGroup& g : picture_.disk) add(g.begin, g.node, "disk: " + g.label());
        for (const std::size_t i : picture_.arrows) exchange(run_.exchanges[i]);
        for (const Broken& b : run_.broken) {
            whole(b.at, fmt::format("VIOLATED invariant {}: {}", b.invariant, b.sentence));
        }
    }

    void exchange(const Exchange& e) {
        const std::string api = e.api < 0 ? "message" : run_.trace->api_name(e.api);
        const std::string peer = run_.trace->node_name(e.to);
        add(e.begin, e.from, fmt::format("-> {} {}", peer, api));
        if (e.answered) {
            add(e.end, e.from,
                fmt::format("<- {} {}, {}", peer, api, duration_text(e.end - e.begin)));
        } else if (e.open) {
            return;  // under way at the end, or without an answer by design
        } else if (const Message& m = run_.messages[e.request]; m.arrived < 0) {
            add(m.sent, e.from, fmt::format("   {} lost on the way", api));
        } else if (!e.response) {
            add(e.end, e.to,
                fmt::format("{} from {} gets no answer", api, run_.trace->node_name(e.from)));
        } else {
            add(e.end, e.to,
                fmt::format("answer to {} is lost on the way", run_.trace->node_name(e.from)));
        }
    }

    std::string head() const {
        std::string out =
            fmt::format("{}, seed {}, {} events, hash {}\n\n", run_.trace->scenario,
                        run_.trace->seed, run_.trace->events.size(), run_.trace->hash);
        std::string names = fmt::format("{:>{}}", "time", kTimeColumn - 2),
                    rule(kTimeColumn - 2, '-');
        for (const Lane& l : run_.lanes) {
            names += fmt::format("  {:<{}}", fmt::format("{} ({})", l.name, l.role), width_);
            rule += "  " + std::string(width_, '-');
        }
        while (names.ends_with(' ')) names.pop_back();
        return out + names + "\n" + rule + "\n";
    }

    void print(const Row& row, std::string& out) const {
        const std::string time =
            fmt::format("{:>{}}", time_text(row.at, run_.end), kTimeColumn - 2);
        const bool whole_row = row.column == kWhole;
        const std::size_t indent = whole_row ? 2 : 2 + row.column * (width_ + 2);
        bool first = true;
        for (const std::string& line : folded(row.text, whole_row ? 100 : width_)) {
            out += first ? time : std::string(kTimeColumn - 2, ' ');
            std::string lead(indent, ' ');
            // Dots lead the eye across the columns of other nodes.
            if (first) {
                for (std::size_t c = 0; !whole_row && c < row.column; ++c)
                    lead[2 + c * (width_ + 2)] = '.';
            }
            out += lead + (whole_row && first ? "** " : whole_row ? "   " : "") + line + "\n";
            first = false;
        }
    }

    const Run& run_;
    Picture picture_;
    std::size_t width_;
    std::vector<Row> rows_;
};
}  // namespace

std::string timeline_txt(const Run& run, bool full) { return Table(run, full).text(); }
}  // namespace faultline::visualize
