// Draws a timeline: what stands where is the Layout's business.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "visualize/svg_layout.h"
#include "visualize/svg_writer.h"

namespace faultline::visualize {

// Once per picture: paint() consumes it.
class Painter {
public:
    Painter(const Run& run, const Picture& picture, const Axis& axis, const Layout& layout,
            bool ids)
        : run_(run), picture_(picture), axis_(axis), layout_(layout), svg_(ids) {}

    std::string paint();

private:
    double x(Ns at) const { return axis_.x(at); }
    std::string when(Ns at) const { return time_text(at, run_.end); }
    // 'p' Produce, 'f' Fetch, 'o' everything else: the suffix of style classes.
    char kind_of(std::int64_t api) const;
    void start();

    std::string title() const;
    void header();
    void background();

    // messages
    struct Ends {
        double from, to;
    };
    // The y at which a message leaves its lane and reaches the other.
    Ends ends(std::int64_t from, std::int64_t to) const;
    void message(const Message& m, char kind);

    std::string exchange_title(const Exchange& e) const;
    void arrow(std::size_t i);

    // Beside the arrow, at the first place in the space between the lanes that is free.
    void arrow_label(std::size_t i);

    // A quiet shade from the pill of grouped traffic to the lane at the other end.
    void bands();

    // lanes
    void pill(const Pill& p, double top, double height, std::string_view css,
              std::string_view title, std::string_view ids = "");
    void lane(const LaneLayout& l);

    // The exchanges by which these records were acknowledged or read.
    std::vector<std::size_t> carrying(const RecordGroup& g) const;

    // The request that the node was serving when its disk did this; "" when it was none.
    std::string served(std::int64_t node, Ns at) const;
    void states(const LaneLayout& l);
    void callouts(const LaneLayout& l);

    // A numbered badge on the bar for each effect of a fault; those that would touch are one.
    void effects(const LaneLayout& l);
    void disk(const LaneLayout& l);

    // logs
    void log_charts(const LaneLayout& l);

    // When the node stopped running, and thereby its log, after `at`.
    Ns down_after(const LaneLayout& l, Ns at) const;
    void series(const LaneLayout& l, const LogChart& c, Position position, std::string_view css);
    double last_offset_y(const LaneLayout& l, const LogChart& c, Position position) const;

    // The three positions in words, as they stood when the node went down and at the end.
    void log_labels(const LaneLayout& l, const LogChart& c);

    // frame
    void faults();
    void axis();
    void verdict();
    void legend();

    const Run& run_;
    const Picture& picture_;
    const Axis& axis_;
    const Layout& layout_;
    SvgWriter svg_;
    Taken taken_;
};
}  // namespace faultline::visualize
