// Where everything of a timeline stands, in px; timeline_svg.cpp only draws it.
#pragma once
#include <string>
#include <vector>

#include "visualize/axis.h"
#include "visualize/picture.h"
#include "visualize/text_box.h"

namespace faultline::visualize {

inline constexpr double kFont = 11, kSmallFont = 10;
inline constexpr double kCalloutRow = 15, kPillRow = 18, kBarHeight = 14, kTickRow = 12;
inline constexpr double kLogHeight = 46;

// A bar in time with its text inside, or beside it where there is no room.
struct Pill {
    double left, right;
    double text_x;
    bool inside;
    Box box;  // bar and text
    int row = 0;
    std::string text;
};

struct Callout {
    std::size_t mark;  // index into Picture::marks
    double x, text_x;
    Box box;
    int row = 0;
    std::string text;
};

struct LogChart {
    std::int64_t partition;
    double top;
    std::vector<std::int64_t> offsets;  // the scale: y of offsets[i] is ys[i]
    std::vector<double> ys;
    double y(std::int64_t offset) const;
};

struct LaneLayout {
    const Lane* lane;
    double top, bottom;
    double bar;  // top of the state bar
    std::vector<Callout> callouts;
    double callouts_bottom = 0;
    std::vector<Pill> records, traffic, disk;                          // as in `record_index` etc.
    std::vector<std::size_t> record_index, traffic_index, disk_index;  // into the Picture's lists
    double records_top = 0, traffic_top = 0, ticks_top = 0, disk_top = 0;
    std::vector<LogChart> logs;
    std::size_t more_logs = 0;  // partitions without a chart, for want of room
};

struct Tick {
    double x;
    std::string text;
    bool turn;
};

struct Layout {
    double width, plot_left, plot_right;
    std::vector<Pill> faults;  // one for each fault of the run
    double faults_top = 0, lanes_top = 0, lanes_bottom = 0, axis_top = 0;
    std::vector<LaneLayout> lanes;
    std::vector<Tick> ticks;
    std::vector<Pill> breaks;  // one for each break of the axis: its text below the ticks
    double breaks_top = 0;
    std::vector<std::string> verdict;  // lines about the violations
    double verdict_top = 0, legend_top = 0, height = 0;

    const LaneLayout* lane(std::int64_t node) const;
};

Axis make_axis(const Run& run, const Picture& picture);
// `axis` is fitted to the plot's width. `width`: of the whole picture.
Layout make_layout(const Run& run, const Picture& picture, Axis& axis, double width);
// "F1 power loss of n1: 3 effects"
std::string fault_text(const Fault& fault);
}  // namespace faultline::visualize
