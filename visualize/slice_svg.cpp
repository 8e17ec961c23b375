// The slice as a picture: time runs down, a column for each process, a sentence for each row.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "visualize/slice.h"
#include "visualize/slice_style.h"
#include "visualize/svg_writer.h"
#include "visualize/text_box.h"

namespace faultline::visualize {
namespace {

constexpr double kRow = 24, kGap = 16, kLaneWidth = 92, kMargin = 20, kTimeWidth = 84,
                 kOffsetWidth = 74, kTextWidth = 640;

class Drawing {
public:
    Drawing(const Trace& trace, const Slice& slice) : t_(trace), s_(slice), w_(false) {
        lanes_left_ = kMargin + 26 + kTimeWidth;
        offsets_left_ = lanes_left_ +
                        kLaneWidth * static_cast<double>(std::max<std::size_t>(1, s_.lanes.size()));
        text_left_ = offsets_left_ + (s_.partition.empty() ? 10 : 2 * kOffsetWidth + 16);
        width_ = text_left_ + kTextWidth + kMargin;
    }

    std::string run() {
        const auto head = wrapped(fmt::format("INV-{} is violated: {}", s_.invariant, s_.sentence),
                                  width_ - 2 * kMargin, 13);
        const double top = 62 + 18.0 * static_cast<double>(head.size());
        place_rows(top + 34);
        const double height = rows_.back() + kRow + 62;
        w_.raw(fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
            "{0} {1}\" role=\"img\">\n<title>{2}</title>\n<style>{3}@media "
            "(prefers-color-scheme:dark){{{4}}}\n</style>\n",
            px(width_), px(height),
            xml_escaped(fmt::format("{}: INV-{} violated", t_.scenario, s_.invariant)), kSliceStyle,
            kSliceDarkStyle));
        w_.rect(0, 0, width_, height, "bg");
        w_.text(kMargin, 30, "h1", t_.scenario);
        w_.text(kMargin, 48, "dim",
                fmt::format("seed {}   hash {}   {} of {} events", t_.seed, t_.hash, s_.rows.size(),
                            grouped_count(s_.events)));
        for (std::size_t i = 0; i < head.size(); ++i)
            w_.text(kMargin, 70 + 18.0 * static_cast<double>(i), "v", head[i]);
        columns(top + 10);
        backgrounds();
        lives(top + 20);
        for (std::size_t i = 0; i < s_.rows.size(); ++i) row(i);
        join_facts();
        legend(height - 18);
        w_.raw("</svg>\n");
        return w_.take();
    }

private:
    double x(int lane) const { return lanes_left_ + kLaneWidth * (lane + 0.5); }

    void place_rows(double top) {
        double y = top;
        for (const SliceRow& r : s_.rows) {
            if (r.skipped > 0) y += kGap;
            rows_.push_back(y);
            y += kRow;
        }
    }

    void columns(double y) {
        for (std::size_t i = 0; i < s_.lanes.size(); ++i) {
            w_.text(x(static_cast<int>(i)), y, "name", s_.lanes[i].name);
        }
        if (s_.partition.empty()) return;
        w_.text(offsets_left_ + kOffsetWidth, y, "dim num", "log end");
        w_.text(offsets_left_ + 2 * kOffsetWidth, y, "dim num", "high wm");
        w_.text(text_left_, y, "dim", s_.partition);
    }

    void backgrounds() {
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            const SliceRow& r = s_.rows[i];
            const bool bad = r.fact || r.kind == RowKind::violation;
            const bool fault = r.kind == RowKind::fault;
            if (bad || fault || i % 2 == 0)
                w_.rect(kMargin, rows_[i], width_ - 2 * kMargin, kRow,
                        bad     ? "factrow"
                        : fault ? "fault-band"
                                : "stripe");
            if (r.skipped > 0) {
                w_.line(kMargin, rows_[i] - kGap / 2, text_left_ - 10, rows_[i] - kGap / 2, "gap");
                w_.text(text_left_, rows_[i] - 4, "dim",
                        fmt::format("\u223c {} event{}", grouped_count(r.skipped),
                                    r.skipped == 1 ? "" : "s"));
            }
        }
    }

    // What each process was at each row, from all events, not only those that are shown: alive,
    // dead, paused; of a broker the epoch in which it leads.
    void lives(double top) {
        enum class Life { unknown, up, down, stopped, paused };
        struct Now {
            Life life = Life::unknown;
            std::int64_t epoch = -1;
        };
        std::vector<Now> now(s_.lanes.size());
        std::vector<double> since(s_.lanes.size(), top);
        const auto draw = [&](std::size_t lane, double until) {
            const Now& n = now[lane];
            if (n.life != Life::unknown && until > since[lane]) {
                const std::string css = n.life == Life::down      ? "down"
                                        : n.life == Life::stopped ? "stopped"
                                        : n.life == Life::paused  ? "paused"
                                        : n.epoch >= 0            ? fmt::format("e{}", n.epoch % 4)
                                                                  : "up";
                w_.rect(x(static_cast<int>(lane)) - 5, since[lane], 10, until - since[lane], css,
                        3);
            }
            since[lane] = until;
        };
        std::size_t next = 0;
        for (std::size_t i = 0; i < s_.rows.size(); ++i) {
            const double y = rows_[i] + kRow / 2;
            for (; next <= s_.rows[i].last_event; ++next) {
                const Event& e = t_.events[next];
                const std::string& type = t_.types[e.type].name;
                const std::int64_t node = t_.get(e, "node", 0);
                for (std::size_t lane = 0; lane < s_.lanes.size(); ++lane) {
                    if (s_.lanes[lane].node != node) continue;
                    Now after = now[lane];
                    if (type == "NodeStarted") after.life = Life::up;
                    if (type == "NodeCrashed") after = {Life::down, -1};
                    if (type == "NodeStopped") after = {Life::stopped, -1};
                    if (type == "NodePaused")
                        after.life = t_.get(e, "paused", 0) == 1 ? Life::paused : Life::up;
                    if (type == "LeaderChanged" && t_.get(e, "leader", 0) == node)
                        after.epoch = t_.get(e, "epoch", 0);
                    if (after.life != now[lane].life || after.epoch != now[lane].epoch) {
                        draw(lane, y);
                        now[lane] = after;
                    }
                }
            }
        }
        for (std::size_t lane = 0; lane < s_.lanes.size(); ++lane) draw(lane, rows_.back() + kRow);
    }

    void row(std::size_t i) {
        const SliceRow& r = s_.rows[i];
        const double y = rows_[i] + kRow / 2, base = y + 4.5;
        w_.open(t_.describe(t_.events[r.event]));
        w_.text(kMargin + 22, base, "dim num", fmt::format("{}", i + 1));
        w_.text(kMargin + 26 + kTimeWidth - 8, base, "dim num", seconds(r.at));
        if (r.to >= 0 && r.lane >= 0) {
            arrow(x(r.lane), x(r.to), y, t_.get(t_.events[r.event], "response", 0) == 1, r.lost);
        } else if (r.lane >= 0) {
            mark(x(r.lane), y, r);
        }
        if (!s_.partition.empty()) offsets(i, base);
        std::string text = r.text;
        if (r.kind == RowKind::violation) text = fmt::format("INV-{} is violated", s_.invariant);
        w_.text(text_left_, base, r.kind == RowKind::violation ? "v" : "",
                fitted(text, kTextWidth, 12));
        w_.close();
    }

    void offsets(std::size_t i, double base) {
        const SliceRow& r = s_.rows[i];
        const SliceRow* before = i == 0 ? nullptr : &s_.rows[i - 1];
        const auto one = [&](double right, std::int64_t value, std::int64_t old) {
            if (value < 0) return;
            const bool changed = value != old;
            std::string text = std::to_string(value);
            if (changed && old > value) text = "\u2193" + text;  // it fell: worth seeing
            w_.text(right, base, changed ? "changed num" : "dim num", text);
        };
        one(offsets_left_ + kOffsetWidth, r.log_end, before == nullptr ? -1 : before->log_end);
        one(offsets_left_ + 2 * kOffsetWidth, r.high_watermark,
            before == nullptr ? -1 : before->high_watermark);
    }

    void arrow(double from, double to, double y, bool answer, bool lost) {
        const double direction = to > from ? 1 : -1;
        const double end = lost ? (from + to) / 2 : to - 7 * direction;
        w_.line(from + 7 * direction, y, end, y, answer ? "ans" : "msg");
        if (lost) {
            w_.cross(end, y, 5, "x");
        } else {
            w_.path(
                fmt::format("M{} {}l{} -4v8z", px(end + 7 * direction), px(y), px(-7 * direction)),
                "head");
        }
    }

    void mark(double cx, double y, const SliceRow& r) {
        switch (r.kind) {
            case RowKind::violation: w_.cross(cx, y, 7, "x"); break;
            case RowKind::fault:
                w_.path(fmt::format("M{} {}l7 12h-14z", px(cx), px(y - 7)), "fault");
                break;
            case RowKind::life: w_.rect(cx - 6, y - 6, 12, 12, "life", 2); break;
            case RowKind::disk:
                w_.path(fmt::format("M{} {}l7 7l-7 7l-7 -7z", px(cx), px(y - 7)), "disk");
                break;
            case RowKind::client: w_.circle(cx, y, 6, "client"); break;
            default: w_.circle(cx, y, 5, "log");
        }
    }

    // The two facts that contradict each other, joined at the left edge.
    void join_facts() {
        std::vector<double> ys;
        for (std::size_t i = 0; i < s_.rows.size(); ++i) {
            if (s_.rows[i].fact) ys.push_back(rows_[i] + kRow / 2);
        }
        if (ys.size() < 2 && !ys.empty()) ys.push_back(rows_.back() + kRow / 2);
        if (ys.size() < 2) return;
        const double left = kMargin - 10;
        w_.path(fmt::format("M{0} {1}H{2}V{3}H{0}", px(kMargin), px(ys.front()), px(left),
                            px(ys.back())),
                "join");
    }

    void legend(double y) {
        double at = kMargin;
        const auto entry = [&](auto symbol, std::string_view text) {
            symbol(at + 8, y - 4);
            w_.text(at + 20, y, "dim", text);
            at += 34 + text_width(text, 12);
        };
        entry([&](double cx, double cy) { w_.circle(cx, cy, 5, "log"); }, "log");
        entry([&](double cx, double cy) { w_.circle(cx, cy, 6, "client"); }, "client");
        entry([&](double cx, double cy) { w_.rect(cx - 6, cy - 6, 12, 12, "life", 2); }, "process");
        entry(
            [&](double cx, double cy) {
                w_.path(fmt::format("M{} {}l7 7l-7 7l-7 -7z", px(cx), px(cy - 7)), "disk");
            },
            "disk");
        entry(
            [&](double cx, double cy) {
                w_.path(fmt::format("M{} {}l7 12h-14z", px(cx), px(cy - 7)), "fault");
            },
            "fault");
        entry([&](double cx, double cy) { w_.cross(cx, cy, 5, "x"); }, "lost, violated");
        entry([&](double cx, double cy) { w_.rect(cx - 8, cy - 6, 16, 12, "factrow"); },
              "the two facts");
        entry([&](double cx, double cy) { w_.rect(cx - 5, cy - 7, 10, 14, "e0", 3); },
              "leads, a colour for each epoch");
        entry([&](double cx, double cy) { w_.rect(cx - 5, cy - 7, 10, 14, "down", 3); }, "dead");
    }

    const Trace& t_;
    const Slice& s_;
    SvgWriter w_;
    double lanes_left_, offsets_left_, text_left_, width_;
    std::vector<double> rows_;  // top of each
};
}  // namespace

std::string slice_svg(const Trace& trace, const Slice& slice) {
    return Drawing(trace, slice).run();
}
}  // namespace faultline::visualize
