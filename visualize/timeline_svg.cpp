#include "visualize/timeline_svg.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "visualize/svg_layout.h"
#include "visualize/svg_style.h"
#include "visualize/svg_writer.h"

namespace faultline::visualize {
namespace {

// 'p' Produce, 'f' Fetch, 'o' everything else: the suffix of style classes.
char kind_of(const Run& run, std::int64_t api) {
    const std::string name = run.trace->api_name(api);
    return name == "Produce" ? 'p' : name == "Fetch" ? 'f' : 'o';
}

class Painter {
public:
    Painter(const Run& run, const Picture& picture, const Axis& axis, const Layout& layout,
            bool ids)
        : run_(run), picture_(picture), axis_(axis), layout_(layout), svg_(ids) {}

    std::string paint() {
        start();
        header();
        background();
        for (const LaneLayout& l : layout_.lanes) log_charts(l);
        bands();
        for (const std::size_t i : picture_.arrows) arrow(i);
        for (const Broken& b : run_.broken) {
            svg_.line(x(b.at), layout_.lanes_top - 4, x(b.at), layout_.axis_top, "violation");
        }
        for (const LaneLayout& l : layout_.lanes) lane(l);
        for (const std::size_t i : picture_.arrows) arrow_label(i);
        faults();
        axis();
        verdict();
        legend();
        svg_.raw("</svg>\n");
        return svg_.take();
    }

private:
    double x(Ns at) const { return axis_.x(at); }
    std::string when(Ns at) const { return time_text(at, run_.end); }

    void start() {
        svg_.raw(fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
            "height=\"{1}\" role=\"img\">\n<title>{2}</title>\n<style>{3}@media "
            "(prefers-color-scheme:dark){{{4}}}</style>\n",
            px(layout_.width), px(layout_.height), xml_escaped(title()), kSvgStyle, kSvgDarkStyle));
        for (const char* id : {"r", "p"}) {
            svg_.raw(fmt::format(
                "<pattern id=\"h{0}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><rect class=\"h{0}bg\" width=\"6\" height=\"6\"/>"
                "<line class=\"h{0}l\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>\n",
                id));
        }
        for (const char kind : {'p', 'f', 'o'}) {
            svg_.raw(fmt::format(
                "<marker id=\"a{0}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
                "markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path "
                "class=\"{0}f\" "
                "d=\"M0 .8L8 4L0 7.2z\"/></marker>\n",
                kind));
        }
        svg_.rect(0, 0, layout_.width, layout_.height, "bg", 6);
    }

    std::string title() const {
        return run_.trace->scenario.empty() ? "A run" : run_.trace->scenario;
    }

    void header() {
        svg_.text(16, 26, "h1", title());
        const std::string state = !run_.broken.empty()    ? "violated"
                                  : !run_.trace->complete ? "incomplete trace"
                                                          : "";
        if (!state.empty()) {
            svg_.text(24 + text_width(title(), 16, true), 26, "v", state);
        }
        svg_.text(
            16, 44, "h2",
            fmt::format("seed {} \u00b7 {} of simulated time \u00b7 {} events \u00b7 trace hash {}",
                        run_.trace->seed, duration_text(run_.end - run_.begin),
                        grouped(static_cast<std::int64_t>(run_.trace->events.size())),
                        run_.trace->hash));
        svg_.text(layout_.width - 16, 26, "dim right",
                  "drawn by Faultline; the time axis is not to scale");
    }

    void background() {
        for (const LaneLayout& l : layout_.lanes) {
            svg_.rect(8, l.top, layout_.width - 16, l.bottom - l.top, "card", 6);
        }
        for (const Axis::Break& b : axis_.breaks()) {
            svg_.rect(b.left + 2, layout_.lanes_top, std::max(2.0, b.right - b.left - 4),
                      layout_.axis_top - layout_.lanes_top, "brk");
        }
        for (const Tick& t : layout_.ticks) {
            svg_.line(t.x, layout_.lanes_top, t.x, layout_.axis_top, t.turn ? "turn" : "grid");
        }
    }

    // --- messages ------------------------------------------------------------------------------
    struct Ends {
        double from, to;
    };
    // The y at which a message leaves its lane and reaches the other.
    Ends ends(std::int64_t from, std::int64_t to) const {
        const LaneLayout* a = layout_.lane(from);
        const LaneLayout* b = layout_.lane(to);
        if (a == nullptr || b == nullptr) return {0, 0};
        const bool down = a->top < b->top;
        return {down ? a->bar + kBarHeight : a->bar, down ? b->bar : b->bar + kBarHeight};
    }

    void message(const Message& m, char kind) {
        const auto [from, to] = ends(m.from, m.to);
        if (from == to) return;
        const bool lost = m.arrived < 0;
        const double x1 = x(m.sent);
        const double x2 = lost ? std::min(x1 + 10, layout_.plot_right) : x(m.arrived);
        const double y2 = lost ? from + (to - from) * 0.8 : to;
        svg_.raw(fmt::format("<path class=\"{} {}\" d=\"M{} {}L{} {}\"", m.response ? "r" : "m",
                             kind, px(x1), px(from), px(x2), px(y2)));
        svg_.raw(lost ? "/>\n" : fmt::format(" marker-end=\"url(#a{})\"/>\n", kind));
        if (lost) svg_.cross(x2, y2, 3.5, "x");
    }

    std::string exchange_title(const Exchange& e) const {
        const Message& request = run_.messages[e.request];
        std::string text = fmt::format("{} from {} to {}\nsent {}, {} bytes",
                                       e.api < 0 ? "Message" : run_.trace->api_name(e.api),
                                       run_.trace->node_name(e.from), run_.trace->node_name(e.to),
                                       when(request.sent), request.bytes);
        text += request.arrived >= 0 ? fmt::format("\narrived {}", when(request.arrived))
                : request.dropped    ? "\ndropped"
                                     : "\nnever arrived";
        if (!e.response) return text + "\nno response";
        const Message& response = run_.messages[*e.response];
        text += fmt::format("\nresponse sent {}, {} bytes", when(response.sent), response.bytes);
        text += response.arrived >= 0
                    ? fmt::format(", arrived {}\n{} in all", when(response.arrived),
                                  duration_text(e.end - e.begin))
                : response.dropped ? ", dropped"
                                   : ", never arrived";
        return text;
    }

    void arrow(std::size_t i) {
        const Exchange& e = run_.exchanges[i];
        const char kind = kind_of(run_, e.api);
        svg_.open(exchange_title(e), std::to_string(i));
        message(run_.messages[e.request], kind);
        if (e.response) {
            message(run_.messages[*e.response], kind);
        } else if (const Message& m = run_.messages[e.request]; m.arrived >= 0 && e.api >= 0) {
            svg_.cross(x(m.arrived), ends(m.from, m.to).to, 3.5,
                       "x");  // arrived, and nothing came back
        }
        svg_.close();
    }

    // Beside the arrow, at the first place in the space between the lanes that is free.
    void arrow_label(std::size_t i) {
        const Exchange& e = run_.exchanges[i];
        const Message& m = run_.messages[e.request];
        if (e.api < 0) return;
        const auto [from, to] = ends(m.from, m.to);
        const LaneLayout* upper = nullptr;
        for (const LaneLayout& l : layout_.lanes) {
            if (!l.lane->broker) upper = &l;
        }
        double top = std::min(from, to), bottom = std::max(from, to);
        if (upper != nullptr && upper->bottom < bottom) {  // the free space above the brokers
            top = std::max(top, upper->bottom);
            bottom = std::min(bottom, top + 70);
        }
        const std::string text = run_.trace->api_name(e.api) + (e.answered ? "" : ", no answer");
        const double w = text_width(text, kSmallFont);
        const double x1 = x(m.sent), x2 = m.arrived >= 0 ? x(m.arrived) : x1 + 10;
        for (double y = top + 11; y < bottom - 2; y += 12) {
            const double on_line = from == to ? x1 : x1 + (x2 - x1) * (y - from) / (to - from);
            for (const double left : {on_line + 4, on_line - 4 - w}) {
                if (left < layout_.plot_left || left + w > layout_.plot_right) continue;
                if (!taken_.free(left - 2, y - 10, left + w + 2, y + 2)) continue;
                taken_.add(left - 2, y - 10, left + w + 2, y + 2);
                svg_.open("", std::to_string(i));
                svg_.rect(left - 1, y - 9, w + 2, 11, "veil");
                svg_.text(left, y, e.answered ? fmt::format("{}text", kind_of(run_, e.api)) : "bad",
                          text);
                svg_.close();
                return;
            }
        }
    }

    // A quiet shade from the pill of grouped traffic to the lane at the other end.
    void bands() {
        if (picture_.traffic.size() > 8) return;  // shade upon shade says nothing
        for (const LaneLayout& l : layout_.lanes) {
            for (std::size_t n = 0; n < l.traffic.size(); ++n) {
                const Traffic& t = picture_.traffic[l.traffic_index[n]];
                const LaneLayout* other = layout_.lane(t.to);
                if (other == nullptr) continue;
                const double left = x(t.begin), right = std::max(x(t.end), left + 5);
                const double y1 = l.traffic_top + l.traffic[n].row * kPillRow + 8;
                const double y2 = other->top > l.top ? other->bar : other->bar + kBarHeight;
                svg_.rect(left, std::min(y1, y2), right - left, std::abs(y2 - y1),
                          fmt::format("quad-{}", kind_of(run_, t.api)));
            }
        }
    }

    // --- lanes -----------------------------------------------------------------------------------
    void pill(const Pill& p, double top, double height, std::string_view css,
              std::string_view title, std::string_view ids = "") {
        const double y = top + p.row * (height + 3);
        svg_.open(title, ids);
        svg_.rect(p.left, y, p.right - p.left, height, css, 3);
        if (!p.inside)
            svg_.rect(p.text_x - 2, y + 1, text_width(p.text, kSmallFont) + 4, height - 2, "veil",
                      2);
        svg_.text(p.text_x, y + height - 4, "t", p.text);
        svg_.close();
    }

    void lane(const LaneLayout& l) {
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
            pill(l.traffic[n], l.traffic_top, kPillRow - 3,
                 fmt::format("band-{}", kind_of(run_, t.api)),
                 fmt::format("{}\n{} to {}, {} to {}", t.label(run_), run_.trace->node_name(t.from),
                             run_.trace->node_name(t.to), when(t.begin), when(t.end)),
                 exchange_ids(t.exchanges));
        }
        disk(l);
    }

    // The exchanges by which these records were acknowledged or read.
    std::vector<std::size_t> carrying(const RecordGroup& g) const {
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i < run_.exchanges.size(); ++i) {
            const Exchange& e = run_.exchanges[i];
            if (e.from == g.node && e.answered && e.end >= g.begin && e.end <= g.end &&
                kind_of(run_, e.api) == (g.read ? 'f' : 'p')) {
                out.push_back(i);
            }
        }
        return out;
    }

    // The request that the node was serving when its disk did this; "" when it was none.
    std::string served(std::int64_t node, Ns at) const {
        for (std::size_t i = run_.exchanges.size(); i-- > 0;) {
            const Exchange& e = run_.exchanges[i];
            if (e.to != node || e.begin > at || kind_of(run_, e.api) == 'f') continue;
            const Ns arrived = run_.messages[e.request].arrived;
            if (arrived < 0 || arrived > at) continue;
            const bool open = !e.response || run_.messages[*e.response].sent >= at;
            return open ? std::to_string(i) : "";
        }
        return "";
    }

    void states(const LaneLayout& l) {
        for (const StateSpan& s : l.lane->states) {
            const double left = x(s.from), width = std::max(x(s.to) - left, 2.0);
            const std::string length = duration_text(s.to - s.from);
            svg_.open(fmt::format("{} {} from {} to {}", l.lane->name, to_string(s.state),
                                  when(s.from), when(s.to)));
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

    void callouts(const LaneLayout& l) {
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

    // A numbered badge on the bar for each effect of a fault; those that would touch are one.
    void effects(const LaneLayout& l) {
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
                svg_.text(at, l.bar + kBarHeight / 2 + 3, "badget",
                          fmt::format("F{}", f.index + 1));
                svg_.close();
            }
        }
    }

    void disk(const LaneLayout& l) {
        if (l.disk_top == 0) return;
        svg_.text(layout_.plot_left - 8, l.ticks_top + 9, "dim right", "disk");
        const double bottom = l.ticks_top + kTickRow;
        std::set<std::pair<int, bool>> drawn;  // one tick of a kind for each px
        for (const DiskWork& w : run_.disk) {
            if (w.node != l.lane->node || w.sys != 0 || (w.op != "write" && w.op != "sync"))
                continue;
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
            svg_.path(
                fmt::format("M{0} {2}V{3}H{1}V{2}", px(p.left), px(p.right), px(y), px(y + 3)),
                "work");
            svg_.text(p.text_x, y + 12, "dim", p.text);
            svg_.close();
        }
    }

    // --- logs
    // --------------------------------------------------------------------------------------
    void log_charts(const LaneLayout& l) {
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

    // When the node stopped running, and thereby its log, after `at`.
    Ns down_after(const LaneLayout& l, Ns at) const {
        for (const StateSpan& s : l.lane->states) {
            if (s.from >= at && (s.state == State::crashed || s.state == State::stopped))
                return s.from;
        }
        return run_.end;
    }

    void series(const LaneLayout& l, const LogChart& c, Position position, std::string_view css) {
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

    double last_offset_y(const LaneLayout& l, const LogChart& c, Position position) const {
        double y = 0;
        for (const Step& s : run_.steps) {
            if (s.node == l.lane->node && s.partition == c.partition && s.position == position) {
                y = c.y(s.offset);
            }
        }
        return y;
    }

    // The three positions in words, as they stood when the node went down and at the end.
    void log_labels(const LaneLayout& l, const LogChart& c) {
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

    // --- frame
    // ---------------------------------------------------------------------------------------
    void faults() {
        if (!layout_.faults.empty()) {
            svg_.text(layout_.plot_left - 8, layout_.faults_top + 11, "dim right", "faults");
        }
        for (std::size_t i = 0; i < layout_.faults.size(); ++i) {
            const Fault& f = run_.faults[i];
            std::string title = fmt::format("{}\narmed {}", fault_text(f), when(f.armed));
            if (f.healed) title += fmt::format(", healed {}", when(*f.healed));
            pill(layout_.faults[i], layout_.faults_top, kPillRow - 3, "fault", title);
        }
    }

    void axis() {
        const double y = layout_.axis_top;
        svg_.line(layout_.plot_left, y, layout_.plot_right, y, "axis");
        for (const Tick& t : layout_.ticks) {
            svg_.line(t.x, y, t.x, y + 4, "axis");
            const bool bad = std::any_of(run_.broken.begin(), run_.broken.end(),
                                         [&](const Broken& b) { return x(b.at) == t.x; });
            svg_.text(t.x, y + 15, bad ? "bad mid" : t.turn ? "mid" : "dim mid", t.text);
        }
        for (const Axis::Break& b : axis_.breaks()) {  // the cut: two strokes across the axis
            const double mid = (b.left + b.right) / 2;
            svg_.path(
                fmt::format("M{} {}l4 -8M{} {}l4 -8", px(mid - 5), px(y + 4), px(mid), px(y + 4)),
                "axis m");
        }
        for (const Pill& p : layout_.breaks) {
            svg_.text(p.text_x, layout_.breaks_top + p.row * 14 + 8, "dim", p.text);
        }
    }

    void verdict() {
        if (layout_.verdict.empty()) return;
        const double height = 14 + 16.0 * static_cast<double>(layout_.verdict.size());
        svg_.rect(16, layout_.verdict_top, layout_.width - 32, height, "vbox", 4);
        double y = layout_.verdict_top + 19;
        for (const std::string& line : layout_.verdict) {
            svg_.text(28, y, "vt", line);
            y += 16;
        }
    }

    void legend() {
        double left = 16;
        const double y = layout_.legend_top + 8;
        const auto label = [&](std::string_view text) {
            svg_.text(left, y + 4, "dim", text);
            left += text_width(text, kSmallFont) + 14;
        };
        const auto swatch = [&](std::string_view css, std::string_view text) {
            svg_.rect(left, y - 5, 18, 10, css, 2);
            left += 22;
            label(text);
        };
        const auto stroke = [&](std::string_view css, std::string_view text) {
            svg_.line(left, y, left + 20, y, css);
            left += 24;
            label(text);
        };
        swatch("up", "up");
        swatch("recovering", "recovering");
        swatch("paused", "paused");
        swatch("down", "down");
        stroke("m p", "Produce");
        stroke("m f", "Fetch");
        stroke("r o", "response");
        svg_.cross(left + 4, y, 4, "x");
        left += 13;
        label("lost or failed");
        svg_.line(left + 3, y + 5, left + 3, y - 5, "sync");
        left += 9;
        label("sync");
        stroke("end", "log end");
        stroke("durable", "durable end");
        stroke("hw", "high watermark");
        if (picture_.hidden_marks > 0) {
            label(fmt::format("{} remarks not shown (--full)", picture_.hidden_marks));
        }
    }

    const Run& run_;
    const Picture& picture_;
    const Axis& axis_;
    const Layout& layout_;
    SvgWriter svg_;
    Taken taken_;
};
}  // namespace

std::string exchange_ids(const std::vector<std::size_t>& exchanges) {
    std::string out;
    for (std::size_t i = 0; i < exchanges.size();) {
        std::size_t last = i;
        while (last + 1 < exchanges.size() && exchanges[last + 1] == exchanges[last] + 1) ++last;
        out += fmt::format("{}{}", out.empty() ? "" : " ", exchanges[i]);
        if (last > i) out += fmt::format("-{}", exchanges[last]);
        i = last + 1;
    }
    return out;
}

namespace {
std::string painted(const Run& run, bool full, bool ids) {
    const Picture picture = make_picture(run, full);
    Axis axis = make_axis(run, picture);
    const double width =
        full ? std::max(1200.0, std::min(40'000.0, static_cast<double>(axis.anchors()) * 7)) : 1200;
    const Layout layout = make_layout(run, picture, axis, width);
    return Painter(run, picture, axis, layout, ids).paint();
}
}  // namespace

std::string timeline_svg(const Run& run, bool full) { return painted(run, full, false); }
std::string timeline_svg_with_ids(const Run& run, bool full) { return painted(run, full, true); }
}  // namespace faultline::visualize
