#include "visualize/svg_layout.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace faultline::visualize {
namespace {
constexpr double kLeftColumn = 104, kRightMargin = 20, kHeader = 58;
constexpr double kArrowGap = 64;
constexpr std::size_t kMostLogs = 3;

class Maker {
public:
    Maker(const Run& run, const Picture& picture, Axis& axis, double width)
        : run_(run), picture_(picture), axis_(axis) {
        out_.width = width;
        out_.plot_left = kLeftColumn;
        out_.plot_right = width - kRightMargin;
        wants();
        axis_.fit(out_.plot_left + 4, out_.plot_right - 4);
    }

    Layout make() {
        double y = kHeader;
        out_.faults_top = y;
        std::vector<Pill> faults;
        for (const Fault& f : run_.faults) {
            Ns to = f.healed.value_or(f.armed);
            for (const Effect& e : f.effects) to = std::max(to, e.at);
            faults.push_back(pill(f.armed, to, fault_text(f)));
        }
        y += rows_of(faults) * kPillRow + (faults.empty() ? 0 : 10);
        out_.faults = std::move(faults);
        out_.lanes_top = y;
        bool brokers = false;
        for (const Lane& lane : run_.lanes) {
            if (lane.broker && !brokers && !out_.lanes.empty()) y += kArrowGap;
            brokers = lane.broker;
            y = add_lane(lane, y) + 6;
        }
        out_.lanes_bottom = y;
        out_.axis_top = y + 4;
        ticks();
        y = out_.axis_top + 24;
        breaks();
        out_.breaks_top = y;
        y += rows_of(out_.breaks) * 14;
        out_.verdict_top = y + 10;
        verdict();
        if (!out_.verdict.empty()) y += 26 + 16.0 * static_cast<double>(out_.verdict.size());
        out_.legend_top = y + 14;
        out_.height = out_.legend_top + 34;
        return std::move(out_);
    }

private:
    // What is told as one gets the room to say so inside its bar.
    void wants() {
        const auto want = [&](Ns from, Ns to, const std::string& text) {
            axis_.want(from, to, std::min(text_width(text, kSmallFont) + 14, 260.0));
        };
        for (const Traffic& t : picture_.traffic) {
            if (t.api != kSeveralApis) want(t.begin, t.end, t.label(run_));
        }
        for (const RecordGroup& g : picture_.records) {
            if (g.count > 2) want(g.begin, g.end, g.label(run_));
        }
        for (const Lane& l : run_.lanes) {
            for (const StateSpan& s : l.states) {
                if (s.state != State::up && s.to > s.from) {
                    want(s.from, s.to,
                         fmt::format("{} {} wide", to_string(s.state),
                                     duration_text(s.to - s.from)));
                }
            }
        }
    }

    Pill pill(Ns from, Ns to, std::string text, double font = kSmallFont) {
        Pill p{};
        p.left = axis_.x(from);
        p.right = std::max(axis_.x(to), p.left + 5);
        if (p.right > out_.plot_right) {
            p.left -= p.right - out_.plot_right;
            p.right = out_.plot_right;
        }
        p.text = fitted(std::move(text), out_.plot_right - out_.plot_left - 16, font);
        const double w = text_width(p.text, font);
        p.inside = w + 10 <= p.right - p.left;
        p.box = {p.left, p.right};
        if (p.inside) {
            p.text_x = p.left + 6;
        } else if (p.right + 5 + w <= out_.plot_right) {
            p.text_x = p.right + 5;
            p.box.right = p.text_x + w;
        } else if (p.left - 5 - w >= out_.plot_left) {
            p.text_x = p.left - 5 - w;
            p.box.left = p.text_x;
        } else {
            p.inside = true;  // wider than its bar on both sides: the bar becomes a backdrop
            p.text_x = out_.plot_right - w - 6;
            p.left = std::min(p.left, p.text_x - 6);
            p.right = out_.plot_right;
            p.box = {p.left, p.right};
        }
        return p;
    }

    // Gives each pill its row; returns how many rows there are.
    static int rows_of(std::vector<Pill>& pills) {
        std::vector<Box> boxes;
        for (const Pill& p : pills) boxes.push_back(p.box);
        const std::vector<int> rows = pack_rows(boxes, 8);
        int most = 0;
        for (std::size_t i = 0; i < pills.size(); ++i) {
            pills[i].row = rows[i];
            most = std::max(most, rows[i] + 1);
        }
        return most;
    }

    int callouts(LaneLayout& l) {
        std::vector<Box> boxes;
        for (std::size_t i = 0; i < picture_.marks.size(); ++i) {
            const MarkGroup& m = picture_.marks[i];
            if (m.node != l.lane->node) continue;
            Callout c{};
            c.mark = i;
            c.x = axis_.x(m.begin);
            c.text =
                fitted(m.text, std::min(520.0, out_.plot_right - out_.plot_left - 20), kSmallFont);
            const double w = text_width(c.text, kSmallFont);
            c.text_x = std::min(c.x + 4, out_.plot_right - w);
            c.box = {std::min(c.x, c.text_x) - 1, c.text_x + w};
            boxes.push_back(c.box);
            l.callouts.push_back(c);
        }
        const std::vector<int> rows = pack_callouts(boxes, 10);
        int most = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            l.callouts[i].row = rows[i];
            most = std::max(most, rows[i] + 1);
        }
        return most;
    }

    double add_lane(const Lane& lane, double y) {
        LaneLayout l{};
        l.lane = &lane;
        l.top = y;
        y += 6;
        y += callouts(l) * kCalloutRow;
        l.callouts_bottom = y;
        l.bar = y + 2;
        y = l.bar + kBarHeight + 4;
        l.records_top = y;
        for (std::size_t i = 0; i < picture_.records.size(); ++i) {
            const RecordGroup& g = picture_.records[i];
            if (g.node != lane.node) continue;
            l.records.push_back(pill(g.begin, g.end, g.label(run_)));
            l.record_index.push_back(i);
        }
        y += rows_of(l.records) * kPillRow;
        l.traffic_top = y;
        for (std::size_t i = 0; i < picture_.traffic.size(); ++i) {
            const Traffic& t = picture_.traffic[i];
            if (t.from != lane.node) continue;
            l.traffic.push_back(pill(t.begin, t.end, t.label(run_)));
            l.traffic_index.push_back(i);
        }
        y += rows_of(l.traffic) * kPillRow;
        y = disk(l, y);
        y = logs(l, y);
        l.bottom = std::max(y + 2, l.bar + 32);  // room for name and role
        out_.lanes.push_back(std::move(l));
        return out_.lanes.back().bottom;
    }

    double disk(LaneLayout& l, double y) {
        const std::int64_t node = l.lane->node;
        const bool any = std::any_of(run_.disk.begin(), run_.disk.end(),
                                     [&](const DiskWork& w) { return w.node == node; });
        l.ticks_top = y;
        if (!any) return y;
        y += kTickRow + 2;
        l.disk_top = y;
        for (std::size_t i = 0; i < picture_.disk.size(); ++i) {
            const DiskGroup& g = picture_.disk[i];
            if (g.node != node) continue;
            l.disk.push_back(pill(g.begin, g.end, g.label()));
            l.disk_index.push_back(i);
        }
        return y + rows_of(l.disk) * (kPillRow - 3) + 2;
    }

    double logs(LaneLayout& l, double y) {
        std::map<std::int64_t, std::set<std::int64_t>> partitions;
        for (const Step& s : run_.steps) {
            if (s.node == l.lane->node) partitions[s.partition].insert(s.offset);
        }
        if (partitions.size() > 1) {  // the broker's own are shown when there are no others
            std::erase_if(partitions,
                          [&](const auto& p) { return run_.partition(p.first).starts_with("__"); });
        }
        for (const auto& [partition, offsets] : partitions) {
            if (l.logs.size() == kMostLogs) {
                l.more_logs = partitions.size() - kMostLogs;
                break;
            }
            LogChart chart{partition, y + 4, {}, {}};
            chart.offsets.assign(offsets.begin(), offsets.end());
            thin(chart.offsets, l.lane->node, partition);
            Axis scale(chart.offsets, {}, 1);
            scale.fit(chart.top + kLogHeight - 3, chart.top + 3);
            for (const std::int64_t o : chart.offsets) chart.ys.push_back(scale.x(o));
            l.logs.push_back(std::move(chart));
            y += kLogHeight + 8;
        }
        return y;
    }

    // Keeps the offsets that matter: the first, the last, and those that stood when the run took a
    // turn. The rest of a growing log lies evenly between them.
    void thin(std::vector<std::int64_t>& offsets, std::int64_t node, std::int64_t partition) const {
        if (offsets.size() <= 24) return;
        std::set<std::int64_t> keep = {offsets.front(), offsets.back()};
        std::map<Position, std::int64_t> now;
        std::size_t turn = 0;
        for (const Step& s : run_.steps) {
            if (s.node != node || s.partition != partition) continue;
            if (turn < run_.turns.size() && s.at >= run_.turns[turn]) {
                for (const auto& [position, offset] : now) keep.insert(offset);
                keep.insert(s.offset);
                while (turn < run_.turns.size() && s.at >= run_.turns[turn]) ++turn;
            }
            now[s.position] = s.offset;
        }
        for (const auto& [position, offset] : now) keep.insert(offset);
        offsets.assign(keep.begin(), keep.end());
    }

    void ticks() {
        std::vector<std::pair<Ns, bool>> wanted;  // most important first
        for (const Broken& b : run_.broken) wanted.emplace_back(b.at, true);
        wanted.emplace_back(run_.begin, false);
        wanted.emplace_back(run_.end, false);
        for (const Ns t : picture_.turns) wanted.emplace_back(t, true);
        for (const Traffic& t : picture_.traffic) {
            wanted.emplace_back(t.begin, false);
            wanted.emplace_back(t.end, false);
        }
        for (const MarkGroup& m : picture_.marks) wanted.emplace_back(m.begin, false);
        for (const std::size_t i : picture_.arrows)
            wanted.emplace_back(run_.exchanges[i].begin, false);
        std::vector<Box> placed;
        std::set<std::string> texts;
        for (const auto& [at, turn] : wanted) {
            const std::string text = time_text(at, run_.end);
            const double x = axis_.x(at), half = text_width(text, kSmallFont) / 2 + 7;
            const Box box{x - half, x + half};
            if (box.right > out_.width || texts.contains(text)) continue;
            if (std::any_of(placed.begin(), placed.end(), [&](const Box& b) {
                    return b.left < box.right && box.left < b.right;
                })) {
                continue;
            }
            placed.push_back(box);
            texts.insert(text);
            out_.ticks.push_back({x, text, turn});
        }
        std::sort(out_.ticks.begin(), out_.ticks.end(),
                  [](const Tick& a, const Tick& b) { return a.x < b.x; });
    }

    void breaks() {
        for (const Axis::Break& b : axis_.breaks()) {
            Pill p{};
            p.left = b.left;
            p.right = b.right;
            p.text = fmt::format("{} quiet", duration_text(b.to - b.from));
            const double w = text_width(p.text, kSmallFont);
            p.text_x = std::clamp((b.left + b.right - w) / 2, out_.plot_left, out_.plot_right - w);
            p.box = {p.text_x, p.text_x + w};
            out_.breaks.push_back(p);
        }
    }

    void verdict() {
        for (const Broken& b : run_.broken) {
            const std::string text =
                fmt::format("Violated at {}, invariant {}: {}", time_text(b.at, run_.end),
                            b.invariant, b.sentence);
            for (std::string& line : wrapped(text, out_.width - 80, 13)) {
                out_.verdict.push_back(std::move(line));
            }
            if (out_.verdict.size() > 6) break;
        }
    }

    const Run& run_;
    const Picture& picture_;
    Axis& axis_;
    Layout out_{};
};
}  // namespace

double LogChart::y(std::int64_t offset) const {
    const auto it = std::upper_bound(offsets.begin(), offsets.end(), offset);
    if (it == offsets.begin()) return ys.front();
    const auto i = static_cast<std::size_t>(it - offsets.begin()) - 1;
    if (i + 1 == offsets.size()) return ys.back();
    const double share =
        static_cast<double>(offset - offsets[i]) / static_cast<double>(offsets[i + 1] - offsets[i]);
    return ys[i] + share * (ys[i + 1] - ys[i]);
}

const LaneLayout* Layout::lane(std::int64_t node) const {
    for (const LaneLayout& l : lanes) {
        if (l.lane->node == node) return &l;
    }
    return nullptr;
}

std::string fault_text(const Fault& fault) {
    const std::size_t n = fault.effects.size();
    std::string what = fault.what;
    std::replace(what.begin(), what.end(), '_', ' ');
    return fmt::format("F{} {}: {} {}", fault.index + 1, what, n, n == 1 ? "effect" : "effects");
}

Axis make_axis(const Run& run, const Picture& picture) {
    std::vector<Ns> anchors = {run.begin, run.end};
    std::vector<Axis::Span> busy;
    const auto span = [&](Ns from, Ns to) {
        anchors.push_back(from);
        anchors.push_back(to);
        busy.push_back({from, to});
    };
    for (const std::size_t i : picture.arrows) {
        const Exchange& x = run.exchanges[i];
        span(x.begin, x.end);
        const auto ends = [&](const Message& m) {
            anchors.push_back(m.sent);
            anchors.push_back(m.last());
        };
        ends(run.messages[x.request]);
        if (x.response) ends(run.messages[*x.response]);
    }
    for (const Traffic& t : picture.traffic) span(t.begin, t.end);
    for (const RecordGroup& g : picture.records) span(g.begin, g.end);
    for (const DiskGroup& g : picture.disk) span(g.begin, g.end);
    for (const MarkGroup& m : picture.marks) {
        anchors.push_back(m.begin);
        if (m.end > m.begin) span(m.begin, m.end);
    }
    for (const DiskWork& w : run.disk) {
        if (w.sys != 0) anchors.push_back(w.at);
    }
    for (const Lane& l : run.lanes) {
        for (const StateSpan& s : l.states) {
            anchors.push_back(s.from);
            anchors.push_back(s.to);
        }
    }
    for (const Fault& f : run.faults) {
        anchors.push_back(f.armed);
        if (f.healed) anchors.push_back(*f.healed);
        if (!f.effects.empty()) anchors.push_back(f.effects.front().at);
    }
    for (const Broken& b : run.broken) anchors.push_back(b.at);
    return Axis(std::move(anchors), busy, 50'000);
}

Layout make_layout(const Run& run, const Picture& picture, Axis& axis, double width) {
    return Maker(run, picture, axis, width).make();
}
}  // namespace faultline::visualize
