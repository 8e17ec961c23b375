#include "visualize/timeline_svg.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "visualize/svg_painter.h"
#include "visualize/svg_style.h"

namespace faultline::visualize {

char Painter::kind_of(std::int64_t api) const {
    if (api < 0) return 'o';
    const std::string name = run_.trace->api_name(api);
    return name == "Produce" ? 'p' : name == "Fetch" ? 'f' : 'o';
}

std::string Painter::paint() {
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

void Painter::start() {
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

std::string Painter::title() const {
    return run_.trace->scenario.empty() ? "A run" : run_.trace->scenario;
}

void Painter::header() {
    svg_.text(16, 26, "h1", title());
    const std::string state = !run_.broken.empty()    ? "violated"
                              : !run_.trace->complete ? "incomplete trace"
                                                      : "";
    if (!state.empty()) {
        svg_.text(24 + text_width(title(), 16, true), 26, "v", state);
    }
    const std::string length = duration_text(run_.end - run_.begin);
    const std::string events = grouped(static_cast<std::int64_t>(run_.trace->events.size()));
    svg_.text(16, 44, "h2",
              run_.trace->world.empty()
                  ? fmt::format(
                        "seed {} \u00b7 {} of simulated time \u00b7 {} events \u00b7 trace hash {}",
                        run_.trace->seed, length, events, run_.trace->hash)
                  : fmt::format("{} \u00b7 {} from {} on \u00b7 {} events", run_.trace->world,
                                length, run_.trace->began, events));
    svg_.text(layout_.width - 16, 26, "dim right",
              "drawn by Faultline; the time axis is not to scale");
}

void Painter::background() {
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

Painter::Ends Painter::ends(std::int64_t from, std::int64_t to) const {
    const LaneLayout* a = layout_.lane(from);
    const LaneLayout* b = layout_.lane(to);
    if (a == nullptr || b == nullptr) return {0, 0};
    const bool down = a->top < b->top;
    return {down ? a->bar + kBarHeight : a->bar, down ? b->bar : b->bar + kBarHeight};
}

void Painter::message(const Message& m, char kind) {
    const auto [from, to] = ends(m.from, m.to);
    if (from == to) return;
    const bool short_of = m.arrived < 0;  // it is not known to have arrived
    const double x1 = x(m.sent);
    const double x2 = short_of ? std::min(x1 + 10, layout_.plot_right) : x(m.arrived);
    const double y2 = short_of ? from + (to - from) * 0.8 : to;
    svg_.raw(fmt::format("<path class=\"{} {}\" d=\"M{} {}L{} {}\"", m.response ? "r" : "m", kind,
                         px(x1), px(from), px(x2), px(y2)));
    svg_.raw(short_of ? "/>\n" : fmt::format(" marker-end=\"url(#a{})\"/>\n", kind));
    if (m.lost()) svg_.cross(x2, y2, 3.5, "x");
}

std::string Painter::exchange_title(const Exchange& e) const {
    const Message& request = run_.messages[e.request];
    std::string text = fmt::format("{} from {} to {}\nsent {}, {} bytes",
                                   e.api < 0 ? "Message" : run_.trace->api_name(e.api),
                                   run_.trace->node_name(e.from), run_.trace->node_name(e.to),
                                   when(request.sent), request.bytes);
    text += request.arrived >= 0 ? fmt::format("\narrived {}", when(request.arrived))
            : request.dropped    ? "\ndropped"
            : request.cut        ? "\nnever arrived"
                                 : "\nstill under way at the end";
    if (!e.response) return text + "\nno response";
    const Message& response = run_.messages[*e.response];
    text += fmt::format("\nresponse sent {}, {} bytes", when(response.sent), response.bytes);
    text += response.arrived >= 0 ? fmt::format(", arrived {}\n{} in all", when(response.arrived),
                                                duration_text(e.end - e.begin))
            : response.dropped    ? ", dropped"
            : response.cut        ? ", never arrived"
                                  : ", still under way at the end";
    return text;
}

void Painter::arrow(std::size_t i) {
    const Exchange& e = run_.exchanges[i];
    const char kind = kind_of(e.api);
    svg_.open(exchange_title(e), std::to_string(i));
    message(run_.messages[e.request], kind);
    if (e.response) {
        message(run_.messages[*e.response], kind);
    } else if (const Message& m = run_.messages[e.request]; m.arrived >= 0 && e.failed()) {
        svg_.cross(x(m.arrived), ends(m.from, m.to).to, 3.5,
                   "x");  // arrived, and nothing came back
    }
    svg_.close();
}

void Painter::arrow_label(std::size_t i) {
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
    const std::string text = run_.trace->api_name(e.api) + (e.failed() ? ", no answer" : "");
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
            svg_.text(left, y, e.failed() ? "bad" : fmt::format("{}text", kind_of(e.api)), text);
            svg_.close();
            return;
        }
    }
}

void Painter::bands() {
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
                      fmt::format("quad-{}", kind_of(t.api)));
        }
    }
}

void Painter::faults() {
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

void Painter::axis() {
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
        svg_.path(fmt::format("M{} {}l4 -8M{} {}l4 -8", px(mid - 5), px(y + 4), px(mid), px(y + 4)),
                  "axis m");
    }
    for (const Pill& p : layout_.breaks) {
        svg_.text(p.text_x, layout_.breaks_top + p.row * 14 + 8, "dim", p.text);
    }
}

void Painter::verdict() {
    if (layout_.verdict.empty()) return;
    const double height = 14 + 16.0 * static_cast<double>(layout_.verdict.size());
    svg_.rect(16, layout_.verdict_top, layout_.width - 32, height, "vbox", 4);
    double y = layout_.verdict_top + 19;
    for (const std::string& line : layout_.verdict) {
        svg_.text(28, y, "vt", line);
        y += 16;
    }
}

void Painter::legend() {
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
