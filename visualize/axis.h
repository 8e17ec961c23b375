// Time to pixels. Not to scale: a gap of twice the time gets a little more room, not twice as much,
// so that a millisecond in which much happens and a minute in which nothing does fit in one
// picture. All arithmetic is exact or correctly rounded, so that a picture is the same on every
// machine.
#pragma once
#include <vector>

#include "visualize/trace_model.h"

namespace faultline::visualize {

class Axis {
public:
    struct Span {
        Ns from, to;
    };
    struct Break {
        double left, right;
        Ns from, to;
    };
    // `anchors`: every time at which something is drawn. `busy`: spans in which something goes on,
    // so that they are not breaks. `unit`: the gap in ns below which a gap counts as small.
    Axis(std::vector<Ns> anchors, const std::vector<Span>& busy, Ns unit);
    // Asks that the span be at least so many px wide, as far as there is room; before fit().
    void want(Ns from, Ns to, double width) { wants_.push_back({from, to, width}); }
    // Lays the anchors out between two x, and finds the breaks.
    void fit(double left, double right);

    double x(Ns at) const;
    const std::vector<Break>& breaks() const { return breaks_; }
    std::size_t anchors() const { return at_.size(); }

private:
    struct Want {
        Ns from, to;
        double width;
    };
    // Scales the gaps to the width and sets the anchors' x.
    void place(std::vector<double>& gaps, double left, double right);
    std::vector<Want> wants_;
    std::vector<Ns> at_;
    std::vector<double> x_;
    std::vector<bool> quiet_;  // the gap after the anchor
    std::vector<Break> breaks_;
};
}  // namespace faultline::visualize
