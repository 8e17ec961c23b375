// What belongs to one lane: its state bar, remarks, disk and logs.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "visualize/svg_painter.h"
#include "visualize/timeline_svg.h"

namespace faultline::visualize {

void Painter::pill(const Pill& p, double top, double height, std::string_view css,
                   std::string_view title, std::string_view ids) {
    const double y = top + p.row * (height + 3);
    svg_.open(title, ids);
    svg_.rect(p.left, y, p.right - p.left, height, css, 3);
    if (!p.inside)
        svg_.rect(p.text_x - 2, y + 1, text_width(p.text, kSmallFont) + 4, height - 2, "veil", 2);
    svg_.text(p.text_x, y + height - 4, "t", p.text);
    svg_.close();
}

void Painter::lane(const LaneLayout& l) {
    svg_.text(18, l.bar + 12, "name", fitted(l.lane->name, 80, 14));
    svg_.text(18, l.bar + 25, "dim", l.lane->role);
    states(l);
    callouts(l);
    effects(l);
    for (std::size_t n = 0; n < l.records.size(); ++n) {
        const RecordGroup& g = picture_.records[l.record_index[n]];
        pill(l.records[n], l.records_top, kPillRow - 3, "rec",
             fmt::format("{}\n{} records, {} to {}", l.records[n].text, grouped(g.count),
                         when(g.begin), when(g.end)),
             exchange_ids(carrying(g)));
    }
    for (std::size_t n = 0; n < l.traffic.size(); ++n) {
        const Traffic& t = picture_.traffic[l.traffic_index[n]];
        pill(l.traffic[n], l.traffic_top, kPillRow - 3, fmt::format("band-{}", kind_of(t.api)),
             fmt::format("{}\n{} to {}, {} to {}", t.label(run_), run_.trace->node_name(t.from),
                         run_.trace->node_name(t.to), when(t.begin), when(t.end)),
             exchange_ids(t.exchanges));
    }
    disk(l);
}

std::vector<std::size_t> Painter::carrying(const RecordGroup& g) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < run_.exchanges.size(); ++i) {
        const Exchange& e = run_.exchanges[i];
        if (e.from == g.node && e.answered && e.end >= g.begin && e.end <= g.end &&
            kind_of(e.api) == (g.read ? 'f' : 'p')) {
            out.push_back(i);
        }
    }
    return out;
}

std::string Painter::served(std::int64_t node, Ns at) const {
    for (std::size_t i = run_.exchanges.size(); i-- > 0;) {
        const Exchange& e = run_.exchanges[i];
        if (e.to != node || e.begin > at || kind_of(e.api) == 'f') continue;
        const Ns arrived = run_.messages[e.request].arrived;
        if (arrived < 0 || arrived > at) continue;
        const bool open = !e.response || run_.messages[*e.response].sent >= at;
        return open ? std::to_string(i) : "";
    }
    return "";
}

void Painter::states(const LaneLayout& l) {
    for (const StateSpan& s : l.lane->states) {
        const double left = x(s.from), width = std::max(x(s.to) - left, 2.0);
        const std::string length = duration_text(s.to - s.from);
        svg_.open(fmt::format("{} {} from {} to {}", l.lane->name, to_string(s.state), when(s.from),
                              when(s.to)));
        svg_.rect(left, l.bar, width, kBarHeight, to_string(s.state), 2);
        if (s.state != State::up) {
            for (const std::string& text : {fmt::format("{} {}", to_string(s.state), length),
                                            std::string(to_string(s.state))}) {
                const double w = text_width(text, kSmallFont);
                const double badge = s.state == State::crashed ? 8 : 0;  // room for what did it
                if (w + 10 + badge > width) continue;
                const double at = left + badge + (width - badge - w) / 2;
                svg_.rect(at - 2, l.bar + 2, w + 4, kBarHeight - 4, "veil");
                svg_.text(at, l.bar + 10.5, "t", text);
                break;
            }
        }
        if (s.state == State::crashed) svg_.cross(left, l.bar + kBarHeight / 2, 5, "x");
        svg_.close();
    }
}

void Painter::callouts(const LaneLayout& l) {
    const auto line_y = [&](const Callout& c) {
        return l.callouts_bottom - c.row * kCalloutRow - 2;
    };
    for (const Callout& c : l.callouts) {
        const bool bad = picture_.marks[c.mark].weight == Weight::bad;
        svg_.line(c.x, line_y(c) - 9, c.x, l.bar, bad ? "leadbad" : "lead");
    }
    for (const Callout& c : l.callouts) {
        const MarkGroup& m = picture_.marks[c.mark];
        svg_.open(fmt::format("{}\n{}", m.text, when(m.begin)));
        svg_.rect(c.text_x - 2, line_y(c) - 9, c.box.right - c.text_x + 4, 12, "veil", 2);
        svg_.text(c.text_x, line_y(c),
                  m.weight == Weight::bad     ? "bad"
                  : m.weight == Weight::minor ? "dim"
                                              : "t",
                  c.text);
        svg_.close();
    }
}

void Painter::effects(const LaneLayout& l) {
    std::vector<std::pair<double, std::int64_t>> placed;
    for (const Fault& f : run_.faults) {
        for (const Effect& e : f.effects) {
            if (e.node != l.lane->node) continue;
            const double at = x(e.at);
            const bool covered = std::any_of(placed.begin(), placed.end(), [&](const auto& p) {
                return std::abs(p.first - at) < 15;
            });
            if (covered) continue;
            placed.emplace_back(at, f.index);
            svg_.open(fmt::format("F{} {}\n{}", f.index + 1, e.what, when(e.at)));
            svg_.circle(at, l.bar + kBarHeight / 2, 7, "badge");
            svg_.text(at, l.bar + kBarHeight / 2 + 3, "badget", fmt::format("F{}", f.index + 1));
            svg_.close();
        }
    }
}

void Painter::disk(const LaneLayout& l) {
    if (l.disk_top == 0) return;
    svg_.text(layout_.plot_left - 8, l.ticks_top + 9, "dim right", "disk");
    const double bottom = l.ticks_top + kTickRow;
    std::set<std::pair<int, bool>> drawn;  // one tick of a kind for each px
    for (const DiskWork& w : run_.disk) {
        if (w.node != l.lane->node || w.sys != 0 || (w.op != "write" && w.op != "sync")) continue;
        const bool sync = w.op == "sync";
        if (!drawn.insert({static_cast<int>(x(w.at) / 2), sync}).second) continue;
        svg_.open(fmt::format("{} of {}\n{}", w.op, w.path, when(w.at)), served(w.node, w.at));
        svg_.line(x(w.at), bottom, x(w.at), bottom - (sync ? 10 : 5), sync ? "sync" : "write");
        svg_.close();
    }
    for (const DiskWork& w : run_.disk) {
        if (w.node != l.lane->node || w.sys == 0) continue;
        svg_.open(fmt::format("{} of {} at byte {} failed: {}\n{}", w.op, w.path, w.off,
                              errno_name(w.sys), when(w.at)),
                  served(w.node, w.at));
        svg_.cross(x(w.at), l.ticks_top + 6, 4.5, "x");
        svg_.close();
    }
    double lost_x = -100;
    for (const Lost& w : run_.lost) {
        if (w.node != l.lane->node) continue;
        lost_x = lost_x < x(w.at) ? x(w.at) + 4 : lost_x + 8;
        svg_.open(fmt::format("{}: {} bytes at byte {} of {}\n{}", w.how, w.len, w.off, w.path,
                              when(w.at)));
        svg_.rect(lost_x, l.ticks_top + 3, 6, 8, w.how == "kept" ? "work" : "lost", 1);
        if (w.how == "torn")
            svg_.line(lost_x, l.ticks_top + 11, lost_x + 6, l.ticks_top + 3, "lost");
        svg_.close();
    }
    for (std::size_t n = 0; n < l.disk.size(); ++n) {
        const DiskGroup& g = picture_.disk[l.disk_index[n]];
        const Pill& p = l.disk[n];
        const double y = l.disk_top + p.row * (kPillRow - 3);
        svg_.open(fmt::format("{}, {} bytes written\n{} to {}", g.label(), grouped(g.bytes),
                              when(g.begin), when(g.end)));
        svg_.path(fmt::format("M{0} {2}V{3}H{1}V{2}", px(p.left), px(p.right), px(y), px(y + 3)),
                  "work");
        svg_.text(p.text_x, y + 12, "dim", p.text);
        svg_.close();
    }
}

void Painter::log_charts(const LaneLayout& l) {
    for (const LogChart& c : l.logs) {
        svg_.text(layout_.plot_left - 8, c.top + 14, "dim right",
                  fitted(run_.partition(c.partition), layout_.plot_left - 26, kSmallFont));
        if (l.more_logs > 0 && &c == &l.logs.back()) {
            svg_.text(layout_.plot_left - 8, c.top + 30, "dim right",
                      fmt::format("+{} more", l.more_logs));
        }
        svg_.rect(layout_.plot_left, c.top, layout_.plot_right - layout_.plot_left, kLogHeight,
                  "chart", 3);
        series(l, c, Position::log_end, "end");
        series(l, c, Position::durable_end, "durable");
        series(l, c, Position::high_watermark, "hw");
        log_labels(l, c);
    }
}

Ns Painter::down_after(const LaneLayout& l, Ns at) const {
    for (const StateSpan& s : l.lane->states) {
        if (s.from >= at && (s.state == State::crashed || s.state == State::stopped)) return s.from;
    }
    return run_.end;
}

void Painter::series(const LaneLayout& l, const LogChart& c, Position position,
                     std::string_view css) {
    std::string d;
    double last_x = -1, last_y = 0;
    Ns until = -1;
    for (const Step& s : run_.steps) {
        if (s.node != l.lane->node || s.partition != c.partition || s.position != position)
            continue;
        const double sx = x(s.at), sy = c.y(s.offset);
        if (until < 0 || s.at > until) {
            if (until >= 0) d += fmt::format("H{}", px(x(until)));
            d += fmt::format("M{} {}", px(sx), px(sy));
            until = down_after(l, s.at);
        } else if (sx - last_x >= 1.5 || std::abs(sy - last_y) > 4) {
            d += fmt::format("H{}V{}", px(sx), px(sy));
        } else {
            continue;  // nearer than a reader can see; the next step leads on
        }
        last_x = sx;
        last_y = sy;
    }
    if (until >= 0) d += fmt::format("V{}H{}", px(last_offset_y(l, c, position)), px(x(until)));
    if (!d.empty()) svg_.path(d, css);
}

double Painter::last_offset_y(const LaneLayout& l, const LogChart& c, Position position) const {
    double y = 0;
    for (const Step& s : run_.steps) {
        if (s.node == l.lane->node && s.partition == c.partition && s.position == position) {
            y = c.y(s.offset);
        }
    }
    return y;
}

void Painter::log_labels(const LaneLayout& l, const LogChart& c) {
    std::vector<Ns> moments;
    for (const StateSpan& s : l.lane->states) {
        if (s.state == State::crashed || s.state == State::stopped) moments.push_back(s.from);
    }
    moments.push_back(run_.end);
    Taken here;
    Ns since = run_.begin;
    for (const Ns moment : moments) {
        std::map<Position, std::int64_t> now;
        Ns last = -1;
        for (const Step& s : run_.steps) {
            if (s.node != l.lane->node || s.partition != c.partition) continue;
            if (s.at < since || s.at > moment) continue;
            now[s.position] = s.offset;
            last = s.at;
        }
        since = moment;
        if (last < 0) continue;
        std::string text;
        constexpr const char* kNames[] = {"log end", "durable", "hw"};
        for (const auto& [position, offset] : now) {
            text += fmt::format("{}{} {}", text.empty() ? "" : "  ",
                                kNames[static_cast<int>(position)], offset);
        }
        const double w = text_width(text, kSmallFont);
        const double y = c.top + kLogHeight - 6;
        for (const double left : {x(moment) + 4, x(moment) - w - 4}) {
            if (left < layout_.plot_left || left + w > layout_.plot_right - 2) continue;
            if (!here.free(left - 4, y - 10, left + w + 4, y + 2)) continue;
            here.add(left - 4, y - 10, left + w + 4, y + 2);
            svg_.rect(left - 2, y - 10, w + 4, 13, "veil");
            svg_.text(left, y, "t", text);
            break;
        }
    }
}
}  // namespace faultline::visualize
