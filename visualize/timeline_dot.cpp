#include "visualize/timeline_dot.h"

#include <fmt/format.h>

#include "visualize/svg_layout.h"
#include "visualize/svg_writer.h"

namespace faultline::visualize {
namespace {
class Dot {
public:
    Dot(const Run& run, const Picture& picture, const Axis& axis, const Layout& layout)
        : run_(run), picture_(picture), axis_(axis), layout_(layout) {}

    std::string text() {
        out_ =
            "// neato -n2 -Tsvg FILE\ndigraph timeline {\n"
            "graph [splines=line, fontname=\"sans-serif\", bgcolor=\"white\"];\n"
            "node [shape=plaintext, fontname=\"sans-serif\", fontsize=10, margin=0, width=0, "
            "height=0];\n"
            "edge [fontname=\"sans-serif\", fontsize=9, arrowsize=0.6];\n";
        words(layout_.width / 2, 20,
              fmt::format("{}, seed {}", run_.trace->scenario, run_.trace->seed), "black");
        for (const LaneLayout& l : layout_.lanes) lane(l);
        for (const std::size_t i : picture_.arrows) exchange(run_.exchanges[i]);
        for (const Tick& t : layout_.ticks) words(t.x, layout_.axis_top + 12, t.text, "gray35");
        for (std::size_t i = 0; i < layout_.faults.size(); ++i) {
            box(layout_.faults[i], layout_.faults_top + layout_.faults[i].row * kPillRow, "#b84a00",
                "#ffe0cc");
        }
        double y = layout_.verdict_top + 10;
        for (const std::string& line : layout_.verdict) {
            words(layout_.width / 2, y, line, "#b3261e");
            y += 16;
        }
        return out_ + "}\n";
    }

private:
    static std::string quoted(std::string_view text) {
        std::string out = "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out + '"';
    }
    std::string pos(double x, double y) const {
        return fmt::format("\"{},{}!\"", px(x), px(layout_.height - y));
    }
    void words(double x, double y, std::string_view text, std::string_view color) {
        out_ += fmt::format("n{} [label={}, pos={}, fontcolor=\"{}\"];\n", next_++, quoted(text),
                            pos(x, y), color);
    }
    int point(double x, double y) {
        out_ += fmt::format(
            "n{} [shape=point, width=0.01, height=0.01, label=\"\", style=invis, pos={}];\n", next_,
            pos(x, y));
        return next_++;
    }
    void rect(double left, double right, double y, double height, std::string_view color,
              std::string_view fill, std::string_view label) {
        out_ += fmt::format(
            "n{} [shape=box, style=filled, fixedsize=true, width={:.3f}, height={:.3f}, "
            "color=\"{}\", "
            "fillcolor=\"{}\", label={}, pos={}];\n",
            next_++, (right - left) / 72, height / 72, color, fill, quoted(label),
            pos((left + right) / 2, y + height / 2));
    }
    void box(const Pill& p, double y, std::string_view color, std::string_view fill) {
        rect(p.left, p.right, y, kPillRow - 3, color, fill, p.inside ? p.text : "");
        if (!p.inside)
            words((p.text_x + p.text_x + text_width(p.text, kSmallFont)) / 2, y + 8, p.text,
                  "black");
    }

    void lane(const LaneLayout& l) {
        words(50, l.bar + 7, fmt::format("{} ({})", l.lane->name, l.lane->role), "black");
        for (const StateSpan& s : l.lane->states) {
            constexpr const char* kFill[] = {"#bcd9ee", "#ffe2b0", "#eaeef2", "#ffd9d2", "#ffffff"};
            const double left = axis_.x(s.from), right = std::max(axis_.x(s.to), left + 2);
            const bool fits = text_width("recovering", 10) < right - left;
            rect(left, right, l.bar, kBarHeight, s.state == State::crashed ? "#b3261e" : "#4a8dbb",
                 kFill[static_cast<int>(s.state)],
                 s.state != State::up && fits ? to_string(s.state) : "");
        }
        for (const Callout& c : l.callouts) {
            const double y = l.callouts_bottom - c.row * kCalloutRow - 6;
            words((c.text_x + c.box.right) / 2, y, c.text,
                  picture_.marks[c.mark].weight == Weight::bad ? "#b3261e" : "gray25");
        }
        for (const Pill& p : l.records)
            box(p, l.records_top + p.row * kPillRow, "#00795a", "#daf1ea");
        for (const Pill& p : l.traffic)
            box(p, l.traffic_top + p.row * kPillRow, "#0067a5", "#dcecf7");
        for (const Pill& p : l.disk) {
            words(p.text_x + text_width(p.text, kSmallFont) / 2, l.disk_top + p.row * 15 + 8,
                  p.text, "gray35");
        }
    }

    void message(const Message& m, std::string_view label) {
        const LaneLayout* a = layout_.lane(m.from);
        const LaneLayout* b = layout_.lane(m.to);
        if (a == nullptr || b == nullptr) return;
        const bool down = a->top < b->top, lost = m.arrived < 0;  // or under way
        const double y1 = down ? a->bar + kBarHeight : a->bar,
                     y2 = down ? b->bar : b->bar + kBarHeight;
        const int from = point(axis_.x(m.sent), y1);
        const int to = lost ? point(axis_.x(m.sent) + 10, y1 + (y2 - y1) * 0.8)
                            : point(axis_.x(m.arrived), y2);
        out_ += fmt::format("n{} -> n{} [label={}, color=\"{}\", style={}, arrowhead={}];\n", from,
                            to, quoted(label),
                            lost         ? "#b3261e"
                            : m.response ? "gray45"
                                         : "#0067a5",
                            m.response ? "dashed" : "solid", lost ? "tee" : "normal");
    }

    void exchange(const Exchange& e) {
        message(run_.messages[e.request], e.api < 0 ? "" : run_.trace->api_name(e.api));
        if (e.response) message(run_.messages[*e.response], "");
    }

    const Run& run_;
    const Picture& picture_;
    const Axis& axis_;
    const Layout& layout_;
    std::string out_;
    int next_ = 0;
};
}  // namespace

std::string timeline_dot(const Run& run, bool full) {
    const Picture picture = make_picture(run, full);
    Axis axis = make_axis(run, picture);
    const Layout layout = make_layout(run, picture, axis, full ? 2400 : 1200);
    return Dot(run, picture, axis, layout).text();
}
}  // namespace faultline::visualize
